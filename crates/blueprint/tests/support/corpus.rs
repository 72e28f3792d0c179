//! A catalog from a corpus catalogue (`tenantry-corpus/1`). The corpus stays outside the project.

use std::path::PathBuf;

use serde_json::Value;
use tenantry_blueprint::catalog::*;
use tenantry_model::{Ident, QualifiedName};

/// The corpus' folder: `TENANTRY_CORPUS`, or `../shared/corpus` beside the workspace; `None` if it is not there.
pub(crate) fn dir() -> Option<PathBuf> {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dir = std::env::var_os("TENANTRY_CORPUS")
        .map_or_else(|| workspace.join("../shared/corpus"), |d| workspace.join(PathBuf::from(d)));
    dir.join("catalogues").is_dir().then_some(dir)
}

/// The applications, by name.
pub(crate) fn apps(dir: &std::path::Path) -> Vec<String> {
    let mut apps: Vec<String> = std::fs::read_dir(dir.join("catalogues"))
        .expect("the corpus can be read")
        .filter_map(|e| e.ok()?.file_name().to_str()?.strip_suffix(".json").map(str::to_owned))
        .collect();
    apps.sort();
    apps
}

/// Reads a catalogue file.
pub(crate) fn read(path: &std::path::Path) -> Catalog {
    let text = std::fs::read_to_string(path).expect("the catalogue can be read");
    catalog(&serde_json::from_str(&text).expect("the catalogue is JSON"))
}

fn ident(v: &Value) -> Ident {
    Ident::new(v.as_str().expect("a name")).expect("a good name")
}

fn name(text: &str) -> QualifiedName {
    // corpus names are `schema.name` without quotes; only the first dot counts
    let (schema, name) = text.split_once('.').expect("schema.name");
    QualifiedName::new(Ident::new(schema).expect("a schema"), Ident::new(name).expect("a name"))
}

fn list(v: &Value) -> &[Value] {
    v.as_array().map_or(&[], Vec::as_slice)
}

fn idents(v: &Value) -> Vec<Ident> {
    list(v).iter().map(ident).collect()
}

fn text(v: &Value) -> Option<String> {
    v.as_str().map(str::to_owned)
}

fn owner() -> Ident {
    Ident::new("app").expect("a good name")
}

fn catalog(v: &Value) -> Catalog {
    let tables = v["tables"].as_object().expect("tables");
    let views = v["views"].as_object().into_iter().flatten();
    Catalog {
        database: text(&v["app"]["name"]).unwrap_or_default(),
        server_version_num: v["server_version"].as_str().and_then(|s| s.parse().ok()).unwrap_or(150_020),
        schemas: list(&v["schemas"]).iter().map(|s| Schema { name: ident(s), owner: owner(), acl: None }).collect(),
        tables: tables.iter().map(|(n, t)| table(n, t)).collect(),
        views: views
            .map(|(n, x)| View {
                name: name(n),
                owner: owner(),
                acl: None,
                materialized: x["materialized"] == true,
                security_invoker: x["security_invoker"] == true,
                security_barrier: false,
                columns: list(&x["columns"]).iter().map(|c| ident(&c[0])).collect(),
                depends_on: list(&x["depends_on"]).iter().filter_map(|d| d.as_str()).map(name).collect(),
            })
            .collect(),
        functions: list(&v["functions"])
            .iter()
            .map(|f| Function {
                name: name(f["name"].as_str().expect("a name")),
                arguments: text(&f["args"]).unwrap_or_default(),
                owner: owner(),
                acl: None,
                language: text(&f["language"]).unwrap_or_default(),
                returns: text(&f["returns"]).unwrap_or_default(),
                kind: 'f',
                security_definer: f["security_definer"] == true,
                leakproof: false,
                volatility: f["volatility"].as_str().and_then(|s| s.chars().next()).unwrap_or('v'),
                search_path: None,
                body_hash: String::new(),
            })
            .collect(),
        extensions: list(&v["extensions"])
            .iter()
            .map(|e| Extension {
                name: text(&e["name"]).unwrap_or_default(),
                schema: ident(&e["schema"]),
                version: String::new(),
            })
            .collect(),
        ..Catalog::default()
    }
}

fn table(n: &str, t: &Value) -> Table {
    let key = |k: &Value| Key {
        name: ident(&k["name"]),
        columns: idents(&k["columns"]),
        deferrable: k["deferrable"] == true,
        deferred: false,
        nulls_not_distinct: k["nulls_not_distinct"] == true,
        definition: String::new(),
        comment: None,
    };
    let primary_key = t["primary_key"].is_object().then(|| key(&t["primary_key"]));
    let uniques: Vec<Key> = list(&t["unique_constraints"]).iter().map(key).collect();
    let behind = primary_key.iter().chain(&uniques).map(|k| Index {
        name: k.name.clone(),
        keys: k
            .columns
            .iter()
            .map(|c| IndexKey { column: Some(c.clone()), sql: c.quoted(), descending: false })
            .collect(),
        include: Vec::new(),
        method: "btree".into(),
        unique: true,
        nulls_not_distinct: k.nulls_not_distinct,
        of_constraint: true,
        valid: true,
        predicate: None,
        definition: String::new(),
        clustered: false,
        comment: None,
        bytes: 0,
        leakproof: None,
    });
    let columns: Vec<Column> = list(&t["columns"]).iter().map(column).collect();
    let indexes = behind.chain(list(&t["indexes"]).iter().map(|i| index(i, &columns))).collect();
    Table {
        name: name(n),
        oid: 0,
        kind: match t["kind"].as_str() {
            Some("partition") => TableKind::Partition,
            Some("partitioned") => TableKind::Partitioned,
            _ => TableKind::Table,
        },
        owner: owner(),
        acl: None,
        parents: t["partition_of"].as_str().map(name).into_iter().collect(),
        partition_key: text(&t["partition_key"]),
        partition_bound: text(&t["partition_bound"]),
        unlogged: t["unlogged"] == true,
        column_slots: 0,
        primary_key: primary_key.clone(),
        uniques: uniques.clone(),
        foreign_keys: list(&t["foreign_keys"]).iter().map(foreign_key).collect(),
        checks: Vec::new(),
        exclusions: list(&t["exclusions"])
            .iter()
            .map(|c| Check {
                name: ident(&c["name"]),
                definition: text(&c["def"]).unwrap_or_default(),
                columns: idents(&c["columns"]),
                validated: true,
            })
            .collect(),
        indexes,
        triggers: Vec::new(),
        rules: Vec::new(),
        rls_enabled: t["rls"]["enabled"] == true,
        rls_forced: t["rls"]["forced"] == true,
        policies: list(&t["policies"])
            .iter()
            .map(|p| Policy {
                name: ident(&p["name"]),
                permissive: p["restrictive"] != true,
                command: '*',
                roles: list(&p["roles"]).iter().filter_map(text).collect(),
                using: text(&p["using"]),
                check: text(&p["check"]),
            })
            .collect(),
        replica_identity: 'd',
        size: Size::default(),
        columns,
    }
}

fn column(c: &Value) -> Column {
    Column {
        name: ident(&c["name"]),
        data_type: text(&c["type"]).expect("a type"),
        not_null: c["notnull"] == true,
        default: text(&c["default"]),
        identity: c["identity"].as_str().and_then(|s| s.chars().next()),
        generated: c["default_kind"] == "generated",
        collation: text(&c["collation"]),
        collation_deterministic: true,
        comment: None,
        null_fraction: None,
        distinct: None,
    }
}

fn foreign_key(f: &Value) -> ForeignKey {
    let action = |v: &Value| match v.as_str() {
        Some("CASCADE") => Action::Cascade,
        Some("SET NULL") => Action::SetNull,
        Some("SET DEFAULT") => Action::SetDefault,
        Some("RESTRICT") => Action::Restrict,
        _ => Action::NoAction,
    };
    ForeignKey {
        name: ident(&f["name"]),
        columns: idents(&f["columns"]),
        references: name(f["ref"].as_str().expect("a table")),
        referenced_columns: idents(&f["ref_columns"]),
        on_delete: action(&f["on_delete"]),
        on_delete_columns: Vec::new(),
        on_update: action(&f["on_update"]),
        match_full: f["match"] == "FULL",
        deferrable: f["deferrable"].as_str().is_some() || f["deferrable"] == true,
        deferred: false,
        validated: f["not_valid"] != true,
        definition: String::new(),
        comment: None,
    }
}

fn index(i: &Value, columns: &[Column]) -> Index {
    Index {
        name: ident(&i["name"]),
        keys: list(&i["columns"])
            .iter()
            .filter_map(|c| c.as_str())
            .map(|sql| IndexKey {
                column: columns
                    .iter()
                    .find(|c| c.name.as_str() == sql || c.name.quoted() == sql)
                    .map(|c| c.name.clone()),
                sql: sql.to_owned(),
                descending: false,
            })
            .collect(),
        include: Vec::new(),
        method: text(&i["method"]).unwrap_or_else(|| "btree".into()),
        unique: i["unique"] == true,
        nulls_not_distinct: i["nulls_not_distinct"] == true,
        of_constraint: false,
        valid: true,
        predicate: text(&i["where"]),
        definition: text(&i["def"]).unwrap_or_default(),
        clustered: false,
        comment: None,
        bytes: 0,
        leakproof: None,
    }
}
