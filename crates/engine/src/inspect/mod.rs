//! Reads a database's structure into a [`Catalog`], in a few queries however many tables there are.
//!
//! One file a subject; each has its SQL and the values it makes of the rows. Nothing is written and no row of the
//! application is read. What the reader may not see (statistics of other people's tables, say) is left empty. Left
//! out are extensions' own objects, schema `tenantry` and the server's own schemas.
//!
//! Definitions are read under `search_path = pg_catalog`, so that every name in them carries its schema. The server
//! takes the weakest lock on a table to print a definition, and would wait for ever behind an ALTER TABLE that hangs:
//! after a few seconds the reader gives up and says who is in the way.

mod columns;
mod constraints;
mod database;
mod functions;
mod indexes;
mod relations;
mod roles;
mod row;
mod rules;
pub mod server;
mod sizes;
mod views;

use std::collections::HashMap;

use tenantry_blueprint::catalog::{Catalog, Table};
use tenantry_model::{Class, NameError, literal};
use tenantry_pg::{Client, class_of, in_plain_words, is_lock_timeout, tokio_postgres};

/// How often to begin again when objects vanish while they are being read.
const ATTEMPTS_MAX: u32 = 10;

/// Longest wait for one table's lock, unless the caller's session has a limit of its own.
const LOCK_WAIT_MAX: &str = "3s";

/// Why the structure could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A query failed.
    #[error("cannot read the {what} of the database: {}", in_plain_words(source))]
    Query {
        /// The subject.
        what: &'static str,
        /// What the server said.
        source: tokio_postgres::Error,
    },
    /// Somebody holds a table for himself.
    #[error(
        "cannot read the {what} of the database: {holders}; wait until that work is done, or end it, and try again"
    )]
    Locked {
        /// The subject.
        what: &'static str,
        /// Tables and the server processes that hold them.
        holders: String,
        /// What the server said.
        source: tokio_postgres::Error,
    },
    /// The server has a name that PostgreSQL itself would not allow.
    #[error("cannot read the {what} of the database")]
    Name {
        /// The subject.
        what: &'static str,
        /// The name.
        source: NameError,
    },
}

impl Error {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Query { source, .. } => class_of(source),
            Self::Locked { .. } => Class::Conflict,
            Self::Name { .. } => Class::Bug,
        }
    }

    /// An object that one query saw was gone in the next.
    fn is_vanished(&self) -> bool {
        let Self::Query { source, .. } = self else { return false };
        // the server's functions that print definitions give NULL for what is gone
        if std::error::Error::source(source).is_some_and(|cause| cause.is::<tokio_postgres::types::WasNull>()) {
            return true;
        }
        let code = source.code().map_or("", |c| c.code());
        // undefined table or object, and the "cache lookup failed" of the server's own functions
        ["42P01", "42704", "XX000"].contains(&code)
    }
}

/// Settings that reading needs, as the session has them. Compiling the queries would take longer than running them.
const SETTINGS: &str = "
SELECT pg_catalog.current_setting('search_path') AS path, pg_catalog.current_setting('lock_timeout') AS lock_wait,
       pg_catalog.current_setting('jit') AS jit";

/// Reads the structure of the database the client is connected to. The session's settings are as before afterwards.
pub async fn read(client: &Client) -> Result<Catalog, Error> {
    let rows = row::query(client, "settings", SETTINGS, None).await?;
    let Some(before) = rows.first() else { return Ok(Catalog::default()) };
    let (path, lock_wait, jit) = (before.text("path")?, before.text("lock_wait")?, before.text("jit")?);
    let own_wait = if lock_wait == "0" { LOCK_WAIT_MAX } else { &lock_wait };
    set(client, "pg_catalog", own_wait, "off").await?;
    let result = read_patiently(client).await;
    let restored = set(client, &path, &lock_wait, &jit).await;
    match result {
        Err(Error::Query { what, source }) if is_lock_timeout(&source) => {
            Err(Error::Locked { what, holders: holders(client).await?, source })
        }
        result => result.and_then(|catalog| restored.map(|()| catalog)),
    }
}

async fn set(client: &Client, search_path: &str, lock_timeout: &str, jit: &str) -> Result<(), Error> {
    let settings = [("search_path", search_path), ("lock_timeout", lock_timeout), ("jit", jit)];
    let calls = settings.map(|(name, value)| format!("pg_catalog.set_config('{name}', {}, false)", literal(value)));
    let sql = format!("SELECT {}", calls.join(", "));
    client.batch_execute(&sql).await.map_err(|source| Error::Query { what: "settings", source })
}

/// Who holds which table of this database so that it cannot even be read.
async fn holders(client: &Client) -> Result<String, Error> {
    let sql = "
SELECT pg_catalog.string_agg(pg_catalog.format('process %s holds a lock on %s.%s', l.pid, n.nspname, c.relname), ', ') AS holders
FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_class c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE l.granted AND l.mode = 'AccessExclusiveLock' AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())";
    let rows = row::query(client, "locks", sql, None).await?;
    let holders = rows.first().map(|r| r.get::<Option<String>>("holders")).transpose()?.flatten();
    Ok(holders.unwrap_or_else(|| "a table was locked by another session".into()))
}

async fn read_patiently(client: &Client) -> Result<Catalog, Error> {
    for _ in 1..ATTEMPTS_MAX {
        match read_once(client).await {
            Err(error) if error.is_vanished() => tracing::debug!("the structure changed meanwhile: {error}"),
            result => return result,
        }
    }
    read_once(client).await
}

/// Two steps, because what belongs to tables is asked for by their ids; the queries of a step travel together.
async fn read_once(client: &Client) -> Result<Catalog, Error> {
    let (mut tables, views, sequences, functions, roles, settings, catalog) = tokio::try_join!(
        relations::tables(client),
        views::read(client),
        relations::sequences(client),
        functions::read(client),
        roles::read(client),
        roles::settings(client),
        database::read(client),
    )?;
    fill(client, &mut tables).await?;
    let mut tables: Vec<Table> = tables.into_values().collect();
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Catalog { tables, views, sequences, functions, roles, stored_settings: settings, ..catalog })
}

/// Reads what belongs to the tables.
async fn fill(client: &Client, tables: &mut HashMap<u32, Table>) -> Result<(), Error> {
    let ids: Vec<u32> = tables.keys().copied().collect();
    let (columns, constraints, indexes, rules, sizes) = tokio::try_join!(
        columns::read(client, &ids),
        constraints::read(client, &ids),
        indexes::read(client, &ids),
        rules::read(client, &ids),
        sizes::read(client, &ids),
    )?;
    for (id, columns) in columns {
        if let Some(table) = tables.get_mut(&id) {
            table.columns = columns;
        }
    }
    let of_constraints = constraints::put(&constraints, tables)?;
    let bytes = sizes::put(&sizes, tables)?;
    indexes::put(&indexes, &bytes, &of_constraints, tables)?;
    rules::put(&rules, tables)
}
