//! A function that runs with its owner's rights: no policy binds what it reads, unless the owner is bound too.

use super::tools::{Report, Scene, rights};
use crate::catalog::Function;
use crate::file::Severity;
use crate::registry::Access;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    let definers = scene.catalog.functions.iter().filter(|f| f.security_definer && f.name.schema.as_str() != "tenantry");
    for f in definers {
        let object = format!("{}({})", f.name, f.arguments);
        let decided = scene.registry.functions.get(&object);
        if decided.is_some_and(|d| d.access == Access::None) {
            continue;
        }
        if !is_pinned(f) {
            report.add(
                Severity::Critical,
                &object,
                "it runs with its owner's rights and looks names up in the caller's search_path: a caller's temporary table can take the place of a real one",
                format!("ALTER FUNCTION {} SET search_path = pg_catalog, pg_temp; and qualify every name in its body", f.signature()),
            );
        }
        // a trigger function runs inside the tenant's own statement and returns nothing
        if f.returns == "trigger" || f.returns == "event_trigger" || decided.is_some() {
            continue;
        }
        let public = f.acl.is_none() || rights(&f.acl).iter().any(|r| r.grantee.is_empty() && r.letters.contains('X'));
        let who = if public { "everybody may call it" } else { "the roles it is granted to may call it" };
        report.add(
            if public { Severity::High } else { Severity::Medium },
            &object,
            format!("it runs as {} and {who}: what it returns is not bound to the caller's tenant", f.owner),
            "make it SECURITY INVOKER; or revoke EXECUTE from PUBLIC and record it under [functions] with a reason",
        );
    }
}

/// A pinned path that puts temporary objects last.
fn is_pinned(f: &Function) -> bool {
    f.search_path.as_deref().is_some_and(|p| {
        let parts: Vec<&str> = p.split(',').map(|s| s.trim().trim_matches('"')).filter(|s| !s.is_empty()).collect();
        !parts.contains(&"$user") && (parts.is_empty() || parts.last() == Some(&"pg_temp"))
    })
}
