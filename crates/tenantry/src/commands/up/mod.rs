//! `tenantry up`: a demonstration application on a PostgreSQL of its own, isolated and attacked before your eyes.

mod control;
mod demo;
mod doors;
mod isolate;
mod place;
mod site;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tenantry_engine::verify::Report;
use tenantry_engine::{report, verify};
use tokio::signal::unix::{SignalKind, signal};

use super::Outcome;
use crate::config::Settings;
use crate::errors::Failure;
use crate::output::Output;
use crate::output::files::{self, Readers};
use control::ControlPlane;
use demo::Demo;
use doors::Doors;
use place::Place;

/// How often to look whether the server still runs.
const LOOK_EVERY: Duration = Duration::from_secs(1);

const AFTER: &str = "\
With no database given it runs its own PostgreSQL: installed programs, data in your data directory, a Unix socket and
a loopback port, never as root. It makes the demonstration application (a customer-engagement service of about 30
tables), fills it, and does inspect, plan, apply, complete and verify. A second run finds all that and only verifies.
Then it runs the proxy before it, on port 6432 or a free one, and the gateway with a small service, on port 8080 or a
free one, and looks through both as two tenants; and the control plane on port 8090 or a free one, with a database of
its own.

Examples:
  tenantry up                                        stays until Ctrl-C, with commands to try
  tenantry up --check                                does not stay; exit code 0 only if every check passed
  tenantry up --reset --rows 1000000 --tenants 1000
  tenantry up --database-url postgres://admin@host/postgres
                                                     on your own server, in a database `engage`

Exit codes: 0 every check passed, 1 a check failed, 2 could not do its work.";

/// Run a demonstration: an application isolated and attacked on its own PostgreSQL
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// Do not stay: exit when verify is done
    #[arg(long)]
    check: bool,
    /// Rows to generate, in all tables together
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    rows: u32,
    /// Tenants to generate; the first is the largest
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100_000))]
    tenants: u32,
    /// Begin anew: the demonstration's database is dropped first
    #[arg(long)]
    reset: bool,
    /// Folder of PostgreSQL's programs
    #[arg(long, env = "TENANTRY_PG_BIN", value_name = "DIR")]
    pg_bin: Option<PathBuf>,
}

/// Brings everything up, attacks it, and stays or leaves.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    let output = settings.output;
    output.only_human_or_json("up")?;
    let mut place = Place::start(&settings, args.pg_bin.clone()).await?;
    let result = tokio::select! {
        result = bring_up(&args, &settings, &place) => result,
        () = interrupted() => Err(Failure::caller("interrupted; run the same command again to go on")),
    };
    let outcome = match result {
        Ok((report, doors, control)) => {
            let right = doors.as_ref().is_none_or(Doors::is_right);
            let findings = Outcome::findings(!report.is_clean() || !right);
            let stayed = if args.check { Ok(()) } else { stay(&mut place, &output).await };
            if let Some(doors) = doors {
                doors.close().await;
            }
            if let Some(control) = control {
                control.close().await;
            }
            stayed.map(|()| findings)
        }
        Err(failure) => Err(failure),
    };
    place.stop().await;
    outcome
}

/// What is up: the report of the attacks, the proxy and the control plane.
type Up = (Report, Option<Doors>, Option<ControlPlane>);

/// From nothing, or from wherever an earlier run was stopped, to an isolated and attacked application.
async fn bring_up(args: &Args, settings: &Settings, place: &Place) -> Result<Up, Failure> {
    let output = settings.output;
    let demo = Demo::at(place)?;
    if args.reset {
        demo.drop(&output).await?;
    }
    demo.make(args.tenants, args.rows, &output).await?;
    isolate::run(&demo, settings).await?;

    output.say("verify: attacking it with the application's own credentials");
    let mut request = verify::Request::new(demo.target.clone());
    if let Ok(credentials) = tenantry_engine::credentials::Credentials::read(&demo.credentials()) {
        request.logins = verify::Logins::Credentials(credentials);
    }
    request.registry = demo.registry.clone();
    let report = super::verify::attack(&request, &output).await?;
    let page = demo.folder.join("verify.html");
    files::write(&page, &report::html(&report), Readers::Everybody)?;
    let doors = Doors::open_if_possible(&demo, &output).await?;
    let control = ControlPlane::open_if_possible(place, &demo, &output).await;
    show(args, &output, place, &demo, (&report, doors.as_ref(), control.as_ref()))?;
    Ok((report, doors, control))
}

fn show(
    args: &Args,
    output: &Output,
    place: &Place,
    demo: &Demo,
    (report, doors, control): (&Report, Option<&Doors>, Option<&ControlPlane>),
) -> Result<(), Failure> {
    let folder = demo.folder.display();
    if !output.is_human() {
        return output.json(&json!({
            "format": 1, "server": place.describe(), "database": demo::DATABASE, "folder": demo.folder,
            "report": report, "proxy": doors.map(Doors::json),
            "control": control.map(|c| json!({ "address": c.at.to_string() })),
        }));
    }
    let mut text = if report.is_clean() { String::new() } else { report::human(report, output.has_color()) + "\n" };
    text.push_str(&format!(
        "{} checks passed, {} failed, {} residual, {} skipped in {:.0} s\n",
        report.passed, report.failed, report.residual, report.skipped, report.seconds
    ));
    text.push_str(&doors.map(Doors::describe).unwrap_or_default());
    text.push_str(&control.map(ControlPlane::describe).unwrap_or_default());
    text.push_str(&format!("server      {}\n", place.describe()));
    text.push_str(&format!("database    {}, 34 tables of a customer-engagement service\n", demo::DATABASE));
    text.push_str(&format!("credentials {folder}/credentials.json (logins of the application, key of the context)\n"));
    text.push_str(&format!("reports     {folder}/report.html, {folder}/verify.html\n"));
    if !args.check {
        let url = format!("DATABASE_URL=$(cat {folder}/admin.url)");
        text.push_str("\nTry in another terminal:\n");
        text.push_str(&format!("  {url} tenantry status\n"));
        text.push_str(&format!("  {url} tenantry verify --credentials {folder}/credentials.json\n"));
        text.push_str(&format!(
            "  PGPASSFILE={folder}/pgpass psql \"{}\" -c 'SELECT count(*) FROM segments'\n",
            demo.runtime_conninfo()
        ));
        text.push_str("The last one is refused: without a tenant's signed context nothing is visible.\n");
        if let Some(doors) = doors {
            text.push_str("Through proxy and gateway a tenant sees its rows, and nobody else's:\n");
            text.push_str(&doors.commands());
        }
        if let Some(control) = control {
            text.push_str("The control plane makes a tenant:\n");
            text.push_str(&control.command());
        }
    }
    output.text(&text)
}

/// Waits for Ctrl-C, a request to terminate, or the end of the server.
async fn stay(place: &mut Place, output: &Output) -> Result<(), Failure> {
    output.say("Ctrl-C stops the server; the data stays for the next run.");
    loop {
        tokio::select! {
            () = interrupted() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        place.check_alive()?;
    }
}

/// Comes back on Ctrl-C or a request to terminate.
async fn interrupted() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        // without the second signal the first must do
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}
