//! Every attack on the gateway, one a file. The order is the catalogue's.

mod tools;

use super::scene::Scene;
use crate::verify::outside::attacks;

attacks! {
    Scene:
    h01_tenant_header
    h02_two_tenants
    h05_no_default
    h06_host_tricks
    h13_smuggling
    h15_paths
    h17_methods
    h24_remembered_credential
}
