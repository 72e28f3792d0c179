//! Every attack on the proxy, one a file. The order is the catalogue's.

mod tools;

use super::scene::Scene;
use crate::verify::outside::attacks;

attacks! {
    Scene:
    w01_startup_message
    w05_user_names
    w07_leftovers
    w08_cancel_key
    w11_error_drain
    w13_left_in_the_middle
    w15_pipelined
    w16_statement_names
    w21_lengths
    w41_spellings
}
