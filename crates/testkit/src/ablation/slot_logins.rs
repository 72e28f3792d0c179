//! One login for all connections.

use super::Ablation;

pub(super) const ABLATION: Ablation = Ablation {
    protection: "one login per connection",
    attacks: &["P-62", "P-63", "P-79"],
    remove: &[],
    restore: &[],
    one_login: true,
};
