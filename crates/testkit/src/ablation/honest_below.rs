//! An honest view on a dishonest one.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "what is below a view runs with the reader's rights",
    attacks: &["P-28"],
    remove: &["CREATE VIEW public.below AS SELECT * FROM public.task", "CREATE VIEW public.above WITH (security_invoker = true) AS SELECT * FROM public.below", "GRANT SELECT ON public.above, public.below TO {rt}"],
    restore: &["DROP VIEW public.above, public.below"],
    one_login: false,
};
