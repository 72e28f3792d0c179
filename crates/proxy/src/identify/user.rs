//! The user name a client logs in with: `role`, or `role.tenant`.

use crate::refusal::Refusal;

/// What a user name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User<'a> {
    /// The role.
    pub(crate) role: &'a str,
    /// The tenant, by slug or key.
    pub(crate) tenant: Option<&'a str>,
}

/// Longest part of a user name.
const PART_BYTES_MAX: usize = 128;

impl<'a> User<'a> {
    /// Reads a user name. `is_role` knows the roles: one whose name holds the separator is itself, and of several
    /// readings none is guessed at.
    pub(crate) fn read(name: &'a str, separator: char, is_role: impl Fn(&str) -> bool) -> Result<Self, Refusal> {
        if is_role(name) {
            return Ok(Self { role: name, tenant: None });
        }
        let mut parts = name.split(separator);
        let (role, tenant, more) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let fits = |part: &str| !part.is_empty() && part.len() <= PART_BYTES_MAX && part.trim() == part;
        match (tenant, more) {
            (None, _) => Ok(Self { role, tenant: None }),
            (Some(tenant), None) if fits(role) && fits(tenant) => Ok(Self { role, tenant: Some(tenant) }),
            _ => Err(Refusal::fatal("28000", "tenantry: the user name is not role or role.tenant")
                .hint(format!("Write it as role{separator}tenant, with one `{separator}`."))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Option<(&str, Option<&str>)> {
        User::read(name, '.', |role| role == "app" || role == "dotted.role").ok().map(|u| (u.role, u.tenant))
    }

    #[test]
    fn roles_and_tenants() {
        assert_eq!(read("app"), Some(("app", None)));
        assert_eq!(read("app.acme"), Some(("app", Some("acme"))));
        assert_eq!(read("dotted.role"), Some(("dotted.role", None)));
        assert_eq!(read("app+acme"), Some(("app+acme", None)));
        for bad in ["app.b.a", "app.", ".acme", "app. acme", "app..acme", ".", "app.acme "] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read(&format!("app.{}", "x".repeat(PART_BYTES_MAX + 1))), None);
    }
}
