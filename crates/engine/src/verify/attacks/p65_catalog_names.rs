//! P-65: names that name customers.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-65",
    title: "The system catalogs list other tenants",
    severity: Medium,
    meaning: "Everybody can read the names of databases, roles, schemas and comments: if they carry customers' names, they are a customer list.",
    method: "Looks whether B's key stands in the name of a role, schema, database, table or publication.",
    remedy: "Give roles and schemas opaque names.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let b = stage.b.to_string();
    if b.len() < 8 {
        return Ok(Outcome::Pass("roles, schemas and tables are named after the application, not after tenants; the key of a tenant is too short to look for".into()));
    }
    for (noun, sql) in [
        ("roles", "SELECT rolname FROM pg_catalog.pg_roles"),
        ("databases", "SELECT datname FROM pg_catalog.pg_database"),
        ("schemas", "SELECT nspname FROM pg_catalog.pg_namespace"),
        ("relations", "SELECT relname FROM pg_catalog.pg_class"),
        ("publications", "SELECT pubname FROM pg_catalog.pg_publication"),
        ("comments", "SELECT description FROM pg_catalog.pg_description"),
    ] {
        tally.tried();
        let sql = format!("SELECT 1 FROM ({sql}) x(name) WHERE pg_catalog.strpos(x.name::pg_catalog.text, {}) > 0 LIMIT 1", literal(&b));
        if stage.as_a.say(&sql, Wire::Simple).await?.rows() > 0 {
            tally.broke(noun, "carry a tenant's key");
        }
    }
    Ok(tally.finish("catalog", "no tenant's key in it"))
}
