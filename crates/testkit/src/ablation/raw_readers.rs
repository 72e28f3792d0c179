//! A function that reads files.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "functions that read raw data are out of reach",
    attacks: &["P-68"],
    remove: &["GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO {rt}"],
    restore: &["REVOKE EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) FROM {rt}"],
    one_login: false,
};
