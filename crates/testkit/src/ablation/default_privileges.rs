//! Rights on what will be made tomorrow.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "no rights by default",
    attacks: &["P-98"],
    remove: &["ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC"],
    restore: &["ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC"],
    one_login: false,
};
