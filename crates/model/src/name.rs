//! Names of database objects. SQL text is built from these and from nothing else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest name PostgreSQL keeps, in bytes (`NAMEDATALEN - 1`); longer ones are cut silently by the server.
const NAME_BYTES_MAX: usize = 63;

/// A text that cannot be the name of a database object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name is empty.
    #[error("a name must not be empty")]
    Empty,
    /// The name is longer than PostgreSQL keeps.
    #[error("the name `{0}` is longer than 63 bytes")]
    TooLong(String),
    /// The name holds a NUL byte.
    #[error("a name must not hold a NUL byte")]
    Nul,
    /// The text is not of the form `schema.name`.
    #[error("`{0}` is not of the form schema.name (put parts that hold a dot in double quotes)")]
    NotQualified(String),
}

/// One name: a table, column, role, schema or the like, exactly as the catalog stores it (case kept, not quoted).
///
/// [`Ident::quoted`] is the only way such a name gets into SQL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Ident(String);

impl Ident {
    /// Checks a name as PostgreSQL would: 1 to 63 bytes, no NUL.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.contains('\0') {
            return Err(NameError::Nul);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong(name));
        }
        Ok(Self(name))
    }

    /// A name made of `prefix`, a shortened `stem` and `suffix`, never longer than PostgreSQL keeps.
    ///
    /// A stem that must be cut gets eight hexadecimal digits of its own hash, so that two long stems
    /// that begin alike still give two names.
    pub fn composed(prefix: &str, stem: &str, suffix: &str) -> Self {
        let whole = format!("{prefix}{stem}{suffix}");
        if whole.len() <= NAME_BYTES_MAX {
            return Self(whole);
        }
        use sha2::{Digest, Sha256};
        let hash: String = Sha256::digest(stem.as_bytes()).iter().take(4).map(|b| format!("{b:02x}")).collect();
        let mut room = NAME_BYTES_MAX.saturating_sub(prefix.len() + suffix.len() + hash.len() + 1).min(stem.len());
        while !stem.is_char_boundary(room) {
            room -= 1;
        }
        Self(format!("{prefix}{}_{hash}{suffix}", &stem[..room]))
    }

    /// The bare name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it must stand in SQL: always in double quotes.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0.replace('"', "\"\""))
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Ident {
    type Err = NameError;
    fn from_str(s: &str) -> Result<Self, NameError> {
        Self::new(s)
    }
}

impl AsRef<str> for Ident {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Ident {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

/// A schema-qualified name of a relation.
///
/// Its text form is `schema.name`; a part that holds a dot or a double quote stands in double quotes
/// (`public."a.b"`). Case is kept and never folded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QualifiedName {
    /// The schema.
    pub schema: Ident,
    /// The name inside the schema.
    pub name: Ident,
}

impl QualifiedName {
    /// Puts two checked names together.
    pub fn new(schema: Ident, name: Ident) -> Self {
        Self { schema, name }
    }

    /// The name as it must stand in SQL: `"schema"."name"`.
    pub fn quoted(&self) -> String {
        format!("{}.{}", self.schema.quoted(), self.name.quoted())
    }
}

fn write_part(f: &mut fmt::Formatter<'_>, part: &str) -> fmt::Result {
    if part.contains(['.', '"']) { write!(f, "\"{}\"", part.replace('"', "\"\"")) } else { f.write_str(part) }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_part(f, self.schema.as_str())?;
        f.write_str(".")?;
        write_part(f, self.name.as_str())
    }
}

impl FromStr for QualifiedName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let bad = || NameError::NotQualified(text.to_owned());
        let (schema, rest) = take_part(text).ok_or_else(bad)?;
        let (name, end) = take_part(rest.strip_prefix('.').ok_or_else(bad)?).ok_or_else(bad)?;
        if !end.is_empty() {
            return Err(bad());
        }
        Ok(Self { schema: Ident::new(schema)?, name: Ident::new(name)? })
    }
}

/// Takes one part, quoted or plain, off the front; `None` if a quote is not closed.
fn take_part(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut part = String::new();
    loop {
        let end = rest.find('"')?;
        part.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                part.push('"');
                rest = more;
            }
            None => return Some((part, rest)),
        }
    }
}

impl Serialize for QualifiedName {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for QualifiedName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A text as an SQL string constant, safe whatever `standard_conforming_strings` says.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quoting_doubles_quotes() {
        assert_eq!(Ident::new("we\"ird").unwrap().quoted(), "\"we\"\"ird\"");
        assert_eq!(literal("it's \\ x"), "E'it''s \\\\ x'");
    }

    #[test]
    fn long_stems_that_begin_alike_stay_apart() {
        let (a, b) = ("x".repeat(70), format!("{}y", "x".repeat(69)));
        let (a, b) = (Ident::composed("tq_", &a, "_fk"), Ident::composed("tq_", &b, "_fk"));
        assert_ne!(a, b);
        assert!(a.as_str().len() <= 63 && a.as_str().ends_with("_fk"));
    }

    proptest! {
        #[test]
        fn every_qualified_name_survives_its_text_form(schema in "[^\0]{1,20}", name in "[^\0]{1,20}") {
            prop_assume!(schema.len() <= 63 && name.len() <= 63);
            let q = QualifiedName::new(Ident::new(schema).unwrap(), Ident::new(name).unwrap());
            prop_assert_eq!(q.to_string().parse::<QualifiedName>().unwrap(), q);
        }
    }
}
