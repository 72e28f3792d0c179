//! The tables, and the one way to write an entry: inside the transaction of what it tells of.
//!
//! An entry is written unlinked, so that writers of one tenant do not wait for each other; the sealer links it. Whoever
//! writes needs INSERT on the entries and nothing else.

use tenantry_pg::tokio_postgres::GenericClient;

use crate::chain::Chain;
use crate::error::{AuditError, query};
use crate::event::Event;

/// Makes the tables. A second time it changes nothing.
pub const TABLES: &str = "\
CREATE SCHEMA IF NOT EXISTS tenantry_audit;
CREATE TABLE IF NOT EXISTS tenantry_audit.entry (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  chain text NOT NULL,
  tenant text,
  occurred_at timestamptz NOT NULL,
  action text NOT NULL,
  severity text NOT NULL,
  body text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  sequence bigint,
  hash bytea,
  CHECK ((sequence IS NULL) = (hash IS NULL)),
  UNIQUE (chain, sequence)
);
CREATE INDEX IF NOT EXISTS entry_unlinked ON tenantry_audit.entry (chain, number) WHERE sequence IS NULL;
CREATE INDEX IF NOT EXISTS entry_of_tenant ON tenantry_audit.entry (tenant, number);
CREATE TABLE IF NOT EXISTS tenantry_audit.checkpoint (
  chain text NOT NULL,
  sequence bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('head', 'cut')),
  note text NOT NULL,
  signed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (chain, sequence, kind)
);
REVOKE ALL ON SCHEMA tenantry_audit FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA tenantry_audit FROM PUBLIC";

/// Copies what the control plane records (`tenantry_control.audit_entry`) into the chains, in the same transaction. A
/// second time it changes nothing. Needs [`TABLES`] and the control plane's.
pub const FOLLOW_CONTROL: &str = r#"
CREATE OR REPLACE FUNCTION tenantry_audit.copy_from_control() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp AS $copy$
BEGIN
  INSERT INTO tenantry_audit.entry (chain, tenant, occurred_at, action, severity, body) VALUES (
    coalesce('tenant/' || NEW.tenant_id::text, 'platform'), NEW.tenant_id::text, NEW.occurred_at, NEW.action, NEW.severity,
    jsonb_build_object(
      'id', NEW.id, 'occurredAt', to_char(NEW.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
      'action', NEW.action, 'severity', NEW.severity, 'actor', NEW.actor, 'tenantId', NEW.tenant_id,
      'targets', NEW.targets, 'context', NEW.context, 'outcome', NEW.outcome, 'metadata', NEW.metadata)::text);
  RETURN NULL;
END $copy$;
REVOKE ALL ON FUNCTION tenantry_audit.copy_from_control() FROM PUBLIC;
CREATE OR REPLACE TRIGGER tenantry_audit_copy AFTER INSERT ON tenantry_control.audit_entry
  FOR EACH ROW EXECUTE FUNCTION tenantry_audit.copy_from_control()"#;

const INSERT: &str = "INSERT INTO tenantry_audit.entry (chain, tenant, occurred_at, action, severity, body) \
                      VALUES ($1, $2, timestamptz 'epoch' + $3 * interval '1 microsecond', $4, $5, $6)";

/// Writes an entry in the transaction that `client` is in: it is kept if and only if that commits. What was refused
/// or rolled back is recorded on a connection of its own.
pub async fn record(client: &impl GenericClient, event: &Event) -> Result<(), AuditError> {
    let body = event.body();
    let chain = Chain::of(event.tenant_id.as_deref()).name();
    // PostgreSQL multiplies an interval by a double: exact to 2^53 microseconds, which is the year 2255
    let micros = event.occurred_at.as_microsecond() as f64;
    let severity = event.severity.as_str();
    let action = crate::event::bounded(&event.action);
    let written = client.execute(INSERT, &[&chain, &event.tenant_id, &micros, &action, &severity, &body]).await;
    written.map(drop).map_err(query("record what was done"))
}

/// Entries read at once for an export.
const PAGE: i64 = 1000;
const READ: &str = "SELECT number, body FROM tenantry_audit.entry WHERE number > $1 AND ($2::text IS NULL OR chain = $2) \
                    ORDER BY number LIMIT $3";

/// The entries of one chain, or of all, in the order in which they were written: page by page.
#[derive(Debug)]
pub struct Pages {
    chain: Option<String>,
    after: i64,
}

impl Pages {
    /// From the first entry on; `None` is all chains.
    pub fn of(chain: Option<&Chain>) -> Self {
        Self { chain: chain.map(Chain::name), after: 0 }
    }

    /// The next page; empty at the end. An entry that cannot be read is an error, and not left out.
    pub async fn next(&mut self, client: &impl GenericClient) -> Result<Vec<Event>, AuditError> {
        let rows = client.query(READ, &[&self.after, &self.chain, &PAGE]).await.map_err(query("read entries"))?;
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            self.after = row.get(0);
            let event = serde_json::from_str(row.get(1));
            events.push(event.map_err(|source| AuditError::Unreadable { number: self.after, source })?);
        }
        Ok(events)
    }
}
