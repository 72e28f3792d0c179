//! Reads `tenantry.toml`.

use tenantry_model::Class;

use super::Registry;

/// A registry file that cannot be used. The message names the line or key, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not TOML, or a key or value the format does not know.
    #[error("the registry file is not readable{}: {message}", .line.map(|l| format!(" at line {l}")).unwrap_or_default())]
    Toml {
        /// The line, counted from 1, if known.
        line: Option<usize>,
        /// What is wrong and what to do.
        message: String,
    },
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
        toml::from_str(text).map_err(|e| ParseError::Toml {
            line: e.span().map(|s| text[..s.start.min(text.len())].matches('\n').count() + 1),
            message: e.message().to_owned(),
        })
    }
}
