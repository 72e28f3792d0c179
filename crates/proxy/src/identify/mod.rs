//! Who a client is: its role, and the tenant it works for.

pub(crate) mod naming;
pub(crate) mod user;
