//! Reads a journal and checks that it holds together.

use serde::de::DeserializeOwned;
use tenantry_blueprint::file::Blueprint;
use tenantry_pg::tokio_postgres::error::SqlState;
use tenantry_pg::tokio_postgres::types::FromSql;
use tenantry_pg::tokio_postgres::{self, GenericClient, Row};

use super::{Entry, Journal, JournalError, seal};
use crate::apply::{RunState, StepState, contradiction};

const PRESENT: &str = "
SELECT to_regclass('tenantry.journal') IS NOT NULL,
       to_regclass('tenantry.journal_step') IS NOT NULL,
       EXISTS (SELECT FROM pg_proc WHERE pronamespace = to_regnamespace('tenantry'))";

const RUN: &str = "
SELECT id, state, blueprint::text AS blueprint, blueprint_sha256, protection::text AS protection,
       to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS started_at,
       to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS finished_at
FROM tenantry.journal ORDER BY id";

const STEPS: &str = "
SELECT n, id, state, attempts, progress::text AS progress, error,
       to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS started_at,
       to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS finished_at,
       extract(epoch FROM coalesce(finished_at, clock_timestamp()) - started_at)::float8 AS seconds
FROM tenantry.journal_step WHERE run = $1 ORDER BY n";

/// The journal of a database; `None` if it has none.
pub async fn read(client: &impl GenericClient) -> Result<Option<Journal>, JournalError> {
    let row = client.query_one(PRESENT, &[]).await.map_err(unreadable)?;
    match (row.get(0), row.get(1), row.get(2)) {
        (false, false, false) => return Ok(None),
        (false, false, true) => return Err(JournalError::damaged("its tables are gone, tenantry's functions are not")),
        (false, true, _) => return Err(JournalError::damaged("table tenantry.journal is gone")),
        (true, false, _) => return Err(JournalError::damaged("table tenantry.journal_step is gone")),
        (true, true, _) => {}
    }
    let rows = client.query(RUN, &[]).await.map_err(unreadable)?;
    let [row] = rows.as_slice() else {
        return Err(JournalError::damaged(format!("tenantry.journal has {} rows and should have one", rows.len())));
    };
    let run: i64 = column(row, "id")?;
    let state: String = column(row, "state")?;
    let state = RunState::of(&state).ok_or_else(|| JournalError::damaged(format!("unknown state `{state}`")))?;
    let blueprint: Blueprint = json(&column::<String>(row, "blueprint")?, "the blueprint")?;
    if seal(&blueprint) != column::<String>(row, "blueprint_sha256")? {
        return Err(JournalError::damaged("somebody changed the blueprint"));
    }
    let rows = client.query(STEPS, &[&run]).await.map_err(unreadable)?;
    if rows.len() != blueprint.steps.len() {
        let (found, expected) = (rows.len(), blueprint.steps.len());
        return Err(JournalError::damaged(format!("{found} steps are recorded and the blueprint has {expected}")));
    }
    let mut steps = Vec::with_capacity(rows.len());
    for (row, step) in rows.iter().zip(&blueprint.steps) {
        let id: String = column(row, "id")?;
        if id != step.id {
            return Err(JournalError::damaged(format!("step `{id}` stands where `{}` should", step.id)));
        }
        steps.push(entry(row)?);
    }
    let pairs: Vec<_> = blueprint.steps.iter().zip(&steps).map(|(s, e)| (s.phase, e.state)).collect();
    if let Some(what) = contradiction(state, &pairs) {
        return Err(JournalError::damaged(what));
    }
    let protection = column::<Option<String>>(row, "protection")?;
    let protection = protection.map(|text| json(&text, "the protection")).transpose()?;
    let (started_at, finished_at) = (column(row, "started_at")?, column(row, "finished_at")?);
    Ok(Some(Journal { run, state, blueprint, protection, started_at, finished_at, steps }))
}

fn entry(row: &Row) -> Result<Entry, JournalError> {
    let state: String = column(row, "state")?;
    let mark: Option<String> = column(row, "progress")?;
    Ok(Entry {
        state: StepState::of(&state).ok_or_else(|| JournalError::damaged(format!("unknown step state `{state}`")))?,
        started_at: column(row, "started_at")?,
        finished_at: column(row, "finished_at")?,
        seconds: column(row, "seconds")?,
        attempts: column::<i32>(row, "attempts")?.try_into().unwrap_or_default(),
        mark: mark.map(|text| json(&text, "the progress of a step")).transpose()?,
        error: column(row, "error")?,
    })
}

fn unreadable(source: tokio_postgres::Error) -> JournalError {
    match source.code() {
        Some(code)
            if [SqlState::UNDEFINED_COLUMN, SqlState::DATATYPE_MISMATCH, SqlState::UNDEFINED_FUNCTION]
                .contains(code) =>
        {
            JournalError::damaged(source.as_db_error().map_or_else(|| source.to_string(), |db| db.message().to_owned()))
        }
        _ => JournalError::Read { source },
    }
}

fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, JournalError> {
    row.try_get(name).map_err(|_| JournalError::damaged(format!("column `{name}` does not hold what it should")))
}

fn json<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, JournalError> {
    serde_json::from_str(text).map_err(|e| JournalError::damaged(format!("{what} cannot be read ({e})")))
}
