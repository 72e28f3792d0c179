//! The blueprint: every step from the schema as it is to the isolated one, and back.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tenantry_model::{Ident, KeyKind, QualifiedName};

use crate::classify::{Class, Root};
pub use crate::quota::counted::{CountedResource, SoftDelete};

/// Version of the file's format.
pub const FORMAT: u32 = 1;

/// Id of the finding that says why a unique key stays global; its object is `schema.table.index`.
pub const KEPT_GLOBAL: &str = "unique-kept-global";

/// The whole of `blueprint.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blueprint {
    /// [`FORMAT`].
    pub format: u32,
    /// Version of the tenantry that wrote it.
    pub tool: String,
    /// Name of the database it was made for.
    pub database: String,
    /// Fingerprint of the catalog it was made for.
    pub fingerprint: String,
    /// Major version of the server it was made for, for example 15.
    pub server_major: u32,
    /// The root.
    pub root: Root,
    /// Type of the tenant key.
    pub key_kind: KeyKind,
    /// Type of the second level's key, if there is one.
    pub scope_kind: Option<KeyKind>,
    /// Roles it makes.
    pub roles: RoleNames,
    /// Protected tables, partitions included: what verify attacks.
    pub tables: Vec<ProtectedTable>,
    /// Tables without a tenant, and why each is: what verify need not call unprotected.
    #[serde(default)]
    pub open_tables: Vec<OpenTable>,
    /// What is counted for each tenant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<CountedResource>,
    /// Steps in order. `complete` ones come after all `apply` ones.
    pub steps: Vec<Step>,
    /// What a person should know. Those that block keep apply from starting.
    pub findings: Vec<Finding>,
}

/// The database roles of one isolated database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleNames {
    /// Owns schema `tenantry`. NOLOGIN.
    pub keeper: Ident,
    /// Owns the application's tables after `complete`. NOLOGIN.
    pub owner: Ident,
    /// Group of the runtime logins. NOLOGIN.
    pub runtime: Ident,
    /// The runtime logins.
    pub slots: Vec<Ident>,
    /// Group of those that set limits and read usage. NOLOGIN. Only where resources are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Ident>,
}

/// How rows of a table are bound to a tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Binding {
    /// By a column that holds the tenant key.
    Column {
        /// The column.
        column: Ident,
        /// Its type.
        kind: KeyKind,
        /// tenantry added it.
        added: bool,
        /// Rows with NULL here are readable by every tenant.
        null_is_shared: bool,
    },
    /// By a path of references that the policy walks.
    Path {
        /// Hops to a table that has the tenant column, or to the root.
        path: Vec<crate::classify::Hop>,
    },
}

/// A table under a tenant policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProtectedTable {
    /// The table or partition.
    pub table: QualifiedName,
    /// Its class (a partition has its parent's).
    pub class: Class,
    /// How its rows are bound.
    pub binding: Binding,
    /// The second level's column, if any.
    pub scope_column: Option<Ident>,
    /// A partition: policies but no grants.
    pub partition_of: Option<QualifiedName>,
    /// The runtime logins may write it.
    pub writable: bool,
    /// Primary key columns (empty if there is none).
    pub primary_key: Vec<Ident>,
}

/// A table that holds no tenant's rows: no policy stands on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenTable {
    /// The table.
    pub table: QualifiedName,
    /// `shared` or `system`.
    pub class: Class,
    /// Why, in the registry's words or the rules'.
    pub reason: String,
}

/// When a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// With `apply`: old logins keep working.
    Apply,
    /// With `complete`: the old doors close.
    Complete,
}

/// How a step runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
pub enum Run {
    /// In one transaction together with its journal entry; short lock waits, retried.
    Transaction,
    /// `CREATE INDEX CONCURRENTLY`: outside a transaction; an invalid leftover of this name is dropped first.
    ConcurrentIndex {
        /// The index it makes.
        index: QualifiedName,
    },
    /// Forward in one transaction; back outside of one, with `CREATE INDEX CONCURRENTLY` of an index dropped forward.
    ConcurrentIndexBack {
        /// The index it makes on the way back.
        index: QualifiedName,
    },
    /// `up[0]` is run per range of pages: `$1` and `$2` are the first `tid` and the one after the last.
    Backfill {
        /// The table filled.
        table: QualifiedName,
        /// The column filled: rows where it is NULL are left to do.
        column: Ident,
    },
    /// Made by the engine, because it is secret: passwords of the runtime logins and the first signing key.
    /// They go into the credentials file, never into a blueprint.
    Credentials,
}

/// The strongest lock a step takes on an application table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lock {
    /// None on any application table.
    None,
    /// ROW SHARE / ROW EXCLUSIVE: like ordinary writes.
    RowExclusive,
    /// SHARE UPDATE EXCLUSIVE: readers and writers go on.
    ShareUpdateExclusive,
    /// SHARE ROW EXCLUSIVE: writers wait, for moments.
    ShareRowExclusive,
    /// ACCESS EXCLUSIVE: everybody waits, for moments.
    AccessExclusive,
}

/// What a step does to the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Catalog only.
    Catalog,
    /// Reads every row once.
    Scan,
    /// Writes rows in small batches.
    Batches,
}

/// What a step will cost, from the statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Rows read or written.
    pub rows: i64,
    /// Bytes added to the database.
    pub bytes: i64,
    /// Seconds, from the rates measured in `bench/`.
    pub seconds: f64,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Unique in the blueprint and stable: `policies:public.Segment`.
    pub id: String,
    /// The kind of step, which is the name of its file in `steps/`: `policies`.
    pub kind: String,
    /// One line for people.
    pub title: String,
    /// The object it is about, as text; empty for the database as a whole.
    pub object: String,
    /// The table it works on, if any: a step whose table is gone is reported, and skipped on the way back.
    pub table: Option<QualifiedName>,
    /// When it runs.
    pub phase: Phase,
    /// How it runs.
    pub run: Run,
    /// Forward statements, each one statement.
    pub up: Vec<String>,
    /// Backward statements. Tolerant (`IF EXISTS`) where a half-done step leaves nothing.
    pub down: Vec<String>,
    /// Strongest lock.
    pub lock: Lock,
    /// What it does to rows.
    pub effect: Effect,
    /// What it costs.
    pub estimate: Estimate,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Low,
    /// Should be looked at.
    Medium,
    /// Leaks or breaks under some circumstances.
    High,
    /// Leaks.
    Critical,
}

/// A hazard found in a schema, or a question the registry must answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Name of the lint, which is the name of its file in `hazards/`: `unique-without-tenant`.
    pub id: String,
    /// How bad.
    pub severity: Severity,
    /// The object, as text.
    pub object: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// Apply does not start while this stands.
    #[serde(default)]
    pub blocks: bool,
    /// The registry accepted it, with this reason.
    #[serde(default)]
    pub accepted: Option<String>,
}

/// Why a text is no blueprint.
#[derive(Debug, thiserror::Error)]
pub enum ReadBlueprintError {
    /// Not JSON, or cut short.
    #[error("the blueprint is damaged: it cannot be read as JSON; run `tenantry plan` again")]
    Syntax(#[source] serde_json::Error),
    /// JSON, but something else.
    #[error(
        "this is not a blueprint of tenantry: it has no `format`; give the blueprint.json that `tenantry plan` wrote"
    )]
    NotABlueprint,
    /// Another version's file.
    #[error(
        "the blueprint has format {found}, and this tenantry reads format {FORMAT}: run `tenantry plan` again with this version"
    )]
    Format {
        /// What the file says.
        found: u64,
    },
    /// Its parts do not have the form they must have.
    #[error("the blueprint is damaged: a part of it is missing or has the wrong form; run `tenantry plan` again")]
    Shape(#[source] serde_json::Error),
    /// Changed after it was written.
    #[error(
        "the blueprint was changed or damaged after it was written (its checksum does not match); change tenantry.toml and run `tenantry plan` again"
    )]
    Checksum,
}

impl ReadBlueprintError {
    /// The class of the failure: always the caller's file.
    pub fn class(&self) -> tenantry_model::Class {
        tenantry_model::Class::Caller
    }
}

/// SHA-256 over the compact JSON of the blueprint, in hexadecimal.
fn checksum(blueprint: &Blueprint) -> String {
    let text = serde_json::to_vec(blueprint).unwrap_or_default();
    Sha256::digest(&text).iter().map(|b| format!("{b:02x}")).collect()
}

impl Blueprint {
    /// The text of `blueprint.json`: the blueprint and a checksum over it. Same blueprint, same bytes.
    pub fn to_json(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(map) = value.as_object_mut() {
            map.insert("checksum".to_owned(), checksum(self).into());
        }
        let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads what [`to_json`](Self::to_json) wrote. Refuses any other format and any later change.
    pub fn from_json(text: &str) -> Result<Self, ReadBlueprintError> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(ReadBlueprintError::Syntax)?;
        let format = value.get("format").and_then(|f| f.as_u64()).ok_or(ReadBlueprintError::NotABlueprint)?;
        if format != u64::from(FORMAT) {
            return Err(ReadBlueprintError::Format { found: format });
        }
        let sum = value.get("checksum").and_then(|c| c.as_str()).map(str::to_owned);
        let blueprint: Self = serde_json::from_value(value).map_err(ReadBlueprintError::Shape)?;
        if sum.as_deref() != Some(checksum(&blueprint).as_str()) {
            return Err(ReadBlueprintError::Checksum);
        }
        Ok(blueprint)
    }

    /// Findings that keep apply from starting.
    pub fn blocking(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.blocks && f.accepted.is_none())
    }

    /// Why a unique key stays global, if the plan decided so.
    pub fn kept_global(&self, table: &QualifiedName, index: &Ident) -> Option<&str> {
        let object = format!("{table}.{index}");
        self.findings.iter().find(|f| f.id == KEPT_GLOBAL && f.object == object)?.accepted.as_deref()
    }

    /// `up.sql`: what apply and complete run, for review. Not meant to be run by hand: see [`Run`].
    pub fn up_sql(&self) -> String {
        script(self, "what `tenantry apply` and `tenantry complete` run", &mut self.steps.iter(), |s| &s.up)
    }

    /// `down.sql`: what rollback runs, for review.
    pub fn down_sql(&self) -> String {
        script(self, "what `tenantry rollback` runs", &mut self.steps.iter().rev(), |s| &s.down)
    }
}

/// One reviewable script: a comment per step, then its statements.
fn script<'a>(
    blueprint: &Blueprint,
    what: &str,
    steps: &mut dyn Iterator<Item = &'a Step>,
    statements: fn(&Step) -> &Vec<String>,
) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "-- tenantry {}: {what}, in this order, for database {}.",
        blueprint.tool,
        one_line(&blueprint.database)
    );
    out.push_str("-- For review. tenantry runs it in small transactions with short lock waits, and can be stopped at any point.\n");
    let mut phase = None;
    for step in steps {
        if phase != Some(step.phase) {
            phase = Some(step.phase);
            let word = match step.phase {
                Phase::Apply => "apply: old logins keep working",
                Phase::Complete => "complete: the old doors close",
            };
            let _ = writeln!(out, "\n-- ==== {word} ====");
        }
        let _ = writeln!(out, "\n-- {}: {}", one_line(&step.id), one_line(&step.title));
        let _ = writeln!(out, "-- {}", how(step));
        if statements(step).is_empty() && step.run != Run::Credentials {
            out.push_str("-- (nothing to do)\n");
        }
        for sql in statements(step) {
            let _ = writeln!(out, "{sql};");
        }
    }
    out
}

/// How a step runs, in words.
fn how(step: &Step) -> String {
    let run = match &step.run {
        Run::Transaction => "one transaction".to_owned(),
        Run::ConcurrentIndex { index } => format!("outside a transaction; index {}", one_line(&index.to_string())),
        Run::ConcurrentIndexBack { index } => {
            format!("one transaction; on the way back outside a transaction: index {}", one_line(&index.to_string()))
        }
        Run::Backfill { table, .. } => {
            format!(
                "in batches of pages of {} ($1, $2: first tid and the one after the last)",
                one_line(&table.to_string())
            )
        }
        Run::Credentials => {
            "passwords and the signing key: made by tenantry, written to the credentials file only".to_owned()
        }
    };
    let lock = match step.lock {
        Lock::None => "no lock on a table",
        Lock::RowExclusive => "lock ROW EXCLUSIVE",
        Lock::ShareUpdateExclusive => "lock SHARE UPDATE EXCLUSIVE",
        Lock::ShareRowExclusive => "lock SHARE ROW EXCLUSIVE",
        Lock::AccessExclusive => "lock ACCESS EXCLUSIVE for a moment",
    };
    let effect = match step.effect {
        Effect::Catalog => "catalog only".to_owned(),
        Effect::Scan => format!("reads about {} rows", step.estimate.rows.max(0)),
        Effect::Batches => format!("writes about {} rows", step.estimate.rows.max(0)),
    };
    format!("{run}; {lock}; {effect}; about {:.1} s", step.estimate.seconds)
}

/// Names may hold line breaks; a comment must not.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blueprint(confidence: f64, seconds: f64) -> Blueprint {
        let name = |n: &str| Ident::new(n).unwrap();
        let table: QualifiedName = "public.item".parse().unwrap();
        Blueprint {
            format: FORMAT,
            tool: "0.1.0".into(),
            database: "shop".into(),
            fingerprint: "f".repeat(64),
            server_major: 15,
            root: Root {
                table: Some("public.shop".parse().unwrap()),
                key: vec![name("id")],
                column: None,
                kind: Some(KeyKind::Uuid),
                confidence,
                reasons: vec![],
                alternatives: vec![],
                question: None,
            },
            key_kind: KeyKind::Uuid,
            scope_kind: None,
            roles: RoleNames {
                keeper: name("shop_tenantry"),
                owner: name("shop_owner"),
                runtime: name("shop_rt"),
                slots: vec![name("shop_slot_01")],
                quota: None,
            },
            tables: vec![],
            open_tables: vec![],
            resources: vec![],
            steps: vec![Step {
                id: "policies:public.item".into(),
                kind: "policies".into(),
                title: "Row-level security on public.item".into(),
                object: table.to_string(),
                table: Some(table),
                phase: Phase::Apply,
                run: Run::Transaction,
                up: vec!["SELECT 1".into()],
                down: vec!["SELECT 2".into()],
                lock: Lock::AccessExclusive,
                effect: Effect::Catalog,
                estimate: Estimate { rows: 1, bytes: 2, seconds },
            }],
            findings: vec![],
        }
    }

    proptest! {
        #[test]
        fn whatever_the_numbers_a_blueprint_is_read_back_as_it_was(confidence in 0.0..1.0f64, seconds in 0.0..1e9f64) {
            let it = blueprint(confidence, seconds);
            prop_assert_eq!(Blueprint::from_json(&it.to_json()).unwrap(), it);
        }
    }

    #[test]
    fn a_changed_statement_is_noticed() {
        let text = blueprint(0.97, 1.5).to_json().replace("SELECT 2", "SELECT 3");
        assert!(matches!(Blueprint::from_json(&text), Err(ReadBlueprintError::Checksum)));
    }
}
