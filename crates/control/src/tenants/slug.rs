//! Slugs: names for host names, logins and URLs. A slug is plain ASCII, so no letter of another alphabet can pass for
//! one; what can be mistaken for another in ASCII has the same skeleton, and only one tenant has a skeleton.

use crate::error::Error;

/// Longest slug: a label of a host name.
const BYTES_MAX: usize = 63;

/// Words that a host name, a path or a program gives a meaning to.
const RESERVED: &[&str] = &[
    "admin",
    "administrator",
    "api",
    "app",
    "assets",
    "auth",
    "autoconfig",
    "autodiscover",
    "billing",
    "blog",
    "cdn",
    "console",
    "control",
    "dashboard",
    "default",
    "dns",
    "docs",
    "email",
    "false",
    "ftp",
    "gateway",
    "git",
    "health",
    "help",
    "host",
    "imap",
    "internal",
    "localhost",
    "login",
    "logout",
    "mail",
    "me",
    "metrics",
    "mta-sts",
    "new",
    "nil",
    "none",
    "ns",
    "ns1",
    "ns2",
    "null",
    "oauth",
    "operator",
    "platform",
    "pop",
    "postmaster",
    "proxy",
    "public",
    "ready",
    "root",
    "security",
    "shared",
    "signup",
    "smtp",
    "sso",
    "static",
    "status",
    "support",
    "system",
    "tenant",
    "tenantry",
    "tenants",
    "test",
    "true",
    "undefined",
    "webhooks",
    "webmail",
    "workspace",
    "workspaces",
    "wpad",
    "www",
];

/// Checks a slug that somebody wants.
pub(crate) fn check(slug: &str) -> Result<(), Error> {
    let bad = |message: &str| Err(Error::field("slug", message));
    if !slug.is_ascii() {
        return bad("give plain letters a to z, digits and `-`: letters of other alphabets can pass for these");
    }
    let bytes = slug.as_bytes();
    let fits = (2..=BYTES_MAX).contains(&bytes.len())
        && bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !slug.starts_with('-')
        && !slug.ends_with('-');
    if !fits {
        return bad("give 2 to 63 lower-case letters, digits and `-`, none of these at either end");
    }
    if slug.as_bytes().get(2..4) == Some(b"--") {
        return bad("`--` in third place is how host names mark other alphabets: leave one out");
    }
    if bytes.iter().all(|b| b.is_ascii_digit() || *b == b'-') || uuid::Uuid::try_parse(slug).is_ok() {
        return bad("a slug must not read as a number or an id: begin it with a word");
    }
    let skeleton = skeleton(slug);
    if RESERVED.iter().any(|r| self::skeleton(r) == skeleton) {
        return bad("this word is reserved, or looks like one that is: choose another");
    }
    Ok(())
}

/// What is left of a slug where letters that look alike are one.
pub(crate) fn skeleton(slug: &str) -> String {
    slug.replace("rn", "m").replace("vv", "w").replace('0', "o").replace(['1', 'i'], "l").replace('5', "s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar() {
        for good in ["acme", "a1", "acme-inc", "x--y", &format!("a{}", "b".repeat(62))] {
            assert!(check(good).is_ok(), "{good}");
        }
        let long = "a".repeat(64);
        for bad in [
            "",
            "a",
            "Acme",
            "-a",
            "a-",
            "a_b",
            "a.b",
            "acmé",
            "аcme",
            "ａcme",
            "xn--acme",
            "ab--c",
            "12",
            "1-2",
            &long,
            "admin",
            "adm1n",
            "w0rkspace",
            "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",
            "a b",
            "a\u{ad}b",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_looks_alike_has_one_skeleton() {
        for (a, b) in [("paypal", "paypa1"), ("modern", "modem"), ("vvest", "west"), ("book", "b00k"), ("lab", "1ab")] {
            assert_eq!(skeleton(a), skeleton(b));
        }
        assert_ne!(skeleton("acme"), skeleton("acmes"));
    }
}
