//! Entries on their way to places outside: what a sink has not got yet, in the order of their numbers, at least once.
//!
//! A number is given when an entry is written, and seen when its transaction commits: one may come after another with a
//! higher number. So a sink remembers the numbers that were not there when it passed them, and asks for them again for
//! longer than any of our transactions lasts.

use jiff::{SignedDuration, Timestamp};

use super::http::{Shown, shown};
use crate::db::{Db, Scope, statements};
use crate::error::Error;

const ACTOR: &str = "task:audit";
/// Entries that are given at once.
const AT_ONCE_MAX: i64 = 500;
/// Numbers that are asked for again; of more, the oldest are given up.
const MISSING_MAX: usize = 10_000;
/// For so long they are asked for: no transaction of ours is open half as long.
const MISSING_FOR: SignedDuration = SignedDuration::from_mins(10);

statements! {
    MAKE: "remember the sink" =
        "INSERT INTO tenantry_control.audit_sink (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
    PLACE: "read how far the sink has come" =
        "SELECT position, missing, missing_since FROM tenantry_control.audit_sink WHERE name = $1";
    READ: "read entries for the sink" =
        "SELECT id, occurred_at, action, severity, actor, tenant_id, targets, context, outcome, metadata, sequence
         FROM tenantry_control.audit_entry WHERE sequence > $1 OR sequence = ANY ($2) ORDER BY sequence LIMIT $3";
    GONE_ON: "note how far the sink has come" =
        "UPDATE tenantry_control.audit_sink SET position = $2, missing = $3, missing_since = $4, updated_at = now()
         WHERE name = $1 AND position = $5";
}

/// How far a sink has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    position: i64,
    missing: Vec<(i64, Timestamp)>,
}

/// Entries that a sink has not got yet.
#[derive(Clone, Debug)]
pub struct Unsent {
    /// In the order of their numbers.
    pub entries: Vec<Shown>,
    numbers: Vec<i64>,
    from: Place,
}

/// The next entries for a sink; a new sink gets all that are there.
pub(crate) async fn unsent(db: &Db, name: &str) -> Result<Unsent, Error> {
    let tx = db.write(Scope::Platform, ACTOR).await?;
    tx.execute(&MAKE, &[&name]).await?;
    let row = tx.query_one(&PLACE, &[&name]).await?;
    let missing = row.get::<_, Vec<i64>>(1).into_iter().zip(row.get::<_, Vec<Timestamp>>(2)).collect();
    let from = Place { position: row.get(0), missing };
    let asked: Vec<i64> = from.missing.iter().map(|(number, _)| *number).collect();
    let rows = tx.query(&READ, &[&from.position, &asked, &AT_ONCE_MAX]).await?;
    tx.commit().await?;
    let numbers = rows.iter().map(|row| row.get(10)).collect();
    Ok(Unsent { entries: rows.iter().map(shown).collect(), numbers, from })
}

/// They were taken. If another process noted more meanwhile, some may be given twice.
pub(crate) async fn sent(db: &Db, name: &str, unsent: &Unsent) -> Result<(), Error> {
    let next = unsent.from.after(&unsent.numbers, Timestamp::now());
    if next == unsent.from {
        return Ok(());
    }
    let (missing, since): (Vec<i64>, Vec<Timestamp>) = next.missing.into_iter().unzip();
    let tx = db.write(Scope::Platform, ACTOR).await?;
    tx.execute(&GONE_ON, &[&name, &next.position, &missing, &since, &unsent.from.position]).await?;
    tx.commit().await
}

impl Place {
    /// Once these were taken, which are sorted.
    fn after(&self, taken: &[i64], now: Timestamp) -> Self {
        let position = taken.last().map_or(self.position, |last| self.position.max(*last));
        let is_young = |since: &Timestamp| now.duration_since(*since) < MISSING_FOR;
        let still =
            self.missing.iter().filter(|(n, since)| is_young(since) && taken.binary_search(n).is_err()).copied();
        let first = (position - MISSING_MAX as i64).max(self.position) + 1;
        let new = (first..=position).filter(|n| taken.binary_search(n).is_err()).map(|n| (n, now));
        let mut missing: Vec<_> = still.chain(new).collect();
        let many = missing.len().saturating_sub(MISSING_MAX);
        missing.drain(..many);
        Self { position, missing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commits_late_is_asked_for_again_and_not_for_ever() {
        let now = Timestamp::now();
        let place = Place::default().after(&[1, 2, 5], now);
        assert_eq!(place, Place { position: 5, missing: vec![(3, now), (4, now)] });
        let place = place.after(&[4, 6], now);
        assert_eq!(place, Place { position: 6, missing: vec![(3, now)] });
        assert_eq!(place.after(&[], now), place);
        assert_eq!(place.after(&[], now + MISSING_FOR).missing, []);
        let far = Place::default().after(&[1_000_000], now);
        assert_eq!((far.position, far.missing.len(), far.missing[0].0), (1_000_000, MISSING_MAX - 1, 990_001));
    }
}
