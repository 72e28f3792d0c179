//! A connection that is a tenant's for a statement or a transaction, and how it goes back.
//!
//! Every statement counts itself in before it is sent and out when its end is known. A future that is dropped in
//! between never counts itself out: the connection is then in doubt, its statement is cancelled and it is closed. An
//! open transaction that nobody ended is rolled back, in time or not at all: then its connection is closed too. In
//! no case does another tenant get a connection whose state is not known.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tenantry_pg::tokio_postgres::error::SqlState;
use tenantry_pg::tokio_postgres::{self, Row};
use tokio::runtime::Handle;

use crate::connection::{Connection, Params, Who, is_plain, is_stale};
use crate::error::Error;
use crate::pool::{Seat, Shared};

/// How often a context is tried: on the connection at hand, and on a new one.
const TRIES: usize = 2;

/// What the connection went through since it was leased.
#[derive(Default)]
struct Trail {
    /// Statements that began and whose end nobody saw.
    running: AtomicUsize,
    /// A statement failed, so that an open transaction may be aborted.
    failed: AtomicBool,
    /// A transaction was opened.
    open: bool,
    /// It is being ended: nobody may send a statement any more.
    ended: AtomicBool,
    /// It was ended.
    closed: AtomicBool,
}

pub(crate) struct Lease {
    /// `None` only while it is dropped.
    seat: Option<Seat>,
    trail: Trail,
}

impl Lease {
    /// Waits for a seat, and makes its connection this tenant's; with `begin`, opens a transaction.
    pub(crate) async fn take(shared: &Arc<Shared>, who: &Who, begin: Option<&str>) -> Result<Self, Error> {
        shared.kinds.check(who)?;
        let seat = shared.seat(who).await?;
        let mut lease = Self { seat: Some(seat), trail: Trail::default() };
        let within = shared.options.connect_within;
        let ready = tokio::time::timeout(within, lease.ready(shared, who, begin)).await;
        ready.unwrap_or(Err(Error::Silent { within }))?;
        Ok(lease)
    }

    async fn ready(&mut self, shared: &Shared, who: &Who, begin: Option<&str>) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            let used_before = self.connection().is_some();
            match self.try_ready(shared, who, begin).await {
                Ok(()) => return Ok(()),
                Err(error @ Error::Sign { .. }) => {
                    // nothing was sent
                    self.trail = Trail::default();
                    return Err(error);
                }
                Err(error) => {
                    // whatever the former tenant left, or the network did: nothing of this one was sent yet
                    self.close().await;
                    let other_may_do = match &error {
                        Error::Context { .. } => true,
                        Error::Statement { .. } => used_before,
                        _ => false,
                    };
                    if tries == TRIES || !other_may_do {
                        return Err(error);
                    }
                    tracing::debug!("a connection was closed and another is tried: {error}");
                }
            }
        }
    }

    async fn try_ready(&mut self, shared: &Shared, who: &Who, begin: Option<&str>) -> Result<(), Error> {
        let Self { seat: Some(seat), trail } = self else { return Err(Error::Closed) };
        let connection = match &mut seat.connection {
            Some(connection) => connection,
            empty => empty.insert(shared.open(seat.slot).await?),
        };
        // a single statement is sent after this: it must not run if the context is refused
        let began = trail.begin();
        connection.ready(&shared.key, who, begin).await?;
        trail.end(began);
        trail.open = begin.is_some();
        Ok(())
    }

    fn connection(&self) -> Option<&Connection> {
        self.seat.as_ref().and_then(|seat| seat.connection.as_ref())
    }

    /// Closes the connection; the slot stays.
    async fn close(&mut self) {
        let connection = self.seat.as_mut().and_then(|seat| seat.connection.take());
        if let Some(connection) = connection {
            connection.client.close().await;
        }
        self.trail = Trail::default();
    }

    pub(crate) async fn query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        let (connection, began) = self.start()?;
        let mut ended = connection.query(sql, params).await;
        if self.may_repeat(&ended) {
            ended = connection.query(sql, params).await;
        }
        self.stop(began, ended)
    }

    pub(crate) async fn execute(&self, sql: &str, params: Params<'_>) -> Result<u64, Error> {
        let (connection, began) = self.start()?;
        let mut ended = connection.execute(sql, params).await;
        if self.may_repeat(&ended) {
            ended = connection.execute(sql, params).await;
        }
        self.stop(began, ended)
    }

    pub(crate) async fn batch(&self, sql: &str) -> Result<(), Error> {
        let (connection, began) = self.start()?;
        let ended = connection.batch(sql).await;
        self.stop(began, ended)
    }

    fn start(&self) -> Result<(&Connection, Began), Error> {
        let connection = self.connection().ok_or(Error::Closed)?;
        // counted first: whoever ends the transaction sees this statement, or this statement sees the end
        let began = self.trail.begin();
        if self.trail.ended.load(Ordering::SeqCst) {
            self.trail.end(began);
            return Err(Error::Ended);
        }
        Ok((connection, began))
    }

    /// A prepared statement was stale, so it did not run; it stands alone, and prepared anew it may run.
    fn may_repeat<T>(&self, ended: &Result<T, tokio_postgres::Error>) -> bool {
        !self.trail.open && ended.as_ref().is_err_and(is_stale)
    }

    fn stop<T>(&self, began: Began, ended: Result<T, tokio_postgres::Error>) -> Result<T, Error> {
        if ended.is_err() {
            self.trail.failed.store(true, Ordering::SeqCst);
        }
        if ended.as_ref().err().is_none_or(is_plain) {
            self.trail.end(began);
        }
        ended.map_err(|source| Error::Statement { source })
    }

    /// Commits, or says why not. No statement is sent by anybody else afterwards.
    pub(crate) async fn commit(&self) -> Result<(), Error> {
        self.trail.ended.store(true, Ordering::SeqCst);
        if self.trail.in_doubt() {
            return Err(Error::Interrupted);
        }
        if self.trail.failed.load(Ordering::SeqCst) && self.is_aborted().await? {
            self.end("ROLLBACK").await?;
            return Err(Error::Aborted);
        }
        self.end("COMMIT").await
    }

    /// Rolls back. A connection in doubt is closed instead when this is dropped, which is as good.
    pub(crate) async fn roll_back(&self) -> Result<(), Error> {
        self.trail.ended.store(true, Ordering::SeqCst);
        if self.trail.in_doubt() { Ok(()) } else { self.end("ROLLBACK").await }
    }

    /// COMMIT of an aborted transaction is no error for the server, which rolls back. A statement that does nothing
    /// finds out; one that failed behind a savepoint may have been undone.
    async fn is_aborted(&self) -> Result<bool, Error> {
        let Some(connection) = self.connection() else { return Err(Error::Closed) };
        let began = self.trail.begin();
        let ended = connection.batch("SELECT").await;
        if ended.as_ref().err().and_then(|e| e.code()) == Some(&SqlState::IN_FAILED_SQL_TRANSACTION) {
            self.trail.end(began);
            return Ok(true);
        }
        self.stop(began, ended).map(|()| false)
    }

    async fn end(&self, sql: &str) -> Result<(), Error> {
        let Some(connection) = self.connection() else { return Err(Error::Closed) };
        let began = self.trail.begin();
        let ended = connection.batch(sql).await;
        if ended.is_ok() {
            self.trail.closed.store(true, Ordering::SeqCst);
        }
        self.stop(began, ended)
    }
}

impl Trail {
    /// A statement is about to be sent. Not a guard: that it is not ended is what says that nobody saw its end.
    fn begin(&self) -> Began {
        self.running.fetch_add(1, Ordering::SeqCst);
        Began
    }

    fn end(&self, _: Began) {
        self.running.fetch_sub(1, Ordering::SeqCst);
    }

    fn is_open(&self) -> bool {
        self.open && !self.closed.load(Ordering::SeqCst)
    }

    fn in_doubt(&self) -> bool {
        self.running.load(Ordering::SeqCst) > 0
    }
}

/// A statement that began.
struct Began;

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut seat) = self.seat.take() else { return };
        let in_doubt = self.trail.in_doubt();
        if !in_doubt && !self.trail.is_open() || seat.shared.options.keeps_in_doubt() {
            return;
        }
        let Some(connection) = seat.connection.take() else { return };
        match Handle::try_current() {
            // it ends by itself, within bounds; until then it keeps the seat
            Ok(runtime) => drop(runtime.spawn(settle(seat, connection, in_doubt))),
            // the server rolls back what a connection that is closed left open
            Err(_) => drop(connection),
        }
    }
}

/// Brings a connection to rest, or closes it.
async fn settle(mut seat: Seat, connection: Connection, in_doubt: bool) {
    if !in_doubt {
        let within = seat.shared.options.roll_back_within;
        if let Ok(Ok(())) = tokio::time::timeout(within, connection.client.batch_execute("ROLLBACK")).await {
            seat.connection = Some(connection);
            return;
        }
    }
    connection.client.cancel_and_close().await;
}
