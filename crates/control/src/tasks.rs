//! What a control plane does while it serves, without being asked: each task by itself, one round after the other. A
//! round that fails is logged, and tried again later; several processes may do the same work at once.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::error::Error;
use crate::http::Api;
use crate::{alerts, usage, webhooks};

/// How often to look for events and deliveries that are due.
const DELIVER_EVERY: Duration = Duration::from_secs(1);
/// How often to look for what must be told.
const WATCH_EVERY: Duration = Duration::from_secs(15);
/// How often to send e-mail.
const MAIL_EVERY: Duration = Duration::from_secs(5);
/// How often to forget what is old.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

/// The tasks; they end when this is dropped.
pub(crate) struct Tasks {
    _set: JoinSet<()>,
}

impl Tasks {
    /// Starts them.
    pub(crate) fn start(api: &Api) -> Self {
        let mut set = JoinSet::new();
        let every = |set: &mut JoinSet<()>, name, pause, work: fn(Api) -> Round| {
            set.spawn(repeat(name, pause, api.clone(), work));
        };
        every(&mut set, "deliver events", DELIVER_EVERY, |api| {
            Box::pin(async move { webhooks::round(api.db(), api.secret(), api.webhooks()).await.map(drop) })
        });
        every(&mut set, "watch for alerts", WATCH_EVERY, |api| {
            Box::pin(async move { alerts::round(api.db(), api.alerts()).await.map(drop) })
        });
        if api.alerts().mail.is_some() {
            every(&mut set, "send e-mail", MAIL_EVERY, |api| {
                Box::pin(async move {
                    let Some(settings) = &api.alerts().mail else { return Ok(()) };
                    alerts::send(api.db(), settings).await.map(drop)
                })
            });
        }
        every(&mut set, "forget old events", FORGET_EVERY, |api| {
            Box::pin(async move { webhooks::forget(api.db(), api.webhooks()).await })
        });
        every(&mut set, "forget what was used long ago", FORGET_EVERY, |api| {
            Box::pin(async move { usage::forget(api.db()).await })
        });
        Self { _set: set }
    }
}

/// One round of a task.
type Round = std::pin::Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

async fn repeat(name: &'static str, pause: Duration, api: Api, work: fn(Api) -> Round) {
    let mut interval = tokio::time::interval(pause);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = work(api.clone()).await {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!("cannot {name} now: {error}: {cause}");
        }
    }
}
