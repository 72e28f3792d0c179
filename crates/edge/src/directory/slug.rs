//! The grammar of slugs: what fits into a host name, a login and a URL without quoting.

/// Longest slug in bytes: one label of a host name.
pub const SLUG_BYTES_MAX: usize = 63;

/// Whether this is a slug: lower-case letters, digits and `-`, none at either end.
pub fn is_slug(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=SLUG_BYTES_MAX).contains(&bytes.len())
        && bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && bytes.first() != Some(&b'-')
        && bytes.last() != Some(&b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar() {
        for good in ["a", "acme", "a-1", "0", "x--y", &"a".repeat(63)] {
            assert!(is_slug(good), "{good}");
        }
        for bad in ["", "-", "-a", "a-", "Acme", "a_b", "a.b", "é", "a b", "a\0", &"a".repeat(64)] {
            assert!(!is_slug(bad), "{bad}");
        }
    }
}
