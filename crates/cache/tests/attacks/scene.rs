//! Two processes that share a Redis, and the tenants `a`, `b` and `a:b` among others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tenantry_cache::ablation::{Protection, Removed};
use tenantry_cache::{Cache, Clock, Known, Secret, Settings};
use tenantry_edge::admission::{Admitted, Claim};
use tenantry_edge::directory::Directory;
use tenantry_edge::directory::file::DirectoryFile;

use crate::server::Server;

pub(crate) const TTL: Duration = Duration::from_secs(300);
/// Longest wait for something that another process does at once.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) directory: Directory,
    pub(crate) removed: Option<Protection>,
    pub(crate) clock: Clock,
    pub(crate) bytes_max: u64,
}

pub(crate) fn listed(tenants: &str, version: u64) -> tenantry_edge::directory::Snapshot {
    let text = format!(r#"{{"format": 1, "keyKind": "text", "tenants": [{tenants}]}}"#);
    DirectoryFile::parse(&text).expect("a directory").snapshot(version).expect("a snapshot")
}

pub(crate) const TENANTS: &str =
    r#"{"key": "a"}, {"key": "b"}, {"key": "a:b"}, {"key": "*"}, {"key": "a*"}, {"key": "x'])"}"#;

impl Scene {
    pub(crate) fn with(removed: Option<Protection>, arguments: &[&str]) -> Self {
        Self {
            server: Server::start(arguments),
            directory: Directory::new(listed(TENANTS, 1)).expect("a directory"),
            removed,
            clock: Clock::still(),
            bytes_max: 1 << 20,
        }
    }

    pub(crate) fn without(removed: Option<Protection>) -> Self {
        Self::with(removed, &[])
    }

    pub(crate) fn new() -> Self {
        Self::without(None)
    }

    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::new("shop").with_redis(self.server.settings(), Secret::new([7; 32]));
        settings.removed = Removed::only(self.removed);
        settings.clock = self.clock.clone();
        settings.bytes_max = self.bytes_max;
        settings.jitter = 0.0;
        settings
    }

    /// One process.
    pub(crate) async fn process(&self) -> Cache {
        let cache = Cache::start(self.directory.clone(), self.settings());
        tokio::time::timeout(SOON, cache.connected()).await.expect("a line to Redis");
        cache
    }

    pub(crate) fn tenant(&self, key: &str) -> Admitted {
        self.directory.admit(&Claim::SlugOrKey(key)).expect("it is listed")
    }
}

pub(crate) async fn put(cache: &Cache, tenant: &Admitted, key: (&str, &str), value: &str) {
    let value = Bytes::copy_from_slice(value.as_bytes());
    cache.scope(tenant).unwrap().put(key, TTL, value).await.unwrap();
}

pub(crate) async fn get(cache: &Cache, tenant: &Admitted, key: (&str, &str)) -> Option<String> {
    match cache.scope(tenant).ok()?.get(key).await.ok()? {
        Some(Known::Value(value)) => Some(String::from_utf8(value.to_vec()).unwrap()),
        Some(Known::Nothing) => Some("(nothing)".into()),
        None => None,
    }
}

/// Loads a value, counting how often.
pub(crate) async fn load(
    cache: &Cache,
    tenant: &Admitted,
    key: (&str, &str),
    value: &str,
    loads: &Arc<AtomicU32>,
) -> String {
    let found = cache
        .scope(tenant)
        .unwrap()
        .get_or_load(key, TTL, || async {
            loads.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Some(Bytes::copy_from_slice(value.as_bytes())))
        })
        .await;
    String::from_utf8(found.unwrap().unwrap().to_vec()).unwrap()
}

/// Asks again until it is so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let begin = std::time::Instant::now();
    while !is_so().await {
        assert!(begin.elapsed() < SOON, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
