//! Which requests are traced: a fixed part of them, by a random number that no client chooses.

/// Takes a part of all requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampler(u64);

impl Sampler {
    /// Takes this part: 0 none, 1 all. What lies outside counts as the nearer end.
    pub fn new(ratio: f64) -> Self {
        // the cast keeps within the bounds of the type; of 1 all numbers are below
        Self(if ratio >= 1.0 { u64::MAX } else { (ratio.max(0.0) * u64::MAX as f64) as u64 })
    }

    /// Whether a request with this random number is traced.
    pub fn takes(&self, random: u64) -> bool {
        random < self.0 || self.0 == u64::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_all_and_a_part() {
        assert!(!Sampler::new(0.0).takes(0) && !Sampler::new(-1.0).takes(0) && !Sampler::new(f64::NAN).takes(0));
        assert!(Sampler::new(1.0).takes(u64::MAX) && Sampler::new(7.0).takes(u64::MAX));
        let quarter = Sampler::new(0.25);
        assert!(quarter.takes(u64::MAX / 4 - 10_000) && !quarter.takes(u64::MAX / 4 + 10_000));
    }
}
