//! Bad input: each kind has its message, its exit code and its page, and shows no password.

use std::process::Output;

use crate::support::{SMALL, binary, case, conninfo, one_document, text, wanted};
use tenantry_pg::Target;
use tenantry_testkit::{available, postgres};

/// The command failed with exit code 2, these words and this page.
#[track_caller]
fn refused(output: &Output, words: &[&str], page: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not said in: {said}");
    }
    assert!(said.contains(&format!("see: docs/errors/{page}.md")), "{said}");
}

#[test]
fn wrong_usage_is_refused_with_code_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["frobnicate"][..],
        &["plan"],
        &["apply"],
        &["verify", "--tenant-a", "x"],
        &["up", "--rows", "3"],
        &["status", "--format", "yaml"],
    ] {
        let mut command = binary(folder.path());
        command.args(arguments);
        let output = wanted(command, 2);
        assert!(text(&output.stderr).contains("--help"), "{arguments:?}");
    }
}

#[test]
fn no_database_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary(folder.path());
    command.arg("inspect");
    refused(&command.output().unwrap(), &["no database was named", "DATABASE_URL"], "database-url");
    let mut command = binary(folder.path());
    command.args(["inspect", "--database-url", "postgres://ann:hunter2@h/x?colour=red"]);
    let output = command.output().unwrap();
    refused(&output, &["unknown option `colour`"], "database-url");
    assert!(!text(&output.stderr).contains("hunter2"));
}

#[test]
fn a_server_that_does_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary(folder.path());
    command.args(["inspect", "--format", "json"]).env("DATABASE_URL", "postgres://ann:hunter2@127.0.0.1:9/x");
    let output = command.output().unwrap();
    refused(&output, &["no PostgreSQL server answers at 127.0.0.1:9"], "server-unreachable");
    let document = one_document(&output);
    assert_eq!(document["error"]["class"], "unavailable");
    assert_eq!(document["error"]["code"], "server-unreachable");
    assert!(!text(&output.stdout).contains("hunter2") && !text(&output.stderr).contains("hunter2"));
}

#[tokio::test]
async fn wrong_password_and_missing_database() {
    let case = case("login", "").await;
    let wrong = case.db.target().with_login("postgres", "hunter2");
    let output = case.as_login(&wrong, &["inspect"]).output().unwrap();
    refused(&output, &["refused the password of `postgres`"], "login-refused");
    assert!(!text(&output.stderr).contains("hunter2"));
    let nowhere = case.db.target().with_database("nowhere");
    refused(&case.as_login(&nowhere, &["inspect"]).output().unwrap(), &["no database `nowhere`"], "database-missing");
}

#[tokio::test]
async fn a_password_may_come_from_the_environment_of_libpq() {
    let case = case("pgpassword", SMALL).await;
    let target = case.db.target();
    let env = target.libpq_env();
    let password = &env.iter().find(|(n, _)| *n == "PGPASSWORD").unwrap().1;
    let without = conninfo(&target).split(' ').filter(|p| !p.starts_with("password")).collect::<Vec<_>>().join(" ");
    let mut command = binary(case.folder.path());
    command.arg("inspect").env("DATABASE_URL", &without).env("PGPASSWORD", password);
    wanted(command, 0);
}

#[tokio::test]
async fn an_empty_database() {
    let case = case("empty", "").await;
    for command in [&["inspect"][..], &["plan", "--out", "iso"]] {
        refused(&case.run(2, command), &["has no tables"], "empty-database");
    }
    assert!(!case.folder.path().join("iso").exists());
}

#[tokio::test]
async fn a_server_below_the_floor() {
    let old = available().into_iter().map(postgres).find(|s| s.version().is_below_floor());
    let Some(server) = old else {
        eprintln!("no server below the floor is installed: not tested");
        return;
    };
    let db = server.database("old").await;
    db.execute(SMALL).await;
    let folder = tempfile::tempdir().unwrap();
    let plan = |more: &[&str]| {
        let mut command = binary(folder.path());
        command.args(["plan", "--out", "iso"]).args(more).env("DATABASE_URL", conninfo(&db.target()));
        command.output().unwrap()
    };
    refused(&plan(&[]), &["lacks fixes", "--allow-old-server"], "server-too-old");
    assert_ne!(plan(&["--allow-old-server"]).status.code(), Some(2));
}

#[tokio::test]
async fn rights_that_are_missing_are_named_with_their_grant() {
    let case = case("rights", SMALL).await;
    case.run(0, &["plan", "--out", "iso"]);
    let weak = case.db.login("weak", "").await;
    let output = case.as_login(&weak, &["apply", "iso", "--yes"]).output().unwrap();
    refused(&output, &["lacks rights", "CREATEROLE"], "missing-rights");
}

#[tokio::test]
async fn registry_files_that_cannot_be_used() {
    let case = case("registry", SMALL).await;
    let config = |text: &str| {
        case.write("bad.toml", text);
        case.tenantry(&["inspect", "--config", "bad.toml"]).output().unwrap()
    };
    refused(&config("format = 1\n[tabels]\n"), &["bad.toml", "tabels"], "registry-unreadable");
    refused(&config("format = 1\n[tables\n"), &["bad.toml", "line 2"], "registry-unreadable");
    refused(
        &case.tenantry(&["inspect", "--config", "none.toml"]).output().unwrap(),
        &["none.toml"],
        "registry-unreadable",
    );
    // what cannot be read is never written over
    case.write("bad.toml", "not toml");
    refused(&case.run(2, &["inspect", "--write-config", "bad.toml"]), &["bad.toml"], "registry-unreadable");
    assert_eq!(case.read("bad.toml"), "not toml");
}

#[tokio::test]
async fn blueprints_that_do_not_fit() {
    let case = case("blueprint", SMALL).await;
    refused(&case.run(2, &["apply", "none", "--yes"]), &["none", "tenantry plan"], "blueprint-unreadable");
    case.run(0, &["plan", "--out", "iso"]);
    let good = case.read("iso/blueprint.json");

    case.write("iso/blueprint.json", &good[..good.len() / 2]);
    refused(&case.run(2, &["apply", "iso", "--yes"]), &["damaged"], "blueprint-unreadable");
    case.write("iso/blueprint.json", &good.replacen("projects", "project5", 1));
    refused(&case.run(2, &["apply", "iso", "--yes"]), &["checksum"], "blueprint-unreadable");
    case.write("iso/blueprint.json", &good);

    let other = crate::support::case("other", SMALL).await;
    other.write("blueprint.json", &good);
    refused(&other.run(2, &["apply", ".", "--yes"]), &["is for database"], "blueprint-does-not-fit");

    case.db.execute("ALTER TABLE tasks ADD COLUMN done boolean").await;
    refused(
        &case.run(2, &["apply", "iso", "--yes"]),
        &["not the one the blueprint was made for"],
        "blueprint-does-not-fit",
    );
    let status = case.json(0, &["status"]);
    assert!(status["state"].is_null(), "nothing was begun: {status}");
}

#[tokio::test]
async fn without_a_terminal_nothing_is_done_unless_confirmed() {
    let case = case("confirm", SMALL).await;
    case.run(0, &["plan", "--out", "iso"]);
    for command in [&["apply", "iso"][..], &["complete"], &["rollback"]] {
        refused(&case.run(2, command), &["--yes"], "needs-confirmation");
    }
    assert!(case.json(0, &["status"])["state"].is_null());
}

#[tokio::test]
async fn commands_that_do_not_fit_the_state() {
    let case = case("state", SMALL).await;
    refused(&case.run(2, &["complete", "--yes"]), &["not isolated"], "wrong-state");
    refused(&case.run(2, &["rollback", "--yes"]), &["not isolated"], "wrong-state");
    refused(&case.run(2, &["verify"]), &["not isolated"], "wrong-state");

    case.run(0, &["plan", "--out", "iso"]);
    case.run(0, &["apply", "iso", "--yes"]);
    // what tenantry added would be planned a second time
    refused(&case.run(2, &["plan", "--out", "again"]), &["isolated already", "tenantry check"], "wrong-state");
    assert!(!case.folder.path().join("again").exists(), "nothing is half-written");
    case.run(0, &["rollback", "--yes"]);
    case.run(0, &["plan", "--out", "again"]);
}

#[tokio::test]
async fn a_lock_that_never_frees_is_named_and_the_run_can_go_on() {
    let case = case("lock", SMALL).await;
    case.run(0, &["plan", "--out", "iso"]);
    let mut holder = case.db.connect_plain().await;
    let transaction = holder.transaction().await.unwrap();
    transaction.batch_execute("LOCK TABLE projects IN ROW EXCLUSIVE MODE").await.unwrap();
    refused(&case.run(2, &["apply", "iso", "--yes", "--lock-patience", "1"]), &["in the way: pid"], "lock-not-free");
    transaction.rollback().await.unwrap();
    case.run(0, &["apply", "iso", "--yes"]);
    assert_eq!(case.json(0, &["status"])["state"], "applied");
}

#[tokio::test]
async fn a_damaged_journal_is_refused_and_the_blueprint_takes_it_back() {
    let case = case("journal", SMALL).await;
    case.run(0, &["plan", "--out", "iso"]);
    case.run(0, &["apply", "iso", "--yes"]);
    case.db.execute("UPDATE tenantry.journal SET blueprint = blueprint || '{\"database\": \"x\"}'").await;
    refused(&case.run(2, &["complete", "--yes"]), &["damaged"], "journal-damaged");
    case.run(0, &["rollback", "--yes", "--blueprint", "iso"]);
    assert!(case.json(0, &["status"])["state"].is_null());
}

#[test]
fn a_folder_that_cannot_be_written_says_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("taken"), "").unwrap();
    let mut command = binary(folder.path());
    command.args(["man", "taken/pages"]);
    let output = wanted(command, 2);
    assert!(text(&output.stderr).contains("cannot write manual pages"));
}

#[test]
fn targets_print_no_password() {
    let target = Target::parse("postgres://ann:hunter2@h/x").unwrap();
    assert!(conninfo(&target).contains("hunter2") && !target.to_string().contains("hunter2"));
}
