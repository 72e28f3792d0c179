//! `tenantry audit export`: entries of one tenant, or of all, for other programs.

use clap::ValueEnum;
use tenantry_audit::export::{CSV_HEAD, csv_line, json_line, ocsf};
use tenantry_audit::store::Pages;
use tenantry_audit::{Chain, Event};

use super::failed;
use crate::commands::Outcome;
use crate::config::Settings;
use crate::errors::Failure;

/// Print entries for other programs
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this tenant's
    #[arg(long, value_name = "TENANT", conflicts_with = "platform")]
    tenant: Option<String>,
    /// Only the platform's own
    #[arg(long)]
    platform: bool,
    /// As what
    #[arg(long = "as", value_enum, value_name = "FORM", default_value = "jsonl")]
    form: Form,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// One JSON text a line
    Jsonl,
    /// A table for spreadsheets
    Csv,
    /// OCSF API Activity, one JSON text a line
    Ocsf,
}

impl Form {
    fn line(self, event: &Event) -> String {
        match self {
            Self::Jsonl => json_line(event),
            Self::Csv => csv_line(event),
            Self::Ocsf => ocsf(event).to_string(),
        }
    }
}

/// Prints them, page by page.
pub(super) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    let chain = args.tenant.as_deref().map(|t| Chain::of(Some(t))).or(args.platform.then_some(Chain::Platform));
    let client = settings.connect().await?;
    let mut pages = Pages::of(chain.as_ref());
    if let Form::Csv = args.form {
        settings.output.text(&format!("{CSV_HEAD}\n"))?;
    }
    loop {
        let page = pages.next(&*client).await.map_err(|e| failed("cannot export the audit log", e))?;
        if page.is_empty() {
            return Ok(Outcome::Fine);
        }
        let lines: String = page.iter().map(|event| args.form.line(event) + "\n").collect();
        settings.output.text(&lines)?;
    }
}
