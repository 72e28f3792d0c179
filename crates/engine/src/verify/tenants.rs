//! Picks the two tenants of a run: with rows in most tables, and not too many of them.

use tenantry_blueprint::file::{Binding, Blueprint};
use tenantry_model::{TenantKey, literal};
use tenantry_pg::Client;

use super::Error;

/// How many tenants are looked at.
const CANDIDATES_MAX: i64 = 200;
/// Rows beyond which a tenant counts as big.
const ROWS_MAX: i64 = 1_000;

/// The two tenants: those given, or the two with rows in most tables.
pub(crate) async fn choose(
    admin: &Client,
    blueprint: &Blueprint,
    given: Option<&(String, String)>,
) -> Result<(TenantKey, TenantKey), Error> {
    let kind = blueprint.key_kind;
    let read = |text: &str| {
        TenantKey::parse(kind, text)
            .map_err(|_| Error::BadTenant { tenant: text.to_owned(), kind: kind.sql_type().to_owned() })
    };
    if let Some((a, b)) = given {
        let (a, b) = (read(a)?, read(b)?);
        return if a == b { Err(Error::Tenants { found: 1 }) } else { Ok((a, b)) };
    }
    let candidates = candidates(admin, blueprint).await?;
    let mut score = vec![(0_i64, 0_i64); candidates.len()];
    for table in blueprint.tables.iter().filter(|t| t.partition_of.is_none()) {
        let Binding::Column { column, .. } = &table.binding else { continue };
        // One look per tenant through the index that begins with the tenant column.
        let sql = format!(
            "SELECT k.n::pg_catalog.int8, (SELECT count(*) FROM (SELECT 1 FROM {} t WHERE t.{} = k.key::{} LIMIT {ROWS_MAX}) x) \
             FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY AS k(key, n)",
            table.table.quoted(),
            column.quoted(),
            kind.sql_type()
        );
        // A table that is gone, or too slow to ask, does not help to choose.
        let Ok(rows) = admin.query(&sql, &[&candidates]).await else { continue };
        for row in rows {
            let (n, count): (i64, i64) = (row.get(0), row.get(1));
            let Some(s) = usize::try_from(n - 1).ok().and_then(|n| score.get_mut(n)) else { continue };
            s.0 += i64::from(count > 0);
            s.1 += count;
        }
    }
    let mut order: Vec<usize> = (0..candidates.len()).filter(|n| score[*n].0 > 0).collect();
    order.sort_by_key(|n| (-score[*n].0, score[*n].1, candidates[*n].clone()));
    match order[..] {
        [a, b, ..] => Ok((read(&candidates[a])?, read(&candidates[b])?)),
        // A database with one tenant only, as `plan --create-root` leaves it: the other is one that has nothing.
        [a] => {
            let a = read(&candidates[a])?;
            let nobody = nobody(&a);
            Ok((a, nobody))
        }
        _ => Err(Error::Tenants { found: order.len() }),
    }
}

/// A tenant's key that nobody has. What needs a row of it is skipped; what it must not see or write is tried.
fn nobody(a: &TenantKey) -> TenantKey {
    match a {
        TenantKey::Uuid(_) => TenantKey::Uuid(uuid::Uuid::new_v4()),
        TenantKey::Integer(_) => TenantKey::Integer(i32::MAX - 7),
        TenantKey::Bigint(_) => TenantKey::Bigint(i64::MAX - 7),
        TenantKey::Text(_) => TenantKey::Text(format!("nobody-{}", uuid::Uuid::new_v4())),
    }
}

/// Keys of tenants: from the root, or from the first big enough table where there is no root.
async fn candidates(admin: &Client, blueprint: &Blueprint) -> Result<Vec<String>, Error> {
    let kind = blueprint.key_kind.sql_type();
    let mut sources = Vec::new();
    if let (Some(root), Some(key)) = (&blueprint.root.table, blueprint.root.key.first()) {
        sources.push((root.quoted(), key.quoted()));
    }
    for table in blueprint.tables.iter().filter(|t| t.partition_of.is_none()) {
        if let Binding::Column { column, .. } = &table.binding {
            sources.push((table.table.quoted(), column.quoted()));
        }
    }
    let mut single = Vec::new();
    for (table, column) in sources {
        // Walks the index from key to key, so that a big table costs no more than a small one.
        let sql = format!(
            "WITH RECURSIVE k AS ((SELECT t.{column}::{kind} AS key FROM {table} t WHERE t.{column} IS NOT NULL ORDER BY t.{column} LIMIT 1) \
             UNION ALL SELECT (SELECT t.{column}::{kind} FROM {table} t WHERE t.{column} > k.key ORDER BY t.{column} LIMIT 1) FROM k WHERE k.key IS NOT NULL) \
             SELECT key::pg_catalog.text FROM k WHERE key IS NOT NULL LIMIT {CANDIDATES_MAX}"
        );
        let rows = admin.query(&sql, &[]).await;
        match rows {
            Ok(rows) if rows.len() > 1 => return Ok(rows.iter().map(|r| r.get(0)).collect()),
            Ok(rows) if single.is_empty() => single = rows.iter().map(|r| r.get(0)).collect(),
            Ok(_) => {}
            Err(error) if error.code().is_some_and(|c| c.code() == "42501") => {
                return Err(Error::sql(format!(
                    "list the tenants in {} as the admin, who is under row-level security too: name two with --tenant {} --tenant {}",
                    table,
                    literal("A"),
                    literal("B")
                ))(error));
            }
            Err(_) => {}
        }
    }
    Ok(single)
}
