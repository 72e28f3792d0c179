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

pub mod admission;
pub mod breaker;

pub mod directory;
pub mod fair;
pub mod limit;
pub mod usage;
