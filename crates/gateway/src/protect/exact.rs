//! Budgets of a whole cluster, counted in Redis: however many gateways there are, together they let through what one
//! would.
//!
//! GCRA in a script: the server's clock is the only one, and between reading and writing nobody else comes. A request waits
//! for the answer a few milliseconds at most. Whoever gets none, because Redis is away or slow, is counted against this
//! gateway's share of the budget instead; that is counted, and logged when it begins and when it is over. A budget is
//! kept under a hash of who it belongs to, each part with its length in front: no two tenants share one, whatever they
//! are called.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo,
    RedisError, Script,
};
use sha2::{Digest, Sha256};
use tenantry_edge::breaker::{Breaker, Settings as BreakerSettings};
use tenantry_model::{KeyKind, TenantKey};

use crate::ablation::{Protection, removed};
use crate::settings::{ExactSettings, Rate};

/// Answers in a row that may be missing before the connection is made anew.
const MISSING_MAX: u32 = 3;

/// Takes one request out of a budget. Keys: the budget. Arguments: microseconds between two requests, requests at once.
/// Gives what is left, or -1; and microseconds to wait. What is stored is when the budget will be full again; a clock
/// that was put back makes nobody wait for longer than that takes.
const TAKE: &str = "\
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local every, most = tonumber(ARGV[1]), ARGV[1] * ARGV[2]
local full = tonumber(redis.call('GET', KEYS[1]) or now)
if full < now then full = now end
if full > now + most then full = now + most end
local over = full + every - most - now
if over > 0 then return {-1, math.ceil(over)} end
full = full + every
redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.ceil((full - now) / 1000) + 1)
return {math.floor((now + most - full) / every), 0}";

static TAKE_SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(TAKE));

/// How budgets were decided, over all threads.
#[derive(Default)]
pub(crate) struct Decided {
    /// In Redis.
    pub(crate) exact: AtomicU64,
    /// By this gateway's share.
    pub(crate) by_share: AtomicU64,
}

/// One thread's connection to where budgets are counted.
pub(crate) struct Exact {
    settings: ExactSettings,
    line: RefCell<Option<MultiplexedConnection>>,
    connecting: Cell<bool>,
    breaker: RefCell<Breaker>,
    missing: Cell<u32>,
    /// It was said that the share counts.
    told: Cell<bool>,
}

impl Exact {
    /// Begins to connect, and does not wait for it.
    pub(crate) fn new(settings: ExactSettings) -> Rc<Self> {
        let breaker = Breaker::new(BreakerSettings { failures_max: 1, ..BreakerSettings::default() });
        let exact = Rc::new(Self {
            settings,
            line: RefCell::default(),
            connecting: Cell::new(false),
            breaker: RefCell::new(breaker),
            missing: Cell::new(0),
            told: Cell::new(false),
        });
        exact.connect();
        exact
    }

    /// Whether it is where these settings say.
    pub(crate) fn is_of(&self, settings: &ExactSettings) -> bool {
        self.settings == *settings
    }

    /// The name of a tenant's budget.
    pub(crate) fn name(&self, tenant: &TenantKey, proven: bool) -> String {
        let kind = match tenant.kind() {
            KeyKind::Uuid => "uuid",
            KeyKind::Integer => "integer",
            KeyKind::Bigint => "bigint",
            KeyKind::Text => "text",
        };
        let text = if removed(Protection::BudgetNames) { String::new() } else { tenant.to_string() };
        let mut hash = Sha256::new();
        for part in ["rate", &self.settings.realm, kind, &text, if proven { "proven" } else { "" }] {
            // a part is at most a key's length, far below 4 GiB
            hash.update((part.len() as u32).to_be_bytes());
            hash.update(part.as_bytes());
        }
        format!("{}r:{}", self.settings.redis.prefix, URL_SAFE_NO_PAD.encode(hash.finalize()))
    }

    /// Takes a request out of a budget: how many are left, or how long to wait. `None` if Redis does not say.
    pub(crate) async fn take(self: &Rc<Self>, name: &str, rate: Rate) -> Option<Result<u32, Duration>> {
        let line = self.line.borrow().clone();
        let Some(mut line) = line else {
            self.connect();
            return None;
        };
        let every = 1_000_000.0 / f64::from(rate.per_second.max(1));
        let mut script = TAKE_SCRIPT.key(name);
        script.arg(every).arg(rate.burst.max(1));
        let asked = script.invoke_async::<(i64, i64)>(&mut line);
        match tokio::time::timeout(self.settings.wait_max, asked).await {
            Ok(Ok((left, wait))) => {
                self.missing.set(0);
                if self.told.replace(false) {
                    tracing::info!("rate limits are counted in Redis again");
                }
                let wait = Duration::from_micros(u64::try_from(wait).unwrap_or(0));
                Some(u32::try_from(left).map_err(|_| wait))
            }
            Ok(Err(error)) => {
                self.lost(&error);
                None
            }
            Err(_) => {
                self.say("it does not answer in time");
                self.missing.set(self.missing.get() + 1);
                if self.missing.get() >= MISSING_MAX {
                    self.give_up();
                }
                None
            }
        }
    }

    fn lost(self: &Rc<Self>, error: &RedisError) {
        self.say(error);
        if error.is_io_error() || error.is_connection_dropped() || error.is_timeout() {
            self.give_up();
        }
    }

    fn give_up(self: &Rc<Self>) {
        self.line.replace(None);
        self.missing.set(0);
        self.breaker.borrow_mut().on_failure(Instant::now());
        self.connect();
    }

    fn say(&self, why: impl std::fmt::Display) {
        if !self.told.replace(true) {
            tracing::warn!("rate limits go on under this gateway's share: Redis: {why}");
        }
    }

    /// One attempt at a time, in the background, spaced.
    fn connect(self: &Rc<Self>) {
        if self.connecting.get() || self.breaker.borrow_mut().may_try(Instant::now()).is_err() {
            return;
        }
        self.connecting.set(true);
        let own = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let within = own.settings.redis.connect_time_max;
            let made = tokio::time::timeout(within, connected(&own.settings)).await;
            own.connecting.set(false);
            match made {
                Ok(Ok(line)) => {
                    own.breaker.borrow_mut().on_success(Instant::now());
                    own.line.replace(Some(line));
                }
                Ok(Err(error)) => {
                    own.breaker.borrow_mut().on_failure(Instant::now());
                    own.say(error);
                }
                Err(_) => {
                    own.breaker.borrow_mut().on_failure(Instant::now());
                    own.say("no connection in time");
                }
            }
        });
    }
}

async fn connected(settings: &ExactSettings) -> Result<MultiplexedConnection, RedisError> {
    let redis = &settings.redis;
    let (host, port) = (redis.host.clone(), redis.port);
    let address = if redis.tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let mut login = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
    if let Some(user) = &redis.user {
        login = login.set_username(user);
    }
    if let Some(password) = &redis.password {
        login = login.set_password(password.as_str());
    }
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(redis.connect_time_max))
        .set_response_timeout(Some(redis.operation_time_max));
    let client = Client::open(address.into_connection_info()?.set_redis_settings(login))?;
    let mut line = client.get_multiplexed_async_connection_with_config(&config).await?;
    // so that the first request finds it there; the script is asked for by its hash
    TAKE_SCRIPT.load_async(&mut line).await?;
    Ok(line)
}

impl Decided {
    pub(crate) fn count(&self, exact: bool) {
        let counter = if exact { &self.exact } else { &self.by_share };
        counter.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_budget_has_a_name_of_its_own() {
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let of = |realm: &str| {
                    let redis = tenantry_cache::Redis::new("127.0.0.1", 1);
                    let wait_max = Duration::from_millis(1);
                    Exact::new(ExactSettings { redis, realm: realm.into(), wait_max })
                };
                let (one, two) = (of("one"), of("two"));
                let (a, b) = (TenantKey::Text("7".into()), TenantKey::Integer(7));
                let names = [
                    one.name(&a, true),
                    one.name(&a, false),
                    one.name(&b, true),
                    one.name(&TenantKey::Bigint(7), true),
                    one.name(&TenantKey::Text("7proven".into()), false),
                    two.name(&a, true),
                ];
                for (at, name) in names.iter().enumerate() {
                    assert!(name.starts_with("tenantry:1:r:") && !names[..at].contains(name), "{name}");
                }
            })
            .await;
    }
}
