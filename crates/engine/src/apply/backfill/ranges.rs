//! Which pages are done and which come next. Pure, and all of it is in the journal.
//!
//! One pass over the pages the table had at the beginning is enough: rows written later are filled by their trigger.
//! A range with a row that stays locked is put off and tried again at the end, when nothing else is left to do.

use tenantry_pg::tokio_postgres::types::private::BytesMut;
use tenantry_pg::tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::journal::Mark;

/// Most ranges that may be put off.
const PUT_OFF_MAX: usize = 256;

/// Pages from `from` to before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: u32,
    pub(super) to: u32,
    /// It was put off before: it is waited for now.
    pub(super) again: bool,
}

/// The next range of at most `pages` pages; `None` when all are done.
pub(super) fn next(mark: &Mark, pages: u32) -> Option<Range> {
    let (from, end) = (page(mark.progress.pages), page(mark.progress.pages_total));
    if from < end {
        return Some(Range { from, to: from.saturating_add(pages.max(1)).min(end), again: false });
    }
    let (from, end) = *mark.put_off.first()?;
    Some(Range { from, to: from.saturating_add(pages.max(1)).min(end), again: true })
}

/// The range is done and wrote so many rows.
pub(super) fn done(mark: &mut Mark, range: Range, rows: u64) {
    mark.progress.rows += rows;
    match mark.put_off.first_mut() {
        Some(first) if range.again => {
            first.0 = range.to;
            if first.0 >= first.1 {
                mark.put_off.remove(0);
            }
        }
        _ => mark.progress.pages = u64::from(range.to),
    }
}

/// Puts the range off until the end, if it may be.
pub(super) fn put_off(mark: &mut Mark, range: Range) -> bool {
    if range.again || mark.put_off.len() >= PUT_OFF_MAX {
        return false;
    }
    match mark.put_off.last_mut() {
        Some(last) if last.1 == range.from => last.1 = range.to,
        _ => mark.put_off.push((range.from, range.to)),
    }
    mark.progress.pages = u64::from(range.to);
    true
}

fn page(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The first row place of a page, as PostgreSQL's `tid`.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageStart(pub(super) u32);

impl ToSql for PageStart {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(&self.0.to_be_bytes());
        out.extend_from_slice(&0u16.to_be_bytes());
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TID
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::apply::Progress;

    proptest! {
        /// Whatever the sizes, and whichever ranges are put off, each page is done exactly once.
        #[test]
        fn every_page_is_done_once(total in 0u64..500, sizes in prop::collection::vec((1u32..60, any::<bool>()), 1..40)) {
            let mut mark = Mark { progress: Progress { pages_total: total, ..Default::default() }, ..Default::default() };
            let mut times = vec![0; total as usize];
            for (size, locked) in sizes.iter().cycle() {
                let Some(range) = next(&mark, *size) else { break };
                if *locked && put_off(&mut mark, range) {
                    continue;
                }
                for page in range.from..range.to {
                    times[page as usize] += 1;
                }
                done(&mut mark, range, 1);
                // as a killed run would: only what the journal keeps goes on
                mark = serde_json::from_str(&serde_json::to_string(&mark).unwrap()).unwrap();
            }
            prop_assert!(times.iter().all(|t| *t == 1));
            prop_assert!(mark.put_off.is_empty());
        }
    }
}
