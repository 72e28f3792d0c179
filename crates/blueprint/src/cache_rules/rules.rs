//! Which entries a change of a table drops.
//!
//! ```toml
//! [cache.invalidations."public.Segment"]
//! tenant = "workspaceId"
//! drop = ["segment:{id}", "segments:*"]
//! ```
//!
//! | in `drop` | drops |
//! |---|---|
//! | `kind:text` | the entry of this kind and id; `{column}` in the id is the column's value in the changed row, as text |
//! | `kind` | the entry of this kind with an empty id |
//! | `kind:*` | all entries of the kind, those of the tenant's parts too |
//! | `*` | all entries of the tenant |
//!
//! `tenant` names the column with the tenant's key; `"*"` is for tables that belong to all tenants, whose changes drop
//! the entries of everybody. An entry that was kept for a part of a tenant is dropped by `kind:*` and `*` only.

use std::collections::BTreeMap;

use serde::Deserialize;
use tenantry_model::{Class, Ident, QualifiedName};

use crate::registry::Registry;

/// Longest kind of an entry in bytes, as the cache takes it.
pub const KIND_BYTES_MAX: usize = 64;
/// Longest id of an entry in bytes, as the cache takes it.
pub const ID_BYTES_MAX: usize = 1024;

/// Most entries that one change of a table names.
pub const ENTRIES_MAX: usize = 32;

/// Rules by table, read and checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(pub(crate) Vec<Rule>);

/// What a change of one table drops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) table: QualifiedName,
    /// `None`: of all tenants.
    pub(crate) tenant: Option<Ident>,
    pub(crate) entries: Vec<Template>,
}

/// Some entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    Tenant,
    Kind(String),
    Entry { kind: String, id: Vec<Piece> },
}

/// A piece of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Column(Ident),
}

/// A rule that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// There is no such section.
    #[error("the registry has no section [cache.invalidations]")]
    Missing,
    /// Something else stands beside the rules.
    #[error("[cache] holds `invalidations` only, not `{name}`: what else a cache needs, its application says")]
    Unknown {
        /// What stands there.
        name: String,
    },
    /// The section is not of this form.
    #[error("[cache.invalidations] cannot be read: {reason}")]
    Form {
        /// What is wrong.
        reason: String,
    },
    /// A table is not named as `schema.table`.
    #[error("[cache.invalidations] names `{table}`: write schema.table")]
    Table {
        /// What was written.
        table: String,
    },
    /// A name is none that PostgreSQL takes.
    #[error("[cache.invalidations.\"{table}\"] names the column `{column}`, which cannot be one")]
    Column {
        /// Of which table.
        table: String,
        /// What was written.
        column: String,
    },
    /// An entry cannot be read.
    #[error("[cache.invalidations.\"{table}\"] drops `{entry}`: {reason}")]
    Entry {
        /// Of which table.
        table: String,
        /// What was written.
        entry: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Nothing is dropped, or too much is named.
    #[error(
        "[cache.invalidations.\"{table}\"] names {count} entries; 1 to {ENTRIES_MAX} make sense, and `kind:*` stands for many"
    )]
    Count {
        /// Of which table.
        table: String,
        /// How many.
        count: usize,
    },
}

impl RulesError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        Class::Caller
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    tenant: String,
    drop: Vec<String>,
}

impl Rules {
    /// The rules of a registry.
    pub fn of_registry(registry: &Registry) -> Result<Self, RulesError> {
        let section = registry.cache.as_ref().and_then(|c| c.as_object()).ok_or(RulesError::Missing)?;
        if let Some(name) = section.keys().find(|k| *k != "invalidations") {
            return Err(RulesError::Unknown { name: name.clone() });
        }
        Self::read(section.get("invalidations").ok_or(RulesError::Missing)?.clone())
    }

    /// Reads the section as a value, from whatever text it was written in.
    pub fn read(section: serde_json::Value) -> Result<Self, RulesError> {
        let written: BTreeMap<String, Written> =
            serde_json::from_value(section).map_err(|e| RulesError::Form { reason: e.to_string() })?;
        written.into_iter().map(|(table, rule)| Rule::read(&table, &rule)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether no table has a rule.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tables with rules.
    pub fn tables(&self) -> impl Iterator<Item = &QualifiedName> {
        self.0.iter().map(|rule| &rule.table)
    }
}

impl Rule {
    fn read(table: &str, written: &Written) -> Result<Self, RulesError> {
        let column = |text: &str| {
            Ident::new(text).map_err(|_| RulesError::Column { table: table.to_owned(), column: text.to_owned() })
        };
        let bad = || RulesError::Table { table: table.to_owned() };
        let (schema, name) = table.split_once('.').ok_or_else(bad)?;
        let schema = Ident::new(schema).map_err(|_| bad())?;
        let name = Ident::new(name).map_err(|_| bad())?;
        if !(1..=ENTRIES_MAX).contains(&written.drop.len()) {
            return Err(RulesError::Count { table: table.to_owned(), count: written.drop.len() });
        }
        let tenant = if written.tenant == "*" { None } else { Some(column(&written.tenant)?) };
        let mut entries = Vec::new();
        for entry in &written.drop {
            let wrong = |reason| RulesError::Entry { table: table.to_owned(), entry: entry.clone(), reason };
            let (kind, id) = entry.split_once(':').unwrap_or((entry, ""));
            if entry == "*" {
                entries.push(Template::Tenant);
                continue;
            }
            if kind.is_empty() || kind.len() > KIND_BYTES_MAX || kind.contains(['{', '}', '*', '\0']) {
                return Err(wrong("a kind has 1 to 64 bytes and none of { } *"));
            }
            if id == "*" {
                entries.push(Template::Kind(kind.to_owned()));
                continue;
            }
            if tenant.is_none() {
                return Err(wrong("a table of all tenants drops `kind:*` or `*`; no single entry is everybody's"));
            }
            let id = pieces(id).ok_or_else(|| wrong("an id is text with columns in braces, as in `segment:{id}`"))?;
            let id = id.into_iter().map(|p| match p {
                Part::Text(text) => Ok(Piece::Text(text)),
                Part::Column(name) => column(&name).map(Piece::Column),
            });
            entries.push(Template::Entry { kind: kind.to_owned(), id: id.collect::<Result<_, _>>()? });
        }
        Ok(Self { table: QualifiedName::new(schema, name), tenant, entries })
    }
}

enum Part {
    Text(String),
    Column(String),
}

/// `a{b}c` in pieces; `None` for a brace without its other.
fn pieces(text: &str) -> Option<Vec<Part>> {
    if text.len() > ID_BYTES_MAX || text.contains('\0') {
        return None;
    }
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        if !rest[at..].starts_with('{') {
            return None;
        }
        if at > 0 {
            out.push(Part::Text(rest[..at].to_owned()));
        }
        let (name, after) = rest[at + 1..].split_once('}')?;
        if name.is_empty() || name.contains('{') {
            return None;
        }
        out.push(Part::Column(name.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        out.push(Part::Text(rest.to_owned()));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_are_read() {
        let rules = Rules::read(json!({
            "public.Segment": {"tenant": "workspaceId", "drop": ["segment:{id}/v{version}", "segments:*", "count"]},
            "public.Country": {"tenant": "*", "drop": ["*"]},
        }));
        let rules = rules.unwrap();
        assert_eq!(rules.tables().map(ToString::to_string).collect::<Vec<_>>().len(), 2);
        assert_eq!(rules.0[0].entries, [Template::Tenant]);
        let Template::Entry { kind, id } = &rules.0[1].entries[0] else { panic!("{rules:?}") };
        assert_eq!((&**kind, id.len()), ("segment", 3));
        assert_eq!(rules.0[1].entries[2], Template::Entry { kind: "count".into(), id: vec![] });
    }

    #[test]
    fn they_stand_in_the_registry_and_survive_it() {
        let text = "format = 1\n\n[cache.invalidations.\"public.a\"]\ntenant = \"t\"\ndrop = [\"k:{id}\"]\n";
        let registry = Registry::parse(text).unwrap();
        let rules = Rules::of_registry(&registry).unwrap();
        assert!(!rules.is_empty());
        let again = Registry::parse(&registry.render()).unwrap();
        assert_eq!(Rules::of_registry(&again).unwrap(), rules);
        assert_eq!(Rules::of_registry(&Registry::default()).unwrap_err(), RulesError::Missing);
        let other = Registry::parse("format = 1\n[cache]\nttl = 3\n").unwrap();
        assert_eq!(Rules::of_registry(&other).unwrap_err(), RulesError::Unknown { name: "ttl".into() });
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (section, word) in [
            (json!({"Segment": {"tenant": "t", "drop": ["a"]}}), "schema.table"),
            (json!({"a.b": {"tenant": "t", "drop": []}}), "0 entries"),
            (json!({"a.b": {"tenant": "t", "drop": ["k:{id"]}}), "`k:{id`"),
            (json!({"a.b": {"tenant": "t", "drop": ["k:}"]}}), "`k:}`"),
            (json!({"a.b": {"tenant": "t", "drop": [":x"]}}), "a kind has"),
            (json!({"a.b": {"tenant": "*", "drop": ["k:1"]}}), "all tenants"),
            (json!({"a.b": {"tenant": "", "drop": ["k"]}}), "cannot be one"),
            (json!({"a.b": {"tenants": "t", "drop": ["k"]}}), "cannot be read"),
        ] {
            let error = Rules::read(section).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
