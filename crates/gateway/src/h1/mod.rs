//! HTTP/1.1, read strictly: what two readers could understand in two ways is refused, and the connection closed.

pub(crate) mod body;
pub(crate) mod head;
pub(crate) mod relay;
pub(crate) mod response;
mod serve;

pub(crate) use serve::serve;
