//! `tenantry verify --gateway`: where the gateway is, and as whom it is attacked.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde::Deserialize;
use tenantry_engine::verify::Report;
use tenantry_engine::verify::gateway::{self, Request, Side};

use super::{Args, Watch};
use crate::errors::Failure;
use crate::output::Output;

/// The file of `--gateway-tenants`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: String,
    a: Entry,
    b: Entry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    host: String,
    credential: String,
}

impl From<Entry> for Side {
    fn from(entry: Entry) -> Self {
        Self { host: entry.host, credential: entry.credential }
    }
}

/// What to attack.
pub(super) fn request(args: &Args, address: &str, file: &Path) -> Result<Request, Failure> {
    let unread = || format!("{} cannot be read", file.display());
    let text = std::fs::read_to_string(file).map_err(|e| Failure::caller(unread()).because(e))?;
    let tenants: File = toml::from_str(&text).map_err(|e| {
        // the message of the parser would show the line, and with it a credential
        Failure::caller(format!("{}: {}", unread(), e.message()))
            .remedy("it holds `path`, and `host` and `credential` under [a] and under [b]")
    })?;
    if !tenants.path.starts_with('/') {
        return Err(Failure::caller(format!("`path` in {} does not begin with /", file.display())));
    }
    let address = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
    if address.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
        return Err(Failure::caller(format!("`{address}` is not HOST:PORT")));
    }
    Ok(Request {
        address,
        path: tenants.path,
        a: tenants.a.into(),
        b: tenants.b.into(),
        only: args.only.clone(),
        skip: args.skip.clone(),
        total: Duration::from_secs(args.time_budget),
    })
}

/// Attacks under a progress bar.
pub(super) async fn attack(request: &Request, output: &Output) -> Result<Report, Failure> {
    let watch = Watch { progress: output.progress(0), done: AtomicU64::new(0) };
    let report = gateway::run(request, &watch).await;
    watch.progress.finish();
    Ok(report?)
}
