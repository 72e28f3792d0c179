//! `tenantry inspect`: what a database is, table by table. Writes nothing to it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tenantry_blueprint::classify::{Hop, Verdict};
use tenantry_blueprint::file::Finding;
use tenantry_blueprint::hazards;

use super::Outcome;
use super::reading::{Reading, listed};
use crate::config::{RegistryFile, Settings};
use crate::errors::Failure;
use crate::output::Rows;

const AFTER: &str = "\
Classes: root (the tenant table), direct (has the tenant column), indirect (reaches the tenant by foreign keys),
membership (joins people to tenants), shared (reference data of all tenants), system (bookkeeping), unknown (you must
say: the question is printed).

Examples:
  tenantry inspect
  tenantry inspect --write-config tenantry.toml      write the registry, or add what is new to it
  tenantry inspect --format json | jq -r '.tables[] | select(.class == \"unknown\") | .table'

Exit codes: 0 whatever was found, 2 could not read the database.";

/// Classify every table and list hazards; writes nothing to the database
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Args {
    /// Write the registry; an existing file keeps every decision and gets only what it does not know
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
}

/// Reads, prints, and writes the registry if asked to.
pub(crate) async fn run(args: Args, mut settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("inspect")?;
    if let Some(path) = &args.write_config {
        // decisions in the file that is about to be extended count, whatever --config says
        let file = RegistryFile::default_at(path)?;
        if file.exists {
            settings.registry = file;
        }
    }
    let reading = Reading::of(&settings, settings.decisions()).await?;
    let hazards = hazards::find(&reading.catalog, &reading.classification, settings.decisions());
    if settings.output.is_human() {
        settings.output.text(&human(&reading, &hazards))?;
    } else {
        settings.output.json(&document(&reading, &hazards))?;
    }
    if let Some(path) = &args.write_config {
        write_config(path, &settings, &reading)?;
    }
    Ok(Outcome::Fine)
}

fn write_config(path: &Path, settings: &Settings, reading: &Reading) -> Result<(), Failure> {
    let file = RegistryFile::default_at(path)?;
    let added = file.extend(&reading.classification)?;
    let what = match (file.exists, added) {
        (false, _) => "written".to_owned(),
        (true, 0) => "knows every table already; not touched".to_owned(),
        (true, n) => format!("extended by {n} entries; nothing else was changed"),
    };
    settings.output.say(&format!("{} {what}", path.display()));
    Ok(())
}

/// The contract's document.
fn document(reading: &Reading, hazards: &[Finding]) -> Value {
    let root = &reading.classification.root;
    json!({
        "format": 1,
        "database": reading.catalog.database,
        "server_version": reading.version().to_string(),
        "root": {
            "schema": root.table.as_ref().map(|t| &t.schema), "table": root.table.as_ref().map(|t| &t.name),
            "key": root.key, "column": root.column, "kind": root.kind, "confidence": root.confidence,
            "reasons": root.reasons, "question": root.question,
            "alternatives": root.alternatives.iter().map(|(t, why)| json!({"table": t, "reason": why})).collect::<Vec<_>>(),
        },
        "tables": reading.classification.tables.iter().map(table).collect::<Vec<_>>(),
        "hazards": hazards,
    })
}

fn table(v: &Verdict) -> Value {
    let hop = |h: &Hop| {
        json!({ "columns": h.columns, "references": h.references, "referenced_columns": h.referenced_columns,
            "enforced": h.enforced, "reverse": h.reverse })
    };
    json!({
        "schema": v.table.schema, "table": v.table.name, "class": v.class, "column": v.column,
        "scope_column": v.scope_column, "path": v.path.iter().map(hop).collect::<Vec<_>>(), "nullable": v.nullable,
        "confidence": v.confidence, "reasons": v.reasons, "question": v.question, "registered": v.registered,
        "protected": v.protected,
    })
}

fn human(reading: &Reading, hazards: &[Finding]) -> String {
    let (catalog, classes) = (&reading.catalog, &reading.classification);
    let mut text =
        format!("database {} on PostgreSQL {}: {} tables\n", catalog.database, reading.version(), classes.tables.len());
    text.push_str(&root_line(reading));
    let mut rows = Rows::new(&["table", "class", "bound by", "sure", "why"]);
    for v in &classes.tables {
        let sure = if v.registered { "registry".to_owned() } else { format!("{:.0} %", v.confidence * 100.0) };
        let why = v.reasons.first().cloned().unwrap_or_default();
        rows.row([v.table.to_string(), word(&v.class), bound_by(v), sure, why]);
    }
    text.push_str(&format!("\n{}", rows.text()));
    let questions: Vec<_> = classes.tables.iter().filter_map(|v| Some((&v.table, v.question.as_ref()?))).collect();
    if !questions.is_empty() {
        text.push_str("\nquestions (answer them in tenantry.toml):\n");
        questions.iter().for_each(|(table, question)| text.push_str(&format!("  {table}: {question}\n")));
    }
    let open: Vec<&Finding> = hazards.iter().filter(|h| h.accepted.is_none()).collect();
    let accepted = hazards.len() - open.len();
    text.push_str(&format!("\nhazards: {} open, {accepted} accepted\n", open.len()));
    text + &listed(open)
}

fn root_line(reading: &Reading) -> String {
    let root = &reading.classification.root;
    let kind = root.kind.map(|k| format!(" ({})", k.sql_type())).unwrap_or_default();
    let mut text = match (&root.table, &root.column) {
        (Some(table), _) => {
            let key: Vec<&str> = root.key.iter().map(|k| k.as_str()).collect();
            format!("tenant: one row of {table}, key {}{kind}\n", key.join(", "))
        }
        (None, Some(column)) => format!("tenant: column {column}{kind}; there is no tenant table\n"),
        (None, None) => "tenant: none yet; `tenantry plan --create-root` adds one that owns every row\n".to_owned(),
    };
    for (table, why) in root.alternatives.iter().take(3) {
        text.push_str(&format!("  or is it {table}? {why}\n"));
    }
    if let Some(question) = &root.question {
        text.push_str(&format!("  question: {question}\n"));
    }
    text
}

/// How a table's rows reach their tenant, in one cell.
fn bound_by(v: &Verdict) -> String {
    if let Some(column) = &v.column {
        return column.to_string();
    }
    let hop = |h: &Hop| {
        let columns: Vec<&str> = h.columns.iter().map(|c| c.as_str()).collect();
        format!("{} {} {}", columns.join(","), if h.reverse { "<-" } else { "->" }, h.references.name)
    };
    v.path.iter().map(hop).collect::<Vec<_>>().join(", ")
}

/// The class as the registry spells it.
fn word(class: &tenantry_blueprint::classify::Class) -> String {
    serde_json::to_value(class).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
