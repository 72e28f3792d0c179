//! The one way to read ([`View`]) and the one way to write ([`Change`]). Each is made from a [`Granted`] alone, so
//! nobody reads or writes who was not asked whether he may; and a change without an audit entry is not committed.

use axum::http::StatusCode;

use crate::access::{Actor, Granted};
use crate::audit::{self, Context, Entry, Severity};
use crate::db::{Db, Tx};
use crate::error::Error;
use crate::http::idempotency::{self, Once};
use crate::http::reply::Reply;
use crate::outbox::{self, Event};

/// A transaction that reads.
#[derive(Debug)]
pub(crate) struct View {
    tx: Tx,
}

impl View {
    /// Begins to read what the grant allows.
    pub(crate) async fn begin(db: &Db, granted: &Granted) -> Result<Self, Error> {
        Ok(Self { tx: db.read(granted.scope(), &granted.actor().name()).await? })
    }

    /// For stores.
    pub(crate) fn tx(&self) -> &Tx {
        &self.tx
    }
}

/// A transaction that writes.
#[derive(Debug)]
pub(crate) struct Change {
    tx: Tx,
    granted: Granted,
    context: Context,
    once: Option<Once>,
    recorded: bool,
    critical: Vec<(&'static str, uuid::Uuid)>,
    publishes: bool,
}

impl Change {
    /// Begins to write what the grant allows. Where the same request was answered before, the answer comes as the
    /// error's replay, and nothing is begun.
    pub(crate) async fn begin(db: &Db, granted: Granted, context: Context, once: Option<Once>) -> Result<Self, Error> {
        let tx = db.write(granted.scope(), &granted.actor().name()).await?;
        if let Some(once) = &once {
            idempotency::claim(&tx, &granted.actor().name(), once).await?;
        }
        Ok(Self { tx, granted, context, once, recorded: false, critical: Vec::new(), publishes: false })
    }

    /// Who changes it, and by what permission.
    pub(crate) fn granted(&self) -> &Granted {
        &self.granted
    }

    /// For stores.
    pub(crate) fn tx(&self) -> &Tx {
        &self.tx
    }

    /// Writes an audit entry.
    pub(crate) async fn audit(&mut self, entry: Entry) -> Result<(), Error> {
        let (action, is_critical) = (entry.action, entry.severity == Severity::Critical);
        let id = audit::record(&mut self.tx, self.granted.actor(), &self.context, entry).await?;
        self.recorded = true;
        if is_critical {
            self.critical.push((action, id));
        }
        Ok(())
    }

    /// Writes an audit entry about what somebody else did who has no grant: a user who signs in.
    pub(crate) async fn audit_by(&mut self, actor: &Actor, entry: Entry) -> Result<(), Error> {
        audit::record(&mut self.tx, actor, &self.context, entry).await?;
        self.recorded = true;
        Ok(())
    }

    /// Makes it last where nobody waits for an answer that is kept. Nothing recorded, nothing kept.
    pub(crate) async fn finish(self) -> Result<(), Error> {
        if !self.recorded {
            return Ok(());
        }
        self.commit(Reply::empty(StatusCode::NO_CONTENT)).await.map(drop)
    }

    /// Writes an event.
    pub(crate) async fn emit(&mut self, event: Event) -> Result<(), Error> {
        outbox::emit(&mut self.tx, event, false).await.map(drop)
    }

    /// Writes an event that the caller tells somebody of, and nobody else is told of; its id.
    pub(crate) async fn emit_to_one(&mut self, event: Event) -> Result<uuid::Uuid, Error> {
        outbox::emit(&mut self.tx, event, true).await
    }

    /// What gateway and proxy know of tenants changes with this.
    pub(crate) fn publishes(&mut self) {
        self.publishes = true;
    }

    /// Makes it last, with the answer kept for a request that is sent again.
    pub(crate) async fn commit(self, reply: Reply) -> Result<Reply, Error> {
        if !self.recorded {
            return Err(Error::bug("commit a change without an audit entry"));
        }
        if let Some(once) = &self.once {
            idempotency::keep(&self.tx, &self.granted.actor().name(), once, &reply).await?;
        }
        if self.publishes {
            // last, because others who change the directory wait for it
            crate::directory::next(&self.tx).await?;
        }
        self.tx.commit().await?;
        for (action, id) in self.critical {
            tracing::error!(action, entry = %id, "a critical audit entry");
        }
        Ok(reply)
    }
}
