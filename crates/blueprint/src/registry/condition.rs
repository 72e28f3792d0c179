//! The condition of a resource: which rows of its table count.
//!
//! A small language of its own, not SQL: it is read whole, holds no function and nothing that changes with time or
//! settings, and is written again with every name quoted. So the same row counts the same for every session, and what
//! stands in `tenantry.toml` cannot become anything else in the database.
//!
//! ```text
//! deleted_at IS NULL AND (status IN ('draft', 'live') OR NOT archived)
//! ```

use tenantry_model::{Ident, literal};

/// Longest text of a condition.
const LENGTH_MAX: usize = 1_000;
/// Deepest nesting of parentheses and NOT.
const DEPTH_MAX: u32 = 20;

/// What holds for a row that counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// All of them.
    And(Vec<Condition>),
    /// One of them.
    Or(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// A boolean column.
    Flag(Ident),
    /// `column IS NULL`
    Null(Ident),
    /// `column = value`, with `=`, `<>`, `<`, `<=`, `>` or `>=`.
    Compare(Ident, &'static str, Value),
    /// `column IN (value, …)`
    In(Ident, Vec<Value>),
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `'text'`
    Text(String),
    /// A whole or decimal number, as written.
    Number(String),
    /// `true` or `false`
    Bool(bool),
}

impl Condition {
    /// Reads it. The error says what was expected where.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LENGTH_MAX {
            return Err(format!("is longer than {LENGTH_MAX} characters"));
        }
        let mut reader = Reader { words: words(text)?, at: 0, depth: 0 };
        let condition = reader.any()?;
        match reader.words.get(reader.at) {
            None => Ok(condition),
            Some(word) => Err(format!("AND, OR or the end was expected, not {}", word.shown())),
        }
    }

    /// The condition in SQL over the row `tenantry_row`.
    pub fn sql(&self) -> String {
        let column = |c: &Ident| format!("tenantry_row.{}", c.quoted());
        let joined =
            |all: &[Self], word: &str| format!("({})", all.iter().map(Self::sql).collect::<Vec<_>>().join(word));
        match self {
            Self::And(all) => joined(all, " AND "),
            Self::Or(all) => joined(all, " OR "),
            Self::Not(inner) => format!("NOT {}", inner.sql()),
            Self::Flag(c) => column(c),
            Self::Null(c) => format!("({} IS NULL)", column(c)),
            Self::Compare(c, operator, value) => format!("({} {operator} {})", column(c), value.sql()),
            Self::In(c, values) => {
                format!("({} IN ({}))", column(c), values.iter().map(Value::sql).collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// Every comparison in it.
    pub fn leaves(&self) -> Vec<&Self> {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().flat_map(Self::leaves).collect(),
            Self::Not(inner) => inner.leaves(),
            leaf => vec![leaf],
        }
    }

    /// The column of a comparison.
    pub fn column(&self) -> Option<&Ident> {
        match self {
            Self::Flag(c) | Self::Null(c) | Self::Compare(c, ..) | Self::In(c, _) => Some(c),
            Self::And(_) | Self::Or(_) | Self::Not(_) => None,
        }
    }
}

impl Value {
    fn sql(&self) -> String {
        match self {
            Self::Text(text) => literal(text),
            Self::Number(number) => number.clone(),
            Self::Bool(value) => value.to_string(),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Word {
    /// Folded to lower case if it stood without quotes; the flag says that it was quoted.
    Name(String, bool),
    Text(String),
    Number(String),
    Sign(&'static str),
}

impl Word {
    fn shown(&self) -> String {
        match self {
            Self::Name(name, _) => format!("`{name}`"),
            Self::Text(text) => format!("'{text}'"),
            Self::Number(number) => number.clone(),
            Self::Sign(sign) => format!("`{sign}`"),
        }
    }
}

/// Longest first.
const SIGNS: [&str; 10] = ["<=", ">=", "<>", "!=", "=", "<", ">", "(", ")", ","];

fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length;
        if first == '\'' || first == '"' {
            let (inner, used) = quoted(rest, first).ok_or_else(|| format!("the {first} has no end"))?;
            out.push(if first == '"' { Word::Name(inner, true) } else { Word::Text(inner) });
            length = used;
        } else if first.is_ascii_digit() || first == '-' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            length = 1 + rest[1..].find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len() - 1);
            let number = &rest[..length];
            if number.matches('.').count() > 1 || number.ends_with('.') {
                return Err(format!("{number} is no number"));
            }
            out.push(Word::Number(number.to_owned()));
        } else if first.is_alphabetic() || first == '_' {
            length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            out.push(Word::Name(rest[..length].to_lowercase(), false));
        } else if let Some(sign) = SIGNS.iter().find(|s| rest.starts_with(**s)) {
            length = sign.len();
            out.push(Word::Sign(if *sign == "!=" { "<>" } else { sign }));
        } else {
            return Err(format!(
                "`{first}` has no place in it; it knows columns, constants, AND, OR, NOT, IN, IS NULL and comparisons"
            ));
        }
        rest = rest[length..].trim_start();
    }
    Ok(out)
}

/// A text in quotes, which are doubled inside, and how many bytes it took.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut inner = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            inner.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == quote) {
            inner.push(quote);
            chars.next();
        } else {
            return Some((inner, at + 1));
        }
    }
    None
}

struct Reader {
    words: Vec<Word>,
    at: usize,
    depth: u32,
}

impl Reader {
    fn keyword(&mut self, word: &str) -> bool {
        let there = matches!(self.words.get(self.at), Some(Word::Name(n, false)) if n == word);
        self.at += usize::from(there);
        there
    }

    fn sign(&mut self, sign: &str) -> bool {
        let there = matches!(self.words.get(self.at), Some(Word::Sign(s)) if *s == sign);
        self.at += usize::from(there);
        there
    }

    fn wanted(&self, what: &str) -> String {
        let found = self.words.get(self.at).map_or_else(|| "the end".to_owned(), Word::shown);
        format!("{what} was expected, not {found}")
    }

    fn any(&mut self) -> Result<Condition, String> {
        let mut all = vec![self.every()?];
        while self.keyword("or") {
            all.push(self.every()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Condition::Or(all) })
    }

    fn every(&mut self) -> Result<Condition, String> {
        let mut all = vec![self.one()?];
        while self.keyword("and") {
            all.push(self.one()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Condition::And(all) })
    }

    fn one(&mut self) -> Result<Condition, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("is nested deeper than {DEPTH_MAX} levels"));
        }
        let found = if self.keyword("not") {
            Condition::Not(Box::new(self.one()?))
        } else if self.sign("(") {
            let inner = self.any()?;
            if !self.sign(")") {
                return Err(self.wanted("`)`"));
            }
            inner
        } else {
            self.leaf()?
        };
        self.depth -= 1;
        Ok(found)
    }

    fn leaf(&mut self) -> Result<Condition, String> {
        const RESERVED: [&str; 8] = ["and", "or", "not", "in", "is", "null", "true", "false"];
        let name = match self.words.get(self.at) {
            Some(Word::Name(name, quoted)) if *quoted || !RESERVED.contains(&name.as_str()) => name.clone(),
            _ => return Err(self.wanted("a column")),
        };
        self.at += 1;
        let column = Ident::new(name).map_err(|e| e.to_string())?;
        if self.keyword("is") {
            let not = self.keyword("not");
            if !self.keyword("null") {
                return Err(self.wanted("NULL"));
            }
            let null = Condition::Null(column);
            return Ok(if not { Condition::Not(Box::new(null)) } else { null });
        }
        let not = self.keyword("not");
        if self.keyword("in") {
            let found = Condition::In(column, self.list()?);
            return Ok(if not { Condition::Not(Box::new(found)) } else { found });
        }
        if not {
            return Err(self.wanted("IN"));
        }
        for sign in ["=", "<>", "<=", ">=", "<", ">"] {
            if self.sign(sign) {
                return Ok(Condition::Compare(column, sign, self.value()?));
            }
        }
        if self.sign("(") {
            return Err(format!("{column} stands before `(`: functions have no place in it"));
        }
        Ok(Condition::Flag(column))
    }

    fn list(&mut self) -> Result<Vec<Value>, String> {
        if !self.sign("(") {
            return Err(self.wanted("`(`"));
        }
        let mut values = vec![self.value()?];
        while self.sign(",") {
            values.push(self.value()?);
        }
        if self.sign(")") { Ok(values) } else { Err(self.wanted("`,` or `)`")) }
    }

    fn value(&mut self) -> Result<Value, String> {
        let value = match self.words.get(self.at) {
            Some(Word::Text(text)) => Value::Text(text.clone()),
            Some(Word::Number(number)) => Value::Number(number.clone()),
            Some(Word::Name(name, false)) if name == "true" => Value::Bool(true),
            Some(Word::Name(name, false)) if name == "false" => Value::Bool(false),
            Some(Word::Name(name, false)) if name == "null" => {
                return Err("a comparison with NULL never holds; write IS NULL".to_owned());
            }
            _ => return Err(self.wanted("a constant")),
        };
        self.at += 1;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(text: &str) -> String {
        Condition::parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).sql()
    }

    #[test]
    fn what_is_read_is_written_with_every_name_quoted() {
        assert_eq!(sql("deletedAt IS NULL"), r#"(tenantry_row."deletedat" IS NULL)"#);
        assert_eq!(sql(r#""deletedAt" is not null"#), r#"NOT (tenantry_row."deletedAt" IS NULL)"#);
        assert_eq!(
            sql("a = 'it''s' and not b or c in (1, -2.5) and d <> true"),
            r#"(((tenantry_row."a" = 'it''s') AND NOT tenantry_row."b") OR ((tenantry_row."c" IN (1, -2.5)) AND (tenantry_row."d" <> true)))"#
        );
        assert_eq!(
            sql("a not in ('x') and (b >= 3 or b != 7)"),
            r#"(NOT (tenantry_row."a" IN ('x')) AND ((tenantry_row."b" >= 3) OR (tenantry_row."b" <> 7)))"#
        );
    }

    #[test]
    fn what_is_no_condition_is_refused_with_a_reason() {
        for (text, part) in [
            ("", "a column"),
            ("a = now()", "a constant"),
            ("lower(a) = 'x'", "functions have no place"),
            ("a = 'x'; DROP TABLE t", "`;`"),
            ("a = 'x' -- b", "`-`"),
            ("a = 'x", "no end"),
            ("a = b", "a constant"),
            ("a = NULL", "IS NULL"),
            ("a IN ()", "a constant"),
            ("(a = 1", "`)`"),
            ("a = 1 b", "AND, OR"),
            ("a = 1.2.3", "no number"),
            ("a::text = 'x'", "`:`"),
            ("null IS NULL", "a column"),
        ] {
            let refusal = Condition::parse(text).unwrap_err();
            assert!(refusal.contains(part), "{text}: {refusal}");
        }
        assert!(Condition::parse(&format!("{}a{}", "(".repeat(30), ")".repeat(30))).unwrap_err().contains("nested"));
        assert!(Condition::parse(&"a".repeat(2_000)).unwrap_err().contains("longer"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_fall(text in "\\PC{0,60}") {
            if let Ok(condition) = Condition::parse(&text) {
                proptest::prop_assert!(!condition.leaves().is_empty());
            }
        }
    }
}
