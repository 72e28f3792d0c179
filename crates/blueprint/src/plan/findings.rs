//! What a plan has to say to a person. One function a finding, so that each has one text.

use tenantry_model::QualifiedName;

use crate::file::{Finding, Severity};

/// A finding that blocks apply.
pub(super) fn blocking(
    id: &str,
    object: impl ToString,
    message: impl Into<String>,
    remedy: impl Into<String>,
) -> Finding {
    Finding {
        id: id.to_owned(),
        severity: Severity::High,
        object: object.to_string(),
        message: message.into(),
        remedy: remedy.into(),
        blocks: true,
        accepted: None,
    }
}

/// A finding that does not.
pub(super) fn note(
    id: &str,
    severity: Severity,
    object: impl ToString,
    message: impl Into<String>,
    remedy: impl Into<String>,
) -> Finding {
    Finding {
        id: id.to_owned(),
        severity,
        object: object.to_string(),
        message: message.into(),
        remedy: remedy.into(),
        blocks: false,
        accepted: None,
    }
}

/// How a table is named in `tenantry.toml`.
pub(super) fn entry(table: &QualifiedName) -> String {
    format!("[tables.\"{}\"]", table.to_string().replace('\\', "\\\\").replace('"', "\\\""))
}
