//! Deleting one shared row deletes or changes rows of many tenants, and no policy is asked.

use super::tools::{Report, Scene, list};
use crate::catalog::Action;
use crate::classify::Class;
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for (table, verdict) in scene.scoped().filter(|(_, v)| v.class != Class::Membership) {
        for fk in &table.foreign_keys {
            let destroys = matches!(fk.on_delete, Action::Cascade | Action::SetNull | Action::SetDefault);
            if !destroys || scene.class(&fk.references) != Class::Shared {
                continue;
            }
            let what = if fk.on_delete == Action::Cascade { "deletes" } else { "changes" };
            report.add(
                if fk.on_delete == Action::Cascade { Severity::Medium } else { Severity::Low },
                format!("{}.{}", table.name, fk.name),
                format!(
                    "deleting a row of the shared table {} {what} {} rows of every tenant that refer to it by {}",
                    fk.references,
                    format!("{:?}", verdict.class).to_lowercase(),
                    list(&fk.columns)
                ),
                "give the runtime logins no DELETE on the shared table, or make the foreign key ON DELETE RESTRICT",
            );
        }
    }
}
