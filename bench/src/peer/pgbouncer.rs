//! PgBouncer as its manual has it for many clients: SCRAM on both sides, no log of logins. It gets each user's SCRAM
//! secret, not a password, so that it need not make one anew at each login.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};

use anyhow::Context;

use super::process::{As, Process, folder, free_port};
use super::{Running, Size};
use crate::ground::Ground;

/// What a client keeps a server connection for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// A transaction.
    Transaction,
    /// As long as it stays.
    Session,
}

pub(super) async fn start(ground: &Ground, size: Size, pooling: Pooling) -> anyhow::Result<Running> {
    installed()?;
    let (folder, port) = (folder()?, free_port()?);
    fs::write(folder.path().join("users"), users(ground)).context("write PgBouncer's users")?;
    fs::write(folder.path().join("pgbouncer.ini"), config(ground, size, pooling, port))
        .context("configure PgBouncer")?;
    let process = Process::start(folder, As::NotRoot, &["pgbouncer", "pgbouncer.ini"], port).await?;
    Ok(Running { port, process: Some(process) })
}

fn installed() -> anyhow::Result<()> {
    let version = Command::new("pgbouncer").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.map(drop).context(
        "cannot run `pgbouncer`: install the package pgbouncer (`bench/run` does), or leave it out with --peers",
    )
}

/// Each user with the secret the server keeps for it.
fn users(ground: &Ground) -> String {
    ground.logins.iter().fold(String::new(), |mut text, login| {
        let _ = writeln!(text, "\"{}\" \"{}\"", login.user, login.secret);
        text
    })
}

fn config(ground: &Ground, size: Size, pooling: Pooling, port: u16) -> String {
    let mode = match pooling {
        Pooling::Transaction => "transaction",
        Pooling::Session => "session",
    };
    format!(
        "[databases]
* = host={host} port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = users
pool_mode = {mode}
default_pool_size = {pool}
max_client_conn = {clients}
# a server that was restarted is tried again soon
server_login_retry = 1
# a session's connection goes soon after the session, so that peers that take turns do not use up the server
server_idle_timeout = {idle}
server_tls_sslmode = disable
client_tls_sslmode = disable
log_connections = 0
log_disconnections = 0
ignore_startup_parameters = extra_float_digits
",
        host = ground.host,
        server = ground.port,
        pool = size.pool,
        clients = size.clients + 50,
        idle = if pooling == Pooling::Session { 1 } else { 600 },
    )
}
