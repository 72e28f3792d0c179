//! `tenantry verify --proxy`: where the proxy is, and as whom it is attacked.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde::Deserialize;
use tenantry_engine::verify::Report;
use tenantry_engine::verify::proxy::{self, Login, Request};
use tenantry_pg::{SslMode, Target, client_config};
use tokio_rustls::TlsConnector;

use super::{Args, Watch};
use crate::errors::Failure;
use crate::output::Output;

/// The file of `--proxy-logins`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    database: String,
    #[serde(default)]
    sslmode: Mode,
    sslrootcert: Option<PathBuf>,
    a: Entry,
    b: Entry,
}

/// As libpq has it, without the modes that fall back to the clear.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    #[default]
    Disable,
    Require,
    VerifyCa,
    VerifyFull,
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
            .remedy("it holds `database`, `user` and `password` under [a] and under [b], and if wanted `sslmode` and `sslrootcert`")
    })?;
    let parts = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = parts.ok_or_else(|| Failure::caller(format!("`{address}` is not HOST:PORT")))?;
    let host = host.trim_matches(['[', ']']).to_owned();
    Ok(Request {
        tls: tls(&host, port, &logins, file)?,
        host,
        port,
        database: logins.database,
        a: logins.a.into(),
        b: logins.b.into(),
        only: args.only.clone(),
        skip: args.skip.clone(),
        total: Duration::from_secs(args.time_budget),
    })
}

/// TLS as the file asks for it. A file it names is looked for beside it.
fn tls(host: &str, port: u16, logins: &File, file: &Path) -> Result<Option<TlsConnector>, Failure> {
    let mode = match logins.sslmode {
        Mode::Disable => return Ok(None),
        Mode::Require => SslMode::Require,
        Mode::VerifyCa => SslMode::VerifyCa,
        Mode::VerifyFull => SslMode::VerifyFull,
    };
    let authority = logins.sslrootcert.as_ref().map(|name| file.parent().unwrap_or(Path::new("")).join(name));
    let target = Target::new(host, port, &logins.a.user, None, &logins.database).with_ssl(mode, authority.as_deref());
    let config = client_config(&target)
        .map_err(|e| Failure::new(e.class(), format!("`sslmode` in {} cannot be done", file.display())).because(e))?;
    Ok(Some(TlsConnector::from(Arc::new(config))))
}

/// Attacks under a progress bar.
pub(super) async fn attack(request: &Request, output: &Output) -> Result<Report, Failure> {
    let watch = Watch { progress: output.progress(0), done: AtomicU64::new(0) };
    let report = proxy::run(request, &watch).await;
    watch.progress.finish();
    Ok(report?)
}
