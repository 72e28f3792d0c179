//! JSON that other programs read: names, types, exit codes.

use serde_json::{Value, json};

use crate::support::{SMALL, case, text};

/// Every name is there, and nothing of what is there is of another type.
#[track_caller]
fn has(value: &Value, shape: &Value) {
    match (value, shape) {
        (Value::Object(value), Value::Object(shape)) => {
            for (name, inner) in shape {
                has(value.get(name).unwrap_or_else(|| panic!("`{name}` is missing in {value:?}")), inner);
            }
        }
        (Value::Array(values), Value::Array(shape)) => values.iter().for_each(|v| has(v, &shape[0])),
        (Value::String(_), Value::String(kind)) => assert_eq!(kind, "text"),
        (Value::Number(_), Value::String(kind)) => assert_eq!(kind, "number"),
        (Value::Bool(_), Value::String(kind)) => assert_eq!(kind, "bool"),
        (Value::Null, Value::Null) => {}
        other => panic!("wrong shape: {other:?}"),
    }
}

#[tokio::test]
async fn inspect() {
    let case = case("inspect", SMALL).await;
    let found = case.json(0, &["inspect"]);
    has(
        &found,
        &json!({
            "format": "number", "server_version": "text",
            "root": {"schema": "text", "table": "text", "key": ["text"], "column": null},
            "tables": [{"schema": "text", "table": "text", "class": "text", "path": [{"columns": ["text"], "references": "text"}],
                "confidence": "number", "reasons": ["text"], "protected": "bool"}],
            "hazards": [{"id": "text", "severity": "text", "object": "text", "message": "text", "remedy": "text"}],
        }),
    );
    assert_eq!(found["format"], 1);
    assert_eq!(found["root"]["table"], "workspaces");
    let table = |name: &str| found["tables"].as_array().unwrap().iter().find(|t| t["table"] == name).unwrap().clone();
    assert_eq!(
        (table("projects")["class"].clone(), table("projects")["column"].clone()),
        (json!("direct"), json!("workspace_id"))
    );
    assert_eq!(table("tasks")["class"], "indirect");
    assert_eq!(table("tasks")["path"][0]["references"], "public.projects");
    assert_eq!(table("tasks")["protected"], false);
}

#[tokio::test]
async fn inspect_without_tenancy_has_no_root() {
    let case = case("single", "CREATE TABLE posts (id int PRIMARY KEY); CREATE TABLE replies (id int PRIMARY KEY, post int REFERENCES posts(id))").await;
    let found = case.json(0, &["inspect"]);
    assert_eq!((&found["root"]["table"], &found["root"]["column"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn plan_status_verify_and_doctor() {
    let case = case("shapes", SMALL).await;
    let plan = case.json(0, &["plan", "--out", "iso"]);
    has(
        &plan,
        &json!({"format": "number", "database": "text", "fingerprint": "text", "out": "text", "files": ["text"],
        "blocked": "bool", "steps": {"apply": "number", "complete": "number"}, "seconds": "number"}),
    );
    for file in plan["files"].as_array().unwrap() {
        assert!(!case.read(&format!("iso/{}", file.as_str().unwrap())).is_empty());
    }
    case.json(0, &["apply", "iso", "--yes"]);
    let status = case.json(0, &["status"]);
    has(
        &status,
        &json!({"format": "number", "database": "text", "state": "text", "steps_done": "number",
        "steps": [{"step": "number", "id": "text", "title": "text", "phase": "text", "state": "text"}]}),
    );
    assert_eq!(case.json(0, &["complete", "--yes"])["state"], "completed");

    let report = case.json(0, &["verify", "--report", "report.html"]);
    has(
        &report,
        &json!({"format": "number", "passed": "number", "failed": "number", "residual": "number", "skipped": "number",
        "checks": [{"id": "text", "title": "text", "layer": "text", "severity": "text", "status": "text", "objects": ["text"],
            "evidence": "text", "remedy": "text"}]}),
    );
    assert!(case.read("report.html").contains("</html>"));
    let sarif = case.run(0, &["verify", "--format", "sarif", "--only", "P-08"]);
    assert_eq!(serde_json::from_slice::<Value>(&sarif.stdout).unwrap()["version"], "2.1.0");
    let junit = text(&case.run(0, &["verify", "--format", "junit", "--only", "P-08"]).stdout);
    assert!(junit.starts_with("<?xml") && junit.contains("P-08"), "{junit}");
    has(
        &case.json(0, &["doctor"]),
        &json!({"format": "number", "fit": "bool",
        "findings": [{"area": "text", "status": "text", "object": "text", "message": "text", "remedy": "text"}]}),
    );
}

#[tokio::test]
async fn formats_that_a_command_has_not_are_refused() {
    let case = case("formats", SMALL).await;
    for command in ["inspect", "status", "doctor"] {
        let said = text(&case.run(2, &[command, "--format", "sarif"]).stderr);
        assert!(said.contains("has no format sarif"), "{said}");
    }
}

#[tokio::test]
async fn the_format_may_come_from_environment_and_file_and_the_flag_wins() {
    let case = case("precedence", SMALL).await;
    case.write("tenantry.toml", "format = 1\n[tool]\nformat = \"json\"\n");
    assert!(case.run(0, &["status"]).stdout.starts_with(b"{"));
    assert!(!case.run(0, &["status", "--format", "human"]).stdout.starts_with(b"{"));
    let mut command = case.tenantry(&["status"]);
    command.env("TENANTRY_FORMAT", "human");
    assert!(!command.output().unwrap().stdout.starts_with(b"{"));
}
