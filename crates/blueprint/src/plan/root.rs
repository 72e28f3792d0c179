//! Where tenancy starts: the table that is there, only a column, or a table that tenantry makes.

use sha2::{Digest, Sha256};
use tenantry_model::{Ident, KeyKind, QualifiedName};

use super::Options;
use super::design::RootDesign;
use super::findings::{blocking, note};
use crate::catalog::{Catalog, Column, Key, Size, Table, TableKind};
use crate::classify::{Class, Classification, Verdict};
use crate::file::{Finding, Severity};
use crate::registry::Registry;

/// Name of the tenant table that tenantry makes, unless the registry says otherwise.
const CREATED: &str = "public.tenants";

/// Settles the root and the type of its key.
pub(super) fn design(
    catalog: &Catalog,
    classification: &Classification,
    registry: &Registry,
    options: &Options,
    findings: &mut Vec<Finding>,
) -> (RootDesign, KeyKind) {
    let root = &classification.root;
    if let Some(table) = root.table.as_ref().filter(|t| catalog.table(t).is_some()) {
        if options.create_root {
            findings.push(blocking(
                "root-exists",
                table,
                format!("A tenant table was asked for, but {table} is the tenant table already."),
                "Plan without --create-root, or name another root under [root] in tenantry.toml.",
            ));
        }
        return existing(catalog, classification, table, findings);
    }
    if wants_created(registry, options) {
        return created(catalog, registry, findings);
    }
    if root.column.is_some() {
        question(classification, findings);
        let kind = kind_or_finding(root.kind, "the tenant column", findings);
        return (RootDesign { table: None, key: None, created: None }, kind);
    }
    let remedy = match root.alternatives.first() {
        Some((table, why)) => format!(
            "If {table} is the tenant table ({why}), write it under [root] in tenantry.toml. If there is none yet, run tenantry plan --create-root."
        ),
        None => "Run tenantry plan --create-root to add a tenant table, or name it under [root] in tenantry.toml."
            .to_owned(),
    };
    findings.push(blocking("no-root", "database", "No tenant table was found.", remedy));
    (RootDesign { table: None, key: None, created: None }, root.kind.unwrap_or(KeyKind::Uuid))
}

fn existing(
    catalog: &Catalog,
    classification: &Classification,
    table: &QualifiedName,
    findings: &mut Vec<Finding>,
) -> (RootDesign, KeyKind) {
    question(classification, findings);
    let root = &classification.root;
    let key = match root.key.as_slice() {
        [key] => Some(key.clone()),
        _ => {
            findings.push(blocking(
                "root-key",
                table,
                format!("The tenant table {table} has no key of one column."),
                "Name its key column under [root] in tenantry.toml; it must be unique.",
            ));
            None
        }
    };
    let column = key.as_ref().and_then(|k| catalog.table(table)?.column(k.as_str()));
    let kind = kind_or_finding(
        root.kind.or_else(|| column.and_then(|c| c.key_kind())),
        &column.map_or_else(|| table.to_string(), |c| format!("{table}.{} ({})", c.name, c.data_type)),
        findings,
    );
    (RootDesign { table: Some(table.clone()), key, created: None }, kind)
}

fn created(catalog: &Catalog, registry: &Registry, findings: &mut Vec<Finding>) -> (RootDesign, KeyKind) {
    let named = registry.root.as_ref().and_then(|r| r.table.as_deref()).unwrap_or(CREATED);
    let key = registry.root.as_ref().and_then(|r| r.key.as_deref()).unwrap_or("id");
    let (table, key) = match (named.parse::<QualifiedName>(), Ident::new(key)) {
        (Ok(table), Ok(key)) => (table, key),
        (table, key) => {
            let why = table.err().or(key.err()).map_or_else(String::new, |e| e.to_string());
            findings.push(blocking(
                "root-name",
                named,
                format!("The tenant table cannot be made: {why}."),
                "Write a name of the form schema.table, and a key column, under [root] in tenantry.toml.",
            ));
            return (RootDesign { table: None, key: None, created: None }, KeyKind::Uuid);
        }
    };
    let taken = catalog.tables.iter().any(|t| t.name == table)
        || catalog.views.iter().any(|v| v.name == table)
        || catalog.sequences.iter().any(|s| s.name == table)
        || catalog
            .tables
            .iter()
            .any(|t| t.name.schema == table.schema && t.indexes.iter().any(|i| i.name == table.name));
    if taken {
        findings.push(blocking(
            "root-name",
            &table,
            format!("The tenant table cannot be made: {table} exists already and was not classified as the root."),
            "If it is the tenant table, write it under [root] in tenantry.toml without `create`; otherwise choose another name there.",
        ));
    }
    if !catalog.schemas.is_empty() && !catalog.schemas.iter().any(|s| s.name == table.schema) {
        findings.push(blocking(
            "root-name",
            &table,
            format!("The tenant table cannot be made: there is no schema {}.", table.schema),
            "Choose an existing schema under [root] in tenantry.toml.",
        ));
    }
    let tenant = default_tenant(&catalog.database);
    findings.push(note(
        "default-tenant",
        Severity::Low,
        &table,
        format!("Every row that exists now will belong to the default tenant {tenant}."),
        "Keep this id: logins of the old kind work for this tenant until complete.",
    ));
    (RootDesign { table: Some(table), key: Some(key), created: Some(tenant) }, KeyKind::Uuid)
}

fn wants_created(registry: &Registry, options: &Options) -> bool {
    options.create_root || registry.root.as_ref().is_some_and(|r| r.create)
}

fn taken(catalog: &Catalog, name: &QualifiedName) -> bool {
    catalog.tables.iter().any(|t| &t.name == name)
        || catalog.views.iter().any(|v| &v.name == name)
        || catalog.sequences.iter().any(|s| &s.name == name)
        || catalog.tables.iter().any(|t| t.name.schema == name.schema && t.indexes.iter().any(|i| i.name == name.name))
}

/// The catalog and classification with the tenant table that is to be made, so that it is protected like the others.
pub(super) fn with_created(
    catalog: &Catalog,
    classification: &Classification,
    registry: &Registry,
    options: &Options,
) -> Option<(Catalog, Classification)> {
    let known = classification.root.table.as_ref().is_some_and(|t| catalog.table(t).is_some());
    if known || !wants_created(registry, options) {
        return None;
    }
    let (roles, _) = super::roles::names(catalog, registry);
    let (root, _) = created(catalog, registry, &mut Vec::new());
    let (name, key) = (root.table?, root.key?);
    if taken(catalog, &name) {
        return None;
    }
    let mut catalog = catalog.clone();
    let at = catalog.tables.partition_point(|t| t.name < name);
    catalog.tables.insert(at, table_of(&name, &key, roles.owner));
    let mut classification = classification.clone();
    classification.tables.push(Verdict {
        table: name,
        class: Class::Root,
        column: Some(key),
        scope_column: None,
        path: Vec::new(),
        nullable: false,
        confidence: 1.0,
        reasons: vec!["tenantry makes it".to_owned()],
        question: None,
        registered: true,
        protected: false,
    });
    Some((catalog, classification))
}

/// What the catalog will say of the tenant table.
fn table_of(name: &QualifiedName, key: &Ident, owner: Ident) -> Table {
    let ident = |text: &str| Ident::composed("", text, "");
    let column = |name: Ident, data_type: &str| Column {
        name,
        data_type: data_type.to_owned(),
        not_null: true,
        default: None,
        identity: None,
        generated: false,
        collation: None,
        collation_deterministic: true,
        acl: None,
        comment: None,
        null_fraction: None,
        distinct: None,
    };
    let primary = Key {
        name: Ident::composed("", name.name.as_str(), "_pkey"),
        columns: vec![key.clone()],
        deferrable: false,
        deferred: false,
        nulls_not_distinct: false,
        definition: String::new(),
        comment: None,
        inherited: false,
        period: false,
    };
    Table {
        name: name.clone(),
        oid: 0,
        kind: TableKind::Table,
        owner,
        acl: None,
        parents: Vec::new(),
        partition_key: None,
        partition_bound: None,
        unlogged: false,
        columns: vec![
            column(key.clone(), "uuid"),
            column(ident("name"), "text"),
            column(ident("slug"), "text"),
            column(ident("created_at"), "timestamp with time zone"),
        ],
        column_slots: 4,
        primary_key: Some(primary),
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        exclusions: Vec::new(),
        indexes: Vec::new(),
        triggers: Vec::new(),
        rules: Vec::new(),
        rls_enabled: false,
        rls_forced: false,
        policies: Vec::new(),
        replica_identity: 'd',
        size: Size { rows: 1, ..Size::default() },
    }
}

/// The id of the default tenant: fixed for a database, made from its name (a version 8 uuid).
fn default_tenant(database: &str) -> String {
    let mut b = [0_u8; 16];
    b.copy_from_slice(&Sha256::digest(format!("tenantry default tenant of {database}").as_bytes())[..16]);
    b[6] = (b[6] & 0x0f) | 0x80;
    b[8] = (b[8] & 0x3f) | 0x80;
    let hex: String = b.iter().map(|b| format!("{b:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn question(classification: &Classification, findings: &mut Vec<Finding>) {
    let root = &classification.root;
    if let Some(question) = &root.question {
        let object = root.table.as_ref().map_or_else(|| "database".to_owned(), ToString::to_string);
        let others: Vec<String> = root.alternatives.iter().map(|(t, why)| format!("{t} ({why})")).collect();
        let others =
            if others.is_empty() { String::new() } else { format!(" Other candidates: {}.", others.join("; ")) };
        findings.push(blocking(
            "root-uncertain",
            object,
            format!("It is not certain where tenancy starts. {question}"),
            format!("Name the tenant table under [root] in tenantry.toml.{others}"),
        ));
    }
}

fn kind_or_finding(kind: Option<KeyKind>, object: &str, findings: &mut Vec<Finding>) -> KeyKind {
    kind.unwrap_or_else(|| {
        findings.push(blocking(
            "tenant-key-type",
            object,
            format!("The type of {object} cannot be a tenant key: it must be uuid, smallint, integer, bigint, text or varchar."),
            "Give the tenant table a key of such a type (types under which two different texts are equal cannot be told apart).",
        ));
        KeyKind::Uuid
    })
}
