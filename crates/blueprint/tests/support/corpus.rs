//! A catalog from a corpus catalogue (`tenantry-corpus/1`). The corpus stays outside the project.

use std::path::PathBuf;

use serde_json::{Value, json};
use tenantry_blueprint::catalog::*;

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

fn list(v: &Value) -> &[Value] {
    v.as_array().map_or(&[], Vec::as_slice)
}

/// A value from its JSON form, so that a field the catalog gains later needs no change here.
fn built<T: serde::de::DeserializeOwned>(v: Value) -> T {
    serde_json::from_value(v).expect("a good catalog")
}

fn catalog(v: &Value) -> Catalog {
    let tables: Vec<Table> = v["tables"].as_object().expect("tables").iter().map(|(n, t)| table(n, t)).collect();
    let views: Vec<Value> = v["views"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(n, x)| {
            let columns: Vec<&Value> = list(&x["columns"]).iter().map(|c| &c[0]).collect();
            json!({
                "name": n, "owner": "app", "materialized": x["materialized"] == true,
                "security_invoker": x["security_invoker"] == true, "columns": columns, "depends_on": list(&x["depends_on"]),
            })
        })
        .collect();
    let functions: Vec<Value> = list(&v["functions"])
        .iter()
        .map(|f| {
            json!({
                "name": f["name"], "arguments": f["args"], "owner": "app", "language": f["language"], "returns": f["returns"],
                "kind": "f", "security_definer": f["security_definer"] == true,
                "volatility": f["volatility"].as_str().unwrap_or("v")[..1],
            })
        })
        .collect();
    let schemas: Vec<Value> = list(&v["schemas"]).iter().map(|s| json!({"name": s, "owner": "app"})).collect();
    let extensions: Vec<Value> = list(&v["extensions"])
        .iter()
        .map(|e| json!({"name": e["name"], "schema": e["schema"], "version": ""}))
        .collect();
    Catalog {
        database: v["app"]["name"].as_str().unwrap_or_default().to_owned(),
        server_version_num: v["server_version"].as_str().and_then(|s| s.parse().ok()).unwrap_or(150_020),
        schemas: built(json!(schemas)),
        tables,
        views: built(json!(views)),
        functions: built(json!(functions)),
        extensions: built(json!(extensions)),
        ..Catalog::default()
    }
}

fn table(n: &str, t: &Value) -> Table {
    let flag = |v: &Value| *v == true;
    let key = |k: &Value| json!({"name": k["name"], "columns": k["columns"], "deferrable": flag(&k["deferrable"]), "nulls_not_distinct": flag(&k["nulls_not_distinct"])});
    let primary_key = if t["primary_key"].is_object() { key(&t["primary_key"]) } else { Value::Null };
    let uniques: Vec<Value> = list(&t["unique_constraints"]).iter().map(key).collect();
    let names: Vec<&str> = list(&t["columns"]).iter().filter_map(|c| c["name"].as_str()).collect();
    let behind = std::iter::once(&primary_key).chain(&uniques).filter(|k| k.is_object()).map(|k| {
        let keys: Vec<Value> = list(&k["columns"]).iter().map(|c| json!({"column": c, "sql": c})).collect();
        json!({"name": k["name"], "keys": keys, "method": "btree", "unique": true, "of_constraint": true})
    });
    let bare = list(&t["indexes"]).iter().map(|i| index(i, &names));
    let indexes: Vec<Value> = behind.chain(bare).collect();
    let columns: Vec<Value> = list(&t["columns"])
        .iter()
        .map(|c| {
            json!({
                "name": c["name"], "type": c["type"], "not_null": flag(&c["notnull"]), "default": c["default"],
                "generated": c["default_kind"] == "generated", "collation": c["collation"],
            })
        })
        .collect();
    let policies: Vec<Value> = list(&t["policies"])
        .iter()
        .map(|p| {
            json!({"name": p["name"], "permissive": !flag(&p["restrictive"]), "command": "*", "roles": p["roles"], "using": p["using"], "check": p["check"]})
        })
        .collect();
    let exclusions: Vec<Value> = list(&t["exclusions"])
        .iter()
        .map(|c| json!({"name": c["name"], "definition": c["def"].as_str().unwrap_or_default(), "columns": list(&c["columns"])}))
        .collect();
    built(json!({
        "name": n, "owner": "app", "kind": t["kind"].as_str().unwrap_or("table"),
        "parents": t["partition_of"].as_str().into_iter().collect::<Vec<_>>(),
        "partition_key": t["partition_key"], "partition_bound": t["partition_bound"], "columns": columns,
        "primary_key": primary_key, "uniques": uniques, "indexes": indexes, "policies": policies, "exclusions": exclusions,
        "foreign_keys": list(&t["foreign_keys"]).iter().map(foreign_key).collect::<Vec<_>>(),
        "rls_enabled": flag(&t["rls"]["enabled"]), "rls_forced": flag(&t["rls"]["forced"]),
    }))
}

fn foreign_key(f: &Value) -> Value {
    let action = |v: &Value| v.as_str().unwrap_or("NO ACTION").to_lowercase().replace(' ', "-");
    json!({
        "name": f["name"], "columns": f["columns"], "references": f["ref"], "referenced_columns": f["ref_columns"],
        "on_delete": action(&f["on_delete"]), "on_update": action(&f["on_update"]),
        "match_full": f["match"] == "FULL", "validated": f["not_valid"] != true,
    })
}

fn index(i: &Value, columns: &[&str]) -> Value {
    let keys: Vec<Value> = list(&i["columns"])
        .iter()
        .filter_map(|c| c.as_str())
        .map(|sql| json!({"column": columns.iter().find(|c| **c == sql || format!("\"{c}\"") == sql), "sql": sql}))
        .collect();
    json!({
        "name": i["name"], "keys": keys, "method": i["method"].as_str().unwrap_or("btree"), "unique": i["unique"] == true,
        "predicate": i["where"], "definition": i["def"].as_str().unwrap_or_default(),
    })
}
