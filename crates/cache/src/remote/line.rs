//! Keeps the line to Redis: one connection, on which commands go out and removals come in.
//!
//! A new line is used only once everything is in place: the channel is heard, the server is known by its run id, and
//! the first level was forgotten, since nobody told us what was removed meanwhile. Because of that order the driver's
//! own reconnecting is not used. The run id is part of every generation: what a server brings back from a dump after
//! a restart, or holds after a failover, was written for another one and is not believed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use arc_swap::ArcSwap;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind,
    RedisConnectionInfo, RedisError, Value,
};
use tenantry_edge::breaker::{Breaker, Settings as BreakerSettings};
use tokio::sync::mpsc;

use super::gather::Gather;
use super::operations::{Reach, raw_generation};
use super::owed::Debt;
use super::{Remote, UP};
use crate::ablation::Protection;
use crate::cache::Inner;
use crate::counters::count;
use crate::message::Message;
use crate::seal::open_message;

/// A line that is used.
pub(super) struct Line {
    pub(super) connection: MultiplexedConnection,
    pub(super) gather: Gather,
    pub(super) run_id: String,
    /// The generation of all tenants, as it was last heard or asked for.
    pub(super) all: ArcSwap<Vec<u8>>,
    /// Changes with the line and with `all`: what is known of generations belongs to one.
    pub(super) epoch: AtomicU64,
}

impl Remote {
    /// Connects, hears what others removed, and connects again, as long as the cache lives.
    pub(crate) async fn keep_line(self: Arc<Self>, inner: Weak<Inner>) {
        let mut breaker = Breaker::new(BreakerSettings { failures_max: 1, ..BreakerSettings::default() });
        loop {
            match tokio::time::timeout(self.settings.connect_time_max, self.connect()).await {
                Ok(Ok((line, pushes))) => {
                    breaker.on_success(Instant::now());
                    if self.open(line, &inner).is_none() {
                        return;
                    }
                    self.hear(pushes, &inner).await;
                    self.close();
                }
                Ok(Err(error)) => {
                    count(&self.counters.refused);
                    self.count_error(&error);
                    tracing::debug!(error = &error as &dyn std::error::Error, "no line to Redis");
                    breaker.on_failure(Instant::now());
                }
                Err(_) => {
                    count(&self.counters.refused);
                    count(&self.counters.timeouts);
                    breaker.on_failure(Instant::now());
                }
            }
            while let Err(open) = breaker.may_try(Instant::now()) {
                tokio::time::sleep_until(open.until.into()).await;
            }
        }
    }

    async fn connect(&self) -> Result<(Line, mpsc::UnboundedReceiver<PushInfo>), RedisError> {
        let (host, port) = (self.settings.host.clone(), self.settings.port);
        let address = if self.settings.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let mut settings = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
        if let Some(user) = &self.settings.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.settings.password {
            settings = settings.set_password(password.as_str());
        }
        let (tell, pushes) = mpsc::unbounded_channel();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.settings.connect_time_max))
            .set_response_timeout(Some(self.settings.operation_time_max))
            .set_push_sender(tell);
        let client = Client::open(address.into_connection_info()?.set_redis_settings(settings))?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        connection.subscribe(self.channel()).await?;
        let run_id = self.run_id(&mut connection).await;
        let all = raw_generation(&mut connection, &self.name('g', &self.keys.generation_of_all())).await?;
        let epoch = AtomicU64::new(self.next_epoch.fetch_add(1, Ordering::AcqRel));
        Ok((Line { connection, gather: Gather::default(), run_id, all: ArcSwap::from_pointee(all), epoch }, pushes))
    }

    /// Which run of which server this is. Where the user may not ask, all runs look the same.
    async fn run_id(&self, connection: &mut MultiplexedConnection) -> String {
        if self.removed.has(Protection::RunId) {
            return String::new();
        }
        let info: Result<String, _> = redis::cmd("INFO").arg("server").query_async(connection).await;
        let info = info.unwrap_or_default();
        let found = info.lines().find_map(|line| line.strip_prefix("run_id:")).map(|id| id.trim().to_owned());
        found.unwrap_or_else(|| {
            tracing::warn!(
                "Redis does not say its run id (it takes INFO): what it brings back after a restart is believed"
            );
            String::new()
        })
    }

    /// From here on the line is used. `None` if nobody needs it any more.
    fn open(&self, line: Line, inner: &Weak<Inner>) -> Option<()> {
        let inner = inner.upgrade()?;
        count(&self.counters.connected);
        self.failures.store(0, Ordering::Release);
        self.line.store(Some(Arc::new(line)));
        if !self.removed.has(Protection::FlushOnReconnect) {
            inner.clear_here();
        }
        self.lost_at.store(UP, Ordering::Release);
        self.up.send_replace(true);
        tracing::debug!("the line to Redis is open");
        Some(())
    }

    fn close(&self) {
        count(&self.counters.lost);
        self.lost_at.store(self.clock.now(), Ordering::Release);
        self.line.store(None);
        self.up.send_replace(false);
        tracing::warn!("the line to Redis is lost; the first level goes on alone");
    }

    /// Hears until the line is lost.
    async fn hear(&self, mut pushes: mpsc::UnboundedReceiver<PushInfo>, inner: &Weak<Inner>) {
        let mut ping = tokio::time::interval(self.settings.ping_every);
        ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // what is heard comes before what is asked
                biased;
                push = pushes.recv() => {
                    let Some(push) = push else { return };
                    if push.kind == PushKind::Disconnection {
                        return;
                    }
                    let Some(inner) = inner.upgrade() else { return };
                    if push.kind == PushKind::Message {
                        self.take(push, &inner).await;
                    }
                }
                () = self.broken.notified() => return,
                _ = ping.tick() => {
                    if !self.renew().await {
                        return;
                    }
                    let Some(inner) = inner.upgrade() else { return };
                    self.pay(&inner).await;
                }
            }
        }
    }

    async fn take(&self, push: PushInfo, inner: &Inner) {
        let Some(Value::BulkString(payload)) = push.data.into_iter().nth(1) else { return };
        let plain = if self.removed.has(Protection::SealedMessages) {
            Some(payload)
        } else {
            open_message(self.keys.of_messages(), payload)
        };
        match plain.as_deref().and_then(Message::decode) {
            Some((sender, _)) if sender == self.me => {}
            Some((_, message)) => {
                if message == Message::All {
                    self.renew().await;
                }
                inner.hear(&message);
                count(&self.counters.heard);
            }
            None => count(&self.counters.forged),
        }
    }

    /// Asks for the generation of all tenants, which shows that the line is there.
    pub(super) async fn renew(&self) -> bool {
        let Some(line) = self.line.load_full() else { return false };
        let mut connection = line.connection.clone();
        let all = raw_generation(&mut connection, &self.name('g', &self.keys.generation_of_all())).await;
        match all {
            Ok(all) => {
                if **line.all.load() != all {
                    line.all.store(Arc::new(all));
                    line.epoch.store(self.next_epoch.fetch_add(1, Ordering::AcqRel), Ordering::Release);
                }
                true
            }
            Err(error) => {
                self.count_error(&error);
                // a server that refuses to write is there
                !(error.is_io_error() || error.is_timeout() || error.is_connection_dropped())
            }
        }
    }

    /// Removes what could not be removed before.
    async fn pay(&self, inner: &Inner) {
        let tenants = match self.owed.debt() {
            None => return,
            Some(Debt::All) => {
                let told = self.tell(&Message::All).await;
                if told == Reach::Everywhere {
                    inner.clear_here();
                    self.owed.paid_all();
                }
                return;
            }
            Some(Debt::Tenants(tenants)) => tenants,
        };
        for (tenant, failures) in tenants {
            let all = Message::Tenant { tenant: tenant.clone() };
            if self.tell(&all).await != Reach::Everywhere {
                return;
            }
            inner.hear(&all);
            self.owed.paid(&tenant, failures);
        }
    }

    pub(super) fn channel(&self) -> String {
        self.name('m', &self.keys.channel())
    }

    /// What went wrong, by kind; who counts three failures of the line in a row gives it up.
    pub(super) fn count_error(&self, error: &RedisError) {
        let text = error.code().unwrap_or_default();
        let counter = match text {
            "READONLY" => &self.counters.read_only,
            "OOM" => &self.counters.out_of_memory,
            "NOAUTH" | "WRONGPASS" | "NOPERM" => &self.counters.denied,
            _ if matches!(error.kind(), redis::ErrorKind::AuthenticationFailed) => &self.counters.denied,
            _ if error.is_timeout() => &self.counters.timeouts,
            _ if error.is_io_error() || error.is_connection_dropped() => &self.counters.broken,
            // inside a script the code is only in the text
            _ if error.to_string().contains("OOM") => &self.counters.out_of_memory,
            _ if error.to_string().contains("READONLY") => &self.counters.read_only,
            _ => &self.counters.errors,
        };
        count(counter);
    }
}
