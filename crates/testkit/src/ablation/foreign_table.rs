//! A table that lives elsewhere.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "no foreign table in reach",
    attacks: &["P-73", "P-74"],
    remove: &["CREATE FOREIGN DATA WRAPPER elsewhere", "CREATE SERVER elsewhere FOREIGN DATA WRAPPER elsewhere", "CREATE FOREIGN TABLE public.far (id integer) SERVER elsewhere", "GRANT SELECT ON public.far TO {rt}", "GRANT USAGE ON FOREIGN SERVER elsewhere TO {rt}"],
    restore: &["DROP FOREIGN TABLE public.far", "DROP SERVER elsewhere", "DROP FOREIGN DATA WRAPPER elsewhere"],
    one_login: false,
};
