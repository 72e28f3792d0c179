//! A function of the application's own that claims to be leakproof runs on rows before the policy does.

use super::tools::{Report, Scene};
use crate::file::Severity;

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    let marked = scene.catalog.functions.iter().filter(|f| f.leakproof).map(|f| format!("{}({})", f.name, f.arguments));
    let mut all: Vec<String> = scene.catalog.leakproof_functions.iter().cloned().chain(marked).collect();
    all.sort();
    all.dedup();
    for function in all {
        report.add(
            Severity::High,
            &function,
            "it is marked LEAKPROOF, so the server runs it on rows of all tenants before any policy: an error or a notice of it shows their values",
            format!("ALTER FUNCTION {function} NOT LEAKPROOF, unless somebody proved that it neither raises, prints nor takes longer by its arguments"),
        );
    }
}
