//! Host names, written in one way: what is looked up, logged, and passed on is the same text.
//!
//! Lower case, no dot at the end, labels of letters, digits and `-`, other scripts as A-labels (`xn--…`) that mean
//! what they say. What is not a host name by these rules is none: nothing is repaired.

use std::borrow::Cow;

/// Longest host name in bytes.
pub const DOMAIN_BYTES_MAX: usize = 253;

/// Longest label in bytes.
const LABEL_BYTES_MAX: usize = 63;

/// The one way to write this host name; `None` if it is none. Case and one dot at the end do not matter.
///
/// Text in other scripts is no host name here: clients send A-labels.
pub fn canonical(text: &str) -> Option<Cow<'_, str>> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let text = match text.bytes().any(|b| b.is_ascii_uppercase()) {
        true => Cow::Owned(text.to_ascii_lowercase()),
        false => Cow::Borrowed(text),
    };
    is_host(&text).then_some(text)
}

/// The one way to write what a person typed: other scripts become A-labels as browsers make them (UTS 46).
///
/// For operators who name a domain, never for what clients send.
pub fn typed(text: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii_strict(text.trim().strip_suffix('.').unwrap_or(text.trim())).ok()?;
    canonical(&ascii).map(Cow::into_owned).filter(|name| is_canonical(name))
}

/// Whether this is a host name of more than one label, written in the one way.
pub fn is_canonical(text: &str) -> bool {
    text.contains('.') && is_host(text)
}

fn is_host(text: &str) -> bool {
    if text.is_empty() || text.len() > DOMAIN_BYTES_MAX {
        return false;
    }
    let mut encoded = false;
    let mut last_is_number = false;
    for label in text.split('.') {
        let bytes = label.as_bytes();
        let fits = (1..=LABEL_BYTES_MAX).contains(&bytes.len())
            && bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && bytes.first() != Some(&b'-')
            && bytes.last() != Some(&b'-');
        if !fits {
            return false;
        }
        encoded |= label.starts_with("xn--");
        last_is_number = bytes.iter().all(u8::is_ascii_digit);
    }
    // an address is no name; and an A-label that decodes to something else would be a second way to write it
    !last_is_number && (!encoded || idna::domain_to_ascii_strict(text).is_ok_and(|again| again == text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_way_to_write_each() {
        for (text, wanted) in [
            ("shop.example.com", "shop.example.com"),
            ("Shop.Example.COM.", "shop.example.com"),
            ("localhost", "localhost"),
            ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_people_type_becomes_the_one_way() {
        for (text, wanted) in [
            ("Shop.Acme.com.", "shop.acme.com"),
            (" m\u{fc}nchen.de", "xn--mnchen-3ya.de"),
            ("MU\u{308}NCHEN.de", "xn--mnchen-3ya.de"),
            ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
            ("\u{ff53}hop.acme.com", "shop.acme.com"),
            ("shop\u{3002}acme.com", "shop.acme.com"),
            ("fa\u{df}.de", "xn--fa-hia.de"),
        ] {
            assert_eq!(typed(text).as_deref(), Some(wanted), "{text}");
        }
        for text in [
            "",
            "localhost",
            "*.acme.com",
            "a..b",
            "10.0.0.1",
            "a_b.com",
            "acme.com/x",
            "acme.com:443",
            "xn--example-.org",
        ] {
            assert_eq!(typed(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_host_name_is_none() {
        let long = format!("{}.com", "a".repeat(64));
        let longer = format!("{}com", "a.".repeat(126));
        for text in [
            "",
            ".",
            "..",
            "a..b",
            ".a.b",
            "a.b..",
            "a_b.c",
            "a b.c",
            "a%2eb.c",
            "b@a.c",
            "a.c:80",
            "[::1]",
            "127.0.0.1",
            "1.2",
            "münchen.de",
            "-a.b",
            "a-.b",
            "xn--example-.org",
            "xn--a",
            "a\0.b",
            "a/b.c",
            &long,
            &longer,
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
        assert!(is_canonical("a.b") && !is_canonical("a") && !is_canonical("A.b") && !is_canonical("a.b."));
    }
}
