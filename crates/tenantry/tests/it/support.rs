//! The binary, a database with two tenants, and what both are asked.

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;
use tenantry_pg::Target;
use tenantry_testkit::{Database, postgres};

/// Tables of a small application: a root, a membership, some that carry the tenant, one that reaches it.
pub(crate) const SMALL: &str = "
CREATE TABLE workspaces (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE projects (id uuid PRIMARY KEY, workspace_id uuid NOT NULL REFERENCES workspaces(id), name text NOT NULL);
CREATE INDEX ON projects (workspace_id);
CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL UNIQUE, password_hash text);
CREATE TABLE workspace_members (workspace_id uuid REFERENCES workspaces(id), user_id uuid REFERENCES users(id), role text NOT NULL, PRIMARY KEY (workspace_id, user_id));
CREATE TABLE labels (id uuid PRIMARY KEY, workspace_id uuid NOT NULL REFERENCES workspaces(id), name text NOT NULL);
CREATE TABLE tasks (id uuid PRIMARY KEY, project_id uuid NOT NULL REFERENCES projects(id), title text);
INSERT INTO workspaces SELECT gen_random_uuid(), 'w' || i FROM generate_series(1, 3) i;
INSERT INTO projects SELECT gen_random_uuid(), w.id, 'p' || i FROM workspaces w, generate_series(1, 4) i;
INSERT INTO users SELECT gen_random_uuid(), 'u' || i || '@example.test' FROM generate_series(1, 3) i;
INSERT INTO workspace_members SELECT w.id, u.id, 'owner' FROM (SELECT id, row_number() OVER () n FROM workspaces) w JOIN (SELECT id, row_number() OVER () n FROM users) u USING (n);
INSERT INTO labels SELECT gen_random_uuid(), w.id, 'l' || i FROM workspaces w, generate_series(1, 4) i;
INSERT INTO tasks SELECT gen_random_uuid(), p.id, 't' || i FROM projects p, generate_series(1, 5) i;
ANALYZE;";

/// A database, and a folder for what commands write.
pub(crate) struct Case {
    pub(crate) db: Database,
    pub(crate) folder: TempDir,
}

/// A case on PostgreSQL 15 with this schema.
pub(crate) async fn case(hint: &str, sql: &str) -> Case {
    let db = postgres(15).database(hint).await;
    db.execute(sql).await;
    Case { db, folder: tempfile::tempdir().unwrap() }
}

/// A target as one text with its password, for the environment of the binary.
pub(crate) fn conninfo(target: &Target) -> String {
    let keys = [
        ("PGHOST", "host"),
        ("PGPORT", "port"),
        ("PGUSER", "user"),
        ("PGDATABASE", "dbname"),
        ("PGPASSWORD", "password"),
    ];
    let env = target.libpq_env();
    let pairs =
        keys.iter().filter_map(|(name, key)| Some(format!("{key}='{}'", env.iter().find(|(n, _)| n == name)?.1)));
    pairs.collect::<Vec<_>>().join(" ")
}

/// The binary with nothing of this machine's environment that it listens to.
pub(crate) fn binary(folder: &Path) -> Command {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("tenantry");
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("TENANTRY_") || name.starts_with("PG") || name == "DATABASE_URL" {
            command.env_remove(name);
        }
    }
    command.current_dir(folder);
    command
}

impl Case {
    /// The binary, for this database.
    pub(crate) fn tenantry(&self, arguments: &[&str]) -> Command {
        self.as_login(&self.db.target(), arguments)
    }

    /// The binary, for this database with another login.
    pub(crate) fn as_login(&self, target: &Target, arguments: &[&str]) -> Command {
        let mut command = binary(self.folder.path());
        command.env("DATABASE_URL", conninfo(target)).args(arguments);
        command
    }

    /// Runs it and wants this exit code.
    pub(crate) fn run(&self, code: i32, arguments: &[&str]) -> Output {
        wanted(self.tenantry(arguments), code)
    }

    /// Runs it with `--format json`, wants this exit code and one JSON document.
    pub(crate) fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let output = self.run(code, &[arguments, &["--format", "json"]].concat());
        one_document(&output)
    }

    /// Text of a file that a command wrote.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Writes a file for a command.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// From nothing to isolated: registry, plan, apply, complete.
    pub(crate) fn isolate(&self) {
        self.run(0, &["inspect", "--write-config", "tenantry.toml"]);
        self.run(0, &["plan", "--out", "iso"]);
        self.run(0, &["apply", "iso", "--yes"]);
        self.run(0, &["complete", "--yes"]);
    }
}

/// Runs a command and wants this exit code.
pub(crate) fn wanted(mut command: Command, code: i32) -> Output {
    let output = command.output().unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{command:?}\nstdout: {out}\nstderr: {err}");
    output
}

/// Standard output as exactly one JSON document.
pub(crate) fn one_document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stdout)))
}

/// Bytes as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
