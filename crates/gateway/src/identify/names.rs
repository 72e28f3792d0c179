//! A tenant named in the query, or in the body, of the routes that document it.

use std::borrow::Cow;

use tenantry_issuer::members::{self, NotOne};

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
    members::one(body, names, removed(Protection::Duplicates)).map_err(|why| match why {
        NotOne::NoObject => Refusal::BadRequest("the body is no JSON object"),
        NotOne::NoText => Refusal::BadRequest("the tenant named in the body is no text"),
        NotOne::Twice => TWICE,
    })
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
