//! How a key lies in the session's memory: which sequences hold it, and the SQL that writes and reads them.
//!
//! A uuid takes two cells, a number one, a text one for its length and one for every eight bytes.
//! The scope has cells of its own; `s_set` (for text: `s_len`) is 0 when the context has no scope.

use tenantry_model::{KeyKind, TEXT_KEY_BYTES_MAX};

use super::fill;

/// Cells of a text key, eight bytes each.
const TEXT_CELLS: usize = TEXT_KEY_BYTES_MAX / 8;

/// The memory of one level: tenant or scope.
pub(super) struct Cells {
    kind: KeyKind,
    level: Level,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Tenant,
    Scope,
}

impl Cells {
    pub(super) fn tenant(kind: KeyKind) -> Self {
        Self { kind, level: Level::Tenant }
    }

    pub(super) fn scope(kind: KeyKind) -> Self {
        Self { kind, level: Level::Scope }
    }

    fn cell(&self, part: &str) -> String {
        let prefix = match self.level {
            Level::Tenant => "m",
            Level::Scope => "s",
        };
        format!("{prefix}_{part}")
    }

    /// The sequences, without the schema.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = match self.kind {
            KeyKind::Uuid => vec![self.cell("hi"), self.cell("lo")],
            KeyKind::Integer | KeyKind::Bigint => vec![self.cell("lo")],
            KeyKind::Text => {
                std::iter::once(self.cell("len")).chain((1..=TEXT_CELLS).map(|n| self.cell(&format!("t{n}")))).collect()
            }
        };
        if self.level == Level::Scope && self.kind != KeyKind::Text {
            names.insert(0, self.cell("set"));
        }
        names
    }

    /// Whether a field of a token is a key of this kind. Asked only after the signature, so that a key of another
    /// kind is refused in plain words; kept cheap, because a pattern that counts every digit costs more than the HMAC.
    pub(super) fn fits(&self, field: &str) -> String {
        let (pattern, bytes_max) = match self.kind {
            KeyKind::Uuid => ("^[0-9a-f-]+$", 36),
            KeyKind::Integer => ("^-?[0-9]+$", 11),
            KeyKind::Bigint => ("^-?[0-9]+$", 20),
            KeyKind::Text => ("^([0-9a-f][0-9a-f])+$", 2 * TEXT_KEY_BYTES_MAX),
        };
        let length = if self.kind == KeyKind::Uuid { "=" } else { "<=" };
        let fits = format!(
            "{field} OPERATOR(pg_catalog.~) '{pattern}' AND pg_catalog.length({field}) OPERATOR(pg_catalog.{length}) {bytes_max}"
        );
        match self.level {
            Level::Tenant => fits,
            Level::Scope => format!("({field} OPERATOR(pg_catalog.=) '' OR {fits})"),
        }
    }

    /// The key's own text, from a field of a checked token.
    pub(super) fn token_text(&self, field: &str) -> String {
        match self.kind {
            KeyKind::Text => format!("pg_catalog.convert_from(pg_catalog.decode({field}, 'hex'), 'UTF8')"),
            _ => field.to_owned(),
        }
    }

    /// Writes the arguments `hi` and `lo` of the typed `enter`; `None` for text, which does not fit them.
    pub(super) fn set_typed(&self) -> Option<String> {
        match self.kind {
            KeyKind::Uuid => Some(format!("{}, {}", setval(&self.cell("hi"), "hi"), setval(&self.cell("lo"), "lo"))),
            KeyKind::Integer => Some(setval(&self.cell("lo"), "lo::integer")),
            KeyKind::Bigint => Some(setval(&self.cell("lo"), "lo")),
            KeyKind::Text => None,
        }
    }

    /// Writes a field of a checked token. Only the scope's field may be empty.
    pub(super) fn set_from_token(&self, field: &str) -> String {
        let bits = |from: usize, source: &str| {
            format!("('x' || rpad(substr({source}, {from}, 16), 16, '0'))::bit(64)::bigint")
        };
        let mut writes = Vec::new();
        match self.kind {
            KeyKind::Uuid => {
                let digits = format!("replace({field}, '-', '')");
                writes.push(setval(&self.cell("hi"), &bits(1, &digits)));
                writes.push(setval(&self.cell("lo"), &bits(17, &digits)));
            }
            KeyKind::Integer => writes.push(setval(&self.cell("lo"), &format!("{field}::integer"))),
            KeyKind::Bigint => writes.push(setval(&self.cell("lo"), &format!("{field}::bigint"))),
            KeyKind::Text => {
                writes.push(setval(&self.cell("len"), &format!("length({field}) / 2")));
                for n in 1..=TEXT_CELLS {
                    let write = setval(&self.cell(&format!("t{n}")), &bits(16 * (n - 1) + 1, field));
                    writes.push(format!("CASE WHEN length({field}) > {} THEN {write} END", 16 * (n - 1)));
                }
            }
        }
        if self.level == Level::Scope && self.kind != KeyKind::Text {
            writes.iter_mut().for_each(|write| *write = format!("CASE WHEN {field} <> '' THEN {write} END"));
            writes.insert(0, setval(&self.cell("set"), &format!("CASE WHEN {field} = '' THEN 0 ELSE 1 END")));
        }
        writes.join(",\n              ")
    }

    /// Writes "no scope".
    pub(super) fn clear(&self) -> String {
        setval(&self.cell(if self.kind == KeyKind::Text { "len" } else { "set" }), "0")
    }

    /// The function that gives this level to a column of a given type, strict or `_or_null`: its name and its SQL.
    pub(super) fn reader(&self, column: KeyKind, strict: bool) -> (String, String) {
        let level = match self.level {
            Level::Tenant => "tenant_id",
            Level::Scope => "scope_id",
        };
        let suffix = column.context_function().trim_start_matches("tenant_id");
        let name = format!("{level}{}{suffix}", if strict { "" } else { "_or_null" });
        let type_name = match column {
            KeyKind::Uuid => "uuid",
            KeyKind::Integer => "int4",
            KeyKind::Bigint => "int8",
            KeyKind::Text => "text",
        };
        let (absent, misfit) = if strict {
            (ABSENT.to_owned(), misfit(level, self.kind, column))
        } else {
            ("RETURN NULL;".to_owned(), "RETURN NULL;".to_owned())
        };
        let field = if self.level == Level::Tenant { "5" } else { "6" };
        let mut values = vec![("name", name.as_str()), ("type", type_name), ("field", field), ("absent", &absent)];
        let (cast, memory) = (format!("::pg_catalog.{type_name}"), self.read(column));
        let template = match &memory {
            Some(memory) => {
                values
                    .extend([("memory", memory.as_str()), ("cast", if column == KeyKind::Text { "" } else { &cast })]);
                include_str!("read_native.sql")
            }
            None => include_str!("read_foreign.sql"),
        };
        let text = self.read(KeyKind::Text).unwrap_or_default();
        values.extend([("memory_text", text.as_str()), ("suffix", column.sql_type()), ("misfit", &misfit)]);
        (name.clone(), fill(template, &values))
    }

    /// The expression that reads the cells as a value for a column of this type; `None` if that can fail.
    fn read(&self, column: KeyKind) -> Option<String> {
        let lo = currval(&self.cell("lo"));
        let value = match (self.kind, column) {
            (KeyKind::Uuid, KeyKind::Uuid) => self.read_uuid(),
            (KeyKind::Uuid, KeyKind::Text) => format!("{}::pg_catalog.text", self.read_uuid()),
            (KeyKind::Integer, KeyKind::Integer) => format!("{lo}::pg_catalog.int4"),
            (KeyKind::Integer | KeyKind::Bigint, KeyKind::Bigint) => lo,
            (KeyKind::Integer | KeyKind::Bigint, KeyKind::Text) => format!("{lo}::pg_catalog.text"),
            (KeyKind::Text, KeyKind::Text) => self.read_text(),
            _ => return None,
        };
        if self.level == Level::Tenant {
            return Some(value);
        }
        let set = currval(&self.cell(if self.kind == KeyKind::Text { "len" } else { "set" }));
        Some(format!("CASE WHEN {set} OPERATOR(pg_catalog.<>) 0 THEN {value} END"))
    }

    fn read_uuid(&self) -> String {
        let half = |part| format!("pg_catalog.int8send({})", currval(&self.cell(part)));
        format!("pg_catalog.encode({} OPERATOR(pg_catalog.||) {}, 'hex')::pg_catalog.uuid", half("hi"), half("lo"))
    }

    /// Reads no more cells than the key has, because each costs.
    fn read_text(&self) -> String {
        let length = currval(&self.cell("len"));
        let bytes = |cells: usize| {
            let cells: Vec<String> = (1..=cells)
                .map(|n| format!("pg_catalog.int8send({})", currval(&self.cell(&format!("t{n}")))))
                .collect();
            cells.join(" OPERATOR(pg_catalog.||) ")
        };
        let cases: Vec<String> = (1..=TEXT_CELLS)
            .map(|n| format!("WHEN {length} OPERATOR(pg_catalog.<=) {} THEN {}", n * 8, bytes(n)))
            .collect();
        format!(
            "pg_catalog.convert_from(pg_catalog.substr(CASE {} END, 1, {length}::pg_catalog.int4), 'UTF8')",
            cases.join(" ")
        )
    }
}

/// One write of everything: the old context first becomes nothing, so that no failure half-way leaves a mixture.
pub(super) fn set_all(writes: &[String], counter: &str) -> String {
    let mark = [setval("m_xact", XACT), "set_config('tenantry.context', 'entered', true)".to_owned()];
    in_turn([&[setval("m_xact", "0"), setval("m_ctr", counter)], writes, &mark])
}

/// The same for `hold`, after everything was forgotten: the mark comes later.
pub(super) fn hold_all(writes: &[String], counter: &str) -> String {
    let kept = ["pg_advisory_unlock_all()".to_owned(), setval("m_ctr", counter), setval("m_session", "session")];
    in_turn([&kept, writes, &[]])
}

/// One expression that runs all of them, which costs less than PERFORM.
fn in_turn(calls: [&[String]; 3]) -> String {
    let calls: Vec<String> = calls.concat().into_iter().filter(|call| !call.is_empty()).collect();
    format!("num_nulls({})", calls.join(",\n              "))
}

/// The time of the transaction as the readers compare it: its own eight bytes, microseconds since 2000.
const XACT: &str = "('x' || encode(timestamptz_send(now()), 'hex'))::bit(64)::bigint";

/// Marks the memory as held: negative, which `enter` never writes.
pub(super) const SEAL: &str = "pg_catalog.set_config('tenantry.context', 'held' OPERATOR(pg_catalog.||) pg_catalog.setval('tenantry.m_xact', seal)::pg_catalog.text, false)";

const ABSENT: &str = "RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: no tenant context in this transaction',
    HINT = 'Call tenantry.enter() with a signed token at the start of the transaction (a pooler: tenantry.hold()), or set tenantry.context to a stateless token.';";

fn misfit(level: &str, kind: KeyKind, column: KeyKind) -> String {
    let what = if level == "tenant_id" { "tenant" } else { "scope" };
    format!(
        "RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'tenantry: the {what} of this context is no {}',
      HINT = 'Its key is of type {}: no row of this table can belong to it. Correct the column in tenantry.toml.';",
        column.sql_type(),
        kind.sql_type(),
    )
}

fn setval(cell: &str, value: &str) -> String {
    format!("setval('tenantry.{cell}', {value})")
}

fn currval(cell: &str) -> String {
    format!("pg_catalog.currval('tenantry.{cell}')")
}
