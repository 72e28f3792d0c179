//! Every attack on the API, one a file. The order is the catalogue's.

mod tools;

use super::scene::Scene;
use crate::verify::outside::attacks;

attacks! {
    Scene<'a>:
    a01_changed_entry
    a02_missing_end
    a03_other_order
    a07_others_log
    h25_part_of_a_key
    h26_others_id
    h27_foreign_or_absent
    h28_fields_of_ours
    h30_others_part
    h32_others_page
    l19_role_too_far
}
