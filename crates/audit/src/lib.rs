//! What was done, by whom and to whom: entries that nobody can change afterwards without being found out.
//!
//! ```text
//! record (in the writer's transaction) → entry, not yet linked
//! sealer (one at a time)               → linked to its tenant's chain, head signed: a checkpoint
//!                                        the checkpoint goes to a file outside the database too
//! verify                               → every entry hashed again, every checkpoint checked, the first wrong place named
//! ```
//!
//! - [`event`]: one entry as a value; [`redact`] takes secrets out of it before anybody keeps it.
//! - [`chain`]: how entries are bound to each other; [`checkpoint`]: how a head is signed. Both pure.
//! - [`verify`]: whether a chain is whole. Pure: rows and checkpoints in, findings out.
//! - [`store`]: the tables; [`seal`]: linking and signing; [`retention`]: letting old entries go, signed.
//! - [`alerts`]: when entries add up to something that somebody must hear of. Pure.
//! - [`export`]: JSON lines, CSV and OCSF.
//!
//! What it trusts is the signing key and the file of checkpoints, and nothing in the database. What it cannot show:
//! an entry that the tables' owner removes before the sealer saw it, which is within seconds.

pub mod alerts;
pub mod chain;
pub mod checkpoint;
mod error;
pub mod event;
pub mod export;
pub mod redact;
pub mod retention;
pub mod seal;
pub mod store;
pub mod verify;

pub use alerts::Alert;
pub use chain::{Chain, Hash};
pub use checkpoint::{Checkpoint, SigningKey, VerifyingKey};
pub use error::AuditError;
pub use event::{Context, Event, Outcome, Severity};
pub use store::record;
pub use verify::{Fault, Finding};
