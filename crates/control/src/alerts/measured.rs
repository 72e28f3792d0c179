//! The numbers behind thresholds of measurements.

use std::collections::BTreeMap;

/// What gateways reported in a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Requests by the upper ends of buckets; gateways of different versions may have different ones.
    buckets: BTreeMap<u64, u64>,
    /// Requests beyond the last end, by it.
    beyond: BTreeMap<u64, u64>,
    pub(super) hits: u64,
    pub(super) misses: u64,
}

impl Seen {
    /// Adds one report.
    pub(super) fn add(&mut self, ends: &[i64], counts: &[i64], (hits, misses): (i64, i64)) {
        let number = |n: i64| u64::try_from(n).unwrap_or(0);
        for (end, count) in ends.iter().zip(counts) {
            *self.buckets.entry(number(*end)).or_default() += number(*count);
        }
        if let (Some(end), Some(count)) = (ends.last(), counts.get(ends.len())) {
            *self.beyond.entry(number(*end)).or_default() += number(*count);
        }
        self.hits += number(hits);
        self.misses += number(misses);
    }

    /// How many requests were measured.
    pub(super) fn requests(&self) -> u64 {
        self.buckets.values().chain(self.beyond.values()).sum()
    }

    /// Microseconds that 99 of 100 requests did not exceed, read between the ends of its bucket. One beyond the last
    /// end is said to be as long as that.
    pub(super) fn p99_micros(&self) -> Option<f64> {
        let all = self.requests();
        let wanted = (all as f64 * 0.99).ceil();
        let (mut below, mut begin) = (0.0, 0.0);
        for (end, count) in &self.buckets {
            let (end, count) = (*end as f64, *count as f64);
            if count > 0.0 && below + count >= wanted {
                return Some(begin + (end - begin) * (wanted - below) / count);
            }
            below += count;
            begin = end;
        }
        (all > 0).then(|| self.beyond.keys().next_back().map_or(begin, |end| *end as f64))
    }

    /// The part of requests that the cache could not answer, in percent.
    pub(super) fn miss_percent(&self) -> Option<f64> {
        let asked = self.hits + self.misses;
        (asked > 0).then(|| 100.0 * self.misses as f64 / asked as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_of_a_hundred() {
        let mut seen = Seen::default();
        assert_eq!((seen.p99_micros(), seen.miss_percent()), (None, None));
        seen.add(&[100, 200, 400], &[98, 0, 2, 0], (0, 0));
        assert_eq!(seen.p99_micros(), Some(300.0));
        seen.add(&[100, 200, 400], &[900, 0, 0, 0], (3, 1));
        assert_eq!(seen.p99_micros().unwrap().round(), 99.0);
        assert_eq!((seen.requests(), seen.miss_percent()), (1000, Some(25.0)));
        // half of them nobody knows how slow
        seen.add(&[100, 200, 400], &[0, 0, 0, 1000], (0, 0));
        assert_eq!(seen.p99_micros(), Some(400.0));
    }
}
