//! Every hazard is found where it is, and no longer where it is cured; and each has its page.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::sketch;
use tenantry_blueprint::catalog::Catalog;
use tenantry_blueprint::classify::classify;
use tenantry_blueprint::hazards;
use tenantry_blueprint::registry::Registry;

/// A small application without any hazard that the cases below ask for.
const CLEAN: &str = "
    teams: id uuid pk, name text!
    users: id uuid pk, nickname text!, password_changed_at timestamptz
    team_users: team_id uuid! >> teams, user_id uuid! >> users, role text, pk(team_id, user_id)
    projects: id uuid pk, team_id uuid! >> teams, name text!, unique(team_id, id)
    tasks: id uuid pk, team_id uuid! >> teams, project_id uuid!, title text!, fk(team_id, id > projects)
    countries: code text pk, name text!
    rooms: id uuid pk, team_id uuid! >> teams, country text
";

fn catalog(change: impl FnOnce(&mut Value)) -> Catalog {
    let mut value = serde_json::to_value(sketch::catalog(CLEAN)).unwrap();
    change(&mut value);
    serde_json::from_value(value).unwrap()
}

/// The part of a catalog's JSON that describes a table.
fn table<'v>(catalog: &'v mut Value, name: &str) -> &'v mut Value {
    let full = format!("public.{name}");
    catalog["tables"].as_array_mut().unwrap().iter_mut().find(|t| t["name"] == full).unwrap()
}

fn push(value: &mut Value, item: Value) {
    value.as_array_mut().unwrap().push(item);
}

fn found(catalog: &Catalog, registry: &Registry) -> BTreeSet<(String, String)> {
    let classes = classify(catalog, registry);
    hazards::find(catalog, &classes, registry).into_iter().map(|f| (f.id, f.object)).collect()
}

fn function(name: &str) -> Value {
    json!({"name": format!("public.{name}"), "arguments": "", "owner": "app", "language": "sql", "returns": "integer", "kind": "f", "volatility": "s"})
}

fn column(name: &str, data_type: &str) -> Value {
    json!({"name": name, "type": data_type})
}

type Change = fn(&mut Value);

/// (hazard, object, the change that brings it, a further change that cures it)
const CASES: &[(&str, &str, Change, Change)] = &[
    (
        "cascade-from-shared-parent",
        "public.rooms.rooms_country",
        |c| {
            push(
                &mut table(c, "rooms")["foreign_keys"],
                json!({"name": "rooms_country", "columns": ["country"], "references": "public.countries", "referenced_columns": ["code"], "on_delete": "cascade"}),
            );
        },
        |c| table(c, "rooms")["foreign_keys"][1]["on_delete"] = json!("restrict"),
    ),
    (
        "dangerous-extension",
        "dblink",
        |c| c["extensions"] = json!([{"name": "dblink", "schema": "public", "version": "1.2"}]),
        |c| c["extensions"] = json!([{"name": "pgcrypto", "schema": "public", "version": "1.3"}]),
    ),
    (
        "default-privileges",
        "app in schema public",
        |c| c["default_acls"] = json!([{"role": "app", "schema": "public", "object_type": "r", "acl": ["=r/app"]}]),
        |c| {
            c["default_acls"] =
                json!([{"role": "app", "schema": "public", "object_type": "r", "acl": ["web=arwd/app"]}])
        },
    ),
    (
        "definer-function",
        "public.all_tasks()",
        |c| {
            let mut f = function("all_tasks");
            f["security_definer"] = json!(true);
            f["search_path"] = json!("pg_catalog, pg_temp");
            c["functions"] = json!([f]);
        },
        |c| c["functions"][0]["security_definer"] = json!(false),
    ),
    (
        "definer-function",
        "public.on_task()",
        |c| {
            let mut f = function("on_task");
            f["security_definer"] = json!(true);
            f["returns"] = json!("trigger");
            f["search_path"] = json!("public");
            c["functions"] = json!([f]);
        },
        |c| c["functions"][0]["search_path"] = json!("public, pg_temp"),
    ),
    (
        "excessive-grants",
        "public.tasks to web",
        |c| table(c, "tasks")["acl"] = json!(["app=arwdDxt/app", "web=arwdDxt/app"]),
        |c| table(c, "tasks")["acl"] = json!(["app=arwdDxt/app", "web=arwd/app"]),
    ),
    (
        "excessive-grants",
        "public.tasks",
        |c| table(c, "tasks")["acl"] = json!(["app=arwdDxt/app", "=r/app"]),
        |c| table(c, "tasks")["acl"] = Value::Null,
    ),
    (
        "exclusion-without-tenant",
        "public.rooms.no_overlap",
        |c| table(c, "rooms")["exclusions"] = json!([{"name": "no_overlap", "definition": "", "columns": ["country"]}]),
        |c| {
            table(c, "rooms")["exclusions"] =
                json!([{"name": "no_overlap", "definition": "", "columns": ["team_id", "country"]}])
        },
    ),
    (
        "existing-policy",
        "public.tasks.mine",
        |c| {
            table(c, "tasks")["rls_enabled"] = json!(true);
            table(c, "tasks")["policies"] = json!([{"name": "mine", "permissive": true, "command": "*", "roles": ["public"], "using": "(team_id = (current_setting('app.team'))::uuid)"}]);
        },
        |c| table(c, "tasks")["policies"][0]["name"] = json!("tenantry_tenant"),
    ),
    (
        "existing-policy",
        "public.tasks",
        |c| table(c, "tasks")["policies"] = json!([{"name": "mine", "permissive": true, "command": "*", "roles": ["public"], "using": "(id IS NOT NULL)"}]),
        |c| table(c, "tasks")["rls_enabled"] = json!(true),
    ),
    (
        "foreign-key-without-tenant",
        "public.tasks.tasks_room",
        |c| {
            push(&mut table(c, "tasks")["columns"], column("room_id", "uuid"));
            push(
                &mut table(c, "tasks")["foreign_keys"],
                json!({"name": "tasks_room", "columns": ["room_id"], "references": "public.rooms", "referenced_columns": ["id"]}),
            );
        },
        |c| {
            let n = table(c, "tasks")["foreign_keys"].as_array().unwrap().len() - 1;
            table(c, "tasks")["foreign_keys"][n]["columns"] = json!(["team_id", "room_id"]);
            table(c, "tasks")["foreign_keys"][n]["referenced_columns"] = json!(["team_id", "id"]);
        },
    ),
    (
        "foreign-table",
        "public.rooms",
        |c| table(c, "rooms")["kind"] = json!("foreign"),
        |c| table(c, "rooms")["kind"] = json!("table"),
    ),
    ("large-objects", "database", |c| c["large_objects"] = json!(3), |c| c["large_objects"] = json!(0)),
    (
        "large-objects",
        "public.tasks.file",
        |c| push(&mut table(c, "tasks")["columns"], column("file", "oid")),
        |c| table(c, "tasks")["columns"][4]["type"] = json!("bytea"),
    ),
    (
        "leakproof-wrongly",
        "public.same()",
        |c| {
            let mut f = function("same");
            f["leakproof"] = json!(true);
            c["functions"] = json!([f]);
        },
        |c| c["functions"][0]["leakproof"] = json!(false),
    ),
    (
        "login-owns-tables",
        "app",
        |c| c["roles"] = json!([{"name": "app", "login": true}]),
        |c| c["roles"][0]["login"] = json!(false),
    ),
    (
        "lookup-needed",
        "public.projects.api_key",
        |c| {
            push(&mut table(c, "projects")["columns"], column("api_key", "text"));
            push(&mut table(c, "projects")["uniques"], json!({"name": "projects_api_key", "columns": ["api_key"]}));
        },
        |c| table(c, "projects")["uniques"][1]["columns"] = json!(["team_id", "api_key"]),
    ),
    (
        "materialized-view",
        "public.totals",
        |c| {
            c["views"] =
                json!([{"name": "public.totals", "owner": "app", "materialized": true, "depends_on": ["public.tasks"]}])
        },
        |c| c["views"][0]["depends_on"] = json!(["public.countries"]),
    ),
    (
        "non-leakproof-index",
        "public.tasks.by_title",
        |c| {
            table(c, "tasks")["indexes"] =
                json!([{"name": "by_title", "method": "btree", "keys": [{"sql": "lower(title)"}]}])
        },
        |c| {
            table(c, "tasks")["indexes"] =
                json!([{"name": "by_title", "method": "btree", "keys": [{"column": "title", "sql": "title"}]}])
        },
    ),
    (
        "non-leakproof-index",
        "public.tasks.by_state",
        |c| {
            c["enums"] = json!(["public.state"]);
            push(&mut table(c, "tasks")["columns"], column("state", "public.state"));
            table(c, "tasks")["indexes"] =
                json!([{"name": "by_state", "method": "btree", "keys": [{"column": "state", "sql": "state"}]}]);
        },
        |c| table(c, "tasks")["indexes"][0]["leakproof"] = json!(true),
    ),
    (
        "nondeterministic-tenant-column",
        "public.teams.id",
        |c| {
            table(c, "teams")["columns"][0]["type"] = json!("text");
            table(c, "teams")["columns"][0]["collation_deterministic"] = json!(false);
        },
        |c| table(c, "teams")["columns"][0]["collation_deterministic"] = json!(true),
    ),
    (
        "nullable-tenant",
        "public.rooms.team_id",
        |c| table(c, "rooms")["columns"][1]["not_null"] = json!(false),
        |c| table(c, "rooms")["columns"][1]["not_null"] = json!(true),
    ),
    (
        "on-update-cascade",
        "public.tasks.fk1",
        |c| table(c, "tasks")["foreign_keys"][1]["on_update"] = json!("cascade"),
        |c| table(c, "tasks")["foreign_keys"][1]["on_update"] = json!("restrict"),
    ),
    (
        "on-update-cascade",
        "public.teams",
        |c| table(c, "rooms")["foreign_keys"][0]["on_update"] = json!("cascade"),
        |c| table(c, "rooms")["foreign_keys"][0]["on_update"] = json!("no-action"),
    ),
    (
        "partition-without-policy",
        "public.tasks_2026",
        |c| {
            let mut part = table(c, "tasks").clone();
            part["name"] = json!("public.tasks_2026");
            part["kind"] = json!("partition");
            part["parents"] = json!(["public.tasks"]);
            push(&mut c["tables"], part);
            table(c, "tasks")["kind"] = json!("partitioned");
            table(c, "tasks")["rls_enabled"] = json!(true);
        },
        |c| {
            let part = table(c, "tasks_2026");
            part["rls_enabled"] = json!(true);
            part["policies"] = json!([{"name": "tenantry_base", "permissive": true, "command": "*", "roles": ["public"], "using": "true"}]);
        },
    ),
    (
        "personal-data-in-shared-table",
        "public.users",
        |c| push(&mut table(c, "users")["columns"], column("email", "text")),
        |c| table(c, "users")["columns"][3]["name"] = json!("colour"),
    ),
    (
        "polymorphic-reference",
        "public.tasks.subject_id",
        |c| {
            push(&mut table(c, "tasks")["columns"], column("subject_type", "text"));
            push(&mut table(c, "tasks")["columns"], column("subject_id", "uuid"));
        },
        |c| table(c, "tasks")["columns"][4]["name"] = json!("colour"),
    ),
    (
        "publication-without-filter",
        "feed",
        |c| c["publications"] = json!([{"name": "feed", "tables": [["public.tasks", false]]}]),
        |c| {
            c["publications"] =
                json!([{"name": "feed", "tables": [["public.tasks", true], ["public.countries", false]]}])
        },
    ),
    (
        "rls-enabled-no-policy",
        "public.tasks",
        |c| table(c, "tasks")["rls_enabled"] = json!(true),
        |c| table(c, "tasks")["rls_enabled"] = json!(false),
    ),
    (
        "rule-on-table",
        "public.tasks",
        |c| table(c, "tasks")["rules"] = json!(["copy_away"]),
        |c| table(c, "tasks")["rules"] = json!([]),
    ),
    (
        "secret-in-setting",
        "app.jwt_secret",
        |c| c["stored_settings"] = json!([{"role": null, "name": "app.jwt_secret"}]),
        |c| c["stored_settings"] = json!([{"role": null, "name": "password_encryption"}]),
    ),
    (
        "sequence-ids",
        "public.tasks.id",
        |c| table(c, "tasks")["columns"][0]["default"] = json!("nextval('public.tasks_id_seq'::regclass)"),
        |c| table(c, "tasks")["columns"][0]["default"] = json!("gen_random_uuid()"),
    ),
    (
        "superuser-or-bypass",
        "loader",
        |c| c["roles"] = json!([{"name": "loader", "login": true, "bypass_rls": true}]),
        |c| c["roles"][0]["bypass_rls"] = json!(false),
    ),
    (
        "table-without-primary-key",
        "public.tasks",
        |c| table(c, "tasks")["primary_key"] = Value::Null,
        |c| table(c, "tasks")["primary_key"] = json!({"name": "k", "columns": ["id"]}),
    ),
    (
        "type-mismatch",
        "public.rooms.team_id",
        |c| {
            table(c, "rooms")["foreign_keys"] = json!([]);
            table(c, "rooms")["columns"][1]["type"] = json!("text");
        },
        |c| table(c, "rooms")["columns"][1]["type"] = json!("uuid"),
    ),
    (
        "unique-without-tenant",
        "public.projects.projects_name",
        |c| push(&mut table(c, "projects")["uniques"], json!({"name": "projects_name", "columns": ["name"]})),
        |c| table(c, "projects")["uniques"][1]["columns"] = json!(["team_id", "name"]),
    ),
    (
        "unique-without-tenant",
        "public.projects.projects_lower",
        |c| {
            table(c, "projects")["indexes"] =
                json!([{"name": "projects_lower", "method": "btree", "unique": true, "keys": [{"sql": "lower(name)"}]}])
        },
        |c| table(c, "projects")["indexes"][0]["unique"] = json!(false),
    ),
    (
        "view-not-invoker",
        "public.outer_view",
        |c| {
            c["views"] = json!([
                {"name": "public.inner_view", "owner": "app", "depends_on": ["public.tasks"], "security_invoker": true},
                {"name": "public.outer_view", "owner": "app", "depends_on": ["public.inner_view"]}
            ]);
        },
        |c| c["views"][1]["security_invoker"] = json!(true),
    ),
];

#[test]
fn a_clean_schema_has_no_hazard() {
    assert_eq!(found(&catalog(|_| ()), &Registry::default()), BTreeSet::new());
}

#[test]
fn each_hazard_is_found_and_its_cure_believed() {
    for (id, object, bring, cure) in CASES {
        let there = found(&catalog(bring), &Registry::default());
        assert!(there.contains(&((*id).into(), (*object).into())), "{id} on {object} is not in {there:?}");
        let cured = found(
            &catalog(|c| {
                bring(c);
                cure(c);
            }),
            &Registry::default(),
        );
        assert!(!cured.contains(&((*id).into(), (*object).into())), "{id} on {object} stays after its cure");
    }
}

#[test]
fn no_hazard_is_without_a_case() {
    let tested: BTreeSet<String> = CASES.iter().map(|(id, ..)| (*id).to_owned()).collect();
    let listed: BTreeSet<String> = hazards::ids().into_iter().collect();
    assert_eq!(tested, listed);
}

#[test]
fn pages_and_hazards_match_one_to_one() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/hazards");
    let pages: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|e| e.ok()?.file_name().to_str()?.strip_suffix(".md").map(str::to_owned))
        .filter(|n| n != "README")
        .collect();
    assert_eq!(pages, hazards::ids().into_iter().collect());
    let index = std::fs::read_to_string(format!("{folder}/README.md")).unwrap();
    for page in pages {
        let text = std::fs::read_to_string(format!("{folder}/{page}.md")).unwrap();
        for part in
            [format!("# {page}\n"), "## What it means".into(), "## How it is exploited".into(), "## What to do".into()]
        {
            assert!(text.contains(&part), "{page}.md lacks {part}");
        }
        assert!(index.contains(&format!("({page}.md)")), "README.md does not list {page}");
    }
}

#[test]
fn the_worst_comes_first() {
    let c = catalog(|c| {
        table(c, "tasks")["columns"][0]["default"] = json!("nextval('s')");
        c["views"] = json!([{"name": "public.v", "owner": "app", "depends_on": ["public.tasks"]}]);
    });
    let classes = classify(&c, &Registry::default());
    let severities: Vec<_> =
        hazards::find(&c, &classes, &Registry::default()).into_iter().map(|f| f.severity).collect();
    assert!(severities.len() >= 2 && severities.is_sorted_by(|a, b| a >= b), "{severities:?}");
}

#[test]
fn decisions_of_the_registry_settle_hazards() {
    let c = catalog(|c| {
        push(&mut table(c, "projects")["uniques"], json!({"name": "projects_name", "columns": ["name"]}));
        c["views"] = json!([{"name": "public.v", "owner": "app", "depends_on": ["public.tasks"]}]);
        table(c, "rooms")["columns"][1]["not_null"] = json!(false);
        table(c, "rooms")["kind"] = json!("foreign");
    });
    let registry = Registry::parse(
        "format = 1
        [tables.\"public.projects\"]
        class = \"direct\"
        column = \"team_id\"
        global_uniques = { projects_name = \"a public directory\" }
        [tables.\"public.rooms\"]
        class = \"direct\"
        column = \"team_id\"
        null_tenant = \"shared\"
        [views.\"public.v\"]
        access = \"none\"
        reason = \"of the operator\"
        [[accept]]
        id = \"foreign-table\"
        object = \"public.rooms\"
        reason = \"read by nobody\"",
    )
    .unwrap();
    let classes = classify(&c, &registry);
    let findings = hazards::find(&c, &classes, &registry);
    for id in ["unique-without-tenant", "view-not-invoker", "nullable-tenant"] {
        assert!(findings.iter().all(|f| f.id != id), "{id} stays");
    }
    let accepted = findings.iter().find(|f| f.id == "foreign-table").unwrap();
    assert_eq!(accepted.accepted.as_deref(), Some("read by nobody"));
}
