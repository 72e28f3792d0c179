//! sqlx: named statements in a cache that frees them, a lone Sync as ping, a pool that drops transactions.

use std::borrow::Cow;

use anyhow::Result;
use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Error, Executor, PgConnection, PgPool, Row, query, query_scalar, raw_sql};
use tenantry_drivers::{CROWD, CROWD_TRANSACTIONS, Checks, MANY, SUM, TIMES, Tenant, large, needed, tenants};
use uuid::Uuid;

const LABEL: &str = "sqlx";

type Both = [(Tenant, PgPool); 2];

fn options(tenant: &Tenant) -> PgConnectOptions {
    let place = PgConnectOptions::new_without_pgpass().host(&needed::<String>("PGHOST")).port(needed("PGPORT"));
    place.database(&needed::<String>("PGDATABASE")).username(&tenant.user).password(&tenant.password)
}

fn refused<T>(checks: &mut Checks, what: &str, result: Result<T, Error>, state: &str) {
    let found = match result {
        Ok(_) => "no refusal".to_owned(),
        Err(Error::Database(error)) => error.code().map_or_else(String::new, Cow::into_owned),
        Err(error) => error.to_string(),
    };
    checks.same(what, found.as_str(), state);
}

async fn count(pool: &PgPool, body: &str) -> Result<i64> {
    let sql = "SELECT count(*) FROM notes WHERE label = $1 AND body = $2";
    Ok(query_scalar(sql).bind(LABEL).bind(body).fetch_one(pool).await?)
}

/// Each creates, reads, changes and deletes its own, and finds nothing of the other's.
async fn rows(checks: &mut Checks, both: &Both) -> Result<()> {
    let mut ids = Vec::<Uuid>::new();
    for (t, pool) in both {
        query("DELETE FROM notes WHERE label = $1").bind(LABEL).execute(pool).await?;
        let sql = "INSERT INTO notes (label, body) VALUES ($1, $2) RETURNING id, team_id";
        let made = query(sql).bind(LABEL).bind(&t.user).fetch_one(pool).await?;
        ids.push(made.get(0));
        checks.same("the tenant by default", made.get(1), t.team);
    }
    for (i, (t, pool)) in both.iter().enumerate() {
        let (mine, theirs, other) = (ids[i], ids[1 - i], both[1 - i].0.team);
        let read: String = query_scalar("SELECT body FROM notes WHERE id = $1").bind(mine).fetch_one(pool).await?;
        checks.same("reading", read, t.user.clone());
        let changed = query("UPDATE notes SET n = 7 WHERE id = $1").bind(mine).execute(pool).await?;
        checks.same("changing", changed.rows_affected(), 1);
        let none = query("SELECT n FROM notes WHERE id = $1").bind(theirs).fetch_optional(pool).await?;
        checks.same("reading the other's", none.is_none(), true);
        for sql in ["UPDATE notes SET n = 9 WHERE id = $1", "DELETE FROM notes WHERE id = $1"] {
            checks.same("changing the other's", query(sql).bind(theirs).execute(pool).await?.rows_affected(), 0);
        }
        let sql = "INSERT INTO notes (team_id, label, body) VALUES ($1, $2, '')";
        refused(checks, "writing as the other", query(sql).bind(other).bind(LABEL).execute(pool).await, "42501");
    }
    for (i, (_, pool)) in both.iter().enumerate() {
        let gone = query("DELETE FROM notes WHERE id = $1").bind(ids[i]).execute(pool).await?;
        checks.same("deleting", gone.rows_affected(), 1);
    }
    Ok(())
}

/// Every connection calls its statements sqlx_s_1, sqlx_s_2 …; a cache of one frees each before the next.
async fn prepared(checks: &mut Checks, both: &Both) -> Result<()> {
    for n in 0..TIMES {
        for (t, pool) in both {
            let mut transaction = pool.begin().await?;
            let sql = "INSERT INTO notes (label, body, n) VALUES ($1, 'prepared', $2) RETURNING n, team_id";
            let made = query(sql).bind(LABEL).bind(n).fetch_one(&mut *transaction).await?;
            transaction.commit().await?;
            checks.same("a prepared insert", (made.get(0), made.get(1)), (n, t.team));
        }
    }
    for tenant in tenants() {
        let mut c = PgConnection::connect_with(&options(&tenant).statement_cache_capacity(1)).await?;
        for n in 0..TIMES {
            let sql = format!("SELECT $1::int + {n}");
            let found: i32 = query_scalar(AssertSqlSafe(sql)).bind(1).fetch_one(&mut c).await?;
            checks.same("a statement that pushes another out", found, n + 1);
            let found: i32 = query_scalar("SELECT $1::int").bind(n).persistent(false).fetch_one(&mut c).await?;
            checks.same("an unnamed statement", found, n);
        }
        c.clear_cached_statements().await?;
        c.close().await?;
    }
    Ok(())
}

async fn transactions(checks: &mut Checks, both: &Both) -> Result<()> {
    for (_, pool) in both {
        for word in ["commit", "rollback", "dropped"] {
            let mut outer = pool.begin().await?;
            let add = "INSERT INTO notes (label, body) VALUES ($1, $2)";
            query(add).bind(LABEL).bind(word).execute(&mut *outer).await?;
            let mut inner = outer.begin().await?;
            query(add).bind(LABEL).bind("savepoint").execute(&mut *inner).await?;
            let divided = query("SELECT 1 / $1::int").bind(0).execute(&mut *inner).await;
            refused(checks, "an error in a savepoint", divided, "22012");
            inner.rollback().await?;
            match word {
                "commit" => outer.commit().await?,
                "rollback" => outer.rollback().await?,
                _ => drop(outer), // rolled back before the connection is lent again
            }
        }
    }
    for (_, pool) in both {
        let mut counts = Vec::new();
        for word in ["commit", "rollback", "dropped", "savepoint"] {
            counts.push(count(pool, word).await?);
        }
        checks.same("after commit and rollback", counts, vec![1, 0, 0, 0]);
    }
    Ok(())
}

async fn failures(checks: &mut Checks, both: &Both) -> Result<()> {
    for (_, pool) in both {
        refused(checks, "a division by zero", query("SELECT 1 / $1::int").bind(0).execute(pool).await, "22012");
        let id: Uuid = query_scalar("INSERT INTO notes (label, body) VALUES ($1, 'unique') RETURNING id")
            .bind(LABEL)
            .fetch_one(pool)
            .await?;
        let sql = "INSERT INTO notes (id, label, body) VALUES ($1, $2, '')";
        refused(checks, "a second one", query(sql).bind(id).bind(LABEL).execute(pool).await, "23505");
        let mut aborted = pool.begin().await?;
        refused(
            checks,
            "an error in a transaction",
            query("SELECT FROM no_such_table").execute(&mut *aborted).await,
            "42P01",
        );
        refused(checks, "after it", query("SELECT 1").execute(&mut *aborted).await, "25P02");
        aborted.rollback().await?;
        checks.same("going on", count(pool, "unique").await?, 1);
        let several = pool.fetch_all(raw_sql("SELECT 1; SELECT 2")).await?;
        checks.same("several statements in one", several.len(), 2);
        pool.acquire().await?.ping().await?;
    }
    Ok(())
}

async fn many(checks: &mut Checks, both: &Both) -> Result<()> {
    for (_, pool) in both {
        let numbers: Vec<i32> = (0..MANY).collect();
        let sql = "INSERT INTO notes (label, body, n) SELECT $1, 'many', n FROM unnest($2) n";
        query(sql).bind(LABEL).bind(numbers).execute(pool).await?;
    }
    for (t, pool) in both {
        let sql = "SELECT n, team_id FROM notes WHERE label = $1 AND body = 'many'";
        let (mut sum, mut wrong) = (0, 0);
        {
            let mut stream = query(sql).bind(LABEL).fetch(pool);
            while let Some(row) = stream.try_next().await? {
                sum += i64::from(row.get::<i32, _>(0));
                wrong += usize::from(row.get::<Uuid, _>(1) != t.team);
            }
            let mut left = query(sql).bind(LABEL).fetch(pool);
            left.try_next().await?; // and the rest is read before the connection is lent again
        }
        checks.same("many rows, as a stream", (sum, wrong), (SUM, 0));
        let large = large();
        let back: String = query_scalar("INSERT INTO notes (label, body) VALUES ($1, $2) RETURNING body")
            .bind(LABEL)
            .bind(&large)
            .fetch_one(pool)
            .await?;
        checks.same("a large row", back == large, true);
    }
    Ok(())
}

async fn copying(checks: &mut Checks, both: &Both) -> Result<()> {
    for (t, pool) in both {
        let mut c = pool.acquire().await?;
        let out =
            c.copy_out_raw("COPY (SELECT team_id FROM notes WHERE label = 'sqlx' AND body = 'many') TO STDOUT").await?;
        let text = String::from_utf8(out.try_collect::<Vec<_>>().await?.concat())?;
        let team = t.team.to_string();
        checks.same("COPY OUT", (text.lines().count(), text.lines().all(|l| l == team)), (MANY as usize, true));
        let label = format!("{LABEL} {team}");
        query("DELETE FROM scratch WHERE label = $1").bind(&label).execute(&mut *c).await?;
        let mut into = c.copy_in_raw("COPY scratch (label, n, body) FROM STDIN").await?;
        into.send((0..MANY).map(|n| format!("{label}\t{n}\tx\n")).collect::<String>().as_bytes()).await?;
        checks.same("COPY IN", into.finish().await?, MANY as u64);
        let given_up = c.copy_in_raw("COPY scratch (label, n) FROM STDIN").await?;
        given_up.abort("no more").await?;
        let gone = query("DELETE FROM scratch WHERE label = $1").bind(&label).execute(&mut *c).await?;
        checks.same("after them", gone.rows_affected(), MANY as u64);
    }
    Ok(())
}

/// More connections than a pooler has servers: each transaction still meets its own tenant.
async fn crowd(checks: &mut Checks, both: &Both) -> Result<()> {
    let member = async |(t, pool): &(Tenant, PgPool)| -> Result<usize> {
        let mut wrong = 0;
        for n in 0..CROWD_TRANSACTIONS {
            let mut transaction = pool.begin().await?;
            let sql = "INSERT INTO notes (label, body, n) VALUES ($1, 'crowd', $2) RETURNING team_id";
            let team: Uuid = query_scalar(sql).bind(LABEL).bind(n).fetch_one(&mut *transaction).await?;
            transaction.commit().await?;
            wrong += usize::from(team != t.team);
        }
        Ok(wrong)
    };
    let members = both.iter().flat_map(|side| (0..CROWD).map(move |_| side)).map(member);
    checks.same("a crowd of both", try_join_all(members).await?.iter().sum(), 0);
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let open = |t: Tenant| {
        let pool = PgPoolOptions::new().max_connections(CROWD).connect_lazy_with(options(&t));
        (t, pool)
    };
    let both = tenants().map(open);
    let mut checks = Checks::new(LABEL);
    rows(&mut checks, &both).await?;
    prepared(&mut checks, &both).await?;
    transactions(&mut checks, &both).await?;
    failures(&mut checks, &both).await?;
    many(&mut checks, &both).await?;
    copying(&mut checks, &both).await?;
    crowd(&mut checks, &both).await?;
    for (t, pool) in &both {
        let teams: Vec<Uuid> = query_scalar("SELECT DISTINCT team_id FROM notes").fetch_all(pool).await?;
        checks.same("whose rows were there at the end", teams, vec![t.team]);
        query("DELETE FROM notes WHERE label = $1").bind(LABEL).execute(pool).await?;
        pool.close().await;
    }
    checks.done();
    Ok(())
}
