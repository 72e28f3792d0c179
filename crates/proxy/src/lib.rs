//! SQL in, SQL out: a PostgreSQL proxy that pools server connections between clients and tenants.
//!
//! A client connects with its ordinary driver. Who it is, and which tenant it works for, is settled by [`startup`]
//! and [`identify`]; from then on a [`session`] lends it a server connection ([`link`]) out of a [`pool`] for each
//! transaction. The tenant goes to the server as a signed context in the same round trip as the client's first
//! statement, and only when the connection held another's.
//!
//! ```text
//! listen → startup → identify → session ⇄ link ← pool
//!                                  │
//!                     edge: directory, admission, fair queue, usage
//! ```
//!
//! What it refuses to do: it edits no SQL, decides nothing about visibility by the text of a statement, trusts no
//! setting that a client can write, and lends out no connection whose state is in doubt. The wall is the database.

#[cfg(feature = "ablation")]
pub mod ablation;
#[cfg(not(feature = "ablation"))]
#[allow(dead_code, unreachable_pub, reason = "only tests take protections away")]
mod ablation;
mod buffer;
mod cancel;
mod client;
pub mod console;
mod context;
mod identify;
mod link;
mod listen;
pub mod metrics;
mod observe;
mod parameters;
mod pool;
mod recover;
mod refusal;
mod session;
pub mod settings;
mod startup;
mod statements;
mod stream;
mod text;
mod worker;

pub use listen::{Proxy, StartError};
pub use observe::{Observer, PoolSeen, Seen};
pub use settings::Settings;
