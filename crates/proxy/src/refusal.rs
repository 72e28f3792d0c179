//! What a client is told when tenantry itself says no: one place where that becomes a message of the protocol.

use tenantry_edge::admission;
use tenantry_wire::backend::{self, ErrorReply, Severity};

use crate::parameters::ParameterError;

/// A refusal. It names nothing of other tenants, of servers or of other clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// SQLSTATE.
    pub(crate) code: &'static str,
    /// What is refused, beginning with `tenantry:`.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// The connection is closed after it.
    pub(crate) fatal: bool,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, fatal: false }
    }

    pub(crate) fn fatal(code: &'static str, message: impl Into<String>) -> Self {
        Self { fatal: true, ..Self::new(code, message) }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The tenant has a schema or database of its own: in the shared tables nothing is its.
    pub(crate) fn lives_elsewhere() -> Self {
        Self::new("0A000", "tenantry: this tenant has a schema or database of its own, which the proxy does not serve")
            .hint("Log in there with the tenant's own login; the operator has it.")
    }

    /// Too many wait already.
    pub(crate) fn queue_full(limit: u32) -> Self {
        Self::new("53300", format!("tenantry: {limit} statements of this tenant wait already"))
            .hint("Send fewer at once, or raise queue_length in the tenant's plan.")
    }

    /// Waited too long.
    pub(crate) fn waited(milliseconds: u128) -> Self {
        Self::new("53300", format!("tenantry: no server connection came free within {milliseconds} ms"))
            .hint("The tenant's share is in use: queue_wait, concurrent_statements and weight of its plan decide.")
    }

    /// The database server cannot be reached.
    pub(crate) fn server_unavailable() -> Self {
        Self::new("08006", "tenantry: the database cannot be reached at the moment")
            .hint("Try again; the proxy's log says why.")
    }

    /// The database did not take the context that was signed for it.
    pub(crate) fn context(reason: &str) -> Self {
        Self::new(
            "42501",
            format!("tenantry: the tenant's context was refused: {}", reason.trim_start_matches("tenantry: ")),
        )
        .hint("Nothing was executed. The signing key may have been retired: reload the proxy's credentials.")
    }

    /// A client prepares a second statement under a name it has given: in the server's own words.
    pub(crate) fn name_taken(name: &[u8]) -> Self {
        Self::new("42P05", format!("prepared statement \"{}\" already exists", String::from_utf8_lossy(name)))
    }

    /// A statement took longer than its tenant's plan allows, and was cancelled.
    pub(crate) fn over_time() -> Self {
        Self::new("57014", "tenantry: the statement took longer than the tenant's plan allows")
            .hint("Make it shorter, or raise statement_time in the plan.")
    }

    /// The server connection ended.
    pub(crate) fn server_gone() -> Self {
        Self::fatal("08006", "tenantry: the connection to the database ended").hint("Connect again.")
    }

    /// The client broke the protocol.
    pub(crate) fn violation(what: impl std::fmt::Display) -> Self {
        Self::fatal("08P01", format!("tenantry: protocol violation: {what}"))
    }

    pub(crate) fn shutting_down() -> Self {
        Self::fatal("57P01", "tenantry: the proxy is shutting down").hint("Connect again.")
    }

    /// Appends the message.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let severity = if self.fatal { Severity::Fatal } else { Severity::Error };
        backend::write_error(
            out,
            &ErrorReply { severity, code: self.code, message: &self.message, detail: None, hint: self.hint.as_deref() },
        );
    }
}

impl From<ParameterError> for Refusal {
    fn from(error: ParameterError) -> Self {
        Self::fatal("08P01", error.to_string()).hint(error.hint())
    }
}

impl From<admission::Refusal> for Refusal {
    fn from(refusal: admission::Refusal) -> Self {
        Self {
            code: refusal.sqlstate(),
            message: refusal.to_string(),
            hint: Some(refusal.hint().to_owned()),
            fatal: false,
        }
    }
}
