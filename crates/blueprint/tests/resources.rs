//! Resources in plans: what is refused and why, and that nothing changes where nothing is counted.

#![allow(clippy::unwrap_used)]

use tenantry_blueprint::catalog::Catalog;
use tenantry_blueprint::file::{Blueprint, Phase};
use tenantry_blueprint::registry::Registry;
use tenantry_blueprint::{classify, plan};

fn column(name: &str, data_type: &str, not_null: bool) -> serde_json::Value {
    serde_json::json!({"name": name, "type": data_type, "not_null": not_null})
}

fn shop() -> Catalog {
    let key = |name: &str| serde_json::json!({"name": format!("{name}_pkey"), "columns": ["id"]});
    let table = |name: &str, columns: &[serde_json::Value]| serde_json::json!({"name": format!("public.{name}"), "owner": "app", "columns": columns, "primary_key": key(name)});
    let item = table(
        "item",
        &[
            column("id", "bigint", true),
            column("shop_id", "bigint", true),
            column("size", "integer", false),
            column("price", "numeric(10,2)", false),
            column("name", "text", false),
            column("soldAt", "timestamp with time zone", false),
            column("hidden", "boolean", true),
            column("colour", "public.colour", true),
        ],
    );
    let mut part = table("part", &[column("id", "bigint", true), column("item_id", "bigint", true)]);
    part["foreign_keys"] = serde_json::json!([{"name": "part_item", "columns": ["item_id"], "references": "public.item", "referenced_columns": ["id"]}]);
    let mut held = table("held", &[column("id", "bigint", true), column("shop_id", "bigint", true)]);
    held["rls_enabled"] = true.into();
    held["policies"] = serde_json::json!([{"name": "mine", "permissive": false, "command": "*", "roles": ["public"], "using": "(id > 0)"}]);
    let mut old = table("old_item", &[column("id", "bigint", true), column("shop_id", "bigint", true)]);
    old["parents"] = serde_json::json!(["public.base_item"]);
    let base = table("base_item", &[column("id", "bigint", true), column("shop_id", "bigint", true)]);
    let log = table("log", &[column("id", "bigint", true), column("shop_id", "text", true)]);
    let colours = table("colours", &[column("id", "bigint", true)]);
    let tables = [base, colours, held, item, log, old, part, table("shop", &[column("id", "bigint", true)])];
    serde_json::from_value(serde_json::json!({
        "database": "shop", "server_version_num": 150020, "database_owner": "app",
        "schemas": [{"name": "public", "owner": "app"}], "roles": [{"name": "app", "login": true}],
        "enums": ["public.colour"], "tables": tables,
    }))
    .unwrap()
}

const SHOP: &str = r#"
format = 1
[root]
table = "public.shop"
[roles]
slots = 1
[tables]
"public.item" = { class = "direct", column = "shop_id" }
"public.part" = { class = "indirect", path = ["item_id -> public.item(id)"] }
"public.held" = { class = "direct", column = "shop_id" }
"public.base_item" = { class = "direct", column = "shop_id" }
"public.old_item" = { class = "direct", column = "shop_id" }
"public.log" = { class = "direct", column = "shop_id" }
"public.colours" = { class = "shared" }
"#;

fn planned(resources: &str) -> Blueprint {
    let catalog = shop();
    let registry = Registry::parse(&format!("{SHOP}{resources}")).unwrap();
    plan::plan(&catalog, &classify::classify(&catalog, &registry), &registry, &plan::Options::default())
}

/// What the plan says of one resource that cannot be counted.
fn refusal(entry: &str) -> String {
    let blueprint = planned(&format!("[resources.things]\n{entry}\n"));
    let found = blueprint.findings.iter().find(|f| f.id == "resource-invalid");
    let found = found.unwrap_or_else(|| panic!("{entry} is not refused"));
    assert!(found.blocks && found.remedy.contains("[resources.things]"), "{found:?}");
    found.message.clone()
}

#[test]
fn nothing_changes_where_nothing_is_counted() {
    let blueprint = planned("");
    assert!(blueprint.roles.quota.is_none() && blueprint.resources.is_empty());
    assert!(!blueprint.to_json().contains("quota"), "no step, role or field of quotas");
}

#[test]
fn what_cannot_be_counted_blocks_with_the_reason() {
    for (entry, part) in [
        ("table = \"public.nothing\"", "does not exist"),
        ("table = \"public.shop\"", "tenant table"),
        ("table = \"public.colours\"", "no tenant's rows"),
        ("table = \"public.old_item\"", "inheritance"),
        ("table = \"public.base_item\"", "inheritance"),
        ("table = \"public.log\"", "type text"),
        ("table = \"public.held\"", "restrictive policy"),
        ("table = \"public.item\"\nmeasure = \"sum\"\ncolumn = \"nothing\"", "no column nothing"),
        ("table = \"public.item\"\nmeasure = \"sum\"\ncolumn = \"price\"", "only smallint, integer and bigint"),
        ("table = \"public.item\"\nwhere = \"soldAt IS NULL\"", "double quotes"),
        ("table = \"public.item\"\nwhere = '\"soldAt\" > 2024'", "time zone"),
        ("table = \"public.item\"\nwhere = \"\\\"soldAt\\\" > '2024-01-01'\"", "only with IS NULL"),
        ("table = \"public.item\"\nwhere = \"size = 'large'\"", "size is integer"),
        ("table = \"public.item\"\nwhere = \"name = 7\"", "name is text"),
        ("table = \"public.item\"\nwhere = \"name > 'a'\"", "name is text"),
        ("table = \"public.item\"\nwhere = \"name\"", "no condition by itself"),
    ] {
        let said = refusal(entry);
        assert!(said.contains(part), "{entry}: {said}");
    }
    let twins = planned("[resources.Items]\ntable = \"public.item\"\n[resources.items]\ntable = \"public.item\"\n");
    assert_eq!(
        twins.findings.iter().filter(|f| f.id == "resource-invalid").count(),
        2,
        "names differ by capitals only"
    );
    let by_policy = SHOP.replace(
        "path = [\"item_id -> public.item(id)\"]",
        "path = [\"item_id -> public.item(id)\"], method = \"policy\"",
    );
    let registry = Registry::parse(&format!("{by_policy}[resources.parts]\ntable = \"public.part\"\n")).unwrap();
    let catalog = shop();
    let blueprint =
        plan::plan(&catalog, &classify::classify(&catalog, &registry), &registry, &plan::Options::default());
    let found = blueprint.findings.iter().find(|f| f.id == "resource-invalid").unwrap();
    assert!(found.message.contains("no tenant column"), "{}", found.message);
}

#[test]
fn the_steps_of_resources_are_in_order_and_read_what_they_count_only() {
    let blueprint = planned(
        "[resources.parts]\ntable = \"public.part\"\n[resources.items]\ntable = \"public.item\"\nwhere = \"NOT hidden AND colour IN ('red', 'it''s 5 %')\"\nlimit = 5\n",
    );
    let open: Vec<_> = blueprint.blocking().filter(|f| f.id.starts_with("resource")).collect();
    assert!(open.is_empty(), "{open:?}");
    let steps: Vec<&str> = blueprint.steps.iter().filter(|s| s.kind.contains("quota")).map(|s| s.id.as_str()).collect();
    assert_eq!(
        steps,
        [
            "quota-tables",
            "quota-guards:items",
            "quota-guards:parts",
            "quota-seed:items",
            "quota-seed:parts",
            "complete-quota-limits:items"
        ]
    );
    let limits = blueprint.steps.iter().find(|s| s.kind == "complete-quota-limits").unwrap();
    assert_eq!(limits.phase, Phase::Complete);
    let keeper: Vec<&String> = blueprint
        .steps
        .iter()
        .filter(|s| s.kind == "keeper-grants")
        .flat_map(|s| &s.up)
        .filter(|sql| sql.contains("\"item\""))
        .collect();
    assert_eq!(
        keeper,
        [&r#"GRANT SELECT ("id", "shop_id", "hidden", "colour") ON TABLE "public"."item" TO "shop_tenantry""#
            .to_owned()]
    );
    let soft = blueprint.resources.iter().map(|r| r.soft.is_some()).collect::<Vec<_>>();
    assert_eq!(soft, [false, false], "no single column decides");
    let guards = blueprint.steps.iter().find(|s| s.id == "quota-guards:items").unwrap();
    insta::assert_snapshot!(guards.up.join(";\n"));
}
