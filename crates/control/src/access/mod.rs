//! Who may do what: [`Actor`] (who it is), [`Permission`] (what can be allowed), [`Role`] (which of them go together)
//! and [`Granted`] (it was allowed, for this scope).
//!
//! A [`Granted`] is made here alone, and nothing is read or written without one. A tenant that the actor cannot reach
//! does not exist for it: the answer is the same as for one that was never there.

mod actor;
mod grant;
pub(crate) mod http;
pub mod key;
mod permission;
mod role;
pub(crate) mod store;

pub use actor::{Actor, ActorKind, Claim, Member, Reach, Support};
pub use grant::Granted;
pub(crate) use grant::{on_platform, on_tenant};
pub use permission::{Inner, Permission, Permissions};
pub use role::Role;
pub use store::ApiKey;
