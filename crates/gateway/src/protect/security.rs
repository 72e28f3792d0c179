//! Headers that tell browsers to be careful, from OWASP's list. What the application says itself is left as it is.

/// Name, value, and whether it makes sense over TLS only.
const HEADERS: [(&str, &str, bool); 7] = [
    ("strict-transport-security", "max-age=31536000; includeSubDomains", true),
    ("x-content-type-options", "nosniff", false),
    ("x-frame-options", "SAMEORIGIN", false),
    ("referrer-policy", "strict-origin-when-cross-origin", false),
    ("cross-origin-opener-policy", "same-origin", false),
    ("x-permitted-cross-domain-policies", "none", false),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()", false),
];

/// Which of them an answer has already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Present(u8);

impl Present {
    /// Looks at a header of the answer, its name in lower case.
    pub(crate) fn see(&mut self, name: &str) {
        if let Some(at) = HEADERS.iter().position(|(n, ..)| *n == name) {
            self.0 |= 1 << at;
        }
    }

    /// The others.
    pub(crate) fn missing(self, is_tls: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
        let missing = move |at: usize| self.0 & (1 << at) == 0;
        let all = HEADERS.iter().enumerate();
        all.filter(move |(at, (.., tls))| missing(*at) && (is_tls || !tls)).map(|(_, (name, value, _))| (*name, *value))
    }
}

/// What an application tells about its insides, and nobody outside needs.
pub(crate) fn is_inside(name: &str) -> bool {
    matches!(
        name,
        "server"
            | "x-powered-by"
            | "x-aspnet-version"
            | "x-aspnetmvc-version"
            | "x-backend"
            | "x-backend-server"
            | "x-cache-key"
            | "x-debug"
            | "x-runtime"
            | "x-server"
            | "x-shard"
            | "x-upstream"
    ) || crate::decide::seen::is_reserved(name) && !matches!(name, "keep-alive" | "upgrade" | "trailer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_application_says_stays() {
        let mut present = Present::default();
        present.see("x-frame-options");
        present.see("content-type");
        let names: Vec<_> = present.missing(false).map(|(name, _)| name).collect();
        assert!(!names.contains(&"x-frame-options") && !names.contains(&"strict-transport-security"));
        assert_eq!(names.len(), HEADERS.len() - 2);
        assert_eq!(present.missing(true).count(), HEADERS.len() - 1);
    }
}
