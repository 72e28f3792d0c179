//! The corpus: facts about the schemas of real applications, and scripts that make databases of them.
//!
//! It is no part of this project. `TENANTRY_CORPUS` names its folder, else `../shared/corpus` beside the workspace;
//! a test that needs it asks [`dir`] first and says so when it is absent.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tenantry_pg::in_plain_words;

use crate::database::Database;
use crate::{place, python};

/// The corpus' folder, if it is there.
pub fn dir() -> Option<PathBuf> {
    let named = std::env::var_os("TENANTRY_CORPUS").filter(|v| !v.is_empty()).map(PathBuf::from);
    let folder = place::workspace().join(named.unwrap_or_else(|| "../shared/corpus".into()));
    folder.join("catalogues").is_dir().then_some(folder)
}

fn folder() -> PathBuf {
    dir().unwrap_or_else(|| panic!("no corpus: name its folder in TENANTRY_CORPUS"))
}

/// Names of the applications, sorted.
pub fn apps() -> Vec<String> {
    let entries = fs::read_dir(folder().join("catalogues")).expect("the corpus has catalogues");
    let mut names: Vec<String> =
        entries.filter_map(|e| Some(e.ok()?.file_name().to_str()?.strip_suffix(".json")?.to_owned())).collect();
    names.sort();
    names
}

/// The file with the facts about an application's schema.
pub fn catalogue_file(app: &str) -> PathBuf {
    folder().join("catalogues").join(format!("{app}.json"))
}

/// The file with the true class of each of its tables.
pub fn truth_file(app: &str) -> PathBuf {
    folder().join("truth").join(format!("{app}.json"))
}

/// The facts about an application's schema, as the corpus writes them.
pub fn catalogue(app: &str) -> serde_json::Value {
    read_json(&catalogue_file(app))
}

/// The true class of each of an application's tables, as the corpus writes it.
pub fn truth(app: &str) -> serde_json::Value {
    read_json(&truth_file(app))
}

/// A script of the corpus.
pub fn script(name: &str) -> PathBuf {
    folder().join("scripts").join(name)
}

fn read_json(file: &Path) -> serde_json::Value {
    let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// The statements that make an application's schema.
pub fn schema_sql(app: &str) -> String {
    let mut command = Command::new("python3");
    command.arg(script("regenerate.py")).arg(catalogue_file(app));
    String::from_utf8(run(&mut command)).expect("the script prints UTF-8")
}

/// Makes an application's schema in an empty database.
pub async fn load(app: &str, database: &Database) {
    let client = database.connect_plain().await;
    let result = client.batch_execute(&schema_sql(app)).await;
    result.unwrap_or_else(|e| panic!("{app} does not load: {}", in_plain_words(&e)));
    client.close().await;
}

/// Fills a loaded database with rows that are consistent by foreign key and tenant.
pub async fn fill(app: &str, database: &Database, tenants: u32, rows: u64) {
    let mut command = Command::new(python());
    // everything else of the address, the password above all, comes from the environment
    command.arg(script("datagen.py")).arg(format!("dbname={}", database.name()));
    command.arg(catalogue_file(app)).arg(truth_file(app));
    command.args(["--tenants", &tenants.to_string(), "--rows", &rows.to_string()]);
    command.envs(database.target().libpq_env());
    let done = tokio::task::spawn_blocking(move || run(&mut command)).await;
    done.expect("the script ran");
    database.execute("ANALYZE").await;
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|e| panic!("cannot run {command:?}: {e}"));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?} {:?}: {words}", command.get_program(), command.get_args());
    output.stdout
}
