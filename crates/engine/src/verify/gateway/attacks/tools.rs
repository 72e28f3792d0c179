//! What the attacks share.

pub(super) use super::Attack;
pub(super) use crate::verify::gateway::scene::{Scene, let_in};
pub(super) use crate::verify::outcome::{Outcome, Verdict};
pub(super) use crate::verify::report::Severity::{Critical, High, Medium};

/// Requests that have to be refused, and those that were not.
#[derive(Default)]
pub(super) struct Tried {
    count: usize,
    seen: Vec<String>,
}

impl Tried {
    /// One more, with what it was.
    pub(super) fn add(&mut self, what: &str, status: u16) {
        self.count += 1;
        if let_in(status) {
            self.seen.push(format!("{} was answered {status}", what.escape_default()));
        }
    }

    pub(super) fn finish(self) -> Verdict {
        if self.seen.is_empty() {
            return Ok(Outcome::Pass(format!("{} requests: refused", self.count)));
        }
        let more = if self.seen.len() > 3 { format!(" and {} more", self.seen.len() - 3) } else { String::new() };
        let evidence = format!("{}{more}", self.seen[..self.seen.len().min(3)].join("; "));
        Ok(Outcome::Fail { objects: vec!["gateway".into()], evidence })
    }
}
