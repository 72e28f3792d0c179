//! An exclusion constraint over all tenants: one tenant's booking blocks another's, and tells of it.

use super::tools::{Report, Scene};
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for (table, verdict) in scene.scoped() {
        for e in &table.exclusions {
            if !e.columns.is_empty() && !scene.holds_tenant(table, verdict, &e.columns) {
                report.add(
                    Severity::Medium,
                    format!("{}.{}", table.name, e.name),
                    "the exclusion constraint compares rows of all tenants: a refused insert tells that another tenant has such a row",
                    "put the tenant column first in it: EXCLUDE USING gist (tenant WITH =, …), with extension btree_gist",
                );
            }
        }
    }
}
