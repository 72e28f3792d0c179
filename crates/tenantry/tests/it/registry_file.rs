//! `inspect --write-config`: what people decided stays, to the letter.

use crate::support::{SMALL, case, text};

#[tokio::test]
async fn a_file_is_written_once_and_then_left_alone() {
    let case = case("write", SMALL).await;
    case.run(0, &["inspect", "--write-config", "tenantry.toml"]);
    let first = case.read("tenantry.toml");
    assert!(first.contains("public.tasks"), "{first}");
    let said = text(&case.run(0, &["inspect", "--write-config", "tenantry.toml"]).stderr);
    assert!(said.contains("knows every table already"), "{said}");
    assert_eq!(case.read("tenantry.toml"), first);
}

#[tokio::test]
async fn new_tables_are_added_behind_decisions_and_comments() {
    let case = case("extend", SMALL).await;
    let decided = "# our file\nformat = 1\n\n[root]\ntable = \"public.workspaces\" # agreed in May\nkey = \"id\"\n\n[tables.\"public.projects\"]\nclass = \"shared\"\nreason = \"we say so\"\n";
    case.write("tenantry.toml", decided);
    let said = text(&case.run(0, &["inspect", "--write-config", "tenantry.toml"]).stderr);
    assert!(said.contains("extended by 5 entries"), "{said}");
    let now = case.read("tenantry.toml");
    assert!(now.starts_with(decided.trim_end()), "{now}");
    assert!(now.contains("public.tasks") && now.matches("public.projects\"]").count() == 1, "{now}");
    let found = case.json(0, &["inspect"]);
    let projects = found["tables"].as_array().unwrap().iter().find(|t| t["table"] == "projects").unwrap();
    assert_eq!(projects["class"], "shared");
}

#[tokio::test]
async fn check_fails_for_an_unregistered_table_and_an_entry_without_a_table() {
    let case = case("check", SMALL).await;
    let said = text(&case.run(2, &["check"]).stderr);
    assert!(said.contains("no registry"), "{said}");
    case.run(0, &["inspect", "--write-config", "tenantry.toml"]);
    case.run(0, &["check"]);
    case.db.execute("CREATE TABLE invoices (id int PRIMARY KEY)").await;
    let found = case.json(1, &["check"]);
    assert!(found["findings"][0]["object"].as_str().unwrap().contains("invoices"), "{found}");
    case.db.execute("DROP TABLE invoices, tasks").await;
    let found = case.json(1, &["check"]);
    assert!(found["findings"][0]["object"].as_str().unwrap().contains("tasks"), "{found}");
    let junit = text(&case.run(1, &["check", "--format", "junit"]).stdout);
    assert!(junit.contains("failures=\"1\""), "{junit}");
}

#[tokio::test]
async fn check_fails_when_the_protection_is_not_what_was_applied() {
    let case = case("drift", SMALL).await;
    case.isolate();
    case.run(0, &["check"]);
    case.db.execute("ALTER TABLE projects NO FORCE ROW LEVEL SECURITY").await;
    let found = case.json(1, &["check"]);
    assert!(found["findings"][0]["object"].as_str().unwrap().contains("projects"), "{found}");
    case.db.execute("ALTER TABLE projects FORCE ROW LEVEL SECURITY").await;
    case.run(0, &["check"]);
}
