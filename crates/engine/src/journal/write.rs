//! The journal's own SQL that writes. Each function is one statement or a few, run inside or outside of the
//! caller's transaction.

use tenantry_blueprint::drift::Protection;
use tenantry_blueprint::file::Blueprint;
use tenantry_pg::tokio_postgres::types::Json;
use tenantry_pg::tokio_postgres::{self, GenericClient};

use super::{JournalError, Mark, seal};
use crate::apply::{RunState, StepState};

const TABLES: &str = "
CREATE TABLE tenantry.journal (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state            text NOT NULL CHECK (state IN ('applying', 'applied', 'completing', 'completed', 'rolling-back')),
    blueprint        jsonb NOT NULL,
    blueprint_sha256 text NOT NULL,
    protection       jsonb,
    started_at       timestamptz NOT NULL DEFAULT now(),
    finished_at      timestamptz
);
CREATE TABLE tenantry.journal_step (
    run         bigint NOT NULL REFERENCES tenantry.journal ON DELETE CASCADE,
    n           integer NOT NULL,
    id          text NOT NULL,
    state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'done', 'undone')),
    started_at  timestamptz,
    finished_at timestamptz,
    attempts    integer NOT NULL DEFAULT 0,
    progress    jsonb,
    error       text,
    PRIMARY KEY (run, n)
);
";

/// Default privileges of the schema's maker may have opened the new tables to others.
const CLOSE: &str = "
DO $$
DECLARE one record;
BEGIN
    FOR one IN
        SELECT DISTINCT c.oid::regclass AS relation, a.grantee, r.rolname
        FROM pg_class c
        CROSS JOIN LATERAL aclexplode(c.relacl) a
        LEFT JOIN pg_roles r ON r.oid = a.grantee
        WHERE c.oid IN ('tenantry.journal'::regclass, 'tenantry.journal_step'::regclass) AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s', one.relation,
            CASE WHEN one.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(one.rolname) END);
    END LOOP;
END $$;
";

fn failed(what: &'static str) -> impl Fn(tokio_postgres::Error) -> JournalError {
    move |source| JournalError::Write { what, source }
}

/// Whether a schema `tenantry` stands in the database, with or without a journal.
pub(crate) async fn schema_exists(client: &impl GenericClient) -> Result<bool, JournalError> {
    client
        .query_one("SELECT to_regnamespace('tenantry') IS NOT NULL", &[])
        .await
        .map(|row| row.get(0))
        .map_err(|source| JournalError::Read { source })
}

/// Makes schema and tables and writes every step as pending. To be run in a transaction.
pub(crate) async fn create(client: &impl GenericClient, blueprint: &Blueprint) -> Result<i64, JournalError> {
    client.batch_execute("CREATE SCHEMA tenantry").await.map_err(failed("make schema tenantry"))?;
    fill(client, blueprint, RunState::Applying, StepState::Pending).await
}

/// Puts a new journal in place of a damaged one: every step counts as begun, since nobody knows. To be run in a
/// transaction.
pub(crate) async fn replace(client: &impl GenericClient, blueprint: &Blueprint) -> Result<i64, JournalError> {
    let sql = "DROP TABLE IF EXISTS tenantry.journal_step, tenantry.journal";
    client.batch_execute(sql).await.map_err(failed("drop the damaged tables"))?;
    client.batch_execute("CREATE SCHEMA IF NOT EXISTS tenantry").await.map_err(failed("make schema tenantry"))?;
    fill(client, blueprint, RunState::RollingBack, StepState::Running).await
}

async fn fill(
    client: &impl GenericClient,
    blueprint: &Blueprint,
    state: RunState,
    steps: StepState,
) -> Result<i64, JournalError> {
    client.batch_execute(TABLES).await.map_err(failed("make the tables"))?;
    client.batch_execute(CLOSE).await.map_err(failed("close the tables"))?;
    let row = client
        .query_one(
            "INSERT INTO tenantry.journal (state, blueprint, blueprint_sha256) VALUES ($1, $2, $3) RETURNING id",
            &[&state.word(), &Json(blueprint), &seal(blueprint)],
        )
        .await
        .map_err(failed("write the blueprint"))?;
    let run: i64 = row.get(0);
    let ids: Vec<&str> = blueprint.steps.iter().map(|s| s.id.as_str()).collect();
    client
        .execute(
            "INSERT INTO tenantry.journal_step (run, n, id, state)
             SELECT $1, u.n, u.id, $3 FROM unnest($2::text[]) WITH ORDINALITY AS u (id, n)",
            &[&run, &ids, &steps.word()],
        )
        .await
        .map_err(failed("write the steps"))?;
    Ok(run)
}

/// A command begins.
pub(crate) async fn begin_run(client: &impl GenericClient, run: i64, state: RunState) -> Result<(), JournalError> {
    let sql = "UPDATE tenantry.journal SET state = $2, finished_at = NULL WHERE id = $1";
    client.execute(sql, &[&run, &state.word()]).await.map(drop).map_err(failed("begin the run"))
}

/// A command has done all its steps, and this is the wall it leaves behind.
pub(crate) async fn end_run(
    client: &impl GenericClient,
    run: i64,
    state: RunState,
    protection: &Protection,
) -> Result<(), JournalError> {
    let sql = "UPDATE tenantry.journal SET state = $2, protection = $3, finished_at = clock_timestamp() WHERE id = $1";
    let wall = Json(protection);
    client.execute(sql, &[&run, &state.word(), &wall]).await.map(drop).map_err(failed("end the run"))
}

/// A step that is not one transaction begins, or goes on.
pub(crate) async fn step_begun(client: &impl GenericClient, run: i64, step: usize) -> Result<(), JournalError> {
    let sql = "UPDATE tenantry.journal_step
               SET state = 'running', attempts = attempts + 1, error = NULL, finished_at = NULL,
                   started_at = CASE WHEN state = 'running' THEN started_at ELSE clock_timestamp() END
               WHERE run = $1 AND n = $2";
    client.execute(sql, &[&run, &number(step)]).await.map(drop).map_err(failed("begin a step"))
}

/// A step is done. `attempts` are those of this run.
pub(crate) async fn step_done(
    client: &impl GenericClient,
    run: i64,
    step: usize,
    attempts: u32,
) -> Result<(), JournalError> {
    let sql = "UPDATE tenantry.journal_step
               SET state = 'done', error = NULL, finished_at = clock_timestamp(), attempts = attempts + $3,
                   started_at = CASE WHEN state = 'running' THEN started_at ELSE transaction_timestamp() END
               WHERE run = $1 AND n = $2";
    let attempts = i32::try_from(attempts).unwrap_or(i32::MAX);
    client.execute(sql, &[&run, &number(step), &attempts]).await.map(drop).map_err(failed("end a step"))
}

/// A step is taken back.
pub(crate) async fn step_undone(client: &impl GenericClient, run: i64, step: usize) -> Result<(), JournalError> {
    let sql = "UPDATE tenantry.journal_step SET state = 'undone', error = NULL, finished_at = clock_timestamp()
               WHERE run = $1 AND n = $2";
    client.execute(sql, &[&run, &number(step)]).await.map(drop).map_err(failed("take back a step"))
}

/// A step failed: why, for `status`.
pub(crate) async fn step_failed(
    client: &impl GenericClient,
    run: i64,
    step: usize,
    why: &str,
) -> Result<(), JournalError> {
    let sql = "UPDATE tenantry.journal_step SET error = $3 WHERE run = $1 AND n = $2";
    client.execute(sql, &[&run, &number(step), &why]).await.map(drop).map_err(failed("note a failure"))
}

/// How far a step is.
pub(crate) async fn step_progress(
    client: &impl GenericClient,
    run: i64,
    step: usize,
    mark: &Mark,
) -> Result<(), JournalError> {
    let sql = "UPDATE tenantry.journal_step SET progress = $3 WHERE run = $1 AND n = $2";
    client.execute(sql, &[&run, &number(step), &Json(mark)]).await.map(drop).map_err(failed("note progress"))
}

/// Lets the runner reach its tables even when it is no member of the schema's owner any more.
pub(crate) async fn keep_open(client: &impl GenericClient) -> Result<(), JournalError> {
    let sql = "GRANT USAGE ON SCHEMA tenantry TO CURRENT_USER";
    client.batch_execute(sql).await.map_err(failed("keep the schema open"))
}

/// Drops journal and schema. In the same transaction as the first step's way back.
pub(crate) async fn drop_tables(client: &impl GenericClient) -> Result<(), tokio_postgres::Error> {
    client.batch_execute("DROP TABLE tenantry.journal_step, tenantry.journal; DROP SCHEMA IF EXISTS tenantry").await
}

/// Steps are counted from 0 here and from 1 in the journal.
fn number(step: usize) -> i32 {
    i32::try_from(step + 1).unwrap_or(i32::MAX)
}
