//! What several gateways share: `[gateway.redis]`, and budgets that are counted there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tenantry_gateway::settings::{ExactSettings, RedisSettings};

use super::build::wrong;
use super::{GatewaySection, files};
use crate::errors::Failure;

/// `counted` of `[gateway.rates]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CountedName {
    #[default]
    Local,
    Redis,
}

/// `[gateway.redis]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedisSection {
    /// Host name or address.
    pub(crate) host: String,
    /// Its port.
    #[serde(default = "redis_port")]
    pub(crate) port: u16,
    /// The ACL user.
    #[serde(default)]
    pub(crate) user: Option<String>,
    /// File with its password.
    #[serde(default)]
    pub(crate) password_file: Option<PathBuf>,
    /// TLS, verified by the system's certificates.
    #[serde(default)]
    pub(crate) tls: bool,
    /// Names this cluster among others that share the server.
    #[serde(default = "realm")]
    pub(crate) realm: String,
}

fn redis_port() -> u16 {
    6379
}

fn realm() -> String {
    "tenantry".into()
}

/// Where budgets are counted for all gateways, if they are.
pub(super) fn exact_of(section: &GatewaySection, base: &Path) -> Result<Option<ExactSettings>, Failure> {
    if section.rates.counted == CountedName::Local {
        return Ok(None);
    }
    let redis = section.redis.as_ref().ok_or_else(|| {
        wrong("rates are to be counted in Redis, and there is none", "add [gateway.redis] with its `host`")
    })?;
    let wait_ms = section.rates.wait_ms.unwrap_or(5);
    if !(1..=1000).contains(&wait_ms) {
        return Err(wrong(&format!("`wait_ms` in `rates` is {wait_ms}"), "write 1 to 1000"));
    }
    let wait_max = Duration::from_millis(wait_ms);
    Ok(Some(ExactSettings { redis: redis_of(redis, base)?, realm: redis.realm.clone(), wait_max }))
}

/// Where it is.
pub(super) fn redis_of(section: &RedisSection, base: &Path) -> Result<RedisSettings, Failure> {
    let mut redis = RedisSettings::new(&section.host, section.port);
    redis.user.clone_from(&section.user);
    redis.tls = section.tls;
    if let Some(file) = &section.password_file {
        redis.password = Some(files::text(&base.join(file))?.trim().to_owned().into());
    }
    Ok(redis)
}
