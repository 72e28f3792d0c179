//! What was used, as it is shown.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::counts::Counts;
use crate::ids::TenantId;

/// Why a number is null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unknown {
    /// Its name, as a path.
    pub field: String,
    /// What is missing, and how to have it.
    pub why: String,
}

/// Numbers of a time; null where nobody counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Used {
    /// HTTP requests that were passed on.
    pub requests: Option<u64>,
    /// Statements that ended, well or not.
    pub statements: Option<u64>,
    /// Transactions that ended.
    pub transactions: Option<u64>,
    /// Rows sent to clients.
    pub rows_sent: Option<u64>,
    /// Bytes from clients.
    pub bytes_received: Option<u64>,
    /// Bytes to clients.
    pub bytes_sent: Option<u64>,
    /// Seconds for which server connections and the application worked.
    pub server_seconds: Option<f64>,
    /// Statements that failed.
    pub errors: Option<u64>,
    /// Times somebody waited for a turn.
    pub waits: Option<u64>,
    /// Seconds waited.
    pub wait_seconds: Option<f64>,
    /// Refused for a limit, a full queue or a state.
    pub refused: Option<u64>,
    /// Cut for taking too long.
    pub timeouts: Option<u64>,
    /// Connections opened by clients.
    pub connections: Option<u64>,
    /// Requests answered from the cache.
    pub cache_hits: Option<u64>,
    /// Requests that the cache could not answer.
    pub cache_misses: Option<u64>,
}

/// Who counts at all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) gateway: bool,
    pub(super) proxy: bool,
}

impl Used {
    /// What is known of these numbers.
    pub(super) fn of(c: &Counts, known: Known) -> Self {
        let Known { gateway, proxy } = known;
        let any = gateway || proxy;
        let seconds = |micros: u64| micros as f64 / 1e6;
        Self {
            requests: gateway.then_some(c.requests),
            statements: proxy.then_some(c.statements),
            transactions: proxy.then_some(c.transactions),
            rows_sent: proxy.then_some(c.rows),
            bytes_received: any.then_some(c.bytes_in),
            bytes_sent: any.then_some(c.bytes_out),
            server_seconds: any.then(|| seconds(c.server_micros)),
            errors: proxy.then_some(c.errors),
            waits: any.then_some(c.waits),
            wait_seconds: any.then(|| seconds(c.wait_micros)),
            refused: any.then_some(c.refused),
            timeouts: any.then_some(c.timeouts),
            connections: proxy.then_some(c.connections),
            cache_hits: gateway.then_some(c.cache_hits),
            cache_misses: gateway.then_some(c.cache_misses),
        }
    }
}

/// Why numbers are null, below this path.
pub(super) fn unknown_counts(known: Known, path: &str) -> Vec<Unknown> {
    let say = |fields: &[&str], why: &str| {
        fields.iter().map(|f| Unknown { field: format!("{path}{f}"), why: why.to_owned() }).collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    if !known.gateway {
        let why = "no gateway reported in this time: run one beside the control plane, or with --api";
        all.extend(say(&["requests", "cacheHits", "cacheMisses"], why));
    }
    if !known.proxy {
        let why = "no proxy reported in this time: run one beside the control plane, or with --api";
        all.extend(say(&["statements", "transactions", "rowsSent", "errors", "connections"], why));
    }
    if !known.gateway && !known.proxy {
        let why = "neither gateway nor proxy reported in this time";
        let both = ["bytesReceived", "bytesSent", "serverSeconds", "waits", "waitSeconds", "refused", "timeouts"];
        all.extend(say(&both, why));
    }
    all
}

/// A table, as far as it is this tenant's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TableSize {
    /// Its name, with its schema.
    pub name: String,
    /// The tenant's rows.
    pub rows: i64,
    /// The tenant's share of all bytes on disk, indexes among them.
    pub bytes: i64,
    /// Counted from a sample of its blocks.
    pub is_estimate: bool,
    /// When.
    pub sampled_at: Timestamp,
}

/// How much lay there on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SizeOfDay {
    /// The day's beginning.
    pub day: Timestamp,
    /// Rows.
    pub rows: i64,
    /// Bytes.
    pub bytes: i64,
}

/// What a quota's guard counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceUsed {
    /// The resource.
    pub resource: String,
    /// How much of it is used.
    pub used: i64,
    /// When it was looked at.
    pub sampled_at: Timestamp,
}

/// What lies in the application's database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// Bytes in all tables; null if nobody looked.
    pub bytes: Option<i64>,
    /// Rows in all tables; null if nobody looked.
    pub rows: Option<i64>,
    /// Whether a table was counted from a sample.
    pub is_estimate: bool,
    /// When it was last looked at.
    pub sampled_at: Option<Timestamp>,
    /// Each table, the largest first.
    pub tables: Vec<TableSize>,
}

/// One hour or day.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Point {
    /// Its beginning.
    pub at: Timestamp,
    /// What was used in it.
    pub used: Used,
}

/// What a tenant used in a time.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageDocument {
    /// Whose.
    pub tenant_id: TenantId,
    /// From when.
    pub from: Timestamp,
    /// Before when.
    pub to: Timestamp,
    /// `hour` or `day`.
    pub granularity: String,
    /// All of it together.
    pub totals: Used,
    /// Each hour or day in which something was used.
    pub points: Vec<Point>,
    /// What lies in the application's database now.
    pub storage: Storage,
    /// What lay there, by the day.
    pub storage_by_day: Vec<SizeOfDay>,
    /// What quotas count.
    pub resources: Vec<ResourceUsed>,
    /// Messages of this month; null if no quota counts them.
    pub messages: Option<i64>,
    /// What is null, and why.
    pub unknown: Vec<Unknown>,
}

/// How a tenant fares: the last 24 hours.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricsDocument {
    /// Whose.
    pub tenant_id: TenantId,
    /// From when.
    pub from: Timestamp,
    /// To when.
    pub to: Timestamp,
    /// What was used.
    pub used: Used,
    /// Requests in a second, on average.
    pub requests_per_second: Option<f64>,
    /// Milliseconds of a server connection for a statement, on average.
    pub milliseconds_per_statement: Option<f64>,
    /// Statements that failed, of all: 0 to 1.
    pub error_rate: Option<f64>,
    /// Requests answered from the cache, of those it was asked: 0 to 1.
    pub cache_hit_rate: Option<f64>,
    /// The last hour in which something was used.
    pub last_active_at: Option<Timestamp>,
    /// Bytes in the application's database.
    pub storage_bytes: Option<i64>,
    /// Rows in the application's database.
    pub rows: Option<i64>,
    /// Messages of this month.
    pub messages: Option<i64>,
    /// What quotas count.
    pub resources: Vec<ResourceUsed>,
    /// What is null, and why.
    pub unknown: Vec<Unknown>,
}
