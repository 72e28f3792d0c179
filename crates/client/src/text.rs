//! What the first words of a statement say of it, and whether it may touch what the pool keeps on a connection.
//!
//! Nothing depends on this for keeping tenants apart: the database does that, and a connection is given to a tenant
//! by its signature. It spares errors: a transaction that nobody would end, a context that is gone.

/// Words after which the context may be gone. Found anywhere, they cost the next user of the connection a call of
/// `tenantry.hold`.
const MAY_FORGET: [&str; 8] = [
    "reset",
    "discard",
    "tenantry.context",
    "tenantry.enter",
    "tenantry.hold",
    "tenantry.leave",
    "tenantry.release",
    "tenantry.bind_session",
];

/// Words after which prepared statements may be gone. They cost the connection.
const MAY_DEALLOCATE: [&str; 2] = ["discard", "deallocate"];

/// Whether a statement that stands alone would leave a transaction open.
pub(crate) fn opens_transaction(sql: &str) -> bool {
    matches!(words(sql)[0].as_str(), "begin" | "start")
}

/// Whether a statement would end the transaction it stands in.
pub(crate) fn ends_transaction(sql: &str) -> bool {
    let [first, second, third] = words(sql);
    match first.as_str() {
        "commit" | "end" | "abort" => true,
        "rollback" => second != "to" && !(matches!(second.as_str(), "work" | "transaction") && third == "to"),
        "prepare" => second == "transaction",
        _ => false,
    }
}

/// Whether the context may be gone afterwards.
pub(crate) fn may_forget(sql: &str) -> bool {
    holds_one_of(&MAY_FORGET, sql)
}

/// Whether prepared statements may be gone afterwards.
pub(crate) fn may_deallocate(sql: &str) -> bool {
    holds_one_of(&MAY_DEALLOCATE, sql)
}

fn holds_one_of(words: &[&str], sql: &str) -> bool {
    let sql = sql.as_bytes();
    words.iter().any(|word| sql.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes())))
}

/// The first three words in lower case, comments left out.
fn words(sql: &str) -> [String; 3] {
    let mut words = [const { String::new() }; 3];
    let mut rest = sql;
    for word in &mut words {
        rest = after_blanks(rest);
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        *word = rest[..end].to_ascii_lowercase();
        rest = &rest[end..];
    }
    words
}

/// The text behind white space, comments and empty statements.
fn after_blanks(sql: &str) -> &str {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.find(['\n', '\r']).map_or("", |end| &comment[end..]);
        } else if rest.starts_with("/*") {
            rest = after_comment(rest);
        } else {
            return rest;
        }
    }
}

/// The text behind a comment that may hold others.
fn after_comment(sql: &str) -> &str {
    let (mut depth, mut rest) = (0usize, sql);
    loop {
        if let Some(inner) = rest.strip_prefix("/*") {
            (depth, rest) = (depth + 1, inner);
        } else if let Some(outer) = rest.strip_prefix("*/") {
            (depth, rest) = (depth - 1, outer);
            if depth == 0 {
                return rest;
            }
        } else {
            let mut chars = rest.chars();
            if chars.next().is_none() {
                return "";
            }
            rest = chars.as_str();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_and_what_ends_a_transaction() {
        for sql in ["BEGIN", " begin;", "/* a /* b */ c */ Start TRANSACTION", "-- x\nBEGIN", ";;begin"] {
            assert!(opens_transaction(sql), "{sql}");
        }
        for sql in ["", "SELECT 'BEGIN'", "beginning", "-- BEGIN", "/* BEGIN", "é"] {
            assert!(!opens_transaction(sql), "{sql}");
        }
        for sql in ["COMMIT", "end", "ABORT", "rollback", "ROLLBACK WORK", "PREPARE TRANSACTION 'x'", "/**/commit"] {
            assert!(ends_transaction(sql), "{sql}");
        }
        for sql in ["ROLLBACK TO s", "rollback transaction to savepoint s", "PREPARE s AS SELECT 1", "SELECT 1"] {
            assert!(!ends_transaction(sql), "{sql}");
        }
    }

    #[test]
    fn what_may_be_forgotten() {
        for sql in ["RESET ALL", "discard all", "DO $$ BEGIN RESET work_mem; END $$", "SELECT tenantry.leave()"] {
            assert!(may_forget(sql), "{sql}");
        }
        assert!(may_deallocate("Deallocate x") && may_deallocate("DISCARD ALL") && !may_deallocate("RESET ALL"));
        assert!(!may_forget("SELECT tenantry.tenant_id()") && !may_forget(""));
    }
}
