//! What a cache is told: its bounds, and where its Redis is.

use std::fmt;
use std::time::Duration;

use tenantry_model::Class;
use zeroize::Zeroizing;

use crate::ablation::Removed;
use crate::clock::Clock;
use crate::secret::{Secret, SecretError};

/// Longest time an entry may live, whatever a caller asks for.
pub const TTL_MAX: Duration = Duration::from_secs(24 * 3600);

/// How a cache behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Names this cache among others that share a Redis: the application and its database.
    pub realm: String,
    /// Where names and values get their keys from; the same in all processes.
    pub secret: Secret,
    /// Bytes of the first level, all tenants together.
    pub bytes_max: u64,
    /// Largest value that is kept.
    pub value_bytes_max: usize,
    /// How long an entry counts where the caller has no opinion (`TENANT_CACHE_TTL`).
    pub ttl: Duration,
    /// Longest time for which "there is nothing" is believed.
    pub nothing_ttl_max: Duration,
    /// Part of its time by which an entry may end early, so that not all end at once: 0.1 is a tenth.
    pub jitter: f64,
    /// Longest time the first level is believed once nobody can tell it of removals.
    pub offline_ttl: Duration,
    /// Where the second level is; `None` for the first alone.
    pub redis: Option<Redis>,
    /// Longest time the processes wait for one of them to load; `None` lets each load for itself.
    pub lock_wait_max: Option<Duration>,
    /// The clock.
    pub clock: Clock,
    /// What tests took away.
    pub removed: Removed,
}

/// Where the second level is.
#[derive(Clone, PartialEq, Eq)]
pub struct Redis {
    /// Its host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether to speak TLS.
    pub tls: bool,
    /// The ACL user; `None` for the default user.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Zeroizing<String>>,
    /// Begins every name, so that an ACL can say `~tenantry:1:*` and `&tenantry:1:*`.
    pub prefix: String,
    /// Longest operation.
    pub operation_time_max: Duration,
    /// Longest attempt to connect.
    pub connect_time_max: Duration,
    /// How often a silent line is asked whether it is there.
    pub ping_every: Duration,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Redis {
    /// A server without password or TLS, with the usual bounds.
    pub fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            port,
            tls: false,
            user: None,
            password: None,
            prefix: "tenantry:1:".to_owned(),
            operation_time_max: Duration::from_millis(250),
            connect_time_max: Duration::from_secs(2),
            ping_every: Duration::from_secs(1),
        }
    }
}

/// A setting that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A number was expected.
    #[error("{name} is not a number that fits: `{value}`")]
    Number {
        /// The setting.
        name: &'static str,
        /// What it was.
        value: String,
    },
    /// The secret is missing where it is needed, or is none.
    #[error("TENANTRY_CACHE_SECRET is needed for a cache in Redis")]
    Secret {
        /// What is wrong with it.
        #[source]
        source: SecretError,
    },
}

impl SettingsError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        Class::Caller
    }
}

impl Settings {
    /// The first level alone, 64 MiB, entries of five minutes.
    pub fn new(realm: &str) -> Self {
        Self {
            realm: realm.to_owned(),
            secret: Secret::random(),
            bytes_max: 64 << 20,
            value_bytes_max: 1 << 20,
            ttl: Duration::from_secs(300),
            nothing_ttl_max: Duration::from_secs(30),
            jitter: 0.1,
            offline_ttl: Duration::from_secs(5),
            redis: None,
            lock_wait_max: None,
            clock: Clock::default(),
            removed: Removed::default(),
        }
    }

    /// With a second level.
    pub fn with_redis(mut self, redis: Redis, secret: Secret) -> Self {
        self.redis = Some(redis);
        self.secret = secret;
        self
    }

    /// Reads `REDIS_HOST`, `REDIS_PORT`, `REDIS_PASSWORD`, `TENANT_CACHE_TTL` and their `TENANTRY_` forms, which win,
    /// from whatever knows names: the environment, for an application.
    pub fn named(realm: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let find = |ours: &str, theirs: &str| lookup(ours).or_else(|| lookup(theirs)).filter(|v| !v.is_empty());
        let mut settings = Self::new(realm);
        if let Some(value) = find("TENANTRY_CACHE_TTL", "TENANT_CACHE_TTL") {
            let seconds = value.parse().ok().filter(|s| *s <= TTL_MAX.as_secs());
            let seconds = seconds.ok_or(SettingsError::Number { name: "TENANT_CACHE_TTL", value })?;
            settings.ttl = Duration::from_secs(seconds);
        }
        if let Some(value) = lookup("TENANTRY_CACHE_BYTES") {
            settings.bytes_max =
                value.parse().map_err(|_| SettingsError::Number { name: "TENANTRY_CACHE_BYTES", value })?;
        }
        let Some(host) = find("TENANTRY_REDIS_HOST", "REDIS_HOST") else { return Ok(settings) };
        let port = match find("TENANTRY_REDIS_PORT", "REDIS_PORT") {
            Some(value) => value.parse().map_err(|_| SettingsError::Number { name: "REDIS_PORT", value })?,
            None => 6379,
        };
        let mut redis = Redis::new(&host, port);
        redis.user = lookup("TENANTRY_REDIS_USER").filter(|v| !v.is_empty());
        redis.password = find("TENANTRY_REDIS_PASSWORD", "REDIS_PASSWORD").map(Zeroizing::new);
        redis.tls = lookup("TENANTRY_REDIS_TLS").is_some_and(|v| v == "true" || v == "1");
        let secret = Zeroizing::new(lookup("TENANTRY_CACHE_SECRET").unwrap_or_default());
        let secret = Secret::parse(&secret).map_err(|source| SettingsError::Secret { source })?;
        Ok(settings.with_redis(redis, secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let find = |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Settings::named("shop", find)
    }

    #[test]
    fn the_old_names_count_and_ours_win() {
        let secret = "0a".repeat(32);
        let all = [
            ("REDIS_HOST", "cache"),
            ("REDIS_PORT", "6380"),
            ("REDIS_PASSWORD", "hidden"),
            ("TENANT_CACHE_TTL", "60"),
            ("TENANTRY_REDIS_HOST", "ours"),
            ("TENANTRY_CACHE_SECRET", &secret),
        ];
        let settings = named(&all).unwrap();
        assert_eq!(settings.ttl, Duration::from_secs(60));
        let redis = settings.redis.as_ref().unwrap();
        assert_eq!((&*redis.host, redis.port), ("ours", 6380));
        assert!(!format!("{settings:?}").contains("hidden"));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        assert!(named(&[]).unwrap().redis.is_none());
        let wrong = named(&[("TENANT_CACHE_TTL", "soon")]).unwrap_err();
        assert_eq!(wrong, SettingsError::Number { name: "TENANT_CACHE_TTL", value: "soon".into() });
        assert!(matches!(named(&[("REDIS_HOST", "h")]).unwrap_err(), SettingsError::Secret { .. }));
        assert!(named(&[("REDIS_HOST", "h"), ("REDIS_PORT", "x")]).is_err());
    }
}
