//! Which events an endpoint asks for: names, `tenantry.tenant.*`, or `*`.

use crate::error::Error;

const FIELD: &str = "eventTypes";
/// Most names of one endpoint.
const NAMES_MAX: usize = 50;

/// Checks what is asked for.
pub(super) fn check(names: &[String]) -> Result<(), Error> {
    if names.is_empty() || names.len() > NAMES_MAX {
        return Err(Error::field(FIELD, format!("give 1 to {NAMES_MAX} event types, or [\"*\"]")));
    }
    let is_name = |name: &str| {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
        let plain = name.strip_suffix(".*").unwrap_or(name);
        name == "*" || (name.len() <= 100 && !plain.is_empty() && plain.chars().all(known) && !plain.starts_with('.'))
    };
    match names.iter().find(|name| !is_name(name)) {
        Some(_) => Err(Error::field(FIELD, "give types like tenantry.tenant.created, tenantry.tenant.* or *")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |names: &[&str]| check(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        for good in ["*", "tenantry.tenant.*", "tenantry.tenant.created", "tenantry.quota.limit-reached"] {
            assert!(check(&[good]).is_ok(), "{good}");
        }
        for bad in ["", ".*", "**", "tenantry.*.created", "Tenantry", "a b", "a%", &"a".repeat(101)] {
            assert!(check(&[bad]).is_err(), "{bad}");
        }
        assert!(check(&[]).is_err() && check(&["*"; 51]).is_err());
    }
}
