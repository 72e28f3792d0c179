//! Settings a client asked for when it connected, or changed since: kept with the client, and put on whatever server
//! connection it gets.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use crate::ablation::{Protection, removed};

/// A set of settings. Two of one worker with the same content are the same `Rc`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Parameters {
    /// By name in lower case, in order.
    pairs: Vec<(Box<str>, Box<str>)>,
}

impl Parameters {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let at = self.pairs.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        Some(&self.pairs[at].1)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let name = name.to_ascii_lowercase();
        match self.pairs.binary_search_by(|(known, _)| (**known).cmp(&name)) {
            Ok(at) => self.pairs[at].1 = value.into(),
            Err(at) => self.pairs.insert(at, (name.into(), value.into())),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether everything that is set here is set there too, to whatever value: going there overwrites all of this.
    pub(crate) fn is_covered_by(&self, other: &Self) -> bool {
        self.pairs.iter().all(|(name, _)| other.get(name).is_some())
    }

    /// Whether going there changes a setting that the server tells its client of. It tells once for all that happens
    /// between two ReadyForQuery, and nothing if the value is the old one in the end: what the client then does to such
    /// a setting itself would not be heard. Not the application's name: nothing depends on it.
    pub(crate) fn shows_another_than(&self, other: &Self) -> bool {
        REPORTED.iter().any(|name| *name != "application_name" && self.get(name) != other.get(name))
    }

    /// What differs on the way from here to there.
    pub(crate) fn changes_to<'a>(&self, other: &'a Self) -> Vec<(&'a str, &'a str)> {
        other.iter().filter(|(name, value)| self.get(name) != Some(value)).collect()
    }
}

/// All sets of a worker.
#[derive(Default)]
pub(crate) struct Interner {
    known: RefCell<HashSet<Rc<Parameters>>>,
}

/// Forgotten sets are swept when there are this many.
const SWEEP_AT: usize = 1024;

impl Interner {
    pub(crate) fn intern(&self, parameters: Parameters) -> Rc<Parameters> {
        let mut known = self.known.borrow_mut();
        if let Some(found) = known.get(&parameters) {
            return Rc::clone(found);
        }
        if known.len() >= SWEEP_AT {
            known.retain(|p| Rc::strong_count(p) > 1);
        }
        let made = Rc::new(parameters);
        known.insert(Rc::clone(&made));
        made
    }
}

/// Settings a client may name in its startup message, beside `user` and `database`. None of them can widen what it
/// sees: the context is signed, and policies name everything with its schema.
const ALLOWED: &[&str] = &[
    "application_name",
    "bytea_output",
    "client_encoding",
    "client_min_messages",
    "datestyle",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "extra_float_digits",
    "idle_in_transaction_session_timeout",
    "intervalstyle",
    "jit",
    "lock_timeout",
    "search_path",
    "standard_conforming_strings",
    "statement_timeout",
    "timezone",
];

/// Settings the server tells a client of, so that we keep the client's value of them.
pub(crate) const REPORTED: &[&str] =
    &["application_name", "client_encoding", "datestyle", "intervalstyle", "standard_conforming_strings", "timezone"];

/// Encodings in which a byte of a longer character may look like a quote or a backslash: what we read of a text could
/// differ from what the server reads.
const AMBIGUOUS_ENCODINGS: &[&str] = &[
    "big5",
    "gb18030",
    "gbk",
    "johab",
    "sjis",
    "shiftjis",
    "mskanji",
    "win932",
    "windows932",
    "uhc",
    "win949",
    "windows949",
    "win950",
    "win936",
    "shiftjis2004",
];

/// Why a setting of the startup message is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParameterError {
    #[error("tenantry: the setting \"{0}\" cannot be given when connecting")]
    NotAllowed(String),
    #[error("tenantry: client_encoding \"{0}\" is not supported through the proxy")]
    Encoding(String),
    #[error("tenantry: \"options\" is not understood: {0}")]
    Options(String),
    #[error("tenantry: \"{0}\" is given twice with different values")]
    Twice(String),
}

impl ParameterError {
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::NotAllowed(_) => "Set it with SET in a transaction, or allow it under [proxy] parameters.",
            Self::Encoding(_) => "Use UTF8.",
            Self::Options(_) => "Write it like: -c name=value -c name=value.",
            Self::Twice(_) => "Give it once.",
        }
    }
}

/// What a startup message asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Settings.
    pub(crate) parameters: Parameters,
    /// Tenants named by `tenantry.tenant`: one, or several that must agree.
    pub(crate) tenant: Option<String>,
    /// `tenantry.auth`.
    pub(crate) auth: Option<String>,
}

impl Asked {
    /// Reads the parameters of a startup message. `allowed` are further names from the configuration.
    pub(crate) fn read(given: &[(String, String)], allowed: &[String]) -> Result<Self, ParameterError> {
        let mut asked = Self::default();
        for (name, value) in given {
            match name.as_str() {
                "user" | "database" => {}
                "options" => {
                    for (name, value) in options(value)? {
                        asked.add(&name, &value, allowed)?;
                    }
                }
                name if name.starts_with("_pq_.") => {}
                name => asked.add(name, value, allowed)?,
            }
        }
        Ok(asked)
    }

    fn add(&mut self, name: &str, value: &str, allowed: &[String]) -> Result<(), ParameterError> {
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            "tenantry.tenant" => return once(&mut self.tenant, "tenantry.tenant", value),
            "tenantry.auth" => return once(&mut self.auth, "tenantry.auth", value),
            "client_encoding" => {
                let plain: String =
                    value.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
                if AMBIGUOUS_ENCODINGS.contains(&plain.as_str()) {
                    return Err(ParameterError::Encoding(value.to_owned()));
                }
            }
            known if ALLOWED.contains(&known) => {}
            other if allowed.iter().any(|a| a.eq_ignore_ascii_case(other)) => {}
            _ if removed(Protection::Options) => {}
            _ => return Err(ParameterError::NotAllowed(name.to_owned())),
        }
        if self.parameters.get(&lower).is_some_and(|before| before != value) {
            return Err(ParameterError::Twice(name.to_owned()));
        }
        self.parameters.set(&lower, value);
        Ok(())
    }
}

fn once(place: &mut Option<String>, name: &str, value: &str) -> Result<(), ParameterError> {
    match place {
        Some(before) if before != value => Err(ParameterError::Twice(name.to_owned())),
        _ => {
            *place = Some(value.to_owned());
            Ok(())
        }
    }
}

/// `-c name=value`, `-cname=value`, `--name=value`, separated by white space; a backslash keeps the next character,
/// as the server reads it.
fn options(text: &str) -> Result<Vec<(String, String)>, ParameterError> {
    let bad = || ParameterError::Options(text.to_owned());
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.get_or_insert_default().push(characters.next().ok_or_else(bad)?),
            c if c.is_ascii_whitespace() || c == '\x0b' => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);

    let mut pairs = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let pair = match word.strip_prefix("--") {
            Some(pair) => pair.to_owned(),
            None => match word.strip_prefix("-c") {
                Some("") => words.next().ok_or_else(bad)?,
                Some(pair) => pair.to_owned(),
                None => return Err(bad()),
            },
        };
        let (name, value) = pair.split_once('=').ok_or_else(bad)?;
        // the server reads dashes of a name as underscores
        pairs.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[(&str, &str)]) -> Result<Asked, ParameterError> {
        let given: Vec<_> = given.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Asked::read(&given, &["myapp.flag".to_owned()])
    }

    #[test]
    fn every_spelling_of_options_is_read_as_the_server_reads_it() {
        let asked =
            read(&[("options", r"-c timezone=UTC -csearch_path=a\ b --statement-timeout=5s -c tenantry.tenant=acme")])
                .unwrap();
        assert_eq!(asked.parameters.get("search_path"), Some("a b"));
        assert_eq!(asked.parameters.get("statement_timeout"), Some("5s"));
        assert_eq!((asked.parameters.get("timezone"), asked.tenant.as_deref()), (Some("UTC"), Some("acme")));
    }

    #[test]
    fn what_is_not_listed_is_refused_in_every_spelling() {
        for given in [
            ("app.tenant_id", "b"),
            ("options", "-c app.tenant_id=b"),
            ("options", "-capp.tenant_id=b"),
            ("options", "--app.tenant_id=b"),
            ("options", "--app.tenant-id=b"),
            ("options", "-c\tapp.tenant_id=b"),
            ("role", "postgres"),
            ("ROLE", "postgres"),
            ("options", "-c role=postgres"),
            ("session_authorization", "postgres"),
            ("row_security", "off"),
            ("session_preload_libraries", "x"),
            ("tenantry.context", "x"),
            ("replication", "database"),
        ] {
            assert!(matches!(read(&[given]), Err(ParameterError::NotAllowed(_))), "{given:?}");
        }
        for text in ["-d 5", "x", "-c", "-c x", "\\", "+c a=b"] {
            assert!(matches!(read(&[("options", text)]), Err(ParameterError::Options(_))), "{text}");
        }
    }

    #[test]
    fn two_values_for_one_name_are_refused_in_both_orders() {
        assert!(read(&[("TimeZone", "UTC"), ("options", "-c timezone=GMT")]).is_err());
        assert!(read(&[("options", "-c tenantry.tenant=a -c tenantry.tenant=b")]).is_err());
        assert!(read(&[("options", "-c tenantry.tenant=a --tenantry.tenant=a")]).is_ok());
        assert!(read(&[("myapp.flag", "1")]).is_ok());
    }

    #[test]
    fn encodings_in_which_quotes_hide_are_refused() {
        assert!(
            read(&[("client_encoding", "SJIS")]).is_err() && read(&[("client_encoding", "Shift_JIS_2004")]).is_err()
        );
        assert!(read(&[("client_encoding", "UTF-8")]).is_ok());
    }

    #[test]
    fn changes_between_sets() {
        let (mut a, mut b) = (Parameters::default(), Parameters::default());
        a.set("TimeZone", "UTC");
        b.set("timezone", "GMT");
        b.set("datestyle", "ISO");
        assert!(a.is_covered_by(&b) && !b.is_covered_by(&a));
        assert_eq!(a.changes_to(&b), [("datestyle", "ISO"), ("timezone", "GMT")]);
        let interner = Interner::default();
        assert!(Rc::ptr_eq(&interner.intern(a.clone()), &interner.intern(a)));
    }

    #[test]
    fn a_server_shows_another_time_zone_but_not_another_name() {
        let with = |name: &str, value: &str| {
            let mut made = Parameters::default();
            made.set(name, value);
            made
        };
        let none = Parameters::default();
        assert!(with("TimeZone", "UTC").shows_another_than(&none) && none.shows_another_than(&with("TimeZone", "UTC")));
        assert!(!with("TimeZone", "UTC").shows_another_than(&with("timezone", "UTC")));
        assert!(!with("application_name", "a").shows_another_than(&with("application_name", "b")));
        assert!(!with("search_path", "a").shows_another_than(&none));
    }
}
