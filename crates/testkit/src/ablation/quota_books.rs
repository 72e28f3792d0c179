//! A counter that somebody was at.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "counters are changed by charges alone",
    attacks: &["Q-04"],
    remove: &["UPDATE tenantry.quota SET used = used + 3 WHERE resource = 'notes'"],
    restore: &["UPDATE tenantry.quota SET used = used - 3 WHERE resource = 'notes'"],
    one_login: false,
};
