//! A login that reads the write-ahead log.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "runtime logins have no REPLICATION",
    attacks: &["P-91"],
    remove: &["ALTER ROLE {slot} REPLICATION"],
    restore: &["ALTER ROLE {slot} NOREPLICATION"],
    one_login: false,
};
