//! Answers that no server gives.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use tenantry_edge::usage::Counters;
use tenantry_wire::backend::{self, TransactionStatus};
use tenantry_wire::frontend;
use tenantry_wire::tag::frontend as tag;

use super::{Over, Session};
use crate::pool::{Lease, Waiting};
use crate::refusal::Refusal;

/// How long a client may take to read why it is ended.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);

impl Session {
    /// Tells the client no. It stays, if the refusal allows; what it sent for this transaction is passed over.
    pub(super) fn refuse(&mut self, refusal: Refusal) -> Result<(), Over> {
        // a transaction that was begun here has nowhere to fail
        if refusal.fatal || self.begun || self.passing > 0 {
            return Err(Over::Told(refusal));
        }
        if let Some(tenant) = &self.current {
            let refused = Counters { refused: 1, ..Counters::default() };
            tenant.usage().add(&refused, self.worker.micros(Instant::now()));
        }
        refusal.write(self.output.tail());
        self.cursor = 0;
        let header = frontend::header(self.input.unread()).map_err(Refusal::violation)?;
        let Some(header) = header else { return Ok(()) };
        self.drop_message(header.len);
        if matches!(header.tag, tag::QUERY | tag::FUNCTION_CALL) {
            backend::write_ready_for_query(self.output.tail(), TransactionStatus::Idle);
        } else {
            self.skipping = true;
        }
        Ok(())
    }

    /// Sends what is there for the client.
    pub(super) async fn flush(&mut self) -> Result<(), Over> {
        if self.output.is_empty() {
            return Ok(());
        }
        poll_fn(|cx| {
            if let Some(over) = self.ended() {
                return Poll::Ready(Err(over));
            }
            self.client.watch(cx.waker());
            self.output.poll_drain(cx, &mut self.stream).map_err(|_| Over::Left)
        })
        .await
    }

    /// Sends the last words, if the client reads them soon.
    pub(super) async fn last_words(&mut self) {
        let drain = poll_fn(|cx| self.output.poll_drain(cx, &mut self.stream));
        // whoever does not read them has its connection closed anyway
        let _ = tokio::time::timeout(LAST_WORDS_WITHIN, drain).await;
    }

    /// Waits for a server connection, for the end of patience, for the end of the client.
    pub(super) async fn wait_for(
        &mut self,
        mut waiting: Waiting,
        longest: Duration,
    ) -> Result<Result<Lease, Refusal>, Over> {
        // the worker's tick wakes whoever has waited long enough: a timer for each wait would cost more than the wait
        let until = waiting.since + longest;
        self.client.waits_until.set(Some(until));
        let got = poll_fn(|cx| {
            if let Poll::Ready(got) = Pin::new(&mut waiting).poll(cx) {
                return Poll::Ready(Ok(got));
            }
            if let Some(over) = self.ended() {
                return Poll::Ready(Err(over));
            }
            if Instant::now() >= until {
                return Poll::Ready(Ok(Err(Refusal::waited(longest.as_millis()))));
            }
            self.client.watch(cx.waker());
            Poll::Pending
        })
        .await;
        self.client.waits_until.set(None);
        got
    }
}
