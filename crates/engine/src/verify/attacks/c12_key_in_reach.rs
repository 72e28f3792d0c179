//! C-12: the key and the memory of the context.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "C-12",
    title: "The runtime can forge a context",
    severity: Critical,
    meaning: "Whoever can read or write the signing keys, or set the sequences in which the session remembers its tenant, makes a context of its own. A token of another session, an old one, or one that was used already must not work either.",
    method: "As the runtime login: reads and writes tenantry.signing_key, setval/nextval/currval/ALTER on every sequence of schema tenantry, replaces its functions. Then replays a used token, one of another session, an expired one, one after DISCARD ALL and a new binding, one signed with another key, and a stateless token of another connection; and the same tokens in the form that holds. Each must be refused; a good token (control) works.",
    remedy: "Revoke every right on the tables and sequences of schema tenantry from everybody but its keeper: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let session = stage.fresh(0).await?;
    let other = stage.fresh(stage.logins.len() - 1).await?;
    session.begin(None).await?;
    let control = session.attempt(&session.enter_sql(&stage.b), Wire::Simple).await?;
    session.end().await?;
    if !matches!(control, Answer::Done { .. }) {
        return Ok(Outcome::Skipped(format!("a good token is refused: {}", control.code())));
    }
    tally.tried();
    for (object, sql) in reaches(stage).await? {
        tally.attempt();
        session.begin(Some(&stage.a)).await?;
        if matches!(session.attempt(&sql, Wire::Simple).await?, Answer::Done { .. }) {
            tally.broke(object, "the runtime can read or change it");
        }
        session.end().await?;
        if tally.is_broken() {
            // The memory may be in disorder now, so that tokens would be refused for that alone.
            return Ok(tally.finish("way to forge a context", ""));
        }
    }
    // A token used once, again in the same session; and one for a transaction, used to hold the session.
    for used in [enter(&session.token(&stage.b)), session.hold_sql(&stage.b)] {
        session.begin(None).await?;
        session.say(&used, Wire::Simple).await?;
        session.end().await?;
        refused(&session, &mut tally, &used, "a used token works again").await?;
    }
    let for_once = session.enter_sql(&stage.b).replacen("tenantry.enter", "tenantry.hold", 1);
    refused(&session, &mut tally, &for_once, "a token for one transaction holds the session").await?;
    // A good, unused token of another session.
    for token in [enter(&other.token(&stage.b)), other.hold_sql(&stage.b)] {
        refused(&session, &mut tally, &token, "a token of another session works").await?;
    }
    // An old one.
    let number = session.bound_number();
    let old = stage.shared.signer.token_until(&stage.b, number, i64::MAX / 2, super::super::logins::now() - 1);
    refused(&session, &mut tally, &enter(&old), "an expired token works").await?;
    // One that was made before the session was bound anew.
    let before = [enter(&session.token(&stage.b)), session.hold_sql(&stage.b)];
    session.say("DISCARD ALL", Wire::Simple).await?;
    session.bind().await?;
    for token in before {
        refused(&session, &mut tally, &token, "a token from before DISCARD ALL works").await?;
    }
    // Another key under the same number.
    let forged = stage.shared.signer.forged(&stage.b, session.bound_number());
    refused(&session, &mut tally, &enter(&forged), "a token signed with another key works").await?;
    // A stateless token of another connection.
    let pid = other.number("SELECT pg_catalog.pg_backend_pid()::pg_catalog.int8").await?;
    let foreign = stage.shared.signer.stateless(&stage.b, i32::try_from(pid).unwrap_or_default());
    if let Some(table) = stage.tables().find(|t| t.b.is_some()) {
        tally.attempt();
        session.begin(None).await?;
        session.say(&format!("SET LOCAL tenantry.context = {}", literal(&foreign)), Wire::Simple).await?;
        if session.attempt(&format!("SELECT 1 FROM {} t LIMIT 1", table.sql), Wire::Simple).await?.rows() > 0 {
            tally.broke("tenantry.context", "a stateless token of another connection works");
        }
        session.end().await?;
    }
    other.close().await;
    session.close().await;
    Ok(tally
        .finish("way to forge a context", "keys and memory are out of reach, and no token works twice or elsewhere"))
}

fn enter(token: &str) -> String {
    format!("SELECT tenantry.enter({}::pg_catalog.text)", literal(token))
}

async fn refused(session: &Session, tally: &mut Tally, sql: &str, seen: &str) -> Result<(), Stop> {
    tally.attempt();
    session.begin(None).await?;
    if matches!(session.attempt(sql, Wire::Simple).await?, Answer::Done { .. }) {
        tally.broke(if sql.contains("tenantry.hold") { "tenantry.hold" } else { "tenantry.enter" }, seen);
    }
    session.end().await
}

/// Statements that would read or change the keys, the memory or the functions. Each would do no harm if it worked:
/// it is undone at once, and setval puts back what stands (a sequence's own last value is asked for in the same
/// statement, which needs the right to read it).
async fn reaches(stage: &Stage) -> Result<Vec<(String, String)>, Stop> {
    let mut all: Vec<(String, String)> = [
        "SELECT 1 FROM tenantry.signing_key LIMIT 1",
        "INSERT INTO tenantry.signing_key (kid, ipad, opad) VALUES (9899, '', '')",
        "UPDATE tenantry.signing_key SET not_after = not_after",
        "DELETE FROM tenantry.signing_key WHERE kid = -1",
        "LOCK TABLE tenantry.signing_key IN ACCESS SHARE MODE",
    ]
    .map(|sql| ("tenantry.signing_key".to_owned(), sql.to_owned()))
    .to_vec();
    let sequences = stage
        .list(
            "SELECT 'tenantry.' || quote_ident(c.relname) FROM pg_class c WHERE c.relkind = 'S' \
             AND c.relnamespace = 'tenantry'::regnamespace ORDER BY 1",
        )
        .await?;
    for sequence in sequences {
        let name = literal(&sequence);
        for sql in [
            format!("SELECT last_value FROM {sequence}"),
            format!("SELECT pg_catalog.currval({name})"),
            format!("SELECT pg_catalog.setval({name}, last_value, is_called) FROM {sequence}"),
            format!("ALTER SEQUENCE {sequence} CACHE 1"),
        ] {
            all.push((sequence.clone(), sql));
        }
        // Needs neither to read nor to know the value: asks for the right alone.
        all.push((
            sequence.clone(),
            format!("SELECT 1 WHERE pg_catalog.has_sequence_privilege({name}, 'UPDATE') AND 1 / 0 = 1"),
        ));
    }
    all.retain(|(_, sql)| !sql.contains("1 / 0"));
    all.push((
        "tenantry.tenant_id()".into(),
        "CREATE OR REPLACE FUNCTION tenantry.tenant_id() RETURNS pg_catalog.uuid LANGUAGE sql AS 'SELECT NULL::pg_catalog.uuid'".into(),
    ));
    all.push(("schema tenantry".into(), "CREATE TABLE tenantry.verify_table (x pg_catalog.int4)".into()));
    Ok(all)
}
