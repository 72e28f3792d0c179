//! tenantry's proxy, as `tenantry serve --roles proxy --config tenantry.toml` runs it. [`config`] is the only place
//! here that knows what its configuration looks like.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::process::{As, Process, folder, free_port};
use super::{Running, Size};
use crate::ground::Ground;

pub(super) async fn start(ground: &Ground, size: Size) -> anyhow::Result<Running> {
    let program = program()?;
    let (folder, port) = (folder()?, free_port()?);
    fs::write(folder.path().join("tenantry.toml"), config(ground, size, port)?).context("configure tenantry")?;
    let command = [&*program.display().to_string(), "serve", "--roles", "proxy", "--config", "tenantry.toml"];
    let process = Process::start(folder, As::Ourselves, &command, port).await?;
    Ok(Running { port, process: Some(process) })
}

/// The binary under test: `TENANTRY`, or the release build of this checkout.
fn program() -> anyhow::Result<PathBuf> {
    let built = tenantry_testkit::place::target().join("release/tenantry");
    let program = env::var_os("TENANTRY").filter(|v| !v.is_empty()).map_or(built, PathBuf::from);
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

/// The proxy's configuration: where it listens, the database behind it, its pool, and who may log in.
fn config(ground: &Ground, size: Size, port: u16) -> anyhow::Result<String> {
    let credentials = ground.credentials.as_deref().map(Path::display).map(|p| p.to_string());
    let mut text = format!(
        "[proxy]
listen = \"127.0.0.1:{port}\"
database_url = \"postgres://{host}:{server}/{database}\"
credentials = \"{credentials}\"
pool_size = {pool}
clients_max = {clients}
",
        host = ground.host,
        server = ground.port,
        database = ground.database,
        credentials = credentials.unwrap_or_default(),
        pool = size.pool,
        clients = size.clients + 50,
    );
    for login in &ground.logins {
        write!(text, "\n[[proxy.backends]]\nuser = \"{}\"\nsecret = \"{}\"\n", login.user, login.secret)?;
    }
    for tenant in &ground.tenants {
        let (slug, key, password) = (&tenant.slug, tenant.key, &tenant.password);
        write!(text, "\n[[proxy.tenants]]\nslug = \"{slug}\"\nkey = \"{key}\"\npassword = \"{password}\"\n")?;
    }
    Ok(text)
}
