//! A publication sends rows of all tenants to its subscriber.

use super::tools::{Report, Scene, list};
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for p in &scene.catalog.publications {
        let open: Vec<String> =
            p.tables.iter().filter(|(t, filtered)| !filtered && scene.is_scoped(t)).map(|(t, _)| t.to_string()).collect();
        if !p.all_tables && open.is_empty() {
            continue;
        }
        let what = if p.all_tables { "all tables".to_owned() } else { list(open.iter().take(3)) };
        report.add(
            Severity::High,
            &p.name,
            format!("it publishes {what} without a row filter, and replication asks no policy: its subscriber gets every tenant"),
            "fine for a copy of the whole database that is guarded like this one; for anything else publish with a row filter per tenant",
        );
    }
}
