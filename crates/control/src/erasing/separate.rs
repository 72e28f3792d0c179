//! What is in a schema or database of one tenant: counted before it goes, and looked for afterwards.

use tenantry_model::{Ident, QualifiedName};
use tenantry_pg::Client;

use crate::error::Error;
use crate::placing::{Placement, named};
use crate::work::Application;
use crate::work::hands::{enter, failed, open};

/// Rows by table; nothing where the place is gone.
pub(super) async fn count(application: &Application, place: &Placement) -> Result<Vec<(String, i64)>, Error> {
    let client = open(application, place.tenant.0).await?;
    let counted = match (&place.schema, &place.own_database) {
        (Some(schema), _) => tables(&client, Some(named(Some(schema))?.as_str())).await?,
        (None, Some(name)) => {
            let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = $1)";
            let there = client.query_one(sql, &[name]).await.map_err(failed("look for the database"))?;
            match there.get(0) {
                true => {
                    let own = enter(application, named(Some(name))?.as_str()).await?;
                    let counted = tables(&own, None).await?;
                    own.close().await;
                    counted
                }
                false => Vec::new(),
            }
        }
        (None, None) => Vec::new(),
    };
    client.close().await;
    Ok(counted)
}

/// Counts the tables of one schema, or of all but the system's.
async fn tables(client: &Client, schema: Option<&str>) -> Result<Vec<(String, i64)>, Error> {
    let sql = "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT LIKE 'pg\\_%'
                 AND n.nspname NOT IN ('information_schema', 'tenantry') AND ($1::text IS NULL OR n.nspname = $1)
               ORDER BY 1, 2";
    let rows = client.query(sql, &[&schema]).await.map_err(failed("list the tenant's tables"))?;
    let mut counted = Vec::new();
    for row in rows {
        let ident = |at| Ident::new(row.get::<_, String>(at)).map_err(|e| Error::bug("use a table's name").because(e));
        let table = QualifiedName::new(ident(0)?, ident(1)?);
        let sql = format!("SELECT count(*) FROM {}", table.quoted());
        let rows = client.query_one(&sql, &[]).await.map_err(failed("count the tenant's rows"))?;
        counted.push((format!("{}.{}", table.schema, table.name), rows.get(0)));
    }
    Ok(counted)
}
