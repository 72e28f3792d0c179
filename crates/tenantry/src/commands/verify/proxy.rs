//! `tenantry verify --proxy`: where the proxy is, and as whom it is attacked.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde::Deserialize;
use tenantry_engine::verify::Report;
use tenantry_engine::verify::proxy::{self, Login, Request};

use super::{Args, Watch};
use crate::errors::Failure;
use crate::output::Output;

/// The file of `--proxy-logins`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    database: String,
    a: Entry,
    b: Entry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    user: String,
    password: String,
}

impl From<Entry> for Login {
    fn from(entry: Entry) -> Self {
        Self { user: entry.user, password: entry.password }
    }
}

/// What to attack.
pub(super) fn request(args: &Args, address: &str, file: &Path) -> Result<Request, Failure> {
    let unread = || format!("{} cannot be read", file.display());
    let text = std::fs::read_to_string(file).map_err(|e| Failure::caller(unread()).because(e))?;
    let logins: File = toml::from_str(&text).map_err(|e| {
        // the message of the parser would show the line, and with it a password
        Failure::caller(format!("{}: {}", unread(), e.message()))
            .remedy("it holds `database`, and `user` and `password` under [a] and under [b]")
    })?;
    let parts = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = parts.ok_or_else(|| Failure::caller(format!("`{address}` is not HOST:PORT")))?;
    Ok(Request {
        host: host.trim_matches(['[', ']']).to_owned(),
        port,
        database: logins.database,
        a: logins.a.into(),
        b: logins.b.into(),
        only: args.only.clone(),
        skip: args.skip.clone(),
        total: Duration::from_secs(args.time_budget),
    })
}

/// Attacks under a progress bar.
pub(super) async fn attack(request: &Request, output: &Output) -> Result<Report, Failure> {
    let watch = Watch { progress: output.progress(0), done: AtomicU64::new(0) };
    let report = proxy::run(request, &watch).await;
    watch.progress.finish();
    Ok(report?)
}
