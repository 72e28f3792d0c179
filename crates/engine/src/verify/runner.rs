//! One run from the lock to the report.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tenantry_blueprint::catalog::Catalog;
use tenantry_blueprint::classify;
use tenantry_blueprint::file::{Binding, Blueprint};
use tenantry_model::Ident;
use tenantry_pg::Client;

use super::attacks;
use super::outcome::{Attack, LAYER, Outcome, Stop};
use super::report::{Check, FORMAT, Report, Status};
use super::request::{Event, Observer, Request};
use super::session::Session;
use super::stage::Stage;
use super::subject::Subject;
use super::{Error, cleanup, logins, tenants, unprotected};

/// Attacks a database and says what came of it. Nothing it made is left behind, also if it fails or is
/// interrupted (Ctrl-C, SIGTERM); what a killed run left is removed by the next.
pub async fn run(request: &Request, observer: &dyn Observer) -> Result<Report, Error> {
    let selected = select(request)?;
    let admin = connect(request).await?;
    let keeper = connect(request).await?;
    let database = request.target.database().to_owned();
    let known: bool = keeper
        .query_one("SELECT pg_catalog.to_regnamespace('tenantry') IS NOT NULL", &[])
        .await
        .map_err(Error::sql("look for schema tenantry"))?
        .get(0);
    if !known {
        return Err(Error::NotIsolated { database, reason: "there is no schema `tenantry`".into() });
    }
    cleanup::enter(&keeper, &database).await?;
    let result = tokio::select! {
        result = attack(request, observer, admin, &selected) => result,
        () = interrupted() => Err(Error::Interrupted),
    };
    // The sessions of the run are closed by now (or closing): what they held is rolled back by the server.
    let left = cleanup::leave(&keeper, &database).await;
    keeper.close().await;
    match (result, left) {
        (Ok(report), Ok(())) => Ok(report),
        (Err(error), _) | (Ok(_), Err(error)) => Err(error),
    }
}

/// The checks asked for, in the order of the catalogue.
fn select(request: &Request) -> Result<Vec<&'static Attack>, Error> {
    let all = attacks::all();
    for id in request.only.iter().chain(&request.skip) {
        if !all.iter().any(|a| a.id == id) {
            return Err(Error::UnknownCheck(id.clone()));
        }
    }
    let wanted = |a: &&&Attack| {
        (request.only.is_empty() || request.only.iter().any(|o| o == a.id)) && !request.skip.iter().any(|s| s == a.id)
    };
    Ok(all.iter().filter(wanted).copied().collect())
}

async fn connect(request: &Request) -> Result<Client, Error> {
    let target = request.target.with_application_name("tenantry verify");
    tenantry_pg::connect(&target)
        .await
        .map_err(|source| Error::Connect { who: format!("admin `{}`", target.user()), source })
}

async fn interrupted() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(signal) => signal,
        // Without a handler the process ends the hard way, and the next run cleans up.
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        _ = terminate.recv() => {}
        result = tokio::signal::ctrl_c() => if result.is_err() { std::future::pending().await },
    }
}

async fn attack(
    request: &Request,
    observer: &dyn Observer,
    admin: Client,
    selected: &[&'static Attack],
) -> Result<Report, Error> {
    let begun = Instant::now();
    let started_at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut stage = set_up(request, admin).await?;
    observer.event(Event::Started { checks: selected.len() });
    let mut checks = Vec::with_capacity(selected.len());
    for attack in selected {
        observer.event(Event::Begin { id: attack.id, title: attack.title });
        let left = request.limits.total.saturating_sub(begun.elapsed());
        let outcome = one(attack, &mut stage, left).await;
        let check = check(attack, outcome, &stage);
        observer.event(Event::End { id: attack.id, status: check.status });
        checks.push(check);
    }
    let mut report = Report {
        format: FORMAT,
        passed: 0,
        failed: 0,
        residual: 0,
        skipped: 0,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        database: request.target.database().to_owned(),
        server_version: stage.catalog.server_version.clone(),
        started_at,
        seconds: (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        checks,
        tables: unprotected::table_map(&stage),
    };
    report.count();
    close(stage).await;
    Ok(report)
}

async fn close(stage: Stage) {
    let Stage { admin, as_a, as_b, .. } = stage;
    as_a.close().await;
    as_b.close().await;
    admin.close().await;
}

async fn one(attack: &Attack, stage: &mut Stage, left: Duration) -> Outcome {
    if left.is_zero() {
        return Outcome::Skipped("the time budget of this run was used up".into());
    }
    stage.shared.unanswered.store(0, Ordering::Relaxed);
    let outcome = match tokio::time::timeout(left, (attack.run)(stage)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(Stop(why))) => Outcome::Skipped(format!("the attack broke off: {why}")),
        Err(_) => Outcome::Skipped("the time budget of this run was used up during this check".into()),
    };
    // Whatever the attack left open ends here. A connection it cost is replaced; if that fails, the next attack
    // finds out and says so.
    let _ = stage.revive().await;
    match (outcome, stage.shared.unanswered.load(Ordering::Relaxed)) {
        // A statement that was broken off might have succeeded: no pass without an answer.
        (Outcome::Pass(evidence), n @ 1..) => {
            Outcome::Skipped(format!("{n} attempts ran into a time limit and prove nothing; the others: {evidence}"))
        }
        (outcome, _) => outcome,
    }
}

/// Turns an outcome into a line of the report; what the registry accepts is residual.
fn check(attack: &Attack, outcome: Outcome, stage: &Stage) -> Check {
    let (status, objects, evidence) = match outcome {
        Outcome::Pass(evidence) => (Status::Pass, vec![], evidence),
        Outcome::Residual(evidence) => (Status::Residual, vec![], evidence),
        Outcome::Skipped(evidence) => (Status::Skipped, vec![], evidence),
        Outcome::Fail { objects, evidence } => {
            let reason = |object: &String| {
                let entry = |a: &&tenantry_blueprint::registry::AcceptEntry| {
                    a.id == attack.id && (a.object == "*" || a.object == *object)
                };
                stage.registry.accept.iter().find(entry).map(|a| a.reason.clone())
            };
            let (accepted, open): (Vec<_>, Vec<_>) = objects.iter().cloned().partition(|o| reason(o).is_some());
            if open.is_empty() && !accepted.is_empty() {
                let mut reasons: Vec<String> = accepted.iter().filter_map(reason).collect();
                reasons.sort();
                reasons.dedup();
                let evidence = format!("{evidence}; accepted in the registry: {}", reasons.join("; "));
                (Status::Residual, accepted, evidence)
            } else {
                (Status::Fail, open, evidence)
            }
        }
    };
    Check {
        id: attack.id.to_owned(),
        title: attack.title.to_owned(),
        layer: LAYER.to_owned(),
        severity: attack.severity,
        status,
        objects,
        evidence,
        remedy: attack.remedy.to_owned(),
    }
}

async fn set_up(request: &Request, admin: Client) -> Result<Stage, Error> {
    let database = request.target.database();
    let timeout = format!("SET statement_timeout = '{}ms'", request.limits.statement.as_millis());
    admin.batch_execute(&timeout).await.map_err(Error::sql("limit the time of statements"))?;
    let blueprint = match &request.blueprint {
        Some(blueprint) => blueprint.clone(),
        None => match crate::journal::read(&*admin).await {
            Ok(Some(journal)) => journal.blueprint,
            Ok(None) => {
                return Err(Error::NotIsolated {
                    database: database.to_owned(),
                    reason: "nothing was applied to it".into(),
                });
            }
            Err(e) => return Err(Error::NotIsolated { database: database.to_owned(), reason: e.to_string() }),
        },
    };
    let catalog = crate::inspect::read(&admin).await.map_err(|e| Error::Catalog(e.to_string()))?;
    let classification = classify::classify(&without_added(&catalog, &blueprint), &request.registry);
    let (a, b) = tenants::choose(&admin, &blueprint, request.tenants.as_ref()).await?;
    let means = logins::obtain(&admin, request, &blueprint).await?;
    check_logins(&admin, &means.logins, &blueprint.roles.runtime).await?;
    let last = means.logins.len() - 1;
    let as_a = Session::open(&means.logins[0], means.shared.clone(), &request.limits).await?;
    let as_b = Session::open(&means.logins[last], means.shared.clone(), &request.limits).await?;
    let column_of = |table: &tenantry_model::QualifiedName| -> Option<Ident> {
        let bound = blueprint.tables.iter().find(|t| &t.table == table);
        match bound.map(|t| &t.binding) {
            Some(Binding::Column { column, .. }) => Some(column.clone()),
            _ if blueprint.root.table.as_ref() == Some(table) => blueprint.root.key.first().cloned(),
            _ => None,
        }
    };
    let subjects = blueprint
        .tables
        .iter()
        // A table that was dropped since has no rows to steal.
        .filter_map(|t| {
            let structure = catalog.table(&t.table)?;
            let end = match &t.binding {
                Binding::Path { path } => path.last().and_then(|hop| column_of(&hop.references)),
                Binding::Column { .. } => None,
            };
            Some(Subject::new(t, structure, end))
        })
        .collect();
    let mut stage = Stage {
        admin,
        catalog,
        classification,
        blueprint,
        registry: request.registry.clone(),
        limits: request.limits,
        a,
        b,
        as_a,
        as_b,
        logins: means.logins,
        shared: means.shared,
        subjects,
    };
    stage.fill().await?;
    Ok(stage)
}

/// The catalog without the tenant columns that apply added: with them every table would be `direct`, and the paths
/// that bind rows would not be seen.
fn without_added(catalog: &Catalog, blueprint: &Blueprint) -> Catalog {
    let mut catalog = catalog.clone();
    for protected in &blueprint.tables {
        let Binding::Column { column, added: true, .. } = &protected.binding else { continue };
        let Some(table) = catalog.tables.iter_mut().find(|t| t.name == protected.table) else { continue };
        table.columns.retain(|c| c.name != *column);
        table.indexes.retain(|i| !i.keys.iter().any(|k| k.column.as_ref() == Some(column)));
        for fk in &mut table.foreign_keys {
            let pairs = fk.columns.iter().cloned().zip(fk.referenced_columns.iter().cloned());
            (fk.columns, fk.referenced_columns) = pairs.filter(|(from, _)| from != column).unzip();
        }
        table.foreign_keys.retain(|f| !f.columns.is_empty());
    }
    catalog
}

/// The attacks prove something only if they run under logins of the runtime group.
async fn check_logins(admin: &Client, logins: &[tenantry_pg::Target], group: &Ident) -> Result<(), Error> {
    for login in logins {
        let member: bool = admin
            .query_opt(
                "SELECT pg_catalog.pg_has_role(r.oid, g.oid, 'MEMBER') FROM pg_catalog.pg_roles r, pg_catalog.pg_roles g \
                 WHERE r.rolname = $1 AND g.rolname = $2",
                &[&login.user(), &group.as_str()],
            )
            .await
            .map_err(Error::sql("check the runtime login"))?
            .is_some_and(|r| r.get(0));
        if !member {
            return Err(Error::NotRuntime { login: login.user().to_owned(), group: group.to_string() });
        }
    }
    Ok(())
}
