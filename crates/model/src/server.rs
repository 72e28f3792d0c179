//! Versions of PostgreSQL, and which of them row-level security can be trusted on.

use std::fmt;

/// Oldest major version tenantry works with, and the newest it is tested with.
const MAJORS: std::ops::RangeInclusive<u32> = 15..=18;

/// Per major version, the first release without a known way around row-level security (catalogue entry P-86).
const FLOORS: [(u32, u32); 4] = [(15, 150_020), (16, 160_016), (17, 170_012), (18, 180_006)];

/// A server's `server_version_num`, for example 150020 for 15.20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerVersion(pub u32);

impl ServerVersion {
    /// Reads what `postgres --version` or `SHOW server_version` prints: the first number of the form `15.20`,
    /// `18beta1` or `19devel`.
    pub fn parse(text: &str) -> Option<Self> {
        let word = text.split_whitespace().find(|w| w.starts_with(|c: char| c.is_ascii_digit()))?;
        let (major, rest) = split_number(word)?;
        let minor = rest.strip_prefix('.').and_then(split_number).map_or(0, |(minor, _)| minor);
        Some(Self(major.checked_mul(10_000)?.checked_add(minor)?))
    }

    /// The major version, for example 15.
    pub fn major(self) -> u32 {
        self.0 / 10_000
    }

    /// The first release of this major version that is fit for use; `None` if the major version is too old or unknown.
    pub fn floor(self) -> Option<Self> {
        FLOORS.iter().find(|(major, _)| *major == self.major()).map(|(_, floor)| Self(*floor))
    }

    /// Too old for tenantry altogether: what it needs does not exist there.
    pub fn is_unsupported(self) -> bool {
        self.major() < *MAJORS.start()
    }

    /// Has a known hole in row-level security. A major version newer than the newest known one has none known.
    pub fn is_below_floor(self) -> bool {
        self.is_unsupported() || self.floor().is_some_and(|floor| self < floor)
    }
}

fn split_number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major(), self.0 % 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_programs_print_them() {
        let num = |text| ServerVersion::parse(text).map(|v| v.0);
        assert_eq!(num("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)"), Some(150_020));
        assert_eq!(num("18.6"), Some(180_006));
        assert_eq!(num("postgres (PostgreSQL) 18beta1"), Some(180_000));
        assert_eq!(num("PostgreSQL"), None);
        assert_eq!(ServerVersion(150_020).to_string(), "15.20");
    }

    #[test]
    fn each_major_version_has_its_floor() {
        for (_, floor) in FLOORS {
            assert!(!ServerVersion(floor).is_below_floor());
            assert!(ServerVersion(floor - 1).is_below_floor());
        }
        assert!(ServerVersion(140_030).is_unsupported() && ServerVersion(140_030).is_below_floor());
        assert!(!ServerVersion(190_000).is_below_floor());
    }
}
