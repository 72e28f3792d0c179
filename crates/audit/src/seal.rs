//! Links entries to their chains and signs the heads: one sealer at a time, whichever process it is in.
//!
//! A chain goes on from its last signed checkpoint, never from what the tables say its head is; and never from a
//! checkpoint older than the last one in the file outside the database, which is what a database that was replaced by
//! an older copy has. The file is written after the commit: it may be behind, and is never ahead.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use tenantry_pg::Client;
use tenantry_pg::tokio_postgres::{Row, Transaction};

use crate::alerts::{self, Alert, Threshold, Watch};
use crate::chain::{Chain, Hash};
use crate::checkpoint::{Checkpoint, Kind, SigningKey, VerifyingKey};
use crate::error::{AuditError, query};

/// Most entries of one chain that are linked at once: a flood of one tenant does not keep others waiting.
pub const OF_CHAIN_MAX: i64 = 1000;
/// Most entries that are linked at once.
pub const AT_ONCE_MAX: i64 = 20_000;

/// Alerts that are kept for whoever takes them; those beyond are in the log only.
pub const ALERTS_MAX: usize = 1000;

/// Only one sealer works at a time; the number is one that nobody else takes.
const LOCK: &str = "SELECT pg_try_advisory_xact_lock(7310579, 1)";
const UNLINKED: &str = "SELECT chain, number, body, severity, action, (extract(epoch FROM occurred_at) * 1000000)::bigint FROM (SELECT *, row_number() OVER (PARTITION BY chain ORDER BY number) AS place \
                        FROM tenantry_audit.entry WHERE sequence IS NULL) AS e WHERE place <= $1 ORDER BY place, chain LIMIT $2";
const LAST: &str =
    "SELECT note FROM tenantry_audit.checkpoint WHERE chain = $1 ORDER BY sequence DESC, kind = 'head' DESC LIMIT 1";
const BEYOND: &str = "SELECT EXISTS (SELECT FROM tenantry_audit.entry WHERE chain = $1 AND sequence > $2)";
const LINK: &str = "UPDATE tenantry_audit.entry AS e SET sequence = l.sequence, hash = l.hash \
                    FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS l (number, sequence, hash) WHERE e.number = l.number";
const SIGNED: &str = "INSERT INTO tenantry_audit.checkpoint (chain, sequence, kind, note) VALUES ($1, $2, $3, $4)";

/// Seals.
#[derive(Debug)]
pub struct Sealer {
    key: SigningKey,
    file: Option<Grown>,
    /// The last checkpoint of each chain that we know of.
    last: BTreeMap<Chain, Checkpoint>,
    watch: Watch,
    alerts: Vec<Alert>,
    sink: Option<Grown>,
}

impl Sealer {
    /// With a file outside the database for its checkpoints. Without one, a database that is replaced by an older copy
    /// of itself is found out only as long as this process lives.
    pub fn open(key: SigningKey, file: Option<&Path>) -> Result<Self, AuditError> {
        let file = file.map(Grown::open).transpose()?;
        let mut last = BTreeMap::new();
        if let Some(file) = &file {
            read_checkpoints(&file.path, key.verifying())?.into_iter().for_each(|c| keep(&mut last, c));
        }
        Ok(Self { key, file, last, watch: Watch::new(alerts::usual()), alerts: Vec::new(), sink: None })
    }

    /// Watches for other thresholds than the usual ones.
    pub fn watching(mut self, thresholds: Vec<Threshold>) -> Self {
        self.watch = Watch::new(thresholds);
        self
    }

    /// Appends every entry to a file too, once it is sealed: one JSON text a line, with its chain, number and hash. A crash
    /// between the commit and the file leaves a gap in the numbers there; an export has what is missing.
    pub fn copying_to(mut self, file: &Path) -> Result<Self, AuditError> {
        self.sink = Some(Grown::open(file)?);
        Ok(self)
    }

    /// What somebody must hear of, since the last time this was asked. All of it was logged as an error already.
    pub fn take_alerts(&mut self) -> Vec<Alert> {
        std::mem::take(&mut self.alerts)
    }

    /// The key that checks what this one signs.
    pub fn verifying(&self) -> &VerifyingKey {
        self.key.verifying()
    }

    pub(crate) fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Links what is not linked yet, and signs the heads. Says how many entries; none if another sealer is at work.
    pub async fn seal(&mut self, client: &mut Client) -> Result<usize, AuditError> {
        let transaction = client.transaction().await.map_err(query("begin to seal"))?;
        let alone = transaction.query_one(LOCK, &[]).await.map_err(query("lock the chains"))?;
        if !alone.get::<_, bool>(0) {
            return Ok(0);
        }
        let rows = transaction.query(UNLINKED, &[&OF_CHAIN_MAX, &AT_ONCE_MAX]).await;
        let rows = rows.map_err(query("read what is not linked"))?;
        let mut chains: BTreeMap<Chain, Vec<(i64, &str)>> = BTreeMap::new();
        for row in &rows {
            if let Some(chain) = Chain::read(row.get(0)) {
                chains.entry(chain).or_default().push((row.get(1), row.get(2)));
            }
        }
        let (mut signed, mut lines) = (Vec::new(), String::new());
        for (chain, entries) in chains {
            signed.push(self.link(&transaction, chain, &entries, &mut lines).await?);
        }
        transaction.commit().await.map_err(query("commit what was linked"))?;
        self.publish(signed)?;
        if let Some(sink) = &mut self.sink {
            sink.append(&lines)?;
        }
        rows.iter().for_each(|row| self.escalate(row));
        Ok(rows.len())
    }

    /// After the commit, so that nothing is said twice.
    fn escalate(&mut self, row: &Row) {
        let (name, number, action): (&str, i64, &str) = (row.get(0), row.get(1), row.get(4));
        if row.get::<_, &str>(3) == "CRITICAL" {
            tracing::error!(chain = name, entry = number, action, "a critical audit entry");
        }
        let Some(chain) = Chain::read(name) else { return };
        for alert in self.watch.see(&chain, action, row.get(5)) {
            tracing::error!(chain = name, threshold = alert.threshold, "audit entries reached a threshold");
            if self.alerts.len() < ALERTS_MAX {
                self.alerts.push(alert);
            }
        }
    }

    /// Writes checkpoints that were committed to the file.
    pub(crate) fn publish(&mut self, signed: Vec<Checkpoint>) -> Result<(), AuditError> {
        for checkpoint in signed {
            if let Some(file) = &mut self.file {
                // a note has several lines; as a JSON text it has one
                file.append(&format!("{}\n", serde_json::Value::from(self.key.sign(&checkpoint))))?;
            }
            keep(&mut self.last, checkpoint);
        }
        Ok(())
    }

    async fn link(
        &self,
        transaction: &Transaction<'_>,
        chain: Chain,
        entries: &[(i64, &str)],
        lines: &mut String,
    ) -> Result<Checkpoint, AuditError> {
        let name = chain.name();
        let (mut sequence, mut hash) = self.head(transaction, &chain).await?;
        let (mut numbers, mut sequences, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
        for (number, body) in entries {
            sequence += 1;
            hash = chain.link(sequence, &hash, body);
            if self.sink.is_some() {
                let entry: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|_| (*body).into());
                let line = json!({"chain": name, "sequence": sequence, "hash": hash.to_string(), "entry": entry});
                lines.push_str(&format!("{line}\n"));
            }
            numbers.push(*number);
            // far below 2^63 entries
            sequences.push(sequence as i64);
            hashes.push(hash.0.to_vec());
        }
        transaction.execute(LINK, &[&numbers, &sequences, &hashes]).await.map_err(query("link entries"))?;
        let checkpoint = Checkpoint { chain, sequence, hash, kind: Kind::Head };
        sign(transaction, &self.key, &name, &checkpoint).await?;
        Ok(checkpoint)
    }

    /// Where a chain goes on: its last signed checkpoint, which must be no older than the last we know.
    pub(crate) async fn head(&self, transaction: &Transaction<'_>, chain: &Chain) -> Result<(u64, Hash), AuditError> {
        let name = chain.name();
        let note = transaction.query_opt(LAST, &[&name]).await.map_err(query("read the last checkpoint"))?;
        let known = self.last.get(chain);
        let broken = || AuditError::Broken { chain: name.clone(), sequence: known.map_or(0, |k| k.sequence) };
        let (sequence, hash) = match note {
            None => (0, Hash::ZERO),
            Some(row) => {
                let found = self.key.verifying().open(row.get(0)).filter(|c| c.chain == *chain).ok_or_else(broken)?;
                (found.sequence, found.hash)
            }
        };
        let is_older = known.is_some_and(|k| sequence < k.sequence || (sequence == k.sequence && hash != k.hash));
        let beyond = transaction.query_one(BEYOND, &[&name, &(sequence as i64)]).await;
        if is_older || beyond.map_err(query("read the head"))?.get(0) {
            return Err(broken());
        }
        Ok((sequence, hash))
    }
}

pub(crate) async fn sign(
    transaction: &Transaction<'_>,
    key: &SigningKey,
    chain: &str,
    checkpoint: &Checkpoint,
) -> Result<(), AuditError> {
    let kind = if checkpoint.kind == Kind::Cut { "cut" } else { "head" };
    let note = key.sign(checkpoint);
    let signed = transaction.execute(SIGNED, &[&chain, &(checkpoint.sequence as i64), &kind, &note]).await;
    signed.map(drop).map_err(query("sign a checkpoint"))
}

fn keep(last: &mut BTreeMap<Chain, Checkpoint>, checkpoint: Checkpoint) {
    let known = last.get(&checkpoint.chain).map_or(0, |k| k.sequence);
    if checkpoint.sequence >= known {
        last.insert(checkpoint.chain.clone(), checkpoint);
    }
}

/// A file that only grows.
#[derive(Debug)]
struct Grown {
    path: PathBuf,
    file: File,
}

impl Grown {
    fn open(path: &Path) -> Result<Self, AuditError> {
        let file = OpenOptions::new().append(true).create(true).open(path);
        let file = file.map_err(|source| AuditError::File { doing: "open", path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Whole lines, on the disk before this returns.
    fn append(&mut self, lines: &str) -> Result<(), AuditError> {
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|source| AuditError::File { doing: "append to", path: self.path.clone(), source })
    }
}

/// The checkpoints in a file that a key signed; none if there is no file.
pub fn read_checkpoints(path: &Path, key: &VerifyingKey) -> Result<Vec<Checkpoint>, AuditError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(AuditError::File { doing: "read", path: path.to_owned(), source }),
    };
    let notes = text.lines().filter_map(|line| serde_json::from_str::<String>(line).ok());
    Ok(notes.filter_map(|note| key.open(&note)).collect())
}

/// The checkpoints of a chain in the database that a key signed.
pub(crate) async fn read_checkpoints_of(
    client: &Client,
    chain: &str,
    key: &VerifyingKey,
) -> Result<Vec<Checkpoint>, AuditError> {
    let rows = client.query("SELECT note FROM tenantry_audit.checkpoint WHERE chain = $1", &[&chain]).await;
    let rows = rows.map_err(query("read the checkpoints"))?;
    Ok(rows.iter().filter_map(|row| key.open(row.get(0))).collect())
}
