//! A login that policies do not bind.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "runtime logins have no BYPASSRLS",
    attacks: &["P-01"],
    remove: &["ALTER ROLE {slot} BYPASSRLS"],
    restore: &["ALTER ROLE {slot} NOBYPASSRLS"],
    one_login: false,
};
