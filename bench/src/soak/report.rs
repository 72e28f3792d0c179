//! What a soak found.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::judge::Fault;
use super::weather::Losses;
use crate::wire::WireError;

/// Findings of a kind that are told in full.
const TOLD_MAX: usize = 5;

/// What kind of thing is wrong; the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A row of another tenant.
    ForeignRow,
    /// A row, a count or a value that was not asked for.
    WrongAnswer,
    /// A cancelled statement that nobody of this connection cancelled.
    ForeignCancel,
    /// A message that has no place, or a transaction state that is not right.
    Protocol,
    /// A setting of somebody else.
    Setting,
    /// No answer.
    Stuck,
    /// An error that nobody asked for.
    UnaskedError,
    /// More lost connections than disturbances.
    Lost,
    /// The pool is not what it was.
    Pool,
    /// Memory grew.
    Memory,
}

impl Kind {
    /// Of a fault; `None` if it is a lost connection, which the weather may explain.
    pub fn of(fault: &Fault) -> Option<Self> {
        Some(match fault {
            Fault::ForeignRow { .. } => Self::ForeignRow,
            Fault::WrongRow(_) | Fault::WrongCount { .. } => Self::WrongAnswer,
            Fault::Order { .. } | Fault::Status { .. } | Fault::Wire(WireError::Protocol(_)) => Self::Protocol,
            Fault::Parameter { .. } => Self::Setting,
            Fault::Silent(_) => Self::Stuck,
            Fault::Refused(error) | Fault::Wire(WireError::Server(error)) => match &*error.code {
                "57014" => Self::ForeignCancel,
                code if lost(code) => return None,
                _ => Self::UnaskedError,
            },
            Fault::Wire(WireError::Closed | WireError::Socket(_)) => return None,
        })
    }
}

/// Codes of connections that went away or cannot be had now.
fn lost(code: &str) -> bool {
    code.starts_with("08") || code.starts_with("57P") || matches!(code, "53300" | "58000")
}

/// What is wrong, as it is found.
#[derive(Debug, Default)]
pub struct Findings {
    found: Mutex<BTreeMap<Kind, (u64, Vec<String>)>>,
}

impl Findings {
    /// One more.
    pub fn add(&self, kind: Kind, detail: String) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, told) = found.entry(kind).or_default();
        *count += 1;
        if told.len() < TOLD_MAX {
            told.push(detail);
        }
    }

    /// How many of a kind.
    pub fn count(&self, kind: Kind) -> u64 {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).get(&kind).map_or(0, |f| f.0)
    }

    fn all(&self) -> BTreeMap<Kind, (u64, Vec<String>)> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What the clients did.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Connections that were logged in.
    pub sessions: u64,
    /// Exchanges by deed whose answer was right.
    pub deeds: BTreeMap<&'static str, u64>,
    /// Connections left in the middle of a login, a request or an answer.
    pub cuts: u64,
    /// Cancel requests, and statements that were cancelled by them.
    pub cancels: (u64, u64),
    /// The longest wait for a whole answer.
    pub longest: Duration,
}

impl Tally {
    /// Adds another's.
    pub fn add(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.cuts += other.cuts;
        self.cancels.0 += other.cancels.0;
        self.cancels.1 += other.cancels.1;
        self.longest = self.longest.max(other.longest);
        for (deed, count) in other.deeds {
            *self.deeds.entry(deed).or_default() += count;
        }
    }

    /// Exchanges whose answer was right.
    pub fn exchanges(&self) -> u64 {
        self.deeds.values().sum()
    }
}

/// The whole result.
#[derive(Debug)]
pub struct Report {
    /// Who was soaked.
    pub peer: &'static str,
    /// Repeats what each client does.
    pub seed: u64,
    /// What the clients did.
    pub tally: Tally,
    /// What went away.
    pub losses: Losses,
    /// Memory of the pooler in MB (PSS): early, at most, at the end.
    pub memory_mb: [f64; 3],
    /// What is wrong.
    pub findings: Findings,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.all().is_empty()
    }

    /// For people.
    pub fn human(&self) -> String {
        let (tally, losses, [early, most, end]) = (&self.tally, &self.losses, self.memory_mb);
        let deeds: Vec<String> = tally.deeds.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let mut text = format!(
            "Soak of {}, seed {}\n{} exchanges in {} sessions: {}\n\
             {} left in the middle, {} statements cancelled by {} requests, longest answer {:.1} s\n\
             {} server connections terminated: {} clients lost; {} lost by the restart\n\
             memory early {early:.1} MB, at most {most:.1} MB, at the end {end:.1} MB\n",
            self.peer,
            self.seed,
            tally.exchanges(),
            tally.sessions,
            deeds.join(", "),
            tally.cuts,
            tally.cancels.1,
            tally.cancels.0,
            tally.longest.as_secs_f64(),
            losses.terminated,
            losses.lost,
            losses.lost_by_restart,
        );
        if self.is_clean() {
            text.push_str("nothing is wrong\n");
        }
        for (kind, (count, told)) in self.findings.all() {
            text.push_str(&format!("{count} × {kind:?}, such as\n  {}\n", told.join("\n  ")));
        }
        text
    }

    /// One JSON document.
    pub fn json(&self) -> Value {
        let all = self.findings.all();
        let finding = |(kind, (count, told)): (&Kind, &(u64, Vec<String>))| json!({"kind": format!("{kind:?}"), "count": count, "such": told});
        let (tally, losses) = (&self.tally, &self.losses);
        json!({
            "format": 1, "title": "soak", "peer": self.peer, "seed": self.seed, "exchanges": tally.exchanges(),
            "sessions": tally.sessions, "deeds": tally.deeds, "cuts": tally.cuts, "cancelRequests": tally.cancels.0,
            "cancelled": tally.cancels.1, "longestSeconds": tally.longest.as_secs_f64(),
            "terminated": losses.terminated, "lost": losses.lost, "lostByRestart": losses.lost_by_restart,
            "memoryMegabytes": self.memory_mb, "findings": all.iter().map(finding).collect::<Vec<_>>(),
        })
    }
}
