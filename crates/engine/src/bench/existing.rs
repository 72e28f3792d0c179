//! An isolated database as it is: read-only queries of sampled tenants on its protected tables.
//!
//! Nothing is written: every transaction is READ ONLY after the tenant is entered, and is rolled back.

use tenantry_blueprint::file::{Binding, Blueprint, ProtectedTable};
use tenantry_model::token::ContextKey;
use tenantry_model::{TenantKey, literal};
use tenantry_pg::{Client, Target};

use super::lane::{Lane, Session, race};
use super::{Error, Observer, Report, Series};
use crate::credentials::Credentials;
use crate::journal;

/// Tables measured, largest first.
const TABLES_MAX: usize = 10;

/// Measures list, count and point queries of the largest protected tables for a large and a middle tenant.
/// `target` is a superuser, whose queries name the tenant by hand; `credentials` are those that apply wrote.
pub async fn existing(
    target: &Target,
    credentials: &Credentials,
    rounds: u32,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    let by_hand = Session::open(target, "pg_catalog").await?.read_only();
    let login = credentials.logins.first().ok_or_else(|| Error::Nothing("the credentials have no login".into()))?;
    let runtime = Session::open(&target.with_login(&login.user, &login.password), "pg_catalog").await?;
    let key = ContextKey::from_hex(credentials.signing_key.kid, &credentials.signing_key.key)?;
    let runtime = runtime.bind(key).await?.read_only();
    let blueprint = blueprint(&by_hand.client).await?;

    let mut series = Vec::new();
    for (table, column, kind) in largest(&by_hand.client, &blueprint).await? {
        for (label, tenant) in tenants(&by_hand.client, table, &column, kind).await? {
            observer.now(&format!("{}, {label}", table.table));
            for (name, sql) in queries(&by_hand.client, table, &column, &tenant).await? {
                let predicate = format!("{column} = {}", literal(&tenant.to_string()));
                let lanes = [
                    Lane { variant: "by hand", session: &by_hand, sql: sql.replace("{tenant}", &predicate) },
                    Lane { variant: "isolated", session: &runtime, sql: sql.replace("{tenant}", "true") },
                    Lane { variant: "isolated + WHERE", session: &runtime, sql: sql.replace("{tenant}", &predicate) },
                ];
                let times = race(&lanes, &tenant, &[], rounds).await?;
                let named: Vec<(&str, f64)> = lanes.iter().map(|l| l.variant).zip(times).collect();
                series.push(Series::new(format!("{} {name}", table.table.name), &label, &named));
            }
        }
    }
    if series.is_empty() {
        return Err(Error::Nothing("no protected table has rows of a tenant".into()));
    }
    let version = by_hand.client.query_one("SELECT current_setting('server_version')", &[]).await;
    Ok(Report {
        format: 1,
        title: format!("Queries of one tenant in database `{}`, written by hand and isolated", blueprint.database),
        server_version: version.map_err(Error::sql("ask for the version"))?.get(0),
        clock: by_hand.clock.name(),
        data: "the database as it is".into(),
        series,
    })
}

async fn blueprint(client: &Client) -> Result<Blueprint, Error> {
    let read = journal::read(&**client).await.map_err(|e| Error::Nothing(e.to_string()))?;
    let journal = read.ok_or_else(|| Error::Nothing("this database is not isolated by tenantry".into()))?;
    Ok(journal.blueprint)
}

/// The largest tables bound by a column, with the column as it stands in SQL.
async fn largest<'b>(
    client: &Client,
    blueprint: &'b Blueprint,
) -> Result<Vec<(&'b ProtectedTable, String, tenantry_model::KeyKind)>, Error> {
    let mut found = Vec::new();
    for table in blueprint.tables.iter().filter(|t| t.partition_of.is_none()) {
        let Binding::Column { column, kind, .. } = &table.binding else { continue };
        let size = "SELECT pg_catalog.pg_relation_size(pg_catalog.to_regclass($1))";
        let row = client.query_one(size, &[&table.table.quoted()]).await.map_err(Error::sql("read a table's size"))?;
        if let Some(bytes) = row.get::<_, Option<i64>>(0) {
            found.push((bytes, (table, column.quoted(), *kind)));
        }
    }
    found.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    Ok(found.into_iter().take(TABLES_MAX).map(|(_, table)| table).collect())
}

/// A large tenant and one of the middle, with how many rows of a bounded sample they have.
async fn tenants(
    client: &Client,
    table: &ProtectedTable,
    column: &str,
    kind: tenantry_model::KeyKind,
) -> Result<Vec<(String, TenantKey)>, Error> {
    let sql = format!(
        "SELECT t.key, t.n FROM (SELECT s.key::text, count(*) AS n FROM (SELECT {column} AS key FROM {} WHERE {column} IS NOT NULL LIMIT 200000) AS s GROUP BY 1) AS t ORDER BY 2 DESC, 1",
        table.table.quoted()
    );
    let rows = client.query(&sql, &[]).await.map_err(Error::sql(format!("look for tenants in {}", table.table)))?;
    let mut chosen = vec![("large", 0), ("middle", (rows.len() as f64).sqrt() as usize)];
    chosen.dedup_by_key(|(_, at)| *at);
    let sampled = chosen.into_iter().filter_map(|(name, at)| rows.get(at).map(|row| (name, row)));
    // keys that no context can carry are not measured; the plan has said so before
    Ok(sampled
        .filter_map(|(name, row)| Some((name.to_owned(), TenantKey::parse(kind, &row.get::<_, String>(0)).ok()?)))
        .collect())
}

/// List, count and point queries; `{tenant}` is where the tenant is written by hand.
async fn queries(
    client: &Client,
    table: &ProtectedTable,
    column: &str,
    tenant: &TenantKey,
) -> Result<Vec<(&'static str, String)>, Error> {
    let (name, tenant) = (table.table.quoted(), literal(&tenant.to_string()));
    let mut queries = vec![("count", format!("SELECT count(*) FROM {name} WHERE {{tenant}}"))];
    let time = "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
        AND atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype) ORDER BY attname ~* 'updat|modif' DESC, attname ~* 'creat' DESC, attnum LIMIT 1";
    let time = client.query_opt(time, &[&name]).await.map_err(Error::sql("look for a time column"))?;
    if let Some(time) = time.map(|row| row.get::<_, String>(0)) {
        queries.push(("list", format!("SELECT * FROM {name} WHERE {{tenant}} ORDER BY {time} DESC LIMIT 50")));
    }
    if let [id] = &table.primary_key[..] {
        let id = id.quoted();
        let one = format!("SELECT {id}::text FROM {name} WHERE {column} = {tenant} LIMIT 1");
        let one = client.query_opt(&one, &[]).await.map_err(Error::sql("look for a row"))?;
        if let Some(value) = one.map(|row| literal(&row.get::<_, String>(0))) {
            queries.push(("point look-up", format!("SELECT * FROM {name} WHERE {id} = {value} AND {{tenant}}")));
        }
    }
    Ok(queries)
}
