//! What `Debug` shows instead of values, queries and secrets.

use std::fmt;

/// Bytes that may be somebody's data: only how many.
pub(crate) struct Hidden(pub(crate) usize);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0)
    }
}
