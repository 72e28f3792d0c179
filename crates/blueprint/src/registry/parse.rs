//! Reads `tenantry.toml`.
//!
//! A file that cannot be understood whole is refused whole: half a registry would leave tables unprotected.

use std::collections::BTreeSet;

use tenantry_model::{Class, Ident, QualifiedName};

use super::{Registry, path};
use crate::classify;

/// Version of the file's format.
pub const FORMAT: u32 = 1;

/// A registry file that cannot be used. The message names the line or key, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not TOML, or a key or value the format does not know.
    #[error("tenantry.toml cannot be read{}: {message}", place(.line, .key))]
    Toml {
        /// The line, counted from 1, if known.
        line: Option<usize>,
        /// The key at fault, if known.
        key: Option<String>,
        /// What is wrong and what to do.
        message: String,
    },
    /// Written for another version of the format.
    #[error(
        "tenantry.toml has format = {found}, this tenantry reads format = {FORMAT}; use the tenantry that wrote it, or write the file anew with `tenantry inspect --write-config`"
    )]
    Format {
        /// What the file says.
        found: u32,
    },
    /// A value that is read, and means nothing.
    #[error("tenantry.toml, {key}: {message}")]
    Value {
        /// The key, as a path: `tables."public.a".path`.
        key: String,
        /// What is wrong and what to do.
        message: String,
    },
}

fn place(line: &Option<usize>, key: &Option<String>) -> String {
    match (line, key) {
        (Some(line), Some(key)) => format!(" at line {line}, `{key}`"),
        (Some(line), None) => format!(" at line {line}"),
        (None, Some(key)) => format!(", `{key}`"),
        (None, None) => String::new(),
    }
}

impl ParseError {
    /// What kind of failure this is.
    pub fn class(&self) -> Class {
        Class::Caller
    }
}

impl Registry {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let registry: Self = toml::from_str(text).map_err(|e| unreadable(text, &e))?;
        if registry.format != FORMAT {
            return Err(match registry.format {
                0 => ParseError::Value {
                    key: "format".into(),
                    message: format!("is missing; write `format = {FORMAT}` in the first line"),
                },
                found => ParseError::Format { found },
            });
        }
        registry.look_through()?;
        Ok(registry)
    }

    /// What TOML and types cannot say: names that are names, paths that can be read, reasons that say something.
    fn look_through(&self) -> Result<(), ParseError> {
        let bad = |key: String, message: String| Err(ParseError::Value { key, message });
        if let Some(root) = &self.root {
            if root.table.is_some() == root.column.is_some() {
                return bad(
                    "root".into(),
                    "needs either `table` (the tenant table) or `column` (where there is none)".into(),
                );
            }
            for (key, name) in [("key", &root.key), ("column", &root.column), ("parent", &root.parent)] {
                ident(&format!("root.{key}"), name.as_deref())?;
            }
            qualified("root.table", root.table.as_deref())?;
        }
        if let Some(scope) = &self.scope {
            qualified("scope.table", Some(&scope.table))?;
            ident("scope.column", Some(&scope.column))?;
        }
        for (name, entry) in &self.tables {
            let key = format!("tables.\"{name}\"");
            qualified(&key, Some(name))?;
            ident(&format!("{key}.column"), entry.column.as_deref())?;
            if let Err(message) = path::hops(&entry.path) {
                return bad(format!("{key}.path"), message);
            }
            if !entry.path.is_empty() && !matches!(entry.class, classify::Class::Indirect | classify::Class::Membership)
            {
                return bad(
                    format!("{key}.path"),
                    "only an `indirect` or `membership` table has a path; leave it out or change the class".into(),
                );
            }
            if let Some((unique, _)) = entry.global_uniques.iter().find(|(_, reason)| reason.trim().is_empty()) {
                return bad(
                    format!("{key}.global_uniques.{unique}"),
                    "needs a reason: why may every tenant notice this value?".into(),
                );
            }
        }
        for (name, entry) in self.views.iter().chain(&self.functions) {
            if entry.reason.trim().is_empty() {
                return bad(format!("\"{name}\".reason"), "an exception needs a reason".into());
            }
        }
        let mut names = BTreeSet::new();
        for lookup in &self.lookups {
            let key = format!("lookups.{}", lookup.name);
            let plain = lookup.name.starts_with(|c: char| c.is_ascii_lowercase())
                && lookup.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            if !plain || lookup.name.len() > 40 {
                return bad(key, "the name becomes a function: lower case letters, digits and underscores, a letter first, at most 40".into());
            }
            if !names.insert(&lookup.name) {
                return bad(key, "there are two look-ups of this name; rename one".into());
            }
            qualified(&format!("{key}.table"), Some(&lookup.table))?;
            if lookup.r#match.is_empty() || lookup.returns.is_empty() {
                return bad(key, "`match` and `returns` each need at least one column".into());
            }
        }
        for (name, entry) in &self.resources {
            entry.look_through(name).or_else(|(key, message)| bad(key, message))?;
        }
        match self.accept.iter().find(|a| a.reason.trim().is_empty()) {
            Some(a) => bad(format!("accept ({} on {})", a.id, a.object), "an accepted finding needs a reason".into()),
            None => Ok(()),
        }
    }
}

fn ident(key: &str, name: Option<&str>) -> Result<(), ParseError> {
    match name.map(Ident::new) {
        Some(Err(e)) => Err(ParseError::Value { key: key.to_owned(), message: e.to_string() }),
        _ => Ok(()),
    }
}

fn qualified(key: &str, name: Option<&str>) -> Result<(), ParseError> {
    match name.map(str::parse::<QualifiedName>) {
        Some(Err(e)) => Err(ParseError::Value { key: key.to_owned(), message: e.to_string() }),
        _ => Ok(()),
    }
}

/// What the TOML reader says, with the line and the words of it that help.
fn unreadable(text: &str, error: &toml::de::Error) -> ParseError {
    let line = error.span().map(|s| text[..s.start.min(text.len())].matches('\n').count() + 1);
    let at = line.and_then(|l| text.lines().nth(l - 1)).map(str::trim).filter(|l| !l.is_empty());
    let key = at.map(|l| l.split('=').next().unwrap_or(l).trim().to_owned()).filter(|k| k.len() <= 80);
    let mut message = error.message().to_owned();
    if message.starts_with("unknown field") || message.starts_with("unknown variant") {
        message.push_str("; docs/reference/registry.md lists every key and value");
    }
    ParseError::Toml { line, key, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Registry::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_spelling_mistake_is_named_with_its_line() {
        let text = "format = 1\n\n[tables.\"public.a\"]\nclass = \"direct\"\ncolum = \"team_id\"\n";
        let message = refusal(text);
        assert!(message.contains("line 5") && message.contains("colum"), "{message}");
        let message = refusal("format = 1\n[tables.\"public.a\"]\nclass = \"globl\"\n");
        assert!(message.contains("line 3") && message.contains("globl") && message.contains("shared"), "{message}");
    }

    #[test]
    fn another_format_is_refused() {
        assert!(refusal("format = 2\n").contains("format = 2"));
        assert!(refusal("[roles]\nslots = 3\n").contains("format = 1"));
    }

    #[test]
    fn values_that_mean_nothing_are_named() {
        for (text, part) in [
            ("[root]\n", "either `table`"),
            ("[root]\ntable = \"Workspace\"\n", "schema.name"),
            ("[tables.\"nodot\"]\nclass = \"shared\"\n", "schema.name"),
            ("[tables.\"public.a\"]\nclass = \"indirect\"\npath = [\"a to b\"]\n", "column -> schema.table(column)"),
            ("[tables.\"public.a\"]\nclass = \"shared\"\npath = [\"a -> public.b(id)\"]\n", "leave it out"),
            ("[[accept]]\nid = \"x\"\nobject = \"*\"\nreason = \" \"\n", "reason"),
            (
                "[[lookups]]\nname = \"By Key\"\ntable = \"public.k\"\nmatch = [\"k\"]\nreturns = [\"t\"]\nreason = \"r\"\n",
                "lower case",
            ),
            ("[resources.\"a b\"]\ntable = \"public.a\"\n", "a letter first"),
            ("[resources.a]\ntable = \"a\"\n", "schema.name"),
            ("[resources.a]\ntable = \"public.a\"\nmeasure = \"sum\"\n", "resources.a.column"),
            ("[resources.a]\ntable = \"public.a\"\ncolumn = \"b\"\n", "only `measure"),
            ("[resources.a]\ntable = \"public.a\"\nmeasure = \"monthly\"\nwhere = \"b\"\n", "when it comes"),
            ("[resources.a]\ntable = \"public.a\"\nwhere = \"b = now()\"\n", "resources.a.where"),
            ("[resources.a]\ntable = \"public.a\"\nlimit = 2000000000000000000\n", "at most 1000000000000000000"),
            ("[resources.a]\ntable = \"public.a\"\nlimit = 1\nstrict = true\n", "contradict"),
            ("[resources.a]\ntable = \"public.a\"\nlimit = -1\n", "-1"),
        ] {
            let message = refusal(&format!("format = 1\n{text}"));
            assert!(message.contains(part), "{message}");
        }
    }
}
