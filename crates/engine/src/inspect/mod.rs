//! Reads a database's structure into a [`Catalog`], in a few queries however many tables there are.
//!
//! One file a subject; each has its SQL and the values it makes of the rows. Nothing is written and no row of the
//! application is read. What the reader may not see (statistics of other people's tables, say) is left empty. Left
//! out are extensions' own objects, schema `tenantry` and the server's own schemas.
//!
//! Definitions are read under `search_path = pg_catalog`, so that every name in them carries its schema.

mod columns;
mod constraints;
mod database;
mod functions;
mod indexes;
mod relations;
mod roles;
mod row;
mod rules;
mod sizes;
mod views;

use std::collections::HashMap;

use tenantry_blueprint::catalog::{Catalog, Table};
use tenantry_model::{Class, NameError};
use tenantry_pg::{Client, class_of, in_plain_words, tokio_postgres};

/// How often to begin again when objects vanish while they are being read.
const ATTEMPTS_MAX: u32 = 3;

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
            Self::Name { .. } => Class::Bug,
        }
    }

    /// An object that one query saw was gone in the next.
    fn is_vanished(&self) -> bool {
        let Self::Query { source, .. } = self else { return false };
        let code = source.code().map_or("", |c| c.code());
        // undefined table or object, and the "cache lookup failed" of the server's own functions
        ["42P01", "42704", "XX000"].contains(&code)
    }
}

/// Reads the structure of the database the client is connected to.
pub async fn read(client: &Client) -> Result<Catalog, Error> {
    let path = row::query(client, "settings", "SELECT pg_catalog.current_setting('search_path') AS path", None).await?;
    let path = path.first().map(|r| r.text("path")).transpose()?.unwrap_or_default();
    if path == "pg_catalog" {
        return read_patiently(client).await;
    }
    set_search_path(client, "pg_catalog").await?;
    let result = read_patiently(client).await;
    set_search_path(client, &path).await?;
    result
}

async fn set_search_path(client: &Client, path: &str) -> Result<(), Error> {
    let sql = format!("SELECT pg_catalog.set_config('search_path', {}, false)", tenantry_model::literal(path));
    client.batch_execute(&sql).await.map_err(|source| Error::Query { what: "settings", source })
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
    constraints::put(&constraints, tables)?;
    let bytes = sizes::put(&sizes, tables)?;
    indexes::put(&indexes, &bytes, tables)?;
    rules::put(&rules, tables)
}
