//! One entry: who did what to whom, and how it ended. The JSON is that of the HTTP interface.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Longest text in an entry; what is longer is cut, and says so.
pub const TEXT_BYTES_MAX: usize = 1024;
/// Most targets; more are counted.
pub const TARGETS_MAX: usize = 100;
/// Longest metadata as JSON; what is longer is left out, and says so.
pub const METADATA_BYTES_MAX: usize = 16 << 10;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// Everyday.
    Low,
    /// Worth a look.
    Medium,
    /// Somebody should look.
    High,
    /// Somebody must look now.
    Critical,
}

impl Severity {
    /// As it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was tried and failed.
    Failure,
    /// It was not allowed.
    Denied,
}

/// Where it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// The request, as its log names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The caller's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// What the caller says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its number in the world.
    pub id: Uuid,
    /// When, by the clock of whoever records it; never the caller's.
    pub occurred_at: Timestamp,
    /// What: `TENANT_CREATED`, `USER_LOGIN_FAILED`.
    pub action: String,
    /// How much it matters.
    pub severity: Severity,
    /// Who, as admission knows them; never a name from a header. A text, or an object with more.
    pub actor: Value,
    /// Whose; `None` is the platform's.
    pub tenant_id: Option<String>,
    /// To what: a text or `{type, id}` each.
    pub targets: Vec<Value>,
    /// From where.
    pub context: Context,
    /// How it ended.
    pub outcome: Outcome,
    /// What else; secrets are taken out before it is kept.
    pub metadata: Value,
}

impl Event {
    /// An event of now, that succeeded, about nothing in particular.
    pub fn new(action: &str, severity: Severity, actor: &str, tenant: Option<&str>) -> Self {
        Self {
            id: Uuid::now_v7(),
            occurred_at: Timestamp::now(),
            action: action.to_owned(),
            severity,
            actor: actor.into(),
            tenant_id: tenant.map(str::to_owned),
            targets: Vec::new(),
            context: Context::default(),
            outcome: Outcome::Success,
            metadata: Value::Null,
        }
    }

    /// The text that is kept and hashed: bounded, without secrets, one line.
    pub fn body(&self) -> String {
        let mut kept = self.clone();
        // as exactly as the table's column has it
        kept.occurred_at = Timestamp::from_microsecond(self.occurred_at.as_microsecond()).unwrap_or(self.occurred_at);
        kept.bound();
        kept.metadata = crate::redact::redacted(&kept.metadata);
        // a struct of texts and JSON values always has a JSON text
        serde_json::to_string(&kept).unwrap_or_default()
    }

    fn bound(&mut self) {
        let context = &mut self.context;
        let optional = [&mut context.request_id, &mut context.ip_address, &mut context.user_agent];
        std::iter::once(&mut self.action).chain(optional.into_iter().flatten()).for_each(cut);
        std::iter::once(&mut self.actor).chain(&mut self.targets).for_each(cut_value);
        if self.targets.len() > TARGETS_MAX {
            let more = self.targets.len() - TARGETS_MAX;
            self.targets.truncate(TARGETS_MAX);
            self.targets.push(format!("… and {more} more").into());
        }
        if self.metadata.to_string().len() > METADATA_BYTES_MAX {
            self.metadata = serde_json::json!({"leftOut": "the metadata was too long"});
        }
    }
}

/// A text as it is kept.
pub(crate) fn bounded(text: &str) -> String {
    let mut text = text.to_owned();
    cut(&mut text);
    text
}

fn cut_value(value: &mut Value) {
    match value {
        Value::String(text) => cut(text),
        other => {
            let kept = crate::redact::redacted(other);
            *other = kept;
            if other.to_string().len() > TEXT_BYTES_MAX {
                let mut text = other.to_string();
                cut(&mut text);
                *other = Value::String(text);
            }
        }
    }
}

/// A text or a value as one text.
pub(crate) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn cut(text: &mut String) {
    if text.contains('\0') {
        // PostgreSQL keeps no NUL, and an entry must not be lost for one
        *text = text.replace('\0', "\u{fffd}");
    }
    if text.len() > TEXT_BYTES_MAX {
        let end = (0..=TEXT_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
        text.push_str("… (cut)");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_caller_writes_stays_one_entry() {
        let mut event = Event::new("USER_LOGIN", Severity::Low, "x\n{\"event\":\"login_ok\"}", Some("a"));
        event.context.user_agent = Some(format!("\u{1b}[2J\r\n\0{}", "é".repeat(2000)));
        event.targets = vec!["t".into(); 300];
        event.metadata = serde_json::json!({"password": "hunter2", "long": "x".repeat(10)});
        let body = event.body();
        assert!(!body.contains(['\n', '\r', '\0', '\u{1b}']) && !body.contains("hunter2"), "{body}");
        let again: Event = serde_json::from_str(&body).unwrap();
        assert_eq!(again.targets.len(), TARGETS_MAX + 1);
        assert_eq!(again.actor, "x\n{\"event\":\"login_ok\"}");
        assert!(again.context.user_agent.unwrap().ends_with("… (cut)"));
        event.actor = serde_json::json!({"type": "key", "token": "hidden", "name": "x".repeat(5000)});
        let body = event.body();
        assert!(!body.contains("hidden") && body.len() < 20_000, "{body}");
        event.metadata = serde_json::json!({"long": "x".repeat(METADATA_BYTES_MAX)});
        assert!(event.body().len() < 3 * METADATA_BYTES_MAX);
    }
}
