//! `tenantry audit`: the audit log of a database, sealed and looked at from outside.

mod export;
mod list;
mod seal;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;
use tenantry_audit::seal::read_checkpoints;
use tenantry_audit::verify::{Verdict, verify};
use tenantry_audit::{AuditError, VerifyingKey, store};

use super::Outcome;
use crate::config::Settings;
use crate::errors::Failure;

const AFTER: &str = "\
Examples:
  tenantry audit list acme --severity HIGH           what happened to a tenant, asked of the control plane
  tenantry audit tables | psql ...                   make the tables
  tenantry audit seal --origin shop.example --key-file KEY --checkpoints FILE --every 1
  tenantry audit export --tenant acme --as csv       entries for other programs
  tenantry audit verify --key KEY --checkpoints FILE every chain against its signed checkpoints

Exit codes of verify: 0 whole, 1 a fault was found, 2 could not look.";

/// Read the audit log of a tenant; seal, verify and export that of a database
#[derive(clap::Args)]
#[command(after_help = AFTER, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    List(list::Args),
    /// Print the SQL that makes the tables
    Tables,
    Seal(seal::Args),
    Export(export::Args),
    /// Hash every entry again and hold it against the signed checkpoints
    Verify {
        /// The public key of whoever seals: origin+id+key
        #[arg(long, value_name = "KEY")]
        key: String,
        /// The file of checkpoints outside the database; without it an older copy of the database passes
        #[arg(long, value_name = "FILE")]
        checkpoints: Option<PathBuf>,
    },
}

/// Prints the tables, or verifies.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    match args.what {
        What::List(args) => list::run(args, settings).await,
        What::Tables => {
            settings.output.text(&format!("{};\n", store::TABLES))?;
            Ok(Outcome::Fine)
        }
        What::Seal(args) => seal::run(args, settings).await,
        What::Export(args) => export::run(args, settings).await,
        What::Verify { key, checkpoints } => {
            settings.output.only_human_or_json("audit verify")?;
            let verdict = verified(&settings, &key, checkpoints.as_deref()).await?;
            if settings.output.is_human() {
                settings.output.text(&human(&verdict, checkpoints.is_some()))?;
            } else {
                settings.output.json(&document(&verdict))?;
            }
            Ok(Outcome::findings(!verdict.findings.is_empty()))
        }
    }
}

async fn verified(settings: &Settings, key: &str, file: Option<&Path>) -> Result<Verdict, Failure> {
    let key =
        VerifyingKey::parse(key).map_err(|e| Failure::caller("--key names no key").because(e).code("audit-log"))?;
    let failed = |e| failed("cannot verify the audit log", e);
    let outside = file.map(|file| read_checkpoints(file, &key)).transpose().map_err(failed)?.unwrap_or_default();
    if let Some(file) = file.filter(|_| outside.is_empty()) {
        let what = format!("{} holds no checkpoint of this key", file.display());
        return Err(Failure::caller(what)
            .code("audit-log")
            .remedy("name the file that the sealer writes, and its key"));
    }
    let client = settings.connect().await?;
    verify(&client, &key, &outside).await.map_err(failed)
}

fn failed(what: &str, error: AuditError) -> Failure {
    Failure::new(error.class(), what).because(error).code("audit-log")
}

fn human(verdict: &Verdict, outside: bool) -> String {
    let mut lines: Vec<String> = Vec::new();
    for found in &verdict.findings {
        lines.push(format!("{} entry {}: {}", found.chain, found.sequence, found.fault));
    }
    lines.push(format!("{} entries in {} chains, {} faults", verdict.entries, verdict.chains, verdict.findings.len()));
    if !outside {
        lines.push("without --checkpoints an older copy of the database is not noticed".into());
    }
    lines.join("\n") + "\n"
}

fn document(verdict: &Verdict) -> serde_json::Value {
    let found = |f: &tenantry_audit::Finding| json!({"chain": f.chain, "sequence": f.sequence, "fault": f.fault.name(), "message": f.fault.to_string()});
    let findings: Vec<_> = verdict.findings.iter().map(found).collect();
    json!({"format": 1, "chains": verdict.chains, "entries": verdict.entries, "findings": findings})
}
