//! The signed tenant context: everything in schema `tenantry` that knows which tenant a transaction is for.
//!
//! [`install`] gives the SQL, forward and backward, for one kind of tenant key and one kind of scope (the second
//! level). The texts are the `.sql` files beside this one; [`cells`] fills in how a key lies in the session's memory.
//!
//! How it holds: `enter` checks a token once per transaction and keeps the result in the `currval()` cache of
//! sequences on which nobody but the keeper has any right. The cache is the session's own, dies with it, cannot be
//! written by `setval` from outside, and is tied to `now()` of the transaction, so a context ends by itself.
//! The setting `tenantry.context` says only where to look: `entered` for that memory, otherwise a stateless token.
//! Anybody may set it; whatever they set, the memory or the token's signature decides.
//!
//! `hold` is the form for a pooler that owns connections: its context stays until `release`, another `hold`, an
//! `enter`, `bind_session` or DISCARD, so that a connection which stays with its tenant pays nothing. It first cleans
//! what the former tenant may have left (`clean.sql`). Its memory carries a seal made of the token's signature, which the
//! setting repeats: the setting goes back when the transaction rolls back, the memory does not, and then they differ.
//!
//! What it refuses to do: it never stores a secret in a function, never trusts a setting, and never turns one key
//! into another (a text key `007` does not become the number 7).

mod cells;

use tenantry_model::{Ident, KeyKind};

use cells::Cells;

/// Stores a signing key: `$1` number (smallint), `$2` and `$3` the two pads of `model::token::Pads` (bytea).
pub const ADD_KEY: &str = "INSERT INTO tenantry.signing_key (kid, ipad, opad) VALUES ($1, $2, $3)";

/// Ends a signing key: `$1` number (smallint), `$2` the moment from which its tokens are refused (timestamptz).
pub const RETIRE_KEY: &str = "UPDATE tenantry.signing_key SET not_after = $2 WHERE kid = $1";

/// For which database the context is made.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// Type of the tenant key.
    pub key: KeyKind,
    /// Type of the second level's key, if there is one.
    pub scope: Option<KeyKind>,
    /// Will own the schema and everything in it. The installing role must be a member of it.
    pub keeper: &'a Ident,
    /// May enter a context and read it: the runtime group, and roles that keep working beside it.
    pub callers: &'a [Ident],
    /// May only read it: the owner of the application's tables.
    pub readers: &'a [Ident],
}

/// SQL of the context, each text one statement. `up` and `down` want one transaction each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Makes it. Creates schema `tenantry` if it is not there; its owner becomes the keeper.
    pub up: Vec<String>,
    /// Removes it. The schema stays, because the journal is in it, and belongs to whoever runs this.
    pub down: Vec<String>,
    /// For `complete`: old writers are gone, so nobody needs the `_or_null` functions in defaults any more.
    pub close_up: Vec<String>,
    /// Back from `close_up`.
    pub close_down: Vec<String>,
}

/// The SQL of the signed context for one kind of key and scope.
pub fn install(options: &Options<'_>) -> Installed {
    let parts = Parts::new(options.key, options.scope);
    let keeper = options.keeper.quoted();
    let everybody: Vec<&Ident> = options.callers.iter().chain(options.readers).collect();

    let mut up = vec![
        "CREATE SCHEMA IF NOT EXISTS tenantry".to_owned(),
        format!("ALTER SCHEMA tenantry OWNER TO {keeper}"),
        // Made by the keeper itself: its objects get nobody's default privileges.
        format!("SET LOCAL ROLE {keeper}"),
    ];
    up.extend(parts.storage);
    up.extend(parts.functions.iter().map(|f| f.body.clone()));
    up.extend(parts.functions.iter().map(|f| format!("REVOKE ALL ON FUNCTION {} FROM PUBLIC", f.signature)));
    up.push("REVOKE ALL ON SCHEMA tenantry FROM PUBLIC".to_owned());
    if !everybody.is_empty() {
        up.push(format!("GRANT USAGE ON SCHEMA tenantry TO {}", quoted(&everybody)));
    }
    for function in &parts.functions {
        let to = match function.audience {
            Audience::Keeper => continue,
            Audience::Callers => quoted(&options.callers.iter().collect::<Vec<_>>()),
            Audience::Readers => quoted(&everybody),
            // Column defaults call them for old logins, which know nothing of tenantry. They tell a session its own
            // context and nothing else, and cannot be named without USAGE on the schema.
            Audience::Everybody => "PUBLIC".to_owned(),
        };
        if !to.is_empty() {
            up.push(format!("GRANT EXECUTE ON FUNCTION {} TO {to}", function.signature));
        }
    }
    up.push("RESET ROLE".to_owned());

    let or_null: Vec<&str> =
        parts.functions.iter().filter(|f| f.audience == Audience::Everybody).map(|f| f.signature.as_str()).collect();
    let or_null = or_null.join(", ");
    let close_down = vec![format!("GRANT EXECUTE ON FUNCTION {or_null} TO PUBLIC")];
    let mut close_up = vec![format!("REVOKE EXECUTE ON FUNCTION {or_null} FROM PUBLIC")];
    if !everybody.is_empty() {
        close_up.push(format!("GRANT EXECUTE ON FUNCTION {or_null} TO {}", quoted(&everybody)));
    }

    let mut down: Vec<String> =
        parts.functions.iter().rev().map(|f| format!("DROP FUNCTION IF EXISTS {}", f.signature)).collect();
    down.extend(parts.sequences.iter().rev().map(|s| format!("DROP SEQUENCE IF EXISTS tenantry.{s}")));
    down.push("DROP TABLE IF EXISTS tenantry.signing_key".to_owned());
    if !everybody.is_empty() {
        down.push(format!("REVOKE ALL ON SCHEMA tenantry FROM {}", quoted(&everybody)));
    }
    down.push("ALTER SCHEMA tenantry OWNER TO CURRENT_USER".to_owned());
    Installed { up, down, close_up, close_down }
}

/// Who may run a function.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// Called by the other functions only.
    Keeper,
    /// Those that enter contexts.
    Callers,
    /// Those and the owner of the tables.
    Readers,
    /// Everybody, until `complete`.
    Everybody,
}

struct Function {
    signature: String,
    body: String,
    audience: Audience,
}

/// Everything that is made, in order.
struct Parts {
    storage: Vec<String>,
    sequences: Vec<String>,
    functions: Vec<Function>,
}

const KINDS: [KeyKind; 4] = [KeyKind::Uuid, KeyKind::Integer, KeyKind::Bigint, KeyKind::Text];

impl Parts {
    fn new(key: KeyKind, scope: Option<KeyKind>) -> Self {
        let tenant = Cells::tenant(key);
        let scope = scope.map(Cells::scope);

        let mut sequences = ["m_session", "m_ctr", "m_xact"].map(str::to_owned).to_vec();
        sequences.extend(tenant.names());
        sequences.extend(scope.iter().flat_map(Cells::names));
        let mut storage = statements(include_str!("storage.sql"));
        storage.extend(
            sequences
                .iter()
                .map(|name| format!("CREATE UNLOGGED SEQUENCE tenantry.{name} MINVALUE -9223372036854775808 START 0")),
        );
        sequences.insert(0, "session_no".to_owned());

        let functions = functions(&tenant, scope.as_ref());
        Self { storage, sequences, functions }
    }
}

fn functions(tenant: &Cells, scope: Option<&Cells>) -> Vec<Function> {
    let mut made = Vec::new();
    let mut make = |signature: &str, body: String, audience| {
        made.push(Function { signature: format!("tenantry.{signature}"), body, audience });
    };
    let fits = |template: &str, first: usize| {
        let (tenant_field, scope_field) = (format!("f[{first}]"), format!("f[{}]", first + 1));
        let no_scope = || format!("{scope_field} OPERATOR(pg_catalog.=) ''");
        let scope_fits = scope.map_or_else(no_scope, |s| s.fits(&scope_field));
        fill(template, &[("tenant_fits", &tenant.fits(&tenant_field)), ("scope_fits", &scope_fits)])
    };

    for body in statements(include_str!("convert.sql")) {
        let name =
            body.split_once("FUNCTION tenantry.").and_then(|(_, rest)| rest.split_once('(')).map(|(name, _)| name);
        let signature = format!("{}(text)", name.unwrap_or_default());
        make(&signature, body, Audience::Keeper);
    }
    let stateless = fill(
        &fits(include_str!("stateless.sql"), 5),
        &[
            ("tenant_text", &tenant.token_text("f[5]")),
            ("scope_text", &scope.map_or_else(|| "NULL".to_owned(), |s| s.token_text("f[6]"))),
        ],
    );
    make("stateless(text, integer)", stateless, Audience::Keeper);

    make("bind_session()", clean(include_str!("bind_session.sql")), Audience::Callers);
    if let Some(set) = tenant.set_typed() {
        let set = [set, scope.map_or_else(String::new, Cells::clear)];
        let body = fill(include_str!("enter_typed.sql"), &[("set_typed", &cells::set_all(&set, "ctr"))]);
        make("enter(smallint, bigint, bigint, bigint, bigint, bytea)", body, Audience::Callers);
        let body = hold(include_str!("hold_typed.sql"), &[("set_typed", &cells::hold_all(&set, "ctr"))]);
        make("hold(smallint, bigint, bigint, bigint, bigint, bytea)", body, Audience::Callers);
    }
    let set = [tenant.set_from_token("f[6]"), scope.map_or_else(String::new, |s| s.set_from_token("f[7]"))];
    let body = fill(&fits(include_str!("enter_token.sql"), 6), &[("set_token", &cells::set_all(&set, "f[4]::bigint"))]);
    make("enter(text)", body, Audience::Callers);
    make("leave()", clean(include_str!("leave.sql")), Audience::Callers);
    let set = cells::hold_all(&set, "f[4]::bigint");
    let body = hold(&fits(include_str!("hold_token.sql"), 6), &[("set_token", &set)]);
    make("hold(text)", body, Audience::Callers);
    make("release()", hold(include_str!("release.sql"), &[]), Audience::Callers);

    for cells in [Some(tenant), scope].into_iter().flatten() {
        for column in KINDS {
            for strict in [true, false] {
                let (name, body) = cells.reader(column, strict);
                let audience = if strict { Audience::Readers } else { Audience::Everybody };
                make(&format!("{name}()"), body, audience);
            }
        }
    }
    made
}

/// A function of the held form: cleans the connection, and closes with the seal.
fn hold(template: &str, values: &[(&str, &str)]) -> String {
    let values = [values, &[("clean", include_str!("clean.sql").trim_end()), ("seal", cells::SEAL)]].concat();
    fill(template, &values)
}

/// The statements of a file; a line `--;` stands between two.
fn statements(text: &str) -> Vec<String> {
    text.split("\n--;\n").map(clean).collect()
}

/// A statement without its closing semicolon, so that every text is one statement for every caller.
fn clean(statement: &str) -> String {
    statement.trim().trim_end_matches(';').to_owned()
}

/// Puts values in the place of `{name}`.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(clean(template), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

fn quoted(roles: &[&Ident]) -> String {
    roles.iter().map(|role| role.quoted()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(key: KeyKind, scope: Option<KeyKind>) -> Installed {
        let role = |name: &str| Ident::new(name).unwrap();
        let (keeper, callers, readers) = (role("app_tenantry"), [role("app_rt")], [role("app_owner")]);
        install(&Options { key, scope, keeper: &keeper, callers: &callers, readers: &readers })
    }

    #[test]
    fn the_sql_of_the_two_ends_of_the_range() {
        for (name, key, scope) in
            [("uuid", KeyKind::Uuid, None), ("text-and-scope", KeyKind::Text, Some(KeyKind::Integer))]
        {
            let made = installed(key, scope);
            let part = |title: &str, statements: &[String]| format!("-- {title}\n{};\n", statements.join(";\n"));
            let text = [
                part("up", &made.up),
                part("close_up", &made.close_up),
                part("close_down", &made.close_down),
                part("down", &made.down),
            ];
            insta::assert_snapshot!(name, text.join("\n"));
        }
    }

    #[test]
    fn every_place_of_the_templates_is_filled() {
        let kinds = KINDS.map(Some).into_iter().chain([None]);
        for (key, scope) in kinds.flat_map(|scope| KINDS.map(|key| (key, scope))) {
            let made = installed(key, scope);
            for statement in made.up.iter().chain(&made.down).chain(&made.close_up).chain(&made.close_down) {
                let open = statement
                    .match_indices('{')
                    .find(|(at, _)| statement[at + 1..].starts_with(|c: char| c.is_ascii_lowercase()));
                assert_eq!(open, None, "{statement}");
                assert!(!statement.ends_with(';') && !statement.contains("--;"), "{statement}");
            }
        }
    }

    /// What runs on every statement has no SET clause, so no name in it may depend on the search path.
    #[test]
    fn functions_without_a_set_clause_qualify_every_operator_and_function() {
        for function in Parts::new(KeyKind::Text, Some(KeyKind::Uuid)).functions {
            let Some((head, body)) = function.body.split_once("$tenantry$") else { panic!("no body") };
            if head.contains("SET search_path") {
                continue;
            }
            let code: Vec<&str> = body.lines().map(|l| l.split_once("--").map_or(l, |(code, _)| code)).collect();
            let mut code = code.join("\n");
            // texts say anything
            for part in body.split('\'').skip(1).step_by(2) {
                code = code.replacen(&format!("'{part}'"), "''", 1);
            }
            for (at, _) in code.match_indices('(') {
                let word: String =
                    code[..at].chars().rev().take_while(|c| c.is_ascii_alphanumeric() || "_.".contains(*c)).collect();
                let word: String = word.chars().rev().collect();
                let keyword =
                    ["", "OR", "AND", "OPERATOR", "extract", "CASE", "WHEN", "IF", "THEN", "pg_catalog.numeric"]
                        .contains(&word.as_str());
                assert!(
                    keyword || word.starts_with("pg_catalog.") || word.starts_with("tenantry."),
                    "{word} in {}",
                    function.signature
                );
            }
            let bare = ["ERRCODE =", "MESSAGE =", "HINT =", ":="]
                .iter()
                .fold(code, |code, syntax| code.replace(syntax, ""))
                .replace("OPERATOR(pg_catalog.", "\u{1}");
            for (at, found) in bare.match_indices(['=', '<', '>', '|', '*', '~', '+', '/']) {
                let before = bare[..at].rfind('\u{1}');
                let inside = before.is_some_and(|before| !bare[before..at].contains(')'));
                assert!(inside, "a bare {found} in {}:\n{body}", function.signature);
            }
        }
    }
}
