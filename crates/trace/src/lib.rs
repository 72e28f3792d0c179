//! Traces: where a request's time went, told to whoever collects them (OpenTelemetry, OTLP over HTTP).
//!
//! A request that is traced has a [`Parent`] (W3C `traceparent`), joined or made by whoever receives it first. What
//! was done for it becomes [`Span`]s, which are handed to an [`Exporter`] in one piece when the request has ended.
//!
//! ```text
//! worker thread: Sampler → ids, moments → spans ──try_send──► bounded queue ──► one thread: batch → OTLP → collector
//! ```
//!
//! What it refuses to do: it never makes a request wait. A queue that is full loses the spans and counts them; a
//! collector that is away is asked again a few times and then given up for that batch. It reads no body, no header and no
//! query: what stands in a span is what its maker puts there.

mod exporter;
mod otlp;
mod parent;
mod post;
mod sampler;
mod settings;
mod span;

pub use exporter::{Counted, Exporter};
pub use parent::{Parent, SpanId, TraceId};
pub use sampler::Sampler;
pub use settings::{EndpointError, Settings};
pub use span::{Kind, Span, Value, unix_nanos};
