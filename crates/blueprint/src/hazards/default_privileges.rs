//! Default privileges open tables that do not exist yet.

use super::tools::{Report, Scene, rights};
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for d in &scene.catalog.default_acls {
        let place = d.schema.as_ref().map_or_else(|| "every schema".to_owned(), |s| format!("schema {s}"));
        for right in rights(&Some(d.acl.clone())) {
            let public = right.grantee.is_empty() && matches!(d.object_type, 'r' | 'S' | 'n');
            let dangerous = d.object_type == 'r'
                && right.grantee != d.role.as_str()
                && !right.grantee.is_empty()
                && right.letters.contains(['D', 'x', 't']);
            if scene.is_ours(&right.grantee) || !(public || dangerous) {
                continue;
            }
            let who = if right.grantee.is_empty() { "PUBLIC" } else { &right.grantee };
            let (severity, what) = if public {
                (Severity::High, "rights on")
            } else {
                (Severity::Medium, "TRUNCATE, REFERENCES or TRIGGER on")
            };
            report.add(
                severity,
                format!("{} in {place}", d.role),
                format!("whatever {} makes in {place} gives {who} {what} it at once", d.role),
                format!("ALTER DEFAULT PRIVILEGES FOR ROLE … REVOKE … FROM {who}; grant table by table instead"),
            );
        }
    }
}
