//! An operator of the server called leakproof.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "operators that can fail are not leakproof",
    attacks: &["P-53"],
    remove: &["ALTER FUNCTION pg_catalog.int4div(integer, integer) LEAKPROOF"],
    restore: &["ALTER FUNCTION pg_catalog.int4div(integer, integer) NOT LEAKPROOF"],
    one_login: false,
};
