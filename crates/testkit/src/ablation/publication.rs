//! Rows that leave by replication.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "no publication without a row filter",
    attacks: &["P-90"],
    remove: &["CREATE PUBLICATION everything FOR TABLE public.project"],
    restore: &["DROP PUBLICATION everything"],
    one_login: false,
};
