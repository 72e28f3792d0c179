//! P-05: a table with tenants' rows and no row-level security.

use tenantry_blueprint::classify::Class;

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-05",
    title: "A table with tenants' rows has no row-level security",
    severity: Critical,
    meaning: "A table that was added, renamed or copied after the isolation, or whose row-level security was switched off, shows every tenant's rows.",
    method: "Classifies every table of the database again, with the registry, and compares: a table whose rows belong to a tenant must have row-level security on, a table nobody could classify must be registered, and no table of another class may be writable unless the registry says so.",
    remedy: "Run `tenantry plan` and `tenantry apply` for the new table, or register it as shared or system with a reason.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    for subject in &stage.subjects {
        tally.tried();
        if !subject.structure.rls_enabled {
            tally.broke(&subject.table, "row-level security is off");
        }
    }
    let readable = stage
        .list(&format!(
            "SELECT DISTINCT c.oid::regclass::text || '=' || n.nspname || '.' || c.relname FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace, pg_roles r \
             WHERE c.relkind IN ('r', 'p', 'f') AND r.rolname IN ({}) AND n.nspname NOT LIKE 'pg\\_%' \
             AND n.nspname NOT IN ('information_schema', 'tenantry') \
             AND has_schema_privilege(r.oid, n.oid, 'USAGE') \
             AND (has_table_privilege(r.oid, c.oid, 'SELECT') OR has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE'))",
            stage.login_list()
        ))
        .await?;
    for verdict in &stage.classification.tables {
        let name = &verdict.table;
        if name.schema.as_str() == "tenantry" || stage.subject(name).is_some() {
            continue;
        }
        tally.tried();
        let open = readable.iter().any(|r| r.ends_with(&format!("={}.{}", name.schema, name.name)));
        match verdict.class {
            _ if !open => {}
            Class::Unknown => tally.broke(name, "not registered, and the runtime login can reach it"),
            c if c.is_scoped() => tally.broke(name, "holds tenants' rows, is not protected, and the runtime login can reach it"),
            _ => {}
        }
    }
    Ok(tally.finish_static("table", "protected, or of a class that needs no protection, or out of reach"))
}
