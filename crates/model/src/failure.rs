//! What kind of failure an error is. Retry, exit code, HTTP status and SQLSTATE follow from the class alone.

use serde::{Deserialize, Serialize};

/// The class of a failure. Every error of tenantry has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// What the caller asked cannot be understood or does not fit; asking again changes nothing.
    Caller,
    /// The caller may not do this; the message names the missing right.
    Denied,
    /// The thing named does not exist, or is not visible to the caller.
    Missing,
    /// The state changed under the caller, or another runner is at work.
    Conflict,
    /// A limit of a tenant is reached.
    Quota,
    /// Something this work needs does not answer now; trying again later may succeed.
    Unavailable,
    /// tenantry itself is wrong.
    Bug,
}

impl Class {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(self) -> bool {
        matches!(self, Class::Unavailable | Class::Conflict)
    }
}
