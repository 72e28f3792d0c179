//! Spans as OTLP has them.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as Message, Status};
use prost::Message as _;

use crate::span::{Kind, Span, Value};

/// The body of a request to a collector.
pub(crate) fn encode(service: &str, spans: Vec<Span>) -> Vec<u8> {
    let resource =
        Resource { attributes: vec![key("service.name", Value::from(service.to_owned()))], ..Resource::default() };
    let scope = InstrumentationScope {
        name: "tenantry".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        ..InstrumentationScope::default()
    };
    let spans = spans.into_iter().map(message).collect();
    let scope_spans = ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() };
    let all = ResourceSpans { resource: Some(resource), scope_spans: vec![scope_spans], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![all] }.encode_to_vec()
}

fn message(span: Span) -> Message {
    let kind = match span.kind {
        Kind::Server => SpanKind::Server,
        Kind::Client => SpanKind::Client,
        Kind::Internal => SpanKind::Internal,
    };
    let status = span.failure.map(|why| Status { message: why.into_owned(), code: StatusCode::Error.into() });
    Message {
        trace_id: span.trace.to_vec(),
        span_id: span.id.to_vec(),
        parent_span_id: span.parent.map_or_else(Vec::new, |id| id.to_vec()),
        name: span.name.into_owned(),
        kind: kind.into(),
        start_time_unix_nano: span.began,
        end_time_unix_nano: span.ended.max(span.began),
        attributes: span.attributes.into_iter().map(|(name, value)| key(name, value)).collect(),
        status,
        ..Message::default()
    }
}

fn key(name: &str, value: Value) -> KeyValue {
    let value = match value {
        Value::Text(text) => any_value::Value::StringValue(text.into_owned()),
        Value::Number(number) => any_value::Value::IntValue(number),
        Value::Flag(flag) => any_value::Value::BoolValue(flag),
    };
    KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
