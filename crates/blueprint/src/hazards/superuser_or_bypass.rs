//! A login that passes every policy: superuser or BYPASSRLS.

use super::tools::{Report, Scene};
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    let application = scene.application_roles();
    for role in scene.catalog.roles.iter().filter(|r| r.login && (r.superuser || r.bypass_rls)) {
        let what = if role.superuser { "a superuser" } else { "exempt from row-level security (BYPASSRLS)" };
        let used = application.contains(role.name.as_str());
        report.add(
            if used { Severity::Critical } else { Severity::Medium },
            &role.name,
            match used {
                true => format!("it is {what} and owns tables of the application or has rights on them: for it no policy exists"),
                false => format!("it is {what}: whoever logs in with it sees every tenant"),
            },
            "let the application log in with the runtime logins; keep this role for maintenance, with its own password",
        );
    }
}
