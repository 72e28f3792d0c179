//! Whether chains are whole. Everything is hashed again; the first wrong place of each kind is named.
//!
//! The verdict rests on the key and on the file of checkpoints outside the database. What is missing, unreadable or
//! unknown is a finding, never a pass.

use std::collections::{BTreeMap, BTreeSet};

use tenantry_pg::Client;
use tenantry_pg::tokio_postgres::Row;

use crate::chain::{Chain, Hash};
use crate::checkpoint::{Checkpoint, Kind, VerifyingKey};
use crate::error::{AuditError, query};
use crate::event::Event;

/// Rows read at once.
const PAGE: i64 = 2000;
/// More findings of one chain are not listed.
pub const FINDINGS_MAX: usize = 20;

const CHAINS: &str = "SELECT chain FROM tenantry_audit.entry UNION SELECT chain FROM tenantry_audit.checkpoint";
const NOTES: &str = "SELECT chain, sequence, kind, note FROM tenantry_audit.checkpoint ORDER BY chain, sequence";
const ROWS: &str = "SELECT number, sequence, hash, tenant, action, severity, (extract(epoch FROM occurred_at) * 1000000)::bigint, body \
                    FROM tenantry_audit.entry WHERE chain = $1 AND sequence IS NOT NULL AND (sequence, number) > ($2, $3) \
                    ORDER BY sequence, number LIMIT $4";

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In which chain.
    pub chain: String,
    /// At which number.
    pub sequence: u64,
    /// What.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An entry is not what was linked.
    #[error("the entry was changed")]
    Changed,
    /// Entries before this one are missing.
    #[error("entries before this one are missing")]
    Missing,
    /// The number is there twice.
    #[error("the number is there twice")]
    Twice,
    /// What can be searched is not what the entry says.
    #[error("the columns do not say what the entry says")]
    Columns,
    /// A signed checkpoint says another hash.
    #[error("a signed checkpoint knew another history")]
    Rewritten,
    /// A signed checkpoint knew more entries.
    #[error("a signed checkpoint knew entries up to this one; the last ones are missing")]
    Truncated,
    /// Entries were linked that nobody signed.
    #[error("the last entries were linked without a signature")]
    Unsigned,
    /// A checkpoint in the database was not signed by the key.
    #[error("a checkpoint was not signed with this key, or is not of this chain")]
    Forged,
    /// It cannot be read.
    #[error("the entry cannot be read")]
    Unreadable,
}

impl Fault {
    /// For programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Twice => "twice",
            Self::Columns => "columns",
            Self::Rewritten => "rewritten",
            Self::Truncated => "truncated",
            Self::Unsigned => "unsigned",
            Self::Forged => "forged",
            Self::Unreadable => "unreadable",
        }
    }
}

/// One linked entry, as the table has it.
#[derive(Clone, Debug)]
pub struct Linked {
    /// Its number in the chain.
    pub sequence: u64,
    /// What is said to be its hash.
    pub hash: Option<Hash>,
    /// The columns: tenant, action, severity, microseconds of Unix time.
    pub columns: (Option<String>, String, String, i64),
    /// What was hashed.
    pub body: String,
}

/// Checks one chain, entry by entry.
#[derive(Debug)]
pub struct Check {
    chain: Chain,
    /// What signed checkpoints say of hashes.
    signed: BTreeMap<u64, Vec<Hash>>,
    /// The last number that the database's own checkpoints sign.
    signed_inside: u64,
    last: u64,
    hash: Hash,
    findings: Vec<Finding>,
}

impl Check {
    /// A chain with the checkpoints that the key signed: those in the database, and those outside.
    pub fn new(chain: Chain, inside: &[Checkpoint], outside: &[Checkpoint]) -> Self {
        let of_chain = || inside.iter().chain(outside).filter(|c| c.chain == chain);
        let cut = of_chain().filter(|c| c.kind == Kind::Cut).max_by_key(|c| c.sequence);
        let (last, hash) = cut.map_or((0, Hash::ZERO), |c| (c.sequence, c.hash));
        let mut signed: BTreeMap<u64, Vec<Hash>> = BTreeMap::new();
        of_chain().filter(|c| c.sequence >= last).for_each(|c| signed.entry(c.sequence).or_default().push(c.hash));
        let signed_inside = inside.iter().filter(|c| c.chain == chain).map(|c| c.sequence).max().unwrap_or_default();
        let mut check = Self { chain, signed, signed_inside, last, hash, findings: Vec::new() };
        check.compare(last, hash);
        check
    }

    /// The next entry, in the order of their numbers.
    pub fn row(&mut self, row: &Linked) {
        if row.sequence <= self.last {
            // what was let go and is still there is no fault of the chain; twice the same is
            let fault =
                if self.signed.keys().next().is_some_and(|cut| row.sequence <= *cut) && row.sequence != self.last {
                    Fault::Changed
                } else {
                    Fault::Twice
                };
            self.find(row.sequence, fault);
            return;
        }
        if row.sequence != self.last + 1 {
            self.find(row.sequence, Fault::Missing);
        }
        let linked = self.chain.link(row.sequence, &self.hash, &row.body);
        if row.hash != Some(linked) {
            self.find(row.sequence, Fault::Changed);
        }
        match serde_json::from_str::<Event>(&row.body) {
            Err(_) => self.find(row.sequence, Fault::Unreadable),
            Ok(event) => {
                let says = (
                    event.tenant_id.clone(),
                    event.action.clone(),
                    event.severity.as_str().to_owned(),
                    event.occurred_at.as_microsecond(),
                );
                if says != row.columns || Chain::of(event.tenant_id.as_deref()) != self.chain {
                    self.find(row.sequence, Fault::Columns);
                }
            }
        }
        // goes on from what the table says, so that one change is one finding and not all that follow
        self.hash = row.hash.unwrap_or(linked);
        self.last = row.sequence;
        self.compare(self.last, self.hash);
    }

    /// Whether nothing was found so far.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// The end of the chain.
    pub fn end(mut self) -> Vec<Finding> {
        if let Some((&most, _)) = self.signed.last_key_value()
            && most > self.last
        {
            self.find(most, Fault::Truncated);
        }
        if self.last > self.signed_inside {
            self.find(self.last, Fault::Unsigned);
        }
        self.findings
    }

    fn compare(&mut self, sequence: u64, hash: Hash) {
        if self.signed.get(&sequence).is_some_and(|all| all.iter().any(|known| *known != hash)) {
            self.find(sequence, Fault::Rewritten);
        }
    }

    fn find(&mut self, sequence: u64, fault: Fault) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { chain: self.chain.name(), sequence, fault });
        }
    }
}

/// What was verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Chains.
    pub chains: usize,
    /// Linked entries.
    pub entries: u64,
    /// What is wrong; nothing if everything is right.
    pub findings: Vec<Finding>,
}

/// Verifies all chains, in one snapshot. `outside` are the checkpoints of the file; without them an older copy of the
/// database passes for the database.
pub async fn verify(client: &Client, key: &VerifyingKey, outside: &[Checkpoint]) -> Result<Verdict, AuditError> {
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    client.batch_execute(begin).await.map_err(query("begin to verify"))?;
    let verdict = verify_snapshot(client, key, outside).await;
    client.batch_execute("ROLLBACK").await.map_err(query("end the verification"))?;
    verdict
}

/// Checks every chain as the transaction sees it that `client` is in: for whoever has changed something in it.
pub async fn verify_here(client: &Client, key: &VerifyingKey, outside: &[Checkpoint]) -> Result<Verdict, AuditError> {
    verify_snapshot(client, key, outside).await
}

async fn verify_snapshot(client: &Client, key: &VerifyingKey, outside: &[Checkpoint]) -> Result<Verdict, AuditError> {
    let mut verdict = Verdict::default();
    let mut inside = Vec::new();
    for row in client.query(NOTES, &[]).await.map_err(query("read the checkpoints"))? {
        let (chain, sequence): (String, i64) = (row.get(0), row.get(1));
        let kind = if row.get::<_, &str>(2) == "cut" { Kind::Cut } else { Kind::Head };
        let opened = key.open(row.get(3));
        match opened.filter(|c| c.chain.name() == chain && c.sequence as i64 == sequence && c.kind == kind) {
            Some(checkpoint) => inside.push(checkpoint),
            None => verdict.findings.push(Finding { chain, sequence: sequence.unsigned_abs(), fault: Fault::Forged }),
        }
    }
    let rows = client.query(CHAINS, &[]).await.map_err(query("read which chains there are"))?;
    let mut names: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    names.extend(outside.iter().map(|c| c.chain.name()));
    for name in names {
        verdict.chains += 1;
        let Some(chain) = Chain::read(&name) else {
            verdict.findings.push(Finding { chain: name, sequence: 0, fault: Fault::Unreadable });
            continue;
        };
        let mut check = Check::new(chain, &inside, outside);
        verdict.entries += read(client, &name, i64::MAX, &mut check).await?;
        verdict.findings.extend(check.end());
    }
    Ok(verdict)
}

/// Gives the entries of a chain to a check, up to a number. Says how many.
pub(crate) async fn read(client: &Client, name: &str, to: i64, check: &mut Check) -> Result<u64, AuditError> {
    let (mut after, mut number, mut count) = (i64::MIN, i64::MIN, 0);
    loop {
        let rows = client.query(ROWS, &[&name, &after, &number, &PAGE]).await.map_err(query("read entries"))?;
        for row in &rows {
            (number, after) = (row.get(0), row.get(1));
            if after > to {
                return Ok(count);
            }
            check.row(&linked(row));
            count += 1;
        }
        if rows.len() < PAGE as usize {
            return Ok(count);
        }
    }
}

fn linked(row: &Row) -> Linked {
    Linked {
        sequence: row.get::<_, i64>(1).unsigned_abs(),
        hash: row.get::<_, Option<&[u8]>>(2).and_then(Hash::of_bytes),
        columns: (row.get(3), row.get(4), row.get(5), row.get(6)),
        body: row.get(7),
    }
}
