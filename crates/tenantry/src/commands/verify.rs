//! `tenantry verify`: attacks the isolated database with the application's own credentials.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tenantry_engine::credentials::Credentials;
use tenantry_engine::report;
use tenantry_engine::verify::{self, Event, Limits, Logins, Observer, Report, Request, Status};
use tenantry_pg::Target;

mod api;
mod gateway;
mod proxy;

use super::Outcome;
use crate::config::Settings;
use crate::errors::Failure;
use crate::output::files::{self, Readers};
use crate::output::{Format, Output, Progress, Rows};

const AFTER: &str = "\
Each attack first shows that a tenant can do the thing to its own row; then it tries it on another tenant's. Safe on
production: attacks are rolled back, waits are short, the whole run is bounded, no customer's value is printed.

Attacks run with runtime logins: from the credentials file of apply, with the application's own login (--app-url), or
with temporary logins that are removed at the end.

Examples:
  tenantry verify
  tenantry verify --credentials isolation/credentials.json --report report.html
  tenantry verify --format sarif > tenantry.sarif
  tenantry verify --only P-08 --only C-01
  tenantry verify --proxy 127.0.0.1:6432 --proxy-logins two-tenants.toml
  tenantry verify --gateway 127.0.0.1:8080 --gateway-tenants two-tenants.toml
  tenantry verify --api http://127.0.0.1:8090 --api-tenants two-tenants.toml
  tenantry verify --list

Exit codes: 0 nothing failed, 1 a check failed, 2 could not do its work.";

/// Attack the isolated database and report
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// The credentials file that apply wrote
    #[arg(long, env = "TENANTRY_CREDENTIALS", value_name = "FILE", conflicts_with = "app_url")]
    credentials: Option<PathBuf>,
    /// Attack with the application's own login instead
    #[arg(long, env = "TENANTRY_APP_URL", hide_env_values = true, value_name = "URL")]
    app_url: Option<String>,
    /// The tenant that attacks; chosen from the data if left out
    #[arg(long, value_name = "KEY", requires = "tenant_b")]
    tenant_a: Option<String>,
    /// The tenant that is attacked
    #[arg(long, value_name = "KEY", requires = "tenant_a")]
    tenant_b: Option<String>,
    /// Only these checks
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,
    /// All but these checks
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    skip: Vec<String>,
    /// Longest time for the whole run, in seconds; what does not fit is reported as skipped
    #[arg(long, default_value_t = Limits::default().total.as_secs(), value_name = "SECONDS")]
    time_budget: u64,
    /// Attack a running SQL proxy instead, from outside
    #[arg(long, value_name = "HOST:PORT", requires = "proxy_logins", conflicts_with_all = ["credentials", "app_url", "tenant_a"])]
    proxy: Option<String>,
    /// TOML with `database`, `user` and `password` of two tenants under `[a]` and `[b]`, and `sslmode` and `sslrootcert` for TLS
    #[arg(long, value_name = "FILE", requires = "proxy")]
    proxy_logins: Option<PathBuf>,
    /// Attack a running HTTP gateway instead, from outside
    #[arg(long, value_name = "HOST:PORT", requires = "gateway_tenants", conflicts_with_all = ["credentials", "app_url", "tenant_a", "proxy"])]
    gateway: Option<String>,
    /// TOML with `path`, and `host` and `credential` of two tenants under `[a]` and `[b]`
    #[arg(long, value_name = "FILE", requires = "gateway")]
    gateway_tenants: Option<PathBuf>,
    /// Attack a running control plane's API instead, from outside: with two tenants that nobody else uses
    #[arg(long, value_name = "URL", requires = "api_tenants", conflicts_with_all = ["credentials", "app_url", "tenant_a", "proxy", "gateway"])]
    api: Option<String>,
    /// TOML with `tenant` and `key` of two tenants under `[a]` and `[b]`, and keys by role under `[a.roles]`
    #[arg(long, value_name = "FILE", requires = "api")]
    api_tenants: Option<PathBuf>,
    /// Tamper with the audit log too, in transactions that are rolled back: the public key of whoever seals it; --database-url names its database
    #[arg(long, value_name = "KEY", requires = "api")]
    audit_key: Option<String>,
    /// The file of checkpoints outside that database
    #[arg(long, value_name = "FILE", requires = "audit_key")]
    audit_checkpoints: Option<PathBuf>,
    /// Also write the report as one HTML file
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// List the checks and leave
    #[arg(long)]
    list: bool,
}

/// Attacks, prints, and writes the report.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    if args.list {
        return list(&settings.output);
    }
    if let Some((address, file)) = args.proxy.as_deref().zip(args.proxy_logins.as_deref()) {
        let request = proxy::request(&args, address, file)?;
        let report = proxy::attack(&request, &settings.output).await?;
        return finish(&report, args.report.as_deref(), &settings);
    }
    if let Some((address, file)) = args.gateway.as_deref().zip(args.gateway_tenants.as_deref()) {
        let request = gateway::request(&args, address, file)?;
        let report = gateway::attack(&request, &settings.output).await?;
        return finish(&report, args.report.as_deref(), &settings);
    }
    if let Some((address, file)) = args.api.as_deref().zip(args.api_tenants.as_deref()) {
        let request = api::request(&args, address, file)?;
        let report = api::attack(&request, &args, &settings).await?;
        return finish(&report, args.report.as_deref(), &settings);
    }
    let logins = logins(&args, &settings)?;
    let mut request = Request::new(settings.target()?);
    request.logins = logins;
    request.tenants = args.tenant_a.zip(args.tenant_b);
    request.only = args.only;
    request.skip = args.skip;
    request.registry = settings.decisions().clone();
    request.limits.total = Duration::from_secs(args.time_budget);
    let report = attack(&request, &settings.output).await?;
    finish(&report, args.report.as_deref(), &settings)
}

/// Prints the report, and writes it where that is asked for.
fn finish(report: &Report, file: Option<&Path>, settings: &Settings) -> Result<Outcome, Failure> {
    settings.output.text(&rendered(report, &settings.output))?;
    if let Some(path) = file {
        files::write(path, &report::html(report), Readers::Everybody)?;
        settings.output.say(&format!("report written to {}", path.display()));
    }
    Ok(Outcome::findings(!report.is_clean()))
}

/// Runs verify under a progress bar.
pub(super) async fn attack(request: &Request, output: &Output) -> Result<Report, Failure> {
    let watch = Watch { progress: output.progress(0), done: AtomicU64::new(0) };
    let report = verify::run(request, &watch).await;
    watch.progress.finish();
    Ok(report?)
}

/// A report in the format asked for.
pub(super) fn rendered(report: &Report, output: &Output) -> String {
    match output.format {
        Format::Human => report::human(report, output.has_color()),
        Format::Json => report::json(report),
        Format::Sarif => report::sarif(report),
        Format::Junit => report::junit(report),
    }
}

fn logins(args: &Args, settings: &Settings) -> Result<Logins, Failure> {
    if let Some(url) = &args.app_url {
        let target = Target::parse(url).map_err(|e| Failure::from(e).code("database-url"))?;
        return Ok(Logins::App(Box::new(target)));
    }
    let file = args.credentials.clone().or_else(|| settings.decisions().tool.credentials.clone().map(PathBuf::from));
    match file {
        Some(path) => Ok(Logins::Credentials(Credentials::read(&path)?)),
        None => Ok(Logins::Temporary),
    }
}

fn list(output: &Output) -> Result<Outcome, Failure> {
    output.only_human_or_json("verify --list")?;
    let all = verify::attacks::all();
    let of_proxy = verify::proxy::attacks::all();
    let of_gateway = verify::gateway::attacks::all();
    let of_api = verify::api::attacks::all();
    if output.is_human() {
        let mut rows = Rows::new(&["check", "severity", "attack"]);
        all.iter().for_each(|a| rows.row([a.id, super::reading::severity(a.severity), a.title]));
        of_proxy.iter().for_each(|a| rows.row([a.id, super::reading::severity(a.severity), a.title]));
        of_gateway.iter().for_each(|a| rows.row([a.id, super::reading::severity(a.severity), a.title]));
        of_api.iter().for_each(|a| rows.row([a.id, super::reading::severity(a.severity), a.title]));
        output.text(&rows.text())?;
    } else {
        macro_rules! entry {
            () => {
                |a| {
                    serde_json::json!({"id": a.id, "title": a.title, "severity": a.severity, "meaning": a.meaning,
                    "method": a.method, "remedy": a.remedy})
                }
            };
        }
        let checks = all.iter().map(entry!()).chain(of_proxy.iter().map(entry!()));
        let checks = checks.chain(of_gateway.iter().map(entry!()));
        let checks: Vec<_> = checks.chain(of_api.iter().map(entry!())).collect();
        output.json(&serde_json::json!({ "format": 1, "checks": checks }))?;
    }
    Ok(Outcome::Fine)
}

/// Shows verify's events.
struct Watch {
    progress: Progress,
    done: AtomicU64,
}

impl Observer for Watch {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Started { checks } => self.progress.total(checks as u64),
            Event::Begin { id, title } => self.progress.now(format!("{id} {title}")),
            Event::End { id, status } => {
                self.progress.at(self.done.fetch_add(1, Ordering::Relaxed) + 1);
                if status == Status::Fail {
                    self.progress.line(&format!("{id} failed"));
                }
            }
        }
    }
}
