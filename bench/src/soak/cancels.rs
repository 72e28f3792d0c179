//! Cancel requests while an answer is awaited.

use std::convert::Infallible;
use std::time::Duration;

use super::exchange::Manner;
use crate::wire::{CancelKey, Wire, cancel};

/// What turns a secret into a wrong one.
const FORGERY: i32 = 0x5a5a;

/// Sends cancel requests for one exchange, if its manner says so.
pub(super) struct Canceller {
    port: u16,
    key: Option<(CancelKey, Duration)>,
    /// Requests sent.
    pub(super) sent: u64,
}

impl Canceller {
    /// For an exchange of this connection.
    pub(super) fn of(wire: &Wire, port: u16, manner: Manner) -> Self {
        let key = wire.key().and_then(|key| match manner {
            Manner::Cancel(every) => Some((key, Duration::from_millis(every))),
            Manner::ForgedCancel(every) => {
                Some((CancelKey { secret: key.secret ^ FORGERY, ..key }, Duration::from_millis(every)))
            }
            Manner::Plain | Manner::Slowly => None,
        });
        Self { port, key, sent: 0 }
    }

    /// Again and again, until it is dropped because the answer is there: the last of them come late.
    pub(super) async fn until_answered(&mut self) -> Infallible {
        while self.key.is_some() {
            self.once().await;
        }
        std::future::pending().await
    }

    /// One, to its end.
    pub(super) async fn once(&mut self) {
        let Some((key, after)) = self.key else { return };
        tokio::time::sleep(after).await;
        // one that finds nobody to talk to has done nothing, which is what happens in a restart
        self.sent += 1;
        let _ = cancel(self.port, key).await;
    }
}
