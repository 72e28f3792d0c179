//! What must hold before a run changes anything.

use std::collections::HashSet;

use tenantry_blueprint::file::{Blueprint, FORMAT, Phase, Run};
use tenantry_model::{Ident, QualifiedName};
use tenantry_pg::tokio_postgres::GenericClient;

use super::error::Error;
use super::event::Command;
use super::runner::Runner;
use super::sessions;
use super::state::{StepState, todo};
use crate::inspect;
use crate::journal::{self, Journal};

/// The server can be worked on, and is not below the version floor unless that is allowed.
pub(super) fn server(runner: &Runner<'_>) -> Result<(), Error> {
    runner.facts.check_version(runner.options.allow_old_server)?;
    Ok(runner.facts.check_writable()?)
}

/// The blueprint is one for this database, open questions are settled, and it holds together.
pub(super) fn blueprint(runner: &Runner<'_>, blueprint: &Blueprint) -> Result<(), Error> {
    blueprint_fits(runner, blueprint)?;
    let findings: Vec<_> = blueprint.findings.iter().filter(|f| f.blocks && f.accepted.is_none()).cloned().collect();
    if findings.is_empty() { Ok(()) } else { Err(Error::Blocked { findings }) }
}

/// The blueprint is one for this database and holds together.
pub(super) fn blueprint_fits(runner: &Runner<'_>, blueprint: &Blueprint) -> Result<(), Error> {
    if blueprint.database != runner.database() {
        let (expected, found) = (blueprint.database.clone(), runner.database().to_owned());
        return Err(Error::OtherDatabase { expected, found });
    }
    if blueprint.server_major != runner.facts.version.major() {
        return Err(Error::OtherServer { expected: blueprint.server_major, found: runner.facts.version.major() });
    }
    match flaw(blueprint) {
        Some(reason) => Err(Error::BadBlueprint { reason }),
        None => Ok(()),
    }
}

/// What makes a blueprint one that cannot be run.
fn flaw(blueprint: &Blueprint) -> Option<String> {
    if blueprint.format != FORMAT {
        return Some(format!("its format is {} and this tenantry knows {FORMAT}", blueprint.format));
    }
    let mut ids = HashSet::new();
    if let Some(twice) = blueprint.steps.iter().find(|s| !ids.insert(&s.id)) {
        return Some(format!("step {} is in it twice", twice.id));
    }
    if !blueprint.steps.is_sorted_by_key(|s| s.phase) {
        return Some("a step of apply stands behind one of complete".to_owned());
    }
    let backfill = |s: &&tenantry_blueprint::file::Step| matches!(s.run, Run::Backfill { .. }) && s.up.len() != 1;
    blueprint.steps.iter().find(backfill).map(|s| format!("step {} needs exactly one statement", s.id))
}

/// The schema is the one the blueprint was made for, and the runner may do what it needs.
pub(super) async fn schema(runner: &Runner<'_>, blueprint: &Blueprint) -> Result<(), Error> {
    if journal::schema_exists(&*runner.work).await? {
        return Err(Error::NameTaken { what: "schema tenantry".to_owned() });
    }
    let catalog = inspect::read(&runner.work).await?;
    if catalog.fingerprint() != blueprint.fingerprint {
        return Err(Error::SchemaChanged { database: runner.database().to_owned() });
    }
    let missing = inspect::server::missing_rights(&runner.work, &catalog).await?;
    if missing.is_empty() { Ok(()) } else { Err(Error::MissingRights { user: runner.facts.user.to_string(), missing }) }
}

/// No role of the blueprint's names is there yet.
pub(super) async fn names(runner: &Runner<'_>, blueprint: &Blueprint) -> Result<(), Error> {
    let roles = &blueprint.roles;
    let all: Vec<&str> = roles
        .slots
        .iter()
        .chain([&roles.keeper, &roles.owner, &roles.runtime])
        .chain(&roles.quota)
        .map(Ident::as_str)
        .collect();
    let sql = "SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1) ORDER BY rolname LIMIT 1";
    let row = runner.work.query_opt(sql, &[&all]).await.map_err(Error::query("look for the roles"))?;
    match row {
        Some(row) => Err(Error::NameTaken { what: format!("role `{}`", row.get::<_, &str>(0)) }),
        None => Ok(()),
    }
}

/// The tables of the steps to do are all there.
pub(super) async fn tables(client: &impl GenericClient, journal: &Journal, command: Command) -> Result<(), Error> {
    let states: Vec<(Phase, StepState)> =
        journal.blueprint.steps.iter().zip(&journal.steps).map(|(s, e)| (s.phase, e.state)).collect();
    let mut seen = HashSet::new();
    for i in todo(command, &states) {
        let step = &journal.blueprint.steps[i];
        // a step may make its own table
        let Some(table) = step.table.as_ref().filter(|t| seen.insert(*t) && is_protected(&journal.blueprint, t)) else {
            continue;
        };
        if !exists(client, table).await? {
            return Err(Error::TableGone { id: step.id.clone(), table: table.clone() });
        }
    }
    Ok(())
}

fn is_protected(blueprint: &Blueprint, table: &QualifiedName) -> bool {
    blueprint.root.table.as_ref() != Some(table) && blueprint.tables.iter().any(|t| t.table == *table)
}

/// Whether the table is there.
pub(super) async fn exists(client: &impl GenericClient, table: &QualifiedName) -> Result<bool, Error> {
    let row = client
        .query_one("SELECT to_regclass($1) IS NOT NULL", &[&table.quoted()])
        .await
        .map_err(Error::query("look for a table"))?;
    Ok(row.get(0))
}

/// Nobody is at work with a login that `complete` locks out, or that is allowed.
pub(super) async fn old_logins(runner: &Runner<'_>, blueprint: &Blueprint) -> Result<(), Error> {
    if runner.options.lock_out_old_logins {
        return Ok(());
    }
    let tables: Vec<String> = blueprint.tables.iter().map(|t| t.table.quoted()).collect();
    let sql = "SELECT DISTINCT a.pid FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
               WHERE a.datname = current_database() AND a.backend_type = 'client backend'
                 AND a.pid <> ALL ($1) AND NOT r.rolsuper AND NOT r.rolbypassrls
                 AND NOT pg_has_role(r.oid, $2::name, 'MEMBER')
                 AND EXISTS (SELECT FROM unnest($3::text[]) AS t (name)
                             WHERE has_table_privilege(r.oid, to_regclass(t.name), 'SELECT, INSERT, UPDATE, DELETE'))";
    let failed = Error::query("see who uses the old logins");
    let own: i32 = runner.watch.query_one("SELECT pg_backend_pid()", &[]).await.map_err(&failed)?.get(0);
    let own = vec![runner.pid, own];
    let rows = runner.work.query(sql, &[&own, &blueprint.roles.runtime.as_str(), &tables]).await.map_err(&failed)?;
    let pids: Vec<i32> = rows.iter().map(|r| r.get(0)).collect();
    let sessions = sessions::named(&*runner.work, &pids).await?;
    if sessions.is_empty() { Ok(()) } else { Err(Error::OldLoginsInUse { sessions }) }
}
