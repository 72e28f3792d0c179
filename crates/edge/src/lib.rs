//! What gateway and SQL proxy ask about a tenant for every request, answered from memory.
//!
//! - [`directory`]: which tenants there are, what they may use, which credentials are theirs.
//! - [`admission`]: from a [claim](admission::Claim) to an [`Admitted`](admission::Admitted) tenant, or a refusal.
//! - [`fair`]: which tenant's waiter gets the next server connection.
//! - [`limit`]: how many connections and statements a tenant has, and may have, at once.
//! - [`breaker`]: whether a database server is worth trying now.
//! - [`usage`]: what a tenant used.
//!
//! Nothing here waits, opens a connection, reads a file or a clock: time is an argument. A tenant's queue, cache
//! and context are reached through an [`Admitted`](admission::Admitted), which only admission can make; who holds
//! one sees a later suspension without asking again.
//!
//! ```
//! use tenantry_edge::{admission::Claim, directory::{Directory, file::DirectoryFile}, fair::FairQueue, limit::Occupancy};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = r#"{"format": 1, "keyKind": "bigint", "tenants": [{"key": 7, "slug": "acme"}]}"#;
//! let directory = Directory::new(DirectoryFile::parse(text)?.snapshot(1)?)?;
//!
//! let tenant = directory.admit(&Claim::Slug("acme"))?;
//! let _connection = Occupancy::try_connection(&tenant)?;
//!
//! let mut queue = FairQueue::new(); // one per thread and pool
//! queue.push(tenant.number(), tenant.weight(), "a waiting client", tenant.limits().queue_length)?;
//! if let Some((number, _client)) = queue.pop_sharing(10, |_| true) {
//!     // … the client's transaction took 1.3 ms of a server connection
//!     queue.charge(number, tenant.weight(), 1300);
//! }
//!
//! let none_left = DirectoryFile::parse(r#"{"format": 1, "keyKind": "bigint"}"#)?.snapshot(2)?;
//! directory.publish(none_left)?;
//! assert!(tenant.check().is_err());
//! # Ok(())
//! # }
//! ```

pub mod admission;
pub mod breaker;

pub mod directory;
pub mod fair;
pub mod limit;
pub mod usage;
