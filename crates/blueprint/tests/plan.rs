//! Plans of small catalogs with one special case each: what they decide, what they ask, and what they refuse.

#![allow(clippy::unwrap_used)]

use tenantry_blueprint::catalog::Catalog;
use tenantry_blueprint::file::{Blueprint, ReadBlueprintError, Run};
use tenantry_blueprint::registry::Registry;
use tenantry_blueprint::{classify, plan};

/// A catalog from its JSON form, for PostgreSQL 15.
fn catalog(tables: serde_json::Value) -> Catalog {
    serde_json::from_value(serde_json::json!({
        "database": "shop", "server_version_num": 150020, "database_owner": "app",
        "schemas": [{"name": "public", "owner": "app"}],
        "roles": [{"name": "app", "login": true}],
        "tables": tables,
    }))
    .unwrap()
}

fn column(name: &str, data_type: &str, not_null: bool) -> serde_json::Value {
    serde_json::json!({"name": name, "type": data_type, "not_null": not_null})
}

fn table(name: &str, columns: &[serde_json::Value]) -> serde_json::Value {
    serde_json::json!({
        "name": format!("public.{name}"), "owner": "app", "columns": columns,
        "primary_key": {"name": format!("{name}_pkey"), "columns": ["id"]},
    })
}

fn planned(catalog: &Catalog, decisions: &str) -> Blueprint {
    let registry = Registry::parse(&format!("format = 1\n[roles]\nslots = 1\n{decisions}")).unwrap();
    let classification = classify::classify(catalog, &registry);
    plan::plan(catalog, &classification, &registry, &plan::Options::default())
}

fn shop() -> Catalog {
    let mut order = table("orders", &[column("id", "bigint", true), column("customer_id", "bigint", true)]);
    order["foreign_keys"] = serde_json::json!([{
        "name": "orders_customer", "columns": ["customer_id"], "references": "public.customers",
        "referenced_columns": ["id"], "on_delete": "set-null", "definition": "FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE SET NULL"
    }]);
    let mut customer = table(
        "customers",
        &[column("id", "bigint", true), column("tenant_id", "uuid", true), column("code", "text", true)],
    );
    customer["uniques"] =
        serde_json::json!([{"name": "customers_code", "columns": ["code"], "definition": "UNIQUE (code)"}]);
    customer["indexes"] = serde_json::json!([{
        "name": "customers_code", "keys": [{"column": "code", "sql": "code"}], "method": "btree", "unique": true,
        "of_constraint": true, "definition": "CREATE UNIQUE INDEX customers_code ON public.customers USING btree (code)"
    }]);
    customer["foreign_keys"] = serde_json::json!([{
        "name": "customers_tenant", "columns": ["tenant_id"], "references": "public.tenants", "referenced_columns": ["id"]
    }]);
    catalog(serde_json::json!([customer, order, table("tenants", &[column("id", "uuid", true)])]))
}

const SHOP: &str = r#"
[root]
table = "public.tenants"
[tables."public.customers"]
class = "direct"
column = "tenant_id"
[tables."public.orders"]
class = "indirect"
path = ["customer_id -> public.customers(id)"]
"#;

/// The statements of every step of a kind, forward and back.
fn sql(blueprint: &Blueprint, kind: &str) -> (Vec<String>, Vec<String>) {
    let steps = blueprint.steps.iter().filter(|s| s.kind == kind);
    steps.fold((Vec::new(), Vec::new()), |(mut up, mut down), s| {
        up.extend(s.up.iter().cloned());
        down.extend(s.down.iter().cloned());
        (up, down)
    })
}

#[test]
fn a_child_gets_the_column_and_a_key_that_holds_it() {
    let blueprint = planned(&shop(), SHOP);
    let open: Vec<_> = blueprint.blocking().collect();
    assert!(open.is_empty(), "{open:?}");
    let (up, down) = sql(&blueprint, "tenant-column");
    assert_eq!(up[0], r#"ALTER TABLE "public"."orders" ADD COLUMN "tenantry_tenant_id" uuid"#);
    assert_eq!(
        down.last().unwrap(),
        r#"ALTER TABLE IF EXISTS "public"."orders" DROP COLUMN IF EXISTS "tenantry_tenant_id""#
    );
    let (up, _) = sql(&blueprint, "composite-foreign-key");
    assert_eq!(
        up[0],
        r#"DO $tenantry$ BEGIN IF to_regclass('"public"."customers"') IS NOT NULL THEN LOCK TABLE "public"."customers" IN SHARE ROW EXCLUSIVE MODE; END IF; END $tenantry$"#,
        "the parent is locked before the child, as applications do"
    );
    assert_eq!(
        up[1],
        r#"ALTER TABLE "public"."orders" ADD CONSTRAINT "orders_customer_tenantry" FOREIGN KEY ("tenantry_tenant_id", "customer_id") REFERENCES "public"."customers" ("tenant_id", "id") ON DELETE SET NULL ("customer_id") NOT VALID"#
    );
    let (up, _) = sql(&blueprint, "complete-foreign-keys");
    assert_eq!(up.len(), 2);
    assert!(up[0].contains(r#"LOCK TABLE "public"."customers" IN ACCESS EXCLUSIVE MODE"#), "{}", up[0]);
    assert!(up[1].contains("DROP CONSTRAINT"), "the key without the tenant goes");
    let backfill = blueprint.steps.iter().find(|s| s.kind == "backfill").unwrap();
    assert!(matches!(&backfill.run, Run::Backfill { column, .. } if column.as_str() == "tenantry_tenant_id"));
    assert!(backfill.up[0].contains("ctid >= $1") && backfill.up[0].contains("ctid < $2"));
}

#[test]
fn a_guessable_unique_key_gets_the_tenant_and_a_secret_one_stays() {
    let blueprint = planned(&shop(), SHOP);
    let (up, _) = sql(&blueprint, "tenant-unique");
    assert_eq!(
        up,
        [
            r#"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "customers_code_tenantry" ON "public"."customers" USING btree ("tenant_id", "code")"#
        ]
    );
    let kept = SHOP.replace(
        "column = \"tenant_id\"",
        "column = \"tenant_id\"\nglobal_uniques = { customers_code = \"printed on cards\" }",
    );
    let blueprint = planned(&shop(), &kept);
    assert!(sql(&blueprint, "tenant-unique").0.is_empty());
    let customers = "public.customers".parse().unwrap();
    assert_eq!(blueprint.kept_global(&customers, &"customers_code".parse().unwrap()), Some("printed on cards"));
}

#[test]
fn shared_rows_are_read_by_all_and_written_by_none() {
    let mut shop = shop();
    shop.tables[0].columns[1].not_null = false;
    let asked = planned(&shop, SHOP);
    assert!(asked.blocking().any(|f| f.id == "nullable-tenant" && f.object == "public.customers"), "the plan asks");
    let shared = SHOP.replace("column = \"tenant_id\"", "column = \"tenant_id\"\nnull_tenant = \"shared\"");
    let (up, _) = sql(&planned(&shop, &shared), "policies");
    let of =
        |name: &str| up.iter().find(|s| s.contains(&format!("POLICY \"{name}\" ON \"public\".\"customers\""))).unwrap();
    assert!(of("tenantry_tenant").contains(r#""tenant_id" IS NULL"#));
    assert!(!of("tenantry_tenant_update").contains("IS NULL") && !of("tenantry_tenant_delete").contains("IS NULL"));
}

#[test]
fn every_script_and_file_is_the_same_each_time_and_damage_is_seen() {
    let (one, two) = (planned(&shop(), SHOP), planned(&shop(), SHOP));
    assert_eq!((one.to_json(), one.up_sql(), one.down_sql()), (two.to_json(), two.up_sql(), two.down_sql()));
    let text = one.to_json();
    assert!(matches!(Blueprint::from_json(&text[..text.len() / 2]), Err(ReadBlueprintError::Syntax(_))));
    assert!(matches!(Blueprint::from_json(&text.replace("orders", "others")), Err(ReadBlueprintError::Checksum)));
    assert!(matches!(
        Blueprint::from_json(&text.replacen("\"format\": 1", "\"format\": 9", 1)),
        Err(ReadBlueprintError::Format { found: 9 })
    ));
    assert!(matches!(Blueprint::from_json("{}"), Err(ReadBlueprintError::NotABlueprint)));
}

#[test]
fn what_cannot_be_planned_blocks() {
    let none = planned(&catalog(serde_json::json!([table("notes", &[column("id", "bigint", true)])])), "");
    assert!(none.blocking().any(|f| f.id == "no-root"));
    let mut taken = shop();
    taken.roles.push(serde_json::from_value(serde_json::json!({"name": "shop_rt"})).unwrap());
    assert!(planned(&taken, SHOP).blocking().any(|f| f.id == "role-exists" && f.object == "shop_rt"));
    let mut typed = shop();
    typed.tables[0].columns[1].data_type = "citext".into();
    assert!(planned(&typed, SHOP).blocking().any(|f| f.id == "tenant-key-type"));
    let lookup = format!(
        "{SHOP}\n[[lookups]]\nname = \"x\"\ntable = \"public.orders\"\nmatch = [\"customer_id\"]\nreturns = [\"id\"]\nreason = \"y\"\n"
    );
    assert!(planned(&shop(), &lookup).blocking().any(|f| f.id == "lookup-invalid"));
}
