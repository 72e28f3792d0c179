//! Why the cache gives no answer: never because Redis does not.

use std::sync::Arc;

use tenantry_edge::admission::Refusal;
use tenantry_model::Class;

use crate::key::KeyError;

/// Why the cache gives no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CacheError {
    /// The tenant may not work now, or is gone.
    #[error("{0}")]
    Refused(Refusal),
    /// The tenant was admitted by another list than this cache was made for.
    #[error("the tenant was admitted by another directory: make one cache for each, with a realm of its own")]
    OtherDirectory,
    /// The key cannot name an entry.
    #[error("the key names no entry")]
    Key(#[from] KeyError),
    /// The loader failed; nothing was kept. All who waited for it get this error.
    #[error("cannot load what is not in the cache")]
    Load {
        /// What the loader said.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl CacheError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Refused(refusal) => refusal.class(),
            Self::OtherDirectory => Class::Caller,
            Self::Key(error) => error.class(),
            Self::Load { .. } => Class::Unavailable,
        }
    }
}
