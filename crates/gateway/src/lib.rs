//! HTTP in, HTTP out: which tenant a request is for, proven, limited, and stamped before the application sees it.
//!
//! A client's request is read by [`h1`] (or by hyper for HTTP/2), strictly: what two readers could read in two ways is
//! refused. [`route`] finds where it goes, [`authenticate`] checks what proves who sends it, [`identify`] makes one
//! tenant of all places that name one, [`protect`] keeps it within its limits, [`stamp`] takes away whatever a client
//! may not say and says it itself, signed. [`upstream`] lends a connection to the application.
//!
//! ```text
//! listen → h1 | h2 → decide: route → authenticate → identify → protect → stamp
//!                      │                               │
//!                      └→ upstream ⇄ application       └─ edge: directory, admission, fair queue, usage
//! ```
//!
//! What it refuses to do: it knows no SQL, decides nothing about what a user may do inside a tenant, trusts no header
//! of a client, guesses no tenant, and merges no two that disagree. It is not the wall; the database is.

#[cfg(feature = "ablation")]
pub mod ablation;
#[cfg(not(feature = "ablation"))]
#[allow(dead_code, unreachable_pub, reason = "only tests take protections away")]
mod ablation;
mod access;
pub mod acme;
mod answers;
mod authenticate;
mod buffer;
mod client;
mod decide;
mod digits;
mod h1;
mod h2;
mod identify;
mod listen;
pub mod metrics;
mod protect;
mod refusal;
mod reply;
mod route;
pub mod settings;
mod stamp;
mod stream;
pub mod tls;
mod traced;
mod upstream;
mod worker;

pub use listen::{Gateway, StartError};
pub use metrics::Observer;
pub use refusal::Refusal;
pub use settings::Settings;
