//! Policies that stand already: they may open what a tenant policy closes, or be all that protects the table.

use super::tools::{Report, Scene};
use crate::catalog::Policy;
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for table in &scene.catalog.tables {
        let policies: Vec<&Policy> = table.policies.iter().filter(|p| !p.name.as_str().starts_with("tenantry_")).collect();
        if !policies.is_empty() && !table.rls_enabled {
            report.add(
                Severity::High,
                &table.name,
                "policies are written for it, but row-level security is not enabled: they protect nothing",
                format!("ALTER TABLE {} ENABLE ROW LEVEL SECURITY, or drop the policies", table.name.quoted()),
            );
            continue;
        }
        for p in policies {
            let open = p.permissive && p.using.as_deref().is_some_and(|u| u.trim().trim_matches(['(', ')']) == "true");
            let from_setting = p.using.iter().chain(&p.check).any(|e| e.contains("current_setting"));
            let (severity, message) = match (open, from_setting) {
                (true, _) if table.policies.iter().any(|r| !r.permissive) => continue,
                (true, _) => (Severity::High, "it lets every row pass, and permissive policies are joined with OR: it opens what others close"),
                (_, true) => (Severity::High, "it trusts a setting that every client can change with set_config()"),
                _ => (Severity::Medium, "a policy of the application stands on the table; permissive ones are joined with OR"),
            };
            report.add(
                severity,
                format!("{}.{}", table.name, p.name),
                message,
                "keep it if it rules inside a tenant; tenantry's own policy is restrictive and holds beside it. Drop it if it is an older tenant policy",
            );
        }
    }
}
