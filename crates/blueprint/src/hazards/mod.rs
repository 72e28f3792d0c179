//! What is dangerous in a schema, beside the classes of its tables: one lint a file.
//!
//! A lint reads the catalog and the classification and says what is wrong, and what to do. It changes
//! nothing. Each has a page in `docs/hazards/`. Findings the registry accepts stay in the list, marked.

mod tools;

use crate::catalog::Catalog;
use crate::classify::Classification;
use crate::file::Finding;
use crate::registry::Registry;
use tools::{Report, Scene};

macro_rules! hazards {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*
        /// Every lint: its name and its look at the database.
        const LIST: &[(&str, fn(&Scene<'_>, &mut Report))] = &[$((stringify!($name), $name::find)),*];
    };
}

hazards![
    cascade_from_shared_parent,
    dangerous_extension,
    default_privileges,
    definer_function,
    excessive_grants,
    exclusion_without_tenant,
    existing_policy,
    foreign_key_without_tenant,
    foreign_table,
    large_objects,
    leakproof_wrongly,
    login_owns_tables,
    lookup_needed,
    materialized_view,
    non_leakproof_index,
    nondeterministic_tenant_column,
    nullable_tenant,
    on_update_cascade,
    partition_without_policy,
    personal_data_in_shared_table,
    polymorphic_reference,
    publication_without_filter,
    rls_enabled_no_policy,
    rule_on_table,
    secret_in_setting,
    sequence_ids,
    superuser_or_bypass,
    table_without_primary_key,
    type_mismatch,
    unique_without_tenant,
    view_not_invoker,
];

/// Names of all lints, in order: each is a file here and a page in `docs/hazards/`.
pub fn ids() -> Vec<String> {
    LIST.iter().map(|(name, _)| name.replace('_', "-")).collect()
}

/// Every finding, worst first, then by lint and object.
pub fn find(catalog: &Catalog, classification: &Classification, registry: &Registry) -> Vec<Finding> {
    let scene = Scene::new(catalog, classification, registry);
    let mut findings = Vec::new();
    for (name, look) in LIST {
        let mut report = Report::new(name.replace('_', "-"));
        look(&scene, &mut report);
        findings.extend(report.into_findings());
    }
    registry.mark_accepted(&mut findings);
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| (&a.id, &a.object).cmp(&(&b.id, &b.object))));
    findings
}
