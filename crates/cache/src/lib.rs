//! A cache in which no tenant reads, fills or forgets another's entries: in this process, and in Redis or Valkey.
//!
//! ```text
//! Admitted → Cache::scope → get, get_or_load, put, remove, clear
//!                             │
//!            first level: a space for each tenant, a fair share of the bytes
//!                             │ missed
//!            second level: Redis, names hashed, values sealed for one tenant
//!                             │ missed
//!                          the loader, once for all who wait
//! ```
//!
//! The only way to an entry is an [`Admitted`](tenantry_edge::admission::Admitted), which only admission makes; a
//! tenant that was suspended since reads nothing. Names are made by one rule ([`key`]), values are sealed with a key of
//! the tenant's own. [`changes`] removes what committed writes changed. [`metrics`] shows it.
//!
//! What it refuses to do: it is no place where anything is kept for good, it gives no value from before a removal that
//! it knows of, and it never fails because Redis does: then it loads, and counts why.
//!
//! ```
//! use std::time::Duration;
//!
//! use tenantry_cache::{Cache, Settings};
//! use tenantry_edge::{admission::Claim, directory::{Directory, Limits}};
//! use tenantry_model::KeyKind;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = Directory::open(KeyKind::Bigint, Limits::NONE);
//! let cache = Cache::start(directory.clone(), Settings::new("shop"));
//!
//! let tenant = directory.admit(&Claim::SlugOrKey("7"))?;
//! let entries = cache.scope(&tenant)?;
//! let read = || async { Ok::<_, std::io::Error>(Some("from the database".into())) };
//! let value = entries.get_or_load(("segment", "123"), Duration::from_secs(60), read).await?;
//! assert_eq!(value.as_deref(), Some(&b"from the database"[..]));
//! entries.remove(("segment", "123")).await?; // after the commit that changed it
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "ablation")]
pub mod ablation;
#[cfg(not(feature = "ablation"))]
#[allow(dead_code, unreachable_pub, reason = "only tests take protections away")]
mod ablation;
mod cache;
pub mod changes;
mod clock;
mod counters;
mod error;
pub mod key;
mod local;
mod message;
pub mod metrics;
mod remote;
mod scope;
mod seal;
mod secret;
pub mod settings;
#[cfg(test)]
mod vectors;

pub use cache::{Cache, Seen, SpaceSeen};
pub use changes::Listener;
pub use clock::Clock;
pub use counters::{LineUsed, Used};
pub use error::CacheError;
pub use key::{Key, KeyError};
pub use remote::Reach;
pub use scope::{Known, Loaded, Scope};
pub use secret::{Secret, SecretError};
pub use settings::{Redis, Settings, SettingsError};
