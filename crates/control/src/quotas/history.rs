//! Days: what a tenant used on each, and where that leads. The database keeps a day only where something changed; here
//! they become a series without gaps. Pure, but for [`note`].

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::ToSchema;

use super::counters;
use super::ledger::Ledger;
use super::store::{self, Day};
use crate::db::Scope;
use crate::error::Error;
use crate::http::Api;

/// Days that are kept.
const DAYS_KEPT: i32 = 800;
/// A forecast beyond this many days is none: 10 years.
const FORECAST_DAYS_MAX: f64 = 3_650.0;

/// How days are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Granularity {
    /// Each for itself.
    #[default]
    Day,
    /// From Monday to Sunday.
    Week,
    /// By the calendar.
    Month,
}

/// Notes the use of everybody today.
pub(super) async fn note(api: &Api, application: &Ledger) -> Result<(), Error> {
    let tx = api.db().write(Scope::Platform, "task:quota keeper").await?;
    if !store::only_keeper(&tx).await? {
        return Ok(());
    }
    let asked = application.begin().await?;
    counters::open_all(&asked).await?;
    while let Some(part) = counters::next_of_all(&asked).await? {
        store::note_day(&tx, &part).await?;
    }
    store::forget_days(&tx, DAYS_KEPT).await?;
    tx.commit().await
}

/// Every day from one to another, each as it was known then; nothing before the first that is known.
pub(super) fn filled(known: &[Day], from: Date, to: Date) -> Vec<Day> {
    let mut out = Vec::new();
    let mut known = known.iter().copied().peekable();
    let mut last: Option<Day> = None;
    let mut day = from;
    while day <= to {
        while let Some(next) = known.next_if(|d| d.day <= day) {
            last = Some(next);
        }
        if let Some(last) = last {
            // a day that stands for later ones has its peak for itself
            let peak = if last.day == day { last.peak } else { last.used };
            out.push(Day { day, peak, ..last });
        }
        let Ok(next) = day.tomorrow() else { break };
        day = next;
    }
    out
}

/// The first day of the period that a day is in.
pub(super) fn begin_of(day: Date, granularity: Granularity) -> Date {
    match granularity {
        Granularity::Day => day,
        Granularity::Week => {
            let since_monday = i64::from(day.weekday().to_monday_zero_offset());
            day.checked_sub(since_monday.days()).unwrap_or(day)
        }
        Granularity::Month => day.first_of_month(),
    }
}

/// Periods in place of days: what was used at the end, and at most.
pub(super) fn grouped(days: &[Day], granularity: Granularity) -> Vec<Day> {
    let mut out: Vec<Day> = Vec::new();
    for day in days {
        let begin = begin_of(day.day, granularity);
        match out.last_mut().filter(|last| last.day == begin) {
            Some(last) => *last = Day { day: begin, peak: last.peak.max(day.peak), ..*day },
            None => out.push(Day { day: begin, ..*day }),
        }
    }
    out
}

/// Where a series leads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Forecast {
    /// Units a day.
    pub(super) growth: f64,
    /// Days until the limit is reached; none if it is not, or there is none.
    pub(super) days: Option<i64>,
}

/// The straight line that fits best, and where it meets the limit.
pub(super) fn forecast(days: &[Day]) -> Forecast {
    let count = days.len() as f64;
    let Some(last) = days.last() else { return Forecast { growth: 0.0, days: None } };
    let mean_x = (count - 1.0) / 2.0;
    let mean_y = days.iter().map(|d| d.used as f64).sum::<f64>() / count;
    let (mut above, mut below) = (0.0, 0.0);
    for (x, day) in days.iter().enumerate() {
        let x = x as f64 - mean_x;
        above += x * (day.used as f64 - mean_y);
        below += x * x;
    }
    let growth = if below > 0.0 { above / below } else { 0.0 };
    let days = match last.max {
        Some(max) if last.used >= max => Some(0),
        Some(max) if growth > 0.0 => {
            let days = ((max - last.used) as f64 / growth).ceil();
            (days <= FORECAST_DAYS_MAX).then_some(days as i64)
        }
        _ => None,
    };
    Forecast { growth: (growth * 100.0).round() / 100.0, days }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn on(day: i8, used: i64, peak: i64) -> Day {
        Day { day: date(2026, 1, day), used, peak, max: Some(100) }
    }

    #[test]
    fn a_day_without_a_row_is_like_the_day_before() {
        let known = [on(3, 10, 12), on(5, 20, 30)];
        let days = filled(&known, date(2026, 1, 1), date(2026, 1, 6));
        let seen: Vec<_> = days.iter().map(|d| (d.day.day(), d.used, d.peak)).collect();
        assert_eq!(seen, [(3, 10, 12), (4, 10, 10), (5, 20, 30), (6, 20, 20)]);
        // one from before stands for the first
        assert_eq!(filled(&known, date(2026, 1, 8), date(2026, 1, 8))[0].used, 20);
        assert!(filled(&[], date(2026, 1, 1), date(2026, 1, 9)).is_empty());
        assert!(filled(&known, date(2026, 1, 9), date(2026, 1, 1)).is_empty());
    }

    #[test]
    fn weeks_begin_on_monday_and_keep_their_peak_and_their_end() {
        let days = filled(&[on(2, 10, 50), on(5, 20, 20), on(6, 30, 30)], date(2026, 1, 1), date(2026, 1, 12));
        let weeks: Vec<_> =
            grouped(&days, Granularity::Week).iter().map(|d| (d.day.to_string(), d.used, d.peak)).collect();
        assert_eq!(
            weeks,
            [("2025-12-29".into(), 10, 50), ("2026-01-05".into(), 30, 30), ("2026-01-12".to_string(), 30, 30)]
        );
        assert_eq!(grouped(&days, Granularity::Month).len(), 1);
        assert_eq!(grouped(&days, Granularity::Day), days);
    }

    #[test]
    fn the_line_meets_the_limit() {
        let growing: Vec<Day> = (1..=10).map(|n| on(n, i64::from(n) * 5, 0)).collect();
        assert_eq!(forecast(&growing), Forecast { growth: 5.0, days: Some(10) });
        let shrinking: Vec<Day> = growing.iter().map(|d| Day { used: 60 - d.used, ..*d }).collect();
        assert_eq!(forecast(&shrinking), Forecast { growth: -5.0, days: None });
        assert_eq!(forecast(&[on(1, 7, 7)]), Forecast { growth: 0.0, days: None });
        assert_eq!(forecast(&[on(1, 100, 100)]).days, Some(0));
        assert_eq!(forecast(&[]).days, None);
        let free: Vec<Day> = growing.iter().map(|d| Day { max: None, ..*d }).collect();
        assert_eq!(forecast(&free).days, None);
        let slow = [on(1, 1, 1), Day { max: Some(i64::MAX), ..on(2, 2, 2) }];
        assert_eq!(forecast(&slow).days, None, "in thousands of years is never");
    }
}
