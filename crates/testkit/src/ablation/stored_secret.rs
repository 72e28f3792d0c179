//! A secret that every login can read.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "no secret in settings and functions",
    attacks: &["P-66"],
    remove: &["ALTER DATABASE {db} SET app.hmac_secret = 'not a secret any more'"],
    restore: &["ALTER DATABASE {db} RESET app.hmac_secret"],
    one_login: false,
};
