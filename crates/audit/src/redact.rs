//! Takes out of metadata what nobody may keep: values under names that secrets have, and values that look like one.

use serde_json::Value;

/// Stands where something was taken out.
pub const REDACTED: &str = "[redacted]";

/// A name that holds one of these, whatever its case and separators, has a secret or a personal value.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "privatekey",
    "session",
    "signature",
    "cardnumber",
    "cvv",
    "iban",
    "ssn",
    "email",
    "phone",
    "birth",
];

/// A text that begins like this is a secret, wherever it stands.
const BEGINNINGS: &[&str] = &["Bearer ", "Basic ", "-----BEGIN", "p1.", "t1.", "h1.", "s1.", "sk_", "eyJ"];

/// The same without secrets.
pub fn redacted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let each = fields.iter().map(|(name, value)| {
                let kept = if is_secret(name) && !value.is_null() { REDACTED.into() } else { redacted(value) };
                (name.replace('\0', "\u{fffd}"), kept)
            });
            Value::Object(each.collect())
        }
        Value::Array(all) => Value::Array(all.iter().map(redacted).collect()),
        Value::String(text) if BEGINNINGS.iter().any(|b| text.trim_start().starts_with(b)) => REDACTED.into(),
        // an address may stand in front of a password
        Value::String(text) if text.contains("://") && text.contains('@') => REDACTED.into(),
        Value::String(text) => Value::String(text.replace('\0', "\u{fffd}")),
        other => other.clone(),
    }
}

fn is_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    NAMES.iter().any(|secret| plain.contains(secret))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_taken_out_wherever_they_stand() {
        let value = json!({
            "API-Key": "k", "user": {"Password": "p", "name": "n", "list": [{"access_token": 7}]},
            "header": "Bearer abc", "url": "postgres://u:p@h/d", "count": 3, "secret": null,
        });
        let kept = redacted(&value);
        let expected = json!({
            "API-Key": REDACTED, "user": {"Password": REDACTED, "name": "n", "list": [{"access_token": REDACTED}]},
            "header": REDACTED, "url": REDACTED, "count": 3, "secret": null,
        });
        assert_eq!(kept, expected);
    }
}
