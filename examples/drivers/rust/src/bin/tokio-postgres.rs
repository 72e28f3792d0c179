//! tokio-postgres: Parse and Bind in different batches always, statements freed when their handle drops, queries sent
//! without waiting, COPY in the extended protocol, portals, cancelling.

use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use futures_util::{SinkExt, TryStreamExt, pin_mut};
use tenantry_drivers::{CROWD, CROWD_TRANSACTIONS, Checks, MANY, SUM, TIMES, Tenant, large, needed, tenants};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, IsolationLevel, NoTls, SimpleQueryMessage};
use uuid::Uuid;

const LABEL: &str = "tokio-postgres";

type Both = [(Tenant, Client); 2];

async fn connect(tenant: &Tenant) -> Result<Client> {
    let mut config = Config::new();
    config.host(needed::<String>("PGHOST")).port(needed("PGPORT")).dbname(needed::<String>("PGDATABASE"));
    let (client, connection) = config.user(&tenant.user).password(&tenant.password).connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn refused<T>(checks: &mut Checks, what: &str, result: Result<T, Error>, state: &SqlState) {
    let found = result.err().and_then(|error| error.code().cloned());
    checks.same(what, found.as_ref(), Some(state));
}

async fn count(c: &Client, body: &str) -> Result<i64> {
    Ok(c.query_one("SELECT count(*) FROM notes WHERE label = $1 AND body = $2", &[&LABEL, &body]).await?.get(0))
}

/// Each creates, reads, changes and deletes its own, and finds nothing of the other's.
async fn rows(checks: &mut Checks, both: &mut Both) -> Result<()> {
    let mut ids = Vec::new();
    for (t, c) in &*both {
        c.execute("DELETE FROM notes WHERE label = $1", &[&LABEL]).await?;
        let made = c
            .query_one("INSERT INTO notes (label, body) VALUES ($1, $2) RETURNING id, team_id", &[&LABEL, &t.user])
            .await?;
        ids.push(made.get::<_, Uuid>(0));
        checks.same("the tenant by default", made.get(1), t.team);
    }
    for (i, (t, c)) in both.iter().enumerate() {
        let (mine, theirs, other) = (ids[i], ids[1 - i], both[1 - i].0.team);
        let read = c.query_one("SELECT body FROM notes WHERE id = $1", &[&mine]).await?;
        checks.same("reading", read.get(0), t.user.as_str());
        checks.same("changing", c.execute("UPDATE notes SET n = 7 WHERE id = $1", &[&mine]).await?, 1);
        checks.same("reading the other's", c.query("SELECT FROM notes WHERE id = $1", &[&theirs]).await?.len(), 0);
        checks.same("changing the other's", c.execute("UPDATE notes SET n = 9 WHERE id = $1", &[&theirs]).await?, 0);
        checks.same("deleting the other's", c.execute("DELETE FROM notes WHERE id = $1", &[&theirs]).await?, 0);
        let intruding =
            c.execute("INSERT INTO notes (team_id, label, body) VALUES ($1, $2, '')", &[&other, &LABEL]).await;
        refused(checks, "writing as the other", intruding, &SqlState::INSUFFICIENT_PRIVILEGE);
    }
    for (i, (_, c)) in both.iter().enumerate() {
        checks.same("deleting", c.execute("DELETE FROM notes WHERE id = $1", &[&ids[i]]).await?, 1);
    }
    Ok(())
}

/// Both clients call their statements s0, s1 …, each with texts of its own.
async fn prepared(checks: &mut Checks, both: &mut Both) -> Result<()> {
    let mut kept = Vec::new();
    for (i, (_, c)) in both.iter().enumerate() {
        let sql = format!("INSERT INTO notes (label, body, n) VALUES ($1, 'prepared', $2) RETURNING n + {i}, team_id");
        kept.push(c.prepare(&sql).await?);
    }
    for n in 0..TIMES {
        for (i, (t, c)) in both.iter_mut().enumerate() {
            let made = if n % 2 == 0 {
                c.query_one(&kept[i], &[&LABEL, &n]).await?
            } else {
                let transaction = c.transaction().await?;
                let made = transaction.query_one(&kept[i], &[&LABEL, &n]).await?;
                transaction.commit().await?;
                made
            };
            checks.same("a prepared insert", (made.get(0), made.get(1)), (n + i as i32, t.team));
            // prepared, executed and freed; the freeing travels with the next message
            let passing = c.query_one(&format!("SELECT $1::int + {n}"), &[&1i32]).await?;
            checks.same("a statement used once", passing.get(0), n + 1);
        }
    }
    Ok(())
}

async fn transactions(checks: &mut Checks, both: &mut Both) -> Result<()> {
    for (_, c) in &mut *both {
        for word in ["commit", "rollback", "dropped"] {
            let mut outer = c.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start().await?;
            outer.execute("INSERT INTO notes (label, body) VALUES ($1, $2)", &[&LABEL, &word]).await?;
            let inner = outer.savepoint("s").await?;
            inner.execute("INSERT INTO notes (label, body) VALUES ($1, 'savepoint')", &[&LABEL]).await?;
            refused(
                checks,
                "an error in a savepoint",
                inner.query("SELECT 1 / $1::int", &[&0i32]).await,
                &SqlState::DIVISION_BY_ZERO,
            );
            inner.rollback().await?;
            match word {
                "commit" => outer.commit().await?,
                "rollback" => outer.rollback().await?,
                _ => drop(outer), // the rollback travels with the next message
            }
        }
    }
    for (t, c) in &mut *both {
        let mut counts = Vec::new();
        for word in ["commit", "rollback", "dropped", "savepoint"] {
            counts.push(count(c, word).await?);
        }
        checks.same("after commit and rollback", counts, vec![1, 0, 0, 0]);
        let reading = c.build_transaction().read_only(true).start().await?;
        let team: Uuid =
            reading.query_one("SELECT DISTINCT team_id FROM notes WHERE label = $1", &[&LABEL]).await?.get(0);
        checks.same("a read-only transaction", team, t.team);
        reading.commit().await?;
    }
    Ok(())
}

async fn failures(checks: &mut Checks, both: &mut Both) -> Result<()> {
    for (_, c) in both {
        refused(
            checks,
            "a division by zero",
            c.query("SELECT 1 / $1::int", &[&0i32]).await,
            &SqlState::DIVISION_BY_ZERO,
        );
        let id: Uuid =
            c.query_one("INSERT INTO notes (label, body) VALUES ($1, 'unique') RETURNING id", &[&LABEL]).await?.get(0);
        let second = c.execute("INSERT INTO notes (id, label, body) VALUES ($1, $2, '')", &[&id, &LABEL]).await;
        refused(checks, "a second one", second, &SqlState::UNIQUE_VIOLATION);
        c.batch_execute("BEGIN").await?;
        refused(
            checks,
            "an error in a transaction",
            c.prepare("SELECT FROM no_such_table").await,
            &SqlState::UNDEFINED_TABLE,
        );
        refused(checks, "after it", c.simple_query("SELECT 1").await, &SqlState::IN_FAILED_SQL_TRANSACTION);
        c.batch_execute("ROLLBACK").await?;
        checks.same("going on", count(c, "unique").await?, 1);

        let cancel = c.cancel_token();
        let slow = c.simple_query("SELECT pg_sleep(60)");
        pin_mut!(slow);
        let ended = loop {
            match tokio::time::timeout(Duration::from_millis(100), &mut slow).await {
                Ok(ended) => break ended,
                Err(_) => cancel.cancel_query(NoTls).await?,
            }
        };
        refused(checks, "a cancelled query", ended, &SqlState::QUERY_CANCELED);
        c.check_connection().await?;
        let several = c.simple_query("SELECT 1; SELECT 2").await?;
        let found = several.iter().filter(|m| matches!(m, SimpleQueryMessage::Row(_))).count();
        checks.same("several statements in one", found, 2);
    }
    Ok(())
}

async fn many(checks: &mut Checks, both: &mut Both) -> Result<()> {
    for (_, c) in &*both {
        let add = c.prepare("INSERT INTO notes (label, body, n) VALUES ($1, 'many', $2)").await?;
        let numbers: Vec<i32> = (0..MANY).collect();
        // all are sent without waiting for the first answer
        for part in numbers.chunks(1000) {
            let adding = part.iter().map(|n| async { c.execute(&add, &[&LABEL, n]).await });
            checks.same("a thousand at once", try_join_all(adding).await?.len(), part.len());
        }
    }
    for (t, c) in both {
        let transaction = c.transaction().await?;
        let portal =
            transaction.bind("SELECT n, team_id FROM notes WHERE label = $1 AND body = 'many'", &[&LABEL]).await?;
        let (mut sum, mut wrong) = (0, 0);
        loop {
            let part = transaction.query_portal(&portal, 500).await?;
            if part.is_empty() {
                break;
            }
            sum += part.iter().map(|row| i64::from(row.get::<_, i32>(0))).sum::<i64>();
            wrong += part.iter().filter(|row| row.get::<_, Uuid>(1) != t.team).count();
        }
        transaction.commit().await?;
        drop(portal); // closed after the transaction that it belonged to
        checks.same("many rows, by a portal", (sum, wrong), (SUM, 0));
        let large = large();
        let back =
            c.query_one("INSERT INTO notes (label, body) VALUES ($1, $2) RETURNING body", &[&LABEL, &large]).await?;
        checks.same("a large row", back.get::<_, &str>(0) == large, true);
    }
    Ok(())
}

async fn copying(checks: &mut Checks, both: &mut Both) -> Result<()> {
    for (t, c) in both {
        let out = c
            .copy_out("COPY (SELECT team_id FROM notes WHERE label = 'tokio-postgres' AND body = 'many') TO STDOUT")
            .await?;
        let text: Vec<Bytes> = out.try_collect().await?;
        let text = String::from_utf8(text.concat())?;
        let team = t.team.to_string();
        checks.same("COPY OUT", (text.lines().count(), text.lines().all(|l| l == team)), (MANY as usize, true));

        let label = format!("{LABEL} {team}");
        c.execute("DELETE FROM scratch WHERE label = $1", &[&label]).await?;
        let into = c.copy_in("COPY scratch (label, n, body) FROM STDIN").await?;
        pin_mut!(into);
        for n in 0..MANY {
            into.feed(Bytes::from(format!("{label}\t{n}\tx\n"))).await?;
        }
        checks.same("COPY IN", into.finish().await?, MANY as u64);
        let bad = c.copy_in("COPY scratch (label, n) FROM STDIN").await?;
        pin_mut!(bad);
        bad.send(Bytes::from_static(b"one column\n")).await?;
        refused(checks, "a bad COPY", bad.finish().await, &SqlState::BAD_COPY_FILE_FORMAT);
        {
            let given_up = c.copy_in::<_, Bytes>("COPY scratch (label, n) FROM STDIN").await?;
            drop(given_up); // CopyFail
        }
        checks.same("after them", c.execute("DELETE FROM scratch WHERE label = $1", &[&label]).await?, MANY as u64);
    }
    Ok(())
}

async fn pipelining(checks: &mut Checks, both: &mut Both) -> Result<()> {
    for (t, c) in both {
        let asked = c.prepare("SELECT team_id, 1 / ($1::int - 25) FROM notes WHERE label = $2 LIMIT 1").await?;
        let sent = (0..50i32).map(|n| {
            let asked = &asked;
            let c = &*c;
            async move { c.query_one(asked, &[&n, &LABEL]).await.map(|row| row.get::<_, Uuid>(0)) }
        });
        let found = join_all(sent).await;
        let failed: Vec<usize> = found.iter().enumerate().filter(|(_, r)| r.is_err()).map(|(n, _)| n).collect();
        checks.same("a pipeline", (failed, found.iter().flatten().all(|team| *team == t.team)), (vec![25], true));
    }
    Ok(())
}

/// More connections than a pooler has servers: each transaction still meets its own tenant.
async fn crowd(checks: &mut Checks, both: &Both) -> Result<()> {
    let member = async |t: &Tenant| -> Result<usize> {
        let mut c = connect(t).await?;
        let mut wrong = 0;
        for n in 0..CROWD_TRANSACTIONS {
            let transaction = c.transaction().await?;
            let made = transaction
                .query_one(
                    "INSERT INTO notes (label, body, n) VALUES ($1, 'crowd', $2) RETURNING team_id",
                    &[&LABEL, &n],
                )
                .await?;
            transaction.commit().await?;
            wrong += usize::from(made.get::<_, Uuid>(0) != t.team);
        }
        Ok(wrong)
    };
    let members = both.iter().flat_map(|(t, _)| (0..CROWD).map(move |_| t)).map(member);
    checks.same("a crowd of both", try_join_all(members).await?.iter().sum(), 0);
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let [a, b] = tenants();
    let mut both = [(a.clone(), connect(&a).await?), (b.clone(), connect(&b).await?)];
    let mut checks = Checks::new(LABEL);
    rows(&mut checks, &mut both).await?;
    prepared(&mut checks, &mut both).await?;
    transactions(&mut checks, &mut both).await?;
    failures(&mut checks, &mut both).await?;
    many(&mut checks, &mut both).await?;
    copying(&mut checks, &mut both).await?;
    pipelining(&mut checks, &mut both).await?;
    crowd(&mut checks, &both).await?;
    for (t, c) in &both {
        let teams = c.query("SELECT DISTINCT team_id FROM notes", &[]).await?;
        checks.same("whose rows were there at the end", teams.iter().map(|row| row.get(0)).collect(), vec![t.team]);
        c.execute("DELETE FROM notes WHERE label = $1", &[&LABEL]).await?;
    }
    checks.done();
    Ok(())
}
