//! Answers that are kept: `[gateway.cache]`, and `cache` of a route.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tenantry_gateway::settings::{AnswersSettings, CacheSecret, CacheSettings, RouteCache, RouteSettings};

use super::build::wrong;
use super::cluster::redis_of;
use super::{GatewaySection, NeedName, RouteSection, files};
use crate::errors::Failure;

/// `cache` of a route.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RouteCacheSection {
    /// An answer is the same for everybody of the tenant.
    pub(crate) whole_tenant: bool,
    /// Longest time for which an answer is kept, in seconds.
    pub(crate) age_max_s: u64,
}

impl Default for RouteCacheSection {
    fn default() -> Self {
        Self { whole_tenant: false, age_max_s: 3600 }
    }
}

/// `[gateway.cache]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CacheSection {
    /// Bytes that are kept, all tenants together.
    pub(crate) bytes_max: u64,
    /// Largest body that is kept.
    pub(crate) answer_bytes_max: usize,
    /// Answers are kept in `[gateway.redis]` too.
    pub(crate) redis: bool,
    /// File with 32 secret bytes as 64 hexadecimal digits, the same for all gateways; made if it is not there.
    pub(crate) secret_file: Option<PathBuf>,
}

impl Default for CacheSection {
    fn default() -> Self {
        Self { bytes_max: 64 << 20, answer_bytes_max: 1 << 20, redis: false, secret_file: None }
    }
}

/// How a route keeps answers, if it does.
pub(super) fn route_cache_of(name: &str, section: &RouteSection) -> Result<Option<RouteCache>, Failure> {
    let Some(cache) = section.cache else { return Ok(None) };
    if matches!(section.tenant, NeedName::None) || section.webhook.is_some() {
        return Err(wrong(
            &format!("route `{name}` keeps answers, and none of a tenant come there"),
            "leave `cache` out, or set `tenant` to required or optional",
        ));
    }
    if cache.age_max_s == 0 {
        return Err(wrong(&format!("`age_max_s` of route `{name}` is 0"), "leave `cache` out to keep nothing"));
    }
    let age_max = Duration::from_secs(cache.age_max_s);
    Ok(Some(RouteCache { whole_tenant: cache.whole_tenant, age_max }))
}

/// Where answers are kept, if a route keeps any.
pub(super) fn answers_of(
    section: &GatewaySection,
    routes: &[Arc<RouteSettings>],
    base: &Path,
) -> Result<Option<Arc<AnswersSettings>>, Failure> {
    if routes.iter().all(|route| route.cache.is_none()) {
        return Ok(None);
    }
    let own = &section.cache;
    let realm = section.redis.as_ref().map_or("tenantry", |redis| &redis.realm);
    // an application that keeps things in the same Redis has names of its own
    let mut cache = CacheSettings::new(&format!("{realm} gateway"));
    cache.bytes_max = own.bytes_max;
    // the head is kept too
    cache.value_bytes_max = own.answer_bytes_max.saturating_add(256 << 10);
    if own.redis {
        let (Some(redis), Some(file)) = (&section.redis, &own.secret_file) else {
            return Err(wrong(
                "answers are to be kept in Redis, and it or their secret is missing",
                "add [gateway.redis] with its `host`, and `secret_file` to [gateway.cache]",
            ));
        };
        let secret = CacheSecret::new(*files::key(&base.join(file))?);
        cache = cache.with_redis(redis_of(redis, base)?, secret);
    }
    Ok(Some(Arc::new(AnswersSettings { cache, answer_bytes_max: own.answer_bytes_max })))
}
