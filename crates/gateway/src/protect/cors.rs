//! Which pages of other sites may read the answers: named origins, and the tenant's own. Never all, never a pattern.

use tenantry_edge::directory::TenantFacts;

use crate::reply::Reply;

/// Who in browsers may read the answers of a route.
#[derive(Clone, Debug, Default)]
pub struct CorsSettings {
    /// These origins, as browsers write them: `https://app.example.com`.
    pub origins: Vec<String>,
    /// The tenant's own host names, over https.
    pub own_hosts: bool,
    /// Methods beside GET, HEAD and POST.
    pub methods: Vec<String>,
    /// Headers that scripts may send.
    pub headers: Vec<String>,
    /// Cookies and certificates go along.
    pub credentials: bool,
    /// How long a browser may remember it.
    pub max_age_seconds: u32,
}

impl CorsSettings {
    /// Whether this origin may read what is for this tenant.
    pub(crate) fn allows(&self, origin: &str, tenant: Option<&TenantFacts>, base_domains: &[String]) -> bool {
        if self.origins.iter().any(|o| o == origin) {
            return true;
        }
        let (Some(tenant), Some(host), true) = (tenant, origin.strip_prefix("https://"), self.own_hosts) else {
            return false;
        };
        let is_base = |base: &String| {
            tenant
                .slug
                .as_deref()
                .is_some_and(|slug| host.strip_suffix(base.as_str()).and_then(|h| h.strip_suffix('.')) == Some(slug))
        };
        tenant.domains.iter().any(|d| &**d == host) || base_domains.iter().any(is_base)
    }

    /// Whole lines for an answer to this origin, which may read it.
    pub(crate) fn lines(&self, origin: &str) -> String {
        let credentials = if self.credentials { "Access-Control-Allow-Credentials: true\r\n" } else { "" };
        format!("Access-Control-Allow-Origin: {origin}\r\n{credentials}Vary: Origin\r\n")
    }

    /// The answer to a browser that asks beforehand.
    pub(crate) fn preflight(&self, origin: &str) -> Reply {
        let mut reply = Reply::plain(204, "", Vec::new());
        reply.headers = self.lines(origin);
        let methods = ["GET", "HEAD", "POST"].into_iter().chain(self.methods.iter().map(String::as_str));
        let methods: Vec<_> = methods.collect();
        reply.headers.push_str(&format!("Access-Control-Allow-Methods: {}\r\n", methods.join(", ")));
        if !self.headers.is_empty() {
            reply.headers.push_str(&format!("Access-Control-Allow-Headers: {}\r\n", self.headers.join(", ")));
        }
        reply.headers.push_str(&format!("Access-Control-Max-Age: {}\r\n", self.max_age_seconds));
        reply
    }
}

#[cfg(test)]
mod tests {
    use tenantry_model::TenantKey;

    use super::*;

    #[test]
    fn a_tenants_page_reads_its_own_answers_and_no_others() {
        let cors =
            CorsSettings { origins: vec!["https://admin.example.com".into()], own_hosts: true, ..Default::default() };
        let facts = TenantFacts {
            slug: Some("acme".into()),
            domains: vec!["shop.acme.com".into()],
            ..TenantFacts::new(TenantKey::Integer(1))
        };
        let base = ["example.com".to_owned()];
        for good in ["https://admin.example.com", "https://acme.example.com", "https://shop.acme.com"] {
            assert!(cors.allows(good, Some(&facts), &base), "{good}");
        }
        for bad in [
            "https://bolt.example.com",
            "http://acme.example.com",
            "https://acme.example.com.evil.com",
            "https://evil-acme.example.com",
            "https://acmeexample.com",
            "https://x.acme.example.com",
            "null",
            "*",
            "",
        ] {
            assert!(!cors.allows(bad, Some(&facts), &base), "{bad}");
        }
        assert!(!cors.allows("https://acme.example.com", None, &base));
    }
}
