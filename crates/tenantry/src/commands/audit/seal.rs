//! `tenantry audit seal`: links what was recorded, signs the heads, lets old entries go; once, or until it is stopped.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tenantry_audit::retention::let_go;
use tenantry_audit::seal::Sealer;
use tenantry_audit::{AuditError, Chain, SigningKey};
use tenantry_pg::Client;

use super::failed;
use crate::commands::Outcome;
use crate::config::Settings;
use crate::errors::Failure;

/// How often old entries are looked for.
const LET_GO_EVERY: Duration = Duration::from_secs(3600);

/// Link what was recorded to its chains and sign their heads
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Names this log in its signatures: a host name or the like
    #[arg(long, value_name = "NAME")]
    origin: String,
    /// The file with the secret key, 64 hexadecimal digits; the tables' owner must not read it
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// Where checkpoints are kept outside the database
    #[arg(long, value_name = "FILE")]
    checkpoints: PathBuf,
    /// Append every sealed entry to this file too, one JSON text a line
    #[arg(long, value_name = "FILE")]
    copy_to: Option<PathBuf>,
    /// Go on, so many seconds apart, until stopped
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: Option<u64>,
    /// Let entries go that are older than so many days
    #[arg(long, value_name = "DAYS", env = "AUDIT_LOG_RETENTION_DAYS", value_parser = clap::value_parser!(i32).range(1..))]
    retention_days: Option<i32>,
    /// Keep everything of this tenant; may be given several times
    #[arg(long, value_name = "TENANT")]
    hold: Vec<String>,
}

/// Seals.
pub(super) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    let mut sealer = Sealer::open(read_key(&args.origin, &args.key_file)?, Some(&args.checkpoints)).map_err(sealing)?;
    if let Some(file) = &args.copy_to {
        sealer = sealer.copying_to(file).map_err(sealing)?;
    }
    settings.output.say(&format!("the public key is {}", sealer.verifying().text_form()));
    let hold: Vec<Chain> = args.hold.iter().map(|tenant| Chain::of(Some(tenant))).collect();
    let mut client = settings.connect().await?;
    let mut next_let_go = tokio::time::Instant::now();
    loop {
        let mut sealed = 0;
        // a full round may have left some
        loop {
            let now = sealer.seal(&mut client).await.map_err(sealing)?;
            sealed += now;
            if now == 0 {
                break;
            }
        }
        for alert in sealer.take_alerts() {
            settings.output.say(&format!("{}: threshold {} reached", alert.chain.name(), alert.threshold));
        }
        if sealed > 0 || args.every.is_none() {
            settings.output.say(&format!("{sealed} entries sealed"));
        }
        let is_time = tokio::time::Instant::now() >= next_let_go;
        if let Some(days) = if is_time { days(&client, args.retention_days).await? } else { None } {
            let (gone, kept) = let_go(&mut sealer, &mut client, days, &hold).await.map_err(sealing)?;
            settings.output.say(&format!("{gone} old entries let go"));
            for chain in &kept {
                settings.output.say(&format!("{} keeps its old entries, for it has a fault: verify it", chain.name()));
            }
            forget_source(&client, days, &kept, &hold).await?;
            next_let_go += LET_GO_EVERY;
        }
        let Some(seconds) = args.every else { return Ok(Outcome::Fine) };
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Outcome::Fine),
        }
    }
}

/// For how many days entries are kept: the flag's, else what was said over the control plane's API.
async fn days(client: &Client, given: Option<i32>) -> Result<Option<i32>, Failure> {
    let there = "SELECT to_regclass('tenantry_control.audit_retention') IS NOT NULL";
    let failed = |e| sealing(AuditError::Query { doing: "read how long entries are kept", source: e });
    if given.is_some() || !client.query_one(there, &[]).await.map_err(failed)?.get::<_, bool>(0) {
        return Ok(given);
    }
    let row = client.query_opt("SELECT days FROM tenantry_control.audit_retention", &[]).await.map_err(failed)?;
    Ok(row.and_then(|row| row.get(0)))
}

/// Lets go what the control plane wrote and the chains let go already: chains with a fault or on hold keep theirs.
async fn forget_source(client: &Client, days: i32, kept: &[Chain], hold: &[Chain]) -> Result<(), Failure> {
    let there = "SELECT to_regclass('tenantry_control.audit_entry') IS NOT NULL";
    let failed = |e| sealing(AuditError::Query { doing: "let the control plane's old entries go", source: e });
    if !client.query_one(there, &[]).await.map_err(failed)?.get::<_, bool>(0) {
        return Ok(());
    }
    let names: Vec<String> = kept.iter().chain(hold).map(Chain::name).collect();
    let sql = "DELETE FROM tenantry_control.audit_entry WHERE occurred_at < now() - make_interval(days => $1) \
               AND coalesce('tenant/' || tenant_id::text, 'platform') <> ALL ($2)";
    client.execute(sql, &[&days, &names]).await.map(drop).map_err(failed)
}

fn sealing(error: AuditError) -> Failure {
    failed("cannot seal the audit log", error)
}

fn read_key(origin: &str, file: &Path) -> Result<SigningKey, Failure> {
    let refused = || Failure::caller(format!("{} holds no signing key", file.display())).code("audit-log");
    let text = std::fs::read_to_string(file).map_err(|e| refused().because(e))?;
    SigningKey::new(origin, &text).map_err(|e| refused().because(e))
}
