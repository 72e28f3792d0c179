//! The registry file: what it keeps, what it refuses, what it finds out of step with the database.

#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

mod support;

use support::sketch::{self, catalog, name};
use tenantry_blueprint::catalog::Catalog;
use tenantry_blueprint::classify::{Class, NullTenant, classify};
use tenantry_blueprint::registry::{Access, Registry, json_schema};

const TEAMS: &str = "
    teams: id uuid pk, name text!
    users: id uuid pk, email text! unique, password text
    team_users: team_id uuid! >> teams, user_id uuid! >> users, role text, pk(team_id, user_id)
    projects: id uuid pk, team_id uuid! >> teams, name text!
    tasks: id uuid pk, project_id uuid! >> projects, title text!
    notes: id uuid pk, task_id uuid, body text!
    templates: id uuid pk, team_id uuid >> teams, name text!
    things: id uuid pk, case_ref text, body text
    schema_migrations: version text pk
";

fn ids(catalog: &Catalog, registry: &Registry) -> Vec<(String, String)> {
    let found = classify(catalog, registry);
    registry.check(catalog, &found).into_iter().map(|f| (f.id, f.object)).collect()
}

#[test]
fn a_file_survives_reading_and_writing() {
    let catalog = catalog(TEAMS);
    let found = classify(&catalog, &Registry::default());
    let registry = Registry::from_classification(&found);
    let text = registry.render_with(&found);
    let read = Registry::parse(&text).unwrap();
    assert_eq!(read, registry);
    assert_eq!(read.render(), registry.render());
    assert_eq!(Registry::parse(&registry.render()).unwrap(), registry);
}

#[test]
fn every_key_survives_reading_and_writing() {
    let text = r#"format = 1
        [root]
        table = "public.teams"
        key = "id"
        parent = "parent_id"
        create = true
        [scope]
        table = "public.units"
        column = "unit_id"
        [roles]
        slots = 3
        keep = { analyst = "reads reports", "odd role" = "old" }
        [tool]
        database_url = "postgres://localhost/x"
        format = "json"
        credentials = "c.toml"
        allow_old_server = true
        [tables."public.a"]
        class = "indirect"
        scope_column = ""
        path = ["b_id -> public.b(id)"]
        null_tenant = "never"
        method = "policy"
        access = "read"
        global_uniques = { a_key = "random", "odd key" = "random too" }
        reason = "line one\nline two"
        [views."public.v"]
        access = "none"
        reason = "not needed"
        [functions."public.f(integer)"]
        access = "write"
        reason = "reads nothing"
        [[lookups]]
        name = "by_key"
        table = "public.keys"
        match = ["hash"]
        returns = ["team_id"]
        reason = "first"
        [resources.files]
        table = "public.files"
        where = "\"deletedAt\" IS NULL"
        measure = "sum"
        column = "bytes"
        limit = 1000
        [resources.messages]
        table = "public.messages"
        measure = "monthly"
        strict = true
        [[accept]]
        id = "foreign-table"
        object = "*"
        reason = "read only"
        [gateway]
        listen = ["127.0.0.1:8080"]
        [proxy]
        listen = ["127.0.0.1:6432"]
        workers = 2
        [proxy.databases."a database"]
        credentials = "credentials.json"
        [proxy.logins.app]
        admin = true
        [control]
        listen = "127.0.0.1:8080"
        directory = "tenants.json"
        [cache.invalidations."public.a"]
        tenant = "team_id"
        drop = ["a:{id}", "as:*"]"#;
    let registry = Registry::parse(text).unwrap();
    let written = registry.render();
    assert_eq!(Registry::parse(&written).unwrap(), registry, "{written}");
    let value: serde_json::Value = serde_json::to_value(&registry).unwrap();
    let schema = json_schema();
    for key in schema["properties"].as_object().unwrap().keys() {
        assert!(value.get(key).is_some(), "this test says nothing of `{key}`");
    }
}

#[test]
fn reasons_and_questions_stand_as_comments() {
    let catalog = catalog(TEAMS);
    let found = classify(&catalog, &Registry::default());
    let text = Registry::from_classification(&found).render_with(&found);
    assert!(text.contains("# foreign key `team_id` to the root public.teams"), "{text}");
    let things = text.split("[tables.\"public.things\"]").nth(1).unwrap();
    assert!(things.trim_start().starts_with('#') && things.contains("# QUESTION: "), "{things}");
    assert!(text.contains("path = [\"task_id -> public.tasks(id)\""), "a path that only names imply is written down");
}

#[test]
fn strange_names_survive() {
    let mut catalog = catalog(
        "teams: id uuid pk, name text!\na: id uuid pk, team_id uuid! > teams\nb: id uuid pk, team_id uuid! > teams",
    );
    catalog.tables[0].name.name = sketch::ident("we\"ird. täble\\");
    let found = classify(&catalog, &Registry::default());
    let registry = Registry::from_classification(&found);
    let read = Registry::parse(&registry.render_with(&found)).unwrap();
    assert!(read.table(&catalog.tables[0].name).is_some(), "{}", registry.render());
}

#[test]
fn decisions_win_over_rules() {
    let catalog = catalog(TEAMS);
    let text = "format = 1
        [tables.\"public.things\"]
        class = \"shared\"
        reason = \"a word list\"
        [tables.\"public.templates\"]
        class = \"direct\"
        column = \"team_id\"
        null_tenant = \"shared\"
        [tables.\"public.notes\"]
        class = \"indirect\"
        path = [\"task_id -> public.tasks(id)\", \"project_id -> public.projects(id)\"]
        null_tenant = \"orphan\"";
    let registry = Registry::parse(text).unwrap();
    assert_eq!(registry.tables["public.templates"].null_tenant, Some(NullTenant::Shared));
    let found = classify(&catalog, &registry);
    let things = found.verdict(&name("things")).unwrap();
    assert_eq!((things.class, things.registered, things.question.as_deref()), (Class::Shared, true, None));
    assert_eq!(found.verdict(&name("templates")).unwrap().question, None, "the meaning of NULL is settled");
    let notes = found.verdict(&name("notes")).unwrap();
    assert_eq!(notes.path.len(), 2);
    assert!(notes.path[1].enforced && !notes.path[0].enforced);
}

#[test]
fn an_undecided_null_is_asked_about() {
    let found = classify(&catalog(TEAMS), &Registry::default());
    let question = found.verdict(&name("templates")).unwrap().question.clone().unwrap();
    assert!(question.contains("team_id") && question.contains("null_tenant"), "{question}");
}

#[test]
fn merging_keeps_decisions_and_adds_what_is_new() {
    let catalog = catalog(TEAMS);
    let found = classify(&catalog, &Registry::default());
    let mut old = Registry::from_classification(&found);
    old.tables.remove("public.notes");
    let things = old.tables.get_mut("public.things").unwrap();
    (things.class, things.reason, things.access) = (Class::Shared, Some("a word list".into()), Some(Access::Read));
    let merged = old.merge(&classify(&catalog, &old));
    assert_eq!(merged.tables["public.things"], old.tables["public.things"]);
    assert!(merged.tables.contains_key("public.notes"));
    assert_eq!(merged.merge(&classify(&catalog, &merged)), merged, "merging twice changes nothing");
}

#[test]
fn what_is_out_of_step_is_found() {
    let catalog = catalog(TEAMS);
    let found = classify(&catalog, &Registry::default());
    let good = {
        let mut r = Registry::from_classification(&found);
        r.tables.get_mut("public.things").unwrap().class = Class::Shared;
        r
    };
    assert_eq!(ids(&catalog, &good), [], "a reviewed registry has nothing to complain of");

    let finds = |change: &dyn Fn(&mut Registry), id: &str, object: &str| {
        let mut r = good.clone();
        change(&mut r);
        let found = ids(&catalog, &r);
        assert!(found.contains(&(id.into(), object.into())), "{id} on {object} in {found:?}");
    };
    finds(&|r| drop(r.tables.remove("public.tasks")), "unregistered-table", "public.tasks");
    finds(&|r| r.tables.get_mut("public.things").unwrap().class = Class::Unknown, "undecided-table", "public.things");
    finds(
        &|r| drop(r.tables.insert("public.gone".into(), r.tables["public.tasks"].clone())),
        "registered-table-gone",
        "public.gone",
    );
    finds(
        &|r| r.tables.get_mut("public.projects").unwrap().column = Some("teem".into()),
        "registered-column-gone",
        "public.projects.teem",
    );
    finds(
        &|r| r.tables.get_mut("public.projects").unwrap().class = Class::Shared,
        "class-contradicts-key",
        "public.projects",
    );
    finds(
        &|r| r.tables.get_mut("public.users").unwrap().class = Class::System,
        "exception-without-reason",
        "public.users",
    );
    finds(
        &|r| drop(r.tables.get_mut("public.users").unwrap().global_uniques.insert("no_such".into(), "login".into())),
        "registered-unique-gone",
        "public.users.no_such",
    );
    finds(&|r| r.root.as_mut().unwrap().key = Some("uid".into()), "registered-column-gone", "public.teams.uid");
}

#[test]
fn an_accepted_finding_no_longer_blocks() {
    let catalog = catalog(TEAMS);
    let mut registry = Registry::from_classification(&classify(&catalog, &Registry::default()));
    registry.tables.get_mut("public.projects").unwrap().class = Class::Shared;
    registry.tables.get_mut("public.projects").unwrap().reason = Some("a public directory".into());
    let text = format!(
        "{}\n[[accept]]\nid = \"class-contradicts-key\"\nobject = \"public.projects\"\nreason = \"public on purpose\"\n",
        registry.render()
    );
    let registry = Registry::parse(&text).unwrap();
    let finding = registry
        .check(&catalog, &classify(&catalog, &registry))
        .into_iter()
        .find(|f| f.id == "class-contradicts-key")
        .unwrap();
    assert_eq!(finding.accepted.as_deref(), Some("public on purpose"));
    assert!(!finding.blocks);
}

#[test]
fn the_schema_in_the_docs_is_the_schema_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/tenantry.schema.json");
    let now = format!("{}\n", serde_json::to_string_pretty(&json_schema()).unwrap());
    if std::env::var_os("TENANTRY_GOLDEN").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == now,
        "docs/reference/tenantry.schema.json is stale: run this test with TENANTRY_GOLDEN=1 and commit the file"
    );
}

#[test]
fn the_reference_names_every_key() {
    let page = include_str!("../../../docs/reference/registry.md");
    let schema = json_schema();
    let mut keys: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    for definition in schema["$defs"].as_object().unwrap().values() {
        keys.extend(definition["properties"].as_object().into_iter().flatten().map(|(k, _)| k.clone()));
    }
    for key in keys {
        assert!(page.contains(&format!("`{key}`")), "docs/reference/registry.md says nothing of `{key}`");
    }
}

#[test]
fn the_examples_registries_can_be_read_and_survive_writing() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|e| Some(e.ok()?.path().join("tenantry.toml")))
        .filter(|p| p.is_file())
        .collect();
    assert!(!files.is_empty());
    for file in files {
        let registry =
            Registry::parse(&std::fs::read_to_string(&file).unwrap()).unwrap_or_else(|e| panic!("{file:?}: {e}"));
        assert_eq!(Registry::parse(&registry.render()).unwrap(), registry, "{file:?}");
    }
}
