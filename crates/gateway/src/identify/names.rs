//! A tenant named in the query, or in the body, of the routes that document it.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::ablation::{Protection, removed};
use crate::refusal::Refusal;

const TWICE: Refusal = Refusal::BadRequest("the tenant is named twice in one place");

/// The one value that these parameters of a query (or fields of a form) have.
pub(crate) fn in_query<'a>(query: &'a str, names: &[String]) -> Result<Option<Cow<'a, str>>, Refusal> {
    let mut found = None;
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name).ok_or(Refusal::BadRequest("a parameter is not encoded as it has to be"))?;
        // `tenantId[]` and `tenantId[x]` are the same parameter to some applications
        let bare = name.split('[').next().unwrap_or_default();
        if !names.iter().any(|n| n == bare) {
            continue;
        }
        let value = decoded(value).ok_or(Refusal::BadRequest("a parameter is not encoded as it has to be"))?;
        if (bare != &*name || found.is_some()) && !removed(Protection::Duplicates) {
            return Err(TWICE);
        }
        found.get_or_insert(value);
    }
    Ok(found)
}

/// The one value that these members of a JSON object have.
pub(crate) fn in_json(body: &[u8], names: &[String]) -> Result<Option<String>, Refusal> {
    let read: Members = serde_json::from_slice(body).map_err(|_| Refusal::BadRequest("the body is no JSON object"))?;
    let mut found = None;
    for (name, value) in read.0 {
        if !names.contains(&name) {
            continue;
        }
        let value = match value {
            Value::Text(text) => text,
            Value::Number(number) => number,
            Value::Other => return Err(Refusal::BadRequest("the tenant named in the body is no text")),
        };
        if found.is_some() && !removed(Protection::Duplicates) {
            return Err(TWICE);
        }
        found.get_or_insert(value);
    }
    Ok(found)
}

/// `%` and `+` taken away.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                let digit = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
                out.push(u8::try_from(digit(at + 1)? * 16 + digit(at + 2)?).ok()?);
                at += 3;
            }
            b => {
                out.push(if b == b'+' { b' ' } else { b });
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

/// The members of an object with those that are there twice, which a map would hide.
struct Members(Vec<(String, Value)>);

enum Value {
    Text(String),
    Number(String),
    Other,
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    members.push(entry);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value")
            }
            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
                Ok(Value::Number(number.to_string()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
                Ok(Value::Number(number.to_string()))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
                Ok(Value::Other)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
                Ok(Value::Other)
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Other)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_in_one_place() {
        let names = ["tenantId".to_owned(), "workspaceId".to_owned()];
        let query = |text| in_query(text, &names).map(|v| v.map(Cow::into_owned)).map_err(|_| ());
        assert_eq!(query("a=b&tenantId=acme"), Ok(Some("acme".into())));
        assert_eq!(query("tenant%49d=ac%6De"), Ok(Some("acme".into())));
        assert_eq!(query("a=b"), Ok(None));
        for twice in [
            "tenantId=a&tenantId=a",
            "tenantId=a&workspaceId=b",
            "tenantId[]=a",
            "tenantId=a&tenant%49d=b",
            "tenantId=%zz",
        ] {
            assert_eq!(query(twice), Err(()), "{twice}");
        }
        let json = |text: &str| in_json(text.as_bytes(), &names).map_err(|_| ());
        assert_eq!(json(r#"{"a": [1, {"tenantId": "x"}], "tenantId": "acme", "b": null}"#), Ok(Some("acme".into())));
        assert_eq!(json(r#"{"tenantId": -7}"#), Ok(Some("-7".into())));
        assert_eq!(json(r#"{"a": 1.5}"#), Ok(None));
        for bad in [
            r#"{"tenantId": "a", "tenantId": "b"}"#,
            r#"{"tenantId": "a", "tenant\u0049d": "b"}"#,
            r#"{"tenantId": ["a"]}"#,
            r#"{"tenantId": null}"#,
            r#"{"tenantId": {"id": "a"}}"#,
            r#"{"tenantId": 1e400}"#,
            "[]",
            "",
            "{",
        ] {
            assert_eq!(json(bad), Err(()), "{bad}");
        }
    }
}
