//! The form of a SCRAM verifier, so that a password put there by mistake is noticed before it is published.

/// Standard base64 of 32 bytes, the length of a key of SCRAM-SHA-256.
const KEY_LENGTH: usize = 44;

/// Whether this is `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`.
pub fn is_scram_verifier(text: &str) -> bool {
    let parts = || {
        let (salted, keys) = text.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
        let (iterations, salt) = salted.split_once(':')?;
        let (stored, server) = keys.split_once(':')?;
        Some((iterations, salt, stored, server))
    };
    parts().is_some_and(|(iterations, salt, stored, server)| {
        iterations.bytes().all(|b| b.is_ascii_digit())
            && iterations.parse().is_ok_and(|n: i32| n > 0)
            && !salt.is_empty()
            && [salt, stored, server].into_iter().all(is_base64)
            && [stored, server].into_iter().all(|key| key.len() == KEY_LENGTH)
    })
}

fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - digits.len() <= 2
        && digits.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From RFC 7677, as PostgreSQL writes it.
    const GOOD: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[test]
    fn a_verifier_and_what_only_looks_like_one() {
        assert!(is_scram_verifier(GOOD));
        let server = GOOD.rsplit(':').next().unwrap();
        for bad in [
            "",
            "hunter2",
            "md5a3556571e93b0d20722ba62be61e8c2d",
            "SCRAM-SHA-256$",
            &GOOD.replace("4096", "0"),
            &GOOD.replace("4096", "+4096"),
            &GOOD.replace("4096", ""),
            &GOOD.replace("W22ZaJ0SNY7soEsUEjb6gQ==", ""),
            &GOOD.replace("W22ZaJ0SNY7soEsUEjb6gQ==", "W22ZaJ0SNY7soEsUEjb6gQ"),
            &GOOD.replace(server, "dG9vIHNob3J0"),
            &GOOD.replace("wfPL", "wf L"),
            &format!("{GOOD}:more"),
            &GOOD.to_lowercase(),
        ] {
            assert!(!is_scram_verifier(bad), "{bad}");
        }
    }
}
