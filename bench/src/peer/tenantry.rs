//! tenantry's proxy, as `tenantry serve --roles proxy --config tenantry.toml` runs it. [`config`] is the only place
//! here that knows what its configuration looks like.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, bail};
use serde_json::json;
use tenantry_wire::scram::Verifier;

use super::process::{As, Process, folder, free_port};
use super::{Running, Size};
use crate::ground::{APPLICATION, Ground};

pub(super) async fn start(ground: &Ground, size: Size) -> anyhow::Result<Running> {
    let program = program()?;
    let (folder, port) = (folder()?, free_port()?);
    fs::write(folder.path().join("tenantry.toml"), config(ground, size, port, folder.path())?)
        .context("configure tenantry")?;
    let command = [&*program.display().to_string(), "serve", "--roles", "proxy", "--config", "tenantry.toml"];
    let process = Process::start(folder, As::Ourselves, &command, port).await?;
    Ok(Running { port, process: Some(process) })
}

/// Set by tests, which have a build of their own.
static BINARY: OnceLock<PathBuf> = OnceLock::new();

/// From now on this binary is the one under test; the first one named stays.
pub fn use_binary(path: &Path) {
    BINARY.get_or_init(|| path.to_owned());
}

/// The binary under test: as told, or `TENANTRY`, or the release build of this checkout.
pub(crate) fn program() -> anyhow::Result<PathBuf> {
    let built = || tenantry_testkit::place::target().join("release/tenantry");
    let named = || env::var_os("TENANTRY").filter(|v| !v.is_empty()).map(PathBuf::from);
    let program = BINARY.get().cloned().or_else(named).unwrap_or_else(built);
    if !program.exists() {
        bail!(
            "{} is not built: `cargo build --release --package tenantry`, or leave it out with --peers",
            program.display()
        );
    }
    let help = Command::new(&program).args(["serve", "--help"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !help.with_context(|| format!("cannot run {}", program.display()))?.success() {
        bail!("{} has no `serve` yet, so no proxy to measure: leave it out with --peers", program.display());
    }
    Ok(program)
}

/// Iterations of the tenants' verifiers: the server's own default.
const ITERATIONS: u32 = 4096;

/// The proxy's configuration: where it listens, the database behind it, its pool, and who may log in.
fn config(ground: &Ground, size: Size, port: u16, folder: &Path) -> anyhow::Result<String> {
    let Ground { host, port: server, database, .. } = ground;
    let mut text = format!(
        "format = 1

[proxy]
listen = [\"127.0.0.1:{port}\"]
clients_max = {clients}

[proxy.databases.\"{database}\"]
host = \"{host}\"
port = {server}
connections = {pool}
",
        pool = size.pool,
        clients = size.clients + 50,
    );
    match (&ground.credentials, ground.logins.first()) {
        (Some(credentials), _) => {
            fs::write(folder.join("tenants.json"), directory(ground)?).context("write the tenants' file")?;
            write!(text, "credentials = \"{}\"\ndirectory = \"tenants.json\"\n", credentials.display())?;
        }
        (None, Some(login)) => {
            fs::write(folder.join("password"), &login.password).context("write the password file")?;
            write!(text, "user = \"{}\"\npassword_file = \"password\"\n", login.user)?;
        }
        (None, None) => bail!("nobody may log in to the database"),
    }
    write!(text, "\n[proxy.logins.{APPLICATION}]\n")?;
    for login in &ground.logins {
        write!(text, "\n[proxy.logins.\"{}\"]\nverifier = \"{}\"\n", login.user, login.secret)?;
    }
    Ok(text)
}

/// The tenants' file.
fn directory(ground: &Ground) -> anyhow::Result<String> {
    let tenants = ground.tenants.iter().map(|tenant| {
        let verifier = Verifier::from_password(tenant.password.as_bytes(), tenant.key.as_bytes(), ITERATIONS)?;
        Ok(json!({
            "key": tenant.key, "slug": tenant.slug,
            "credentials": [{ "id": "bench", "verifier": &*verifier.to_text() }],
        }))
    });
    let tenants = tenants.collect::<anyhow::Result<Vec<_>>>()?;
    Ok(json!({ "format": 1, "keyKind": "uuid", "tenants": tenants }).to_string())
}
