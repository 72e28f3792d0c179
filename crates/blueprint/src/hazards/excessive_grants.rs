//! Rights that row-level security does not bind, or that everybody has.

use super::tools::{Report, Scene, rights};
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for (table, _) in scene.scoped() {
        for right in rights(&table.acl) {
            if right.grantee == table.owner.as_str() || scene.is_ours(&right.grantee) {
                continue;
            }
            let superuser = scene.catalog.role(&right.grantee).is_some_and(|r| r.superuser);
            let beyond: Vec<&str> = [('D', "TRUNCATE"), ('x', "REFERENCES"), ('t', "TRIGGER"), ('m', "MAINTAIN")]
                .into_iter()
                .filter(|(letter, _)| right.letters.contains(*letter))
                .map(|(_, name)| name)
                .collect();
            if right.grantee.is_empty() {
                report.add(
                    Severity::High,
                    &table.name,
                    "PUBLIC has rights on a table with tenants' rows: every login of the server that may connect has them",
                    format!("REVOKE ALL ON {} FROM PUBLIC; grant to the roles that need it", table.name.quoted()),
                );
            } else if !beyond.is_empty() && !superuser {
                report.add(
                    Severity::High,
                    format!("{} to {}", table.name, right.grantee),
                    format!("{} has {}, which no policy binds", right.grantee, beyond.join(", ")),
                    format!("REVOKE {} ON {} FROM the role; an application needs SELECT, INSERT, UPDATE and DELETE only", beyond.join(", "), table.name.quoted()),
                );
            }
        }
    }
}
