//! How a trusted backend names the tenant of a transaction, read from the text of its first statement:
//!
//! - `SELECT set_config('<preset>', '<tenant>' | $1, true)`,
//! - `SET LOCAL <preset> = '<tenant>'`,
//! - a leading comment `/*tenant='<tenant>'*/` in the form of sqlcommenter,
//! - the same two statements with the setting `tenantry.token` and a signed token.
//!
//! `BEGIN` may stand before it in the same text. Whatever is not understood names nobody, and the database refuses.
//! Only the one who may name any tenant at all is read like this; nobody else's text matters.

use tenantry_wire::frontend;
use tenantry_wire::tag::frontend as tag;

use crate::text::{Words, comment_end};

/// The setting that carries a signed token.
const TOKEN_SETTING: &str = "tenantry.token";

/// What a text says of the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// Nothing.
    Nobody,
    /// This tenant, by slug or key.
    Tenant(String),
    /// Whoever this token says.
    Token(String),
    /// One tenant first and another later in the same text.
    Several,
}

/// A value in a statement.
enum Value {
    Literal(Vec<u8>),
    Parameter(usize),
}

/// What the text of a statement says, before parameters are known.
enum Said {
    Tenant(Value),
    Token(Value),
}

/// Reads a simple query.
pub(crate) fn of_query(text: &[u8], presets: &[String]) -> Naming {
    let naming = of_statement(text, presets);
    if naming == Naming::Nobody {
        return naming;
    }
    // the context stays until the text ends, so a later statement must not mean another tenant by it; a semicolon
    // inside a literal only makes this look once too often
    let later = text.split(|b| *b == b';').skip(1).map(|statement| of_statement(statement, presets));
    let mut other = later.filter(|later| *later != Naming::Nobody && *later != naming);
    if other.next().is_some() { Naming::Several } else { naming }
}

fn of_statement(text: &[u8], presets: &[String]) -> Naming {
    match said(text, presets) {
        Some(Said::Tenant(Value::Literal(value))) => tenant(value),
        Some(Said::Token(Value::Literal(value))) => token(value),
        _ => Naming::Nobody,
    }
}

/// Reads a statement and the Bind message that executes it.
pub(crate) fn of_bind(text: &[u8], bind_body: &[u8], presets: &[String]) -> Naming {
    let Some(said) = said(text, presets) else { return Naming::Nobody };
    let fill = |value| match value {
        Value::Literal(value) => Some(value),
        Value::Parameter(number) => {
            let bind = frontend::bind_checked(bind_body).ok()?;
            bind.values.iter().nth(number.checked_sub(1)?)?.map(<[u8]>::to_vec)
        }
    };
    match said {
        Said::Tenant(value) => fill(value).map_or(Naming::Nobody, tenant),
        Said::Token(value) => fill(value).map_or(Naming::Nobody, token),
    }
}

/// Reads the messages that have come so far, up to the first Sync or simple query: the first statement that is not
/// `BEGIN` counts. `known` gives the text of a statement that was prepared earlier.
pub(crate) fn of_messages<'a>(
    mut messages: &'a [u8],
    presets: &[String],
    known: impl Fn(&[u8]) -> Option<&'a [u8]>,
) -> Naming {
    let mut parsed: Vec<(&[u8], &[u8])> = Vec::new();
    while let Ok(Some(header)) = frontend::header(messages) {
        let Some(body) = messages.get(5..header.len) else { return Naming::Nobody };
        match header.tag {
            tag::QUERY => return frontend::query(body).map_or(Naming::Nobody, |text| of_query(text, presets)),
            tag::PARSE => {
                let Ok(parse) = frontend::parse(body) else { return Naming::Nobody };
                parsed.push((parse.name, parse.query));
            }
            tag::BIND => {
                let Ok(bind) = frontend::bind(body) else { return Naming::Nobody };
                let here = parsed.iter().rev().find(|(name, _)| *name == bind.statement).map(|(_, text)| *text);
                let Some(text) = here.or_else(|| known(bind.statement)) else { return Naming::Nobody };
                if !begins(text) {
                    return of_bind(text, body, presets);
                }
            }
            tag::SYNC | tag::FUNCTION_CALL | tag::TERMINATE => return Naming::Nobody,
            _ => {}
        }
        messages = &messages[header.len..];
    }
    Naming::Nobody
}

fn tenant(value: Vec<u8>) -> Naming {
    match String::from_utf8(value) {
        Ok(value) if !value.is_empty() => Naming::Tenant(value),
        _ => Naming::Nobody,
    }
}

fn token(value: Vec<u8>) -> Naming {
    match String::from_utf8(value) {
        Ok(value) if !value.is_empty() => Naming::Token(value),
        _ => Naming::Nobody,
    }
}

/// Whether a text only opens a transaction.
fn begins(text: &[u8]) -> bool {
    let mut words = Words { rest: text };
    matches!(words.word(), Some(word) if word.eq_ignore_ascii_case(b"BEGIN") || word.eq_ignore_ascii_case(b"START"))
        && !words.rest.contains(&b';')
}

fn said(text: &[u8], presets: &[String]) -> Option<Said> {
    if let Some(name) = comment(text) {
        return Some(Said::Tenant(Value::Literal(name)));
    }
    let mut words = Words { rest: text };
    let mut first = words.word()?;
    if first.eq_ignore_ascii_case(b"BEGIN") || first.eq_ignore_ascii_case(b"START") {
        let end = words.rest.iter().position(|b| *b == b';')?;
        words.rest = &words.rest[end + 1..];
        if let Some(name) = comment(words.rest) {
            return Some(Said::Tenant(Value::Literal(name)));
        }
        first = words.word()?;
    }
    let (setting, value) = if first.eq_ignore_ascii_case(b"SELECT") {
        set_config(&mut words)?
    } else if first.eq_ignore_ascii_case(b"SET") && words.word()?.eq_ignore_ascii_case(b"LOCAL") {
        set_local(&mut words)?
    } else {
        return None;
    };
    let setting = setting.to_ascii_lowercase();
    if setting == TOKEN_SETTING.as_bytes() {
        return Some(Said::Token(value));
    }
    presets.iter().any(|preset| preset.as_bytes() == setting).then_some(Said::Tenant(value))
}

/// `[pg_catalog.]set_config('name', 'value' | $n, true`
fn set_config(words: &mut Words<'_>) -> Option<(Vec<u8>, Value)> {
    let mut name = words.name()?;
    if name == b"pg_catalog" && words.take(b'.') {
        name = words.name()?;
    }
    if name != b"set_config" || !words.take(b'(') {
        return None;
    }
    let setting = words.quoted(b'\'')?;
    cast(words);
    if !words.take(b',') {
        return None;
    }
    let value = if words.take(b'$') {
        let end = words.rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(words.rest.len());
        let number = std::str::from_utf8(&words.rest[..end]).ok()?.parse().ok()?;
        words.rest = &words.rest[end..];
        Value::Parameter(number)
    } else {
        Value::Literal(words.quoted(b'\'')?)
    };
    cast(words);
    if !words.take(b',') || !words.word()?.eq_ignore_ascii_case(b"true") {
        return None;
    }
    words.take(b')').then_some((setting, value))
}

/// `::text` and the like.
fn cast(words: &mut Words<'_>) {
    if words.rest.trim_ascii_start().starts_with(b"::") {
        words.take(b':');
        words.take(b':');
        words.name();
    }
}

/// `name.name = 'value'`, with `TO` or without quotes.
fn set_local(words: &mut Words<'_>) -> Option<(Vec<u8>, Value)> {
    let mut setting = words.name()?;
    while words.take(b'.') {
        setting.push(b'.');
        setting.extend(words.name()?);
    }
    if !words.take(b'=') && !words.word()?.eq_ignore_ascii_case(b"TO") {
        return None;
    }
    let value = words.quoted(b'\'').or_else(|| words.name()).or_else(|| {
        let end = words.rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(words.rest.len());
        (end > 0).then(|| words.rest[..end].to_vec())
    })?;
    Some((setting, Value::Literal(value)))
}

/// `/*tenant='value'*/` at the very beginning: pairs separated by commas, values percent-encoded.
fn comment(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii_start();
    if !text.starts_with(b"/*") {
        return None;
    }
    let end = comment_end(text)?;
    let mut words = Words { rest: text[2..end - 2].trim_ascii() };
    let mut tenant = None;
    // read to its end: of a comment that is not well-formed no part counts
    loop {
        let key = words.word()?;
        if !words.take(b'=') {
            return None;
        }
        let value = words.quoted(b'\'')?;
        if key == b"tenant" && tenant.replace(percent_decoded(&value)?).is_some() {
            return None;
        }
        words.skip();
        if words.rest.is_empty() {
            return tenant;
        }
        if !words.take(b',') {
            return None;
        }
    }
}

fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            decoded.push(*first);
            rest = after;
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presets() -> Vec<String> {
        vec!["app.tenant_id".into(), "app.current_workspace_id".into()]
    }

    #[test]
    fn the_ways_to_name_a_tenant() {
        for text in [
            "SELECT set_config('app.tenant_id', 'acme', true)",
            "select pg_catalog.set_config('app.current_workspace_id'::text, 'acme'::text, TRUE) AS x",
            "SET LOCAL app.tenant_id = 'acme'",
            "set local \"app\".\"tenant_id\" to 'acme'",
            "SET LOCAL app.tenant_id TO acme;",
            "BEGIN; SET LOCAL app.tenant_id = 'acme'; SELECT 1; COMMIT",
            "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT set_config('app.tenant_id','acme',true); SELECT 1",
            "/*tenant='acme'*/ SELECT 1",
            "/* traceparent='00-1-2-01', tenant='ac%6De' */ SELECT 1",
            "BEGIN; /*tenant='acme'*/ SELECT 1; COMMIT",
        ] {
            assert_eq!(of_query(text.as_bytes(), &presets()), Naming::Tenant("acme".into()), "{text}");
        }
    }

    #[test]
    fn what_names_nobody() {
        for text in [
            "SELECT 1",
            "SELECT set_config('app.tenant_id', 'acme', false)",
            "SELECT set_config('other.tenant_id', 'acme', true)",
            "SELECT set_config('app.tenant_id', $1, true)",
            "SET app.tenant_id = 'acme'",
            "SELECT 1, set_config('app.tenant_id', 'acme', true)",
            "SELECT /*tenant='acme'*/ 1",
            "-- tenant='acme'\nSELECT 1",
            "/*tenant=acme*/ SELECT 1",
            "/*tenant='%zz'*/ SELECT 1",
            "/*tenant='a*/ SELECT 1",
            "/*tenant='acme' OR '1'='1'*/ SELECT 1",
            "/*tenant='acme',tenant='bolt'*/ SELECT 1",
            "SET LOCAL app.tenant_id = ''",
            "",
        ] {
            assert_eq!(of_query(text.as_bytes(), &presets()), Naming::Nobody, "{text}");
        }
    }

    #[test]
    fn a_text_that_names_two() {
        for text in [
            "BEGIN; SET LOCAL app.tenant_id = 'a'; SELECT 1; COMMIT; BEGIN; SET LOCAL app.tenant_id = 'b'; COMMIT",
            "SELECT set_config('app.tenant_id', 'a', true); SELECT set_config('app.tenant_id', 'b', true)",
            "/*tenant='a'*/ SELECT 1; /*tenant='b'*/ SELECT 1",
        ] {
            assert_eq!(of_query(text.as_bytes(), &presets()), Naming::Several, "{text}");
            let same = text.replace("'b'", "'a'");
            assert_eq!(of_query(same.as_bytes(), &presets()), Naming::Tenant("a".into()), "{same}");
        }
    }

    #[test]
    fn a_token() {
        let text = b"SELECT set_config('tenantry.token', 'p1.x', true)";
        assert_eq!(of_query(text, &presets()), Naming::Token("p1.x".into()));
    }

    #[test]
    fn the_batch_of_a_driver_that_begins_in_the_same_batch() {
        let mut batch = Vec::new();
        let value: Option<&[u8]> = Some(b"acme");
        frontend::write_parse(&mut batch, b"", b"BEGIN", &[0, 0]).unwrap();
        frontend::write_bind(&mut batch, b"", b"", &[], &[], &[]).unwrap();
        frontend::write_execute(&mut batch, b"", 0).unwrap();
        frontend::write_parse(&mut batch, b"", b"SELECT set_config('app.tenant_id', $1, true)", &[0, 0]).unwrap();
        frontend::write_bind(&mut batch, b"", b"", &[], &[value], &[]).unwrap();
        frontend::write_sync(&mut batch);
        assert_eq!(of_messages(&batch, &presets(), |_| None), Naming::Tenant("acme".into()));

        let mut batch = Vec::new();
        frontend::write_bind(&mut batch, b"", b"s1", &[], &[value], &[]).unwrap();
        frontend::write_sync(&mut batch);
        let known: &[u8] = b"SELECT set_config('app.tenant_id', $1, true)";
        assert_eq!(
            of_messages(&batch, &presets(), |name| (name == b"s1").then_some(known)),
            Naming::Tenant("acme".into())
        );
        assert_eq!(of_messages(&batch, &presets(), |_| None), Naming::Nobody);
    }
}
