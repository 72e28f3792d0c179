//! What a command prints when it could not do its work, and the exit code that follows from the class.

mod codes;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io::Write;

use serde_json::json;
use tenantry_model::Class;

use crate::commands::Outcome;
use crate::output::Format;

/// Exit code of a command: 0 fine, 1 findings, 2 wrong usage or the tool could not do its work.
///
/// The one function that turns a class into an exit code; scripts tell the classes apart by the printed code.
pub(crate) fn exit_code(result: &Result<Outcome, Class>) -> u8 {
    match result {
        Ok(Outcome::Fine) => 0,
        Ok(Outcome::Findings) => 1,
        Err(
            Class::Caller
            | Class::Denied
            | Class::Missing
            | Class::Conflict
            | Class::Quota
            | Class::Unavailable
            | Class::Bug,
        ) => 2,
    }
}

/// Why a command could not do its work: what, why, what to do about it, and the page that says more.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The class.
    pub(crate) class: Class,
    /// Name of the page in `docs/errors`, and the code that scripts look at.
    pub(crate) code: Option<Cow<'static, str>>,
    what: String,
    why: Vec<String>,
    remedy: Option<String>,
}

impl Failure {
    /// A failure of this class: `what` names the operation and its subject.
    pub(crate) fn new(class: Class, what: impl Into<String>) -> Self {
        Self { class, code: None, what: what.into(), why: Vec::new(), remedy: None }
    }

    /// Something the caller gave does not fit.
    pub(crate) fn caller(what: impl Into<String>) -> Self {
        Self::new(Class::Caller, what)
    }

    /// tenantry itself is wrong.
    pub(crate) fn bug(what: impl Into<String>) -> Self {
        Self::new(Class::Bug, what).remedy("this is a fault of tenantry: please report it with this message")
    }

    /// Adds a cause and everything behind it.
    pub(crate) fn because(mut self, cause: impl Error) -> Self {
        let mut next: Option<&dyn Error> = Some(&cause);
        while let Some(error) = next {
            let text = error.to_string();
            // many errors repeat their cause; nobody needs to read it twice
            if !self.what.contains(&text) && !self.why.iter().any(|w| w.contains(&text)) {
                self.why.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Says what to do.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// What it says to do.
    pub(crate) fn said(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    /// Names the page in `docs/errors`.
    pub(crate) fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Prints it for people on standard error, and as the one document on standard output where JSON was asked for.
    pub(crate) fn print(&self, format: Format) {
        // nobody is left to tell when even these cannot be written
        let _ = writeln!(std::io::stderr(), "{self}");
        if format == Format::Json {
            let document = json!({ "format": 1, "error": {
                "class": self.class, "code": self.code, "what": self.what, "why": self.why, "remedy": self.remedy,
                "page": self.page() } });
            let _ = writeln!(std::io::stdout(), "{document:#}");
        }
    }

    fn page(&self) -> Option<String> {
        self.code.as_ref().map(|code| format!("docs/errors/{code}.md"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        for why in &self.why {
            write!(f, "\n  because: {}", why.replace('\n', "\n    "))?;
        }
        if let Some(remedy) = &self.remedy {
            write!(f, "\n  do: {}", remedy.replace('\n', "\n    "))?;
        }
        if let Some(page) = self.page() {
            write!(f, "\n  see: {page}")?;
        }
        Ok(())
    }
}

/// An error of one of the crates: its own class, a message that already says what to do, and the page of its kind.
macro_rules! classed {
    ($($error:ty => $code:expr),* $(,)?) => { $(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                let code: fn(&$error) -> Option<&'static str> = $code;
                let failure = Failure { code: code(&error).map(Cow::Borrowed), ..Failure::new(error.class(), error.to_string()) };
                match error.source() {
                    Some(source) => failure.because(source),
                    None => failure,
                }
            }
        }
    )* };
}

classed! {
    tenantry_pg::ConnectError => codes::connect,
    tenantry_pg::TargetError => |_| Some("database-url"),
    tenantry_blueprint::registry::ParseError => |_| Some("registry-unreadable"),
    tenantry_embedded::Error => codes::embedded,
    tenantry_engine::apply::Error => codes::apply,
    tenantry_engine::bench::Error => |_| None,
    tenantry_engine::credentials::CredentialsError => |_| Some("credentials-file"),
    tenantry_engine::inspect::Error => |_| None,
    tenantry_engine::inspect::server::Unfit => codes::unfit,
    tenantry_engine::journal::JournalError => |_| Some("journal-damaged"),
    tenantry_engine::survey::SurveyError => |_| None,
    tenantry_engine::verify::Error => codes::verify,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_never_said_twice() {
        let inner = std::io::Error::other("disk full");
        let failure = Failure::caller("cannot write x: disk full").because(inner).remedy("make room").code("disk-full");
        let text = failure.to_string();
        assert_eq!(text, "error: cannot write x: disk full\n  do: make room\n  see: docs/errors/disk-full.md");
    }

    #[test]
    fn findings_and_failures_have_different_codes() {
        assert_eq!(exit_code(&Ok(Outcome::Fine)), 0);
        assert_eq!(exit_code(&Ok(Outcome::Findings)), 1);
        assert_eq!(exit_code(&Err(Class::Conflict)), 2);
    }
}
