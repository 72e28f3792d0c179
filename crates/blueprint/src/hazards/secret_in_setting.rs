//! A secret kept as a setting of the database or a role: every session reads it.

use super::tools::{Report, Scene};
use crate::file::Severity;

const WORDS: &[&str] = &["secret", "password", "passwd", "token", "api_key", "apikey", "private_key", "jwt", "hmac", "encryption", "signing", "credential"];
/// Settings of the server itself whose names hold such a word and whose values are no secret.
const HARMLESS: &[&str] = &["password_encryption", "default_text_search_config"];

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for s in &scene.catalog.stored_settings {
        let name = s.name.to_lowercase();
        if HARMLESS.contains(&name.as_str()) || !WORDS.iter().any(|w| name.contains(w)) {
            continue;
        }
        let whose = s.role.as_ref().map_or_else(|| "the database".to_owned(), |r| format!("role {r}"));
        report.add(
            Severity::High,
            &s.name,
            format!("a setting of {whose} is named like a secret: every session reads it with current_setting(), and everybody in pg_db_role_setting"),
            "keep the secret where only the application can read it, change it, and ALTER … RESET the setting",
        );
    }
}
