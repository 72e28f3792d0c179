//! Rows as values, with errors that say what was being read.

use tenantry_model::{Ident, QualifiedName};
use tenantry_pg::tokio_postgres::types::{FromSql, ToSql, Type};
use tenantry_pg::{Client, tokio_postgres::Row};

use super::Error;

/// Relations that belong to the application. To stand after `JOIN pg_namespace n …`.
///
/// An object of an extension has an entry in `pg_depend`; each subject's SQL asks for that itself.
pub(super) const SCHEMAS: &str =
    "n.nspname NOT IN ('information_schema', 'tenantry') AND NOT starts_with(n.nspname, 'pg_')";

/// One row, and the subject it tells of.
pub(super) struct Read {
    row: Row,
    what: &'static str,
}

/// Runs a query. `ids`, if given, is `$1`: an array of object ids.
pub(super) async fn query(
    client: &Client,
    what: &'static str,
    sql: &str,
    ids: Option<&[u32]>,
) -> Result<Vec<Read>, Error> {
    let rows = match &ids {
        Some(ids) => client.query_typed(sql, &[(ids as &(dyn ToSql + Sync), Type::OID_ARRAY)]).await,
        None => client.query_typed(sql, &[]).await,
    };
    let rows = rows.map_err(|source| Error::Query { what, source })?;
    Ok(rows.into_iter().map(|row| Read { row, what }).collect())
}

impl Read {
    pub(super) fn get<'a, T: FromSql<'a>>(&'a self, column: &str) -> Result<T, Error> {
        self.row.try_get(column).map_err(|source| Error::Query { what: self.what, source })
    }

    pub(super) fn text(&self, column: &str) -> Result<String, Error> {
        self.get(column)
    }

    pub(super) fn flag(&self, column: &str) -> Result<bool, Error> {
        self.get(column)
    }

    pub(super) fn id(&self, column: &str) -> Result<u32, Error> {
        self.get(column)
    }

    /// A one-letter code of the catalog, read as text.
    pub(super) fn letter(&self, column: &str) -> Result<char, Error> {
        Ok(self.text(column)?.chars().next().unwrap_or(' '))
    }

    pub(super) fn ident(&self, column: &str) -> Result<Ident, Error> {
        self.name(self.text(column)?)
    }

    pub(super) fn idents(&self, column: &str) -> Result<Vec<Ident>, Error> {
        self.get::<Vec<String>>(column)?.into_iter().map(|n| self.name(n)).collect()
    }

    pub(super) fn qualified(&self, schema: &str, name: &str) -> Result<QualifiedName, Error> {
        Ok(QualifiedName::new(self.ident(schema)?, self.ident(name)?))
    }

    fn name(&self, text: String) -> Result<Ident, Error> {
        Ident::new(text).map_err(|source| Error::Name { what: self.what, source })
    }
}
