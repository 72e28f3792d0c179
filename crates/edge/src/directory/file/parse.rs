//! From the text to the file's types; on failure to the entry at fault.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, Visitor};

use super::{DirectoryFile, FORMAT, FileError, PlanEntry};

impl DirectoryFile {
    /// Reads the text: JSON if it begins with `{`, else TOML.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let file: Self = if is_json(text) {
            serde_json::from_str(text).map_err(|e| of_json(text, &e))?
        } else {
            toml::from_str(text).map_err(|e| of_toml(text, &e))?
        };
        if file.format != FORMAT {
            return Err(FileError::Format { found: file.format });
        }
        Ok(file)
    }
}

fn is_json(text: &str) -> bool {
    text.trim_ascii_start().starts_with('{')
}

fn of_json(text: &str, error: &serde_json::Error) -> FileError {
    // read once more, slower, to learn where
    let path = serde_path_to_error::deserialize::<_, DirectoryFile>(&mut serde_json::Deserializer::from_str(text));
    let value = serde_json::from_str::<serde_json::Value>(text).ok();
    let name = |at: usize, key: &str| {
        let value = &value.as_ref()?["tenants"][at][key];
        value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|n| n.to_string()))
    };
    let message = error.to_string();
    // the line is told in its own place
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(first, _)| first);
    unreadable(Some(error.line()), path.err().map(|e| e.path().to_string()), name, message)
}

fn of_toml(text: &str, error: &toml::de::Error) -> FileError {
    let path = toml::Deserializer::parse(text).ok().and_then(path_of::<DirectoryFile, _>);
    let value = toml::from_str::<toml::Value>(text).ok();
    let name = |at: usize, key: &str| {
        let value = value.as_ref()?.get("tenants")?.get(at)?.get(key)?;
        value.as_str().map(str::to_owned).or_else(|| value.as_integer().map(|n| n.to_string()))
    };
    let line = error.span().map(|s| text[..s.start.min(text.len())].matches('\n').count() + 1);
    unreadable(line, path, name, error.message())
}

fn path_of<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Option<String> {
    serde_path_to_error::deserialize::<_, T>(deserializer).err().map(|e| e.path().to_string())
}

fn unreadable(
    line: Option<usize>,
    path: Option<String>,
    name: impl Fn(usize, &str) -> Option<String>,
    message: &str,
) -> FileError {
    let path = path.filter(|p| p != ".");
    // what stands in a credential may be a secret, also where its place is wrong
    let secret = path.as_ref().is_some_and(|p| p.contains("credentials"));
    let message = match message.split_once(", expected ") {
        Some((said, expected)) if secret && said.starts_with("invalid") => format!("wrong value, expected {expected}"),
        _ => message.to_owned(),
    };
    let at = path.as_ref().and_then(|p| p.strip_prefix("tenants[")?.split(']').next()?.parse().ok());
    let called = at.and_then(|at| name(at, "slug").or_else(|| name(at, "key")));
    let entry = path.map(|path| called.map_or(path.clone(), |name| format!("{path} (tenant `{name}`)")));
    FileError::Text { line, entry, message }
}

/// A key as text; a number stands for its decimal digits.
pub(super) fn key_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Key;
    impl Visitor<'_> for Key {
        type Value = String;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a tenant key, a text or an integer")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }
        fn visit_string<E: Error>(self, text: String) -> Result<String, E> {
            Ok(text)
        }
        fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }
        fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }
    }
    deserializer.deserialize_any(Key)
}

/// Plans by name. JSON lets a name stand twice and the last one win; here that is refused.
pub(super) fn unique_plans<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, PlanEntry>, D::Error> {
    struct Plans;
    impl<'de> Visitor<'de> for Plans {
        type Value = BTreeMap<String, PlanEntry>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("plans by name")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut plans = BTreeMap::new();
            while let Some((name, plan)) = map.next_entry::<String, PlanEntry>()? {
                if plans.contains_key(&name) {
                    return Err(A::Error::custom(format_args!("plan `{name}` is described twice: leave one")));
                }
                plans.insert(name, plan);
            }
            Ok(plans)
        }
    }
    deserializer.deserialize_map(Plans)
}
