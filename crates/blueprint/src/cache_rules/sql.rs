//! The triggers that write down what changed, and their way back.
//!
//! One function and four triggers for each table: a statement that changes a thousand rows runs one of them once. The
//! functions run as their owner, read nothing but the changed rows, and write to a table that no application login
//! can reach; the channel says nothing. More than [`ROWS_MAX`] rows in a statement drop kinds instead of entries.

use std::fmt::Write;

use tenantry_model::literal;

use super::rules::{Piece, Rule, Rules, Template};
use super::{CHANNEL, SCHEMA};

/// More changed rows than this are not named one by one.
pub const ROWS_MAX: u32 = 1000;

/// What an operator runs, as the owner of the tables: once there, once back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Makes the triggers; run again, it makes them anew.
    pub up: String,
    /// Takes everything back.
    pub down: String,
}

impl Rules {
    /// The statements for these rules. The same rules give the same bytes.
    pub fn script(&self) -> Script {
        let mut up = String::new();
        // writing to a String cannot fail
        let _ = write!(
            up,
            "-- What a change of a table drops from the cache. Run as the owner of the tables; down.sql takes it back.\n\
             BEGIN;\n\
             SET LOCAL lock_timeout = '5s';\n\
             {}\
             CREATE SCHEMA {SCHEMA};\n\
             REVOKE ALL ON SCHEMA {SCHEMA} FROM PUBLIC;\n\
             -- not logged: after a crash it is empty, and the listeners forget everything\n\
             CREATE UNLOGGED TABLE {SCHEMA}.change (\n  \
               tx xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),\n  \
               at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),\n  \
               tenant text,\n  \
               kind text,\n  \
               id text\n\
             );\n\
             CREATE INDEX ON {SCHEMA}.change (tx);\n\
             CREATE UNLOGGED TABLE {SCHEMA}.heard (one boolean PRIMARY KEY DEFAULT true CHECK (one), at timestamptz NOT NULL);\n\
             REVOKE ALL ON {SCHEMA}.change, {SCHEMA}.heard FROM PUBLIC;\n",
            self.drop()
        );
        for (number, rule) in (1..).zip(&self.0) {
            rule.up(number, &mut up);
        }
        up.push_str("COMMIT;\n");
        let down = format!(
            "-- Takes back what up.sql made.\nBEGIN;\nSET LOCAL lock_timeout = '5s';\n{}COMMIT;\n",
            self.drop()
        );
        Script { up, down }
    }

    fn drop(&self) -> String {
        // the triggers of rules that are no more go with their functions
        format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE;\n")
    }
}

impl Rule {
    fn up(&self, number: usize, out: &mut String) {
        let function = format!("{SCHEMA}.changed_{number}");
        let of = |tables: &[&str], names: fn(&Self, &str) -> Vec<String>| {
            let each = tables.iter().flat_map(|rows| names(self, rows)).map(|s| format!("      {s}"));
            let each = each.collect::<Vec<_>>().join("\n      UNION\n");
            format!("    INSERT INTO {SCHEMA}.change (tenant, kind, id)\n{each};\n")
        };
        let branch = |event: &str, tables: &[&str]| {
            format!(
                "  IF TG_OP = '{event}' THEN\n    \
                   IF (SELECT count(*) FROM (SELECT FROM {} LIMIT {}) AS few) > {ROWS_MAX} THEN\n{}    ELSE\n{}    END IF;\n    \
                   said := FOUND;\n  END IF;\n",
                tables[0],
                ROWS_MAX + 1,
                of(tables, Self::kinds),
                of(tables, Self::entries),
            )
        };
        let _ = write!(
            out,
            "\nCREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER\n  \
               SET search_path = pg_catalog, pg_temp AS $changed$\n\
             DECLARE\n  said boolean := false;\n\
             BEGIN\n  \
               IF TG_OP = 'TRUNCATE' THEN\n    \
                 INSERT INTO {SCHEMA}.change (tenant, kind, id) VALUES (NULL, NULL, NULL);\n    \
                 said := true;\n  \
               END IF;\n\
             {branches}  IF said THEN\n    PERFORM pg_notify({channel}, '');\n  END IF;\n  \
               RETURN NULL;\n\
             END $changed$;\n\
             REVOKE ALL ON FUNCTION {function}() FROM PUBLIC;\n",
            branches = [
                branch("INSERT", &["new_rows"]),
                branch("UPDATE", &["new_rows", "old_rows"]),
                branch("DELETE", &["old_rows"])
            ]
            .concat(),
            channel = literal(CHANNEL),
        );
        for (event, rows) in [
            ("INSERT", "REFERENCING NEW TABLE AS new_rows "),
            ("UPDATE", "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows "),
            ("DELETE", "REFERENCING OLD TABLE AS old_rows "),
            ("TRUNCATE", ""),
        ] {
            let _ = writeln!(
                out,
                "CREATE TRIGGER tenantry_cache_{} AFTER {event} ON {} {rows}FOR EACH STATEMENT EXECUTE FUNCTION {function}();",
                event.to_lowercase(),
                self.table.quoted(),
            );
        }
    }

    fn tenant(&self) -> String {
        self.tenant.as_ref().map_or("NULL::text".to_owned(), |column| format!("r.{}::text", column.quoted()))
    }

    /// One SELECT for each entry.
    fn entries(&self, rows: &str) -> Vec<String> {
        let tenant = self.tenant();
        let select = |template: &Template| {
            let (kind, id) = match template {
                Template::Tenant => ("NULL::text".to_owned(), "NULL::text".to_owned()),
                Template::Kind(kind) => (literal(kind), "NULL::text".to_owned()),
                Template::Entry { kind, id } => (literal(kind), id_of(id)),
            };
            format!("SELECT {tenant}, {kind}, {id} FROM {rows} AS r")
        };
        self.entries.iter().map(select).collect()
    }

    /// One SELECT for each kind.
    fn kinds(&self, rows: &str) -> Vec<String> {
        let tenant = self.tenant();
        let select = |template: &Template| {
            let kind = match template {
                Template::Tenant => "NULL::text".to_owned(),
                Template::Kind(kind) | Template::Entry { kind, .. } => literal(kind),
            };
            format!("SELECT {tenant}, {kind}, NULL::text FROM {rows} AS r")
        };
        let mut all: Vec<String> = self.entries.iter().map(select).collect();
        all.sort();
        all.dedup();
        all
    }
}

fn id_of(pieces: &[Piece]) -> String {
    let each = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => literal(text),
        // a value that is not there names no entry, and NULL would name the whole kind
        Piece::Column(column) => format!("coalesce(r.{}::text, '')", column.quoted()),
    });
    let all: Vec<String> = each.collect();
    if all.is_empty() { "''".to_owned() } else { all.join(" || ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_texts_cannot_leave_their_quotes() {
        let rules = Rules::read(json!({
            "public.odd\"table": {"tenant": "odd\"column", "drop": ["k'ind:'{i\"d}"]},
        }));
        let script = rules.unwrap().script();
        for part in [
            "\"public\".\"odd\"\"table\"",
            "r.\"odd\"\"column\"::text",
            "'k''ind'",
            "'''' || coalesce(r.\"i\"\"d\"::text, '')",
        ] {
            assert!(script.up.contains(part), "{part} is missing in:\n{}", script.up);
        }
    }
}
