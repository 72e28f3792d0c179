//! Resources that are counted for each tenant: what a quota is of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry_model::{Ident, QualifiedName};

use super::condition::Condition;
use crate::quota::UNITS_MAX;

/// Longest name of a resource: it becomes part of the names of functions and triggers.
pub(super) const NAME_MAX: usize = 40;

/// How a resource is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MeasureWord {
    /// Rows that are there.
    #[default]
    Rows,
    /// The sum of `column` over the rows that are there; values below zero count as zero.
    Sum,
    /// Rows that came in this month (UTC), whether they are still there or not.
    Monthly,
}

impl MeasureWord {
    /// The word in the file.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Sum => "sum",
            Self::Monthly => "monthly",
        }
    }

    fn is_rows(&self) -> bool {
        *self == Self::Rows
    }
}

/// One resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceEntry {
    /// The table whose rows are counted, `schema.table`.
    pub table: String,
    /// Which rows count: columns, constants, AND, OR, NOT, IN, IS NULL and comparisons. Left out: all.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// `rows` if left out.
    #[serde(default, skip_serializing_if = "MeasureWord::is_rows")]
    pub measure: MeasureWord,
    /// The column that is summed, for `measure = "sum"`: smallint, integer or bigint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The limit of a tenant for which nobody chose one. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// A tenant for which nobody chose a limit gets nothing: the same as `limit = 0`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
}

impl ResourceEntry {
    /// What TOML and types cannot say.
    pub(super) fn look_through(&self, name: &str) -> Result<(), (String, String)> {
        let key = format!("resources.{name}");
        let bad = |part: &str, message: String| Err((format!("{key}{part}"), message));
        let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !plain || name.len() > NAME_MAX {
            return bad(
                "",
                format!(
                    "the name becomes part of functions and triggers: letters, digits and underscores, a letter first, at most {NAME_MAX}"
                ),
            );
        }
        if let Err(e) = self.table.parse::<QualifiedName>() {
            return bad(".table", e.to_string());
        }
        if let Some(Err(e)) = self.column.as_ref().map(Ident::new) {
            return bad(".column", e.to_string());
        }
        match (self.measure, &self.column, &self.condition) {
            (MeasureWord::Sum, None, _) => {
                return bad(".column", "`measure = \"sum\"` needs the column that is summed".to_owned());
            }
            (MeasureWord::Rows | MeasureWord::Monthly, Some(_), _) => {
                return bad(
                    ".column",
                    "only `measure = \"sum\"` sums a column; leave it out, or change the measure".to_owned(),
                );
            }
            (MeasureWord::Monthly, _, Some(_)) => {
                return bad(
                    ".where",
                    "`measure = \"monthly\"` counts every row once, when it comes: a condition that a row meets only later would count it never, or again and again; leave it out".to_owned(),
                );
            }
            _ => {}
        }
        if let Some(Err(why)) = self.condition.as_deref().map(Condition::parse) {
            return bad(".where", why);
        }
        if self.limit.is_some_and(|l| l > UNITS_MAX) {
            return bad(".limit", format!("is at most {UNITS_MAX}"));
        }
        if self.strict && self.limit.is_some_and(|l| l > 0) {
            return bad(".strict", "and a limit contradict each other: `strict` is `limit = 0`; keep one".to_owned());
        }
        Ok(())
    }

    /// The limit of a tenant for which nobody chose one.
    pub fn default_limit(&self) -> Option<u64> {
        if self.strict { Some(0) } else { self.limit }
    }
}
