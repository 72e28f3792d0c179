//! What belongs to the database as a whole: schemas, types, extensions, publications, rights.

use std::collections::BTreeMap;

use tenantry_blueprint::catalog::{Catalog, DefaultAcl, Extension, ParameterAcl, Publication, Schema};
use tenantry_model::{Ident, QualifiedName};
use tenantry_pg::Client;

use super::Error;
use super::row::{Read, SCHEMAS, query};

const DATABASE: &str = "
SELECT d.datname::text AS name, pg_get_userbyid(d.datdba)::text AS owner, d.datacl::text[] AS acl,
       current_setting('server_version_num')::int4 AS version_num, current_setting('server_version') AS version,
       (SELECT count(*) FROM pg_largeobject_metadata) AS large_objects,
       ARRAY(SELECT e.evtname::text FROM pg_event_trigger e
             WHERE NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_event_trigger'::regclass
                               AND x.objid = e.oid AND x.deptype = 'e')) AS event_triggers,
       ARRAY(SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE p.proleakproof AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tenantry')) AS leakproof_functions
FROM pg_database d WHERE d.datname = current_database()";

const EXTENSIONS: &str = "
SELECT e.extname::text AS name, n.nspname::text AS schema, e.extversion AS version
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace";

/// Tables published one by one, and those published with their whole schema.
const PUBLICATIONS: &str = "
SELECT p.pubname::text AS name, p.puballtables AS all_tables, x.schema, x.table, x.filtered
FROM pg_publication p
LEFT JOIN (
  SELECT r.prpubid AS publication, n.nspname::text AS schema, c.relname::text AS table, r.prqual IS NOT NULL AS filtered
  FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  UNION ALL
  SELECT s.pnpubid, n.nspname::text, c.relname::text, false
  FROM pg_publication_namespace s JOIN pg_namespace n ON n.oid = s.pnnspid
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p')) x ON x.publication = p.oid";

const DEFAULT_ACLS: &str = "
SELECT pg_get_userbyid(a.defaclrole)::text AS role, n.nspname::text AS schema, a.defaclobjtype::text AS object_type,
       a.defaclacl::text[] AS acl
FROM pg_default_acl a LEFT JOIN pg_namespace n ON n.oid = a.defaclnamespace";

const PARAMETER_ACLS: &str = "SELECT parname AS name, paracl::text[] AS acl FROM pg_parameter_acl";

fn schemas_sql() -> String {
    format!(
        "
SELECT n.nspname::text AS name, pg_get_userbyid(n.nspowner)::text AS owner, n.nspacl::text[] AS acl FROM pg_namespace n
WHERE {SCHEMAS}
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')"
    )
}

fn enums_sql() -> String {
    format!(
        "
SELECT n.nspname::text AS schema, t.typname::text AS name FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e' AND {SCHEMAS}
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')"
    )
}

/// A catalog that has everything but relations, functions and roles.
pub(super) async fn read(client: &Client) -> Result<Catalog, Error> {
    let (schemas_sql, enums_sql) = (schemas_sql(), enums_sql());
    let (database, schemas, enums, extensions, publications, default_acls, parameter_acls) = tokio::try_join!(
        query(client, "name and rights", DATABASE, None),
        query(client, "schemas", &schemas_sql, None),
        query(client, "types", &enums_sql, None),
        query(client, "extensions", EXTENSIONS, None),
        query(client, "publications", PUBLICATIONS, None),
        query(client, "default rights", DEFAULT_ACLS, None),
        query(client, "rights on parameters", PARAMETER_ACLS, None),
    )?;
    let mut catalog = Catalog::default();
    if let Some(row) = database.first() {
        catalog.database = row.text("name")?;
        catalog.server_version = row.text("version")?;
        catalog.server_version_num = row.get::<i32>("version_num")?.unsigned_abs();
        catalog.database_owner = Some(row.ident("owner")?);
        catalog.database_acl = row.get("acl")?;
        catalog.large_objects = row.get("large_objects")?;
        catalog.event_triggers = row.get("event_triggers")?;
        catalog.leakproof_functions = row.get("leakproof_functions")?;
    }
    catalog.schemas = schemas.iter().map(schema).collect::<Result<_, _>>()?;
    catalog.enums = enums.iter().map(|row| row.qualified("schema", "name")).collect::<Result<_, _>>()?;
    catalog.extensions = extensions.iter().map(extension).collect::<Result<_, _>>()?;
    catalog.publications = publications_of(&publications)?;
    catalog.default_acls = default_acls.iter().map(default_acl).collect::<Result<_, _>>()?;
    catalog.parameter_acls = parameter_acls.iter().map(parameter_acl).collect::<Result<_, _>>()?;
    catalog.event_triggers.sort();
    catalog.leakproof_functions.sort();
    catalog.schemas.sort_by(|a, b| a.name.cmp(&b.name));
    catalog.enums.sort();
    catalog.extensions.sort_by(|a, b| a.name.cmp(&b.name));
    catalog.default_acls.sort_by(|a, b| (&a.role, &a.schema, a.object_type).cmp(&(&b.role, &b.schema, b.object_type)));
    catalog.parameter_acls.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(catalog)
}

fn schema(row: &Read) -> Result<Schema, Error> {
    Ok(Schema { name: row.ident("name")?, owner: row.ident("owner")?, acl: row.get("acl")? })
}

fn extension(row: &Read) -> Result<Extension, Error> {
    Ok(Extension { name: row.text("name")?, schema: row.ident("schema")?, version: row.text("version")? })
}

fn default_acl(row: &Read) -> Result<DefaultAcl, Error> {
    let schema = row.get::<Option<&str>>("schema")?.map(|_| row.ident("schema")).transpose()?;
    Ok(DefaultAcl { role: row.ident("role")?, schema, object_type: row.letter("object_type")?, acl: row.get("acl")? })
}

fn parameter_acl(row: &Read) -> Result<ParameterAcl, Error> {
    Ok(ParameterAcl { name: row.text("name")?, acl: row.get("acl")? })
}

/// One row per published table, or one without a table.
fn publications_of(rows: &[Read]) -> Result<Vec<Publication>, Error> {
    let mut publications: BTreeMap<Ident, (bool, BTreeMap<QualifiedName, bool>)> = BTreeMap::new();
    for row in rows {
        let (all_tables, tables) = publications.entry(row.ident("name")?).or_default();
        *all_tables = row.flag("all_tables")?;
        if row.get::<Option<&str>>("table")?.is_some() {
            // published both alone and with its schema: then the filter counts for nothing
            let filtered = tables.entry(row.qualified("schema", "table")?).or_insert(true);
            *filtered &= row.flag("filtered")?;
        }
    }
    let publication = |(name, (all_tables, tables)): (Ident, (bool, BTreeMap<_, _>))| Publication {
        name,
        all_tables,
        tables: tables.into_iter().collect(),
    };
    Ok(publications.into_iter().map(publication).collect())
}
