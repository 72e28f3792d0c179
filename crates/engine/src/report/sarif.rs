//! SARIF 2.1.0: one rule per check, one result per object of a failed or residual check.

use serde_json::{Value, json};

use crate::verify::{Check, Report, Severity, Status};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The report as a SARIF document.
pub fn sarif(report: &Report) -> String {
    let rules: Vec<Value> = report.checks.iter().map(rule).collect();
    let results: Vec<Value> = report.checks.iter().enumerate().flat_map(|(n, c)| results(n, c)).collect();
    let skipped: Vec<Value> = report
        .checks
        .iter()
        .filter(|c| c.status == Status::Skipped)
        .map(|c| json!({ "level": "note", "descriptor": { "id": c.id }, "message": { "text": c.evidence } }))
        .collect();
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "tenantry", "version": report.tool, "rules": rules } },
            "invocations": [{ "executionSuccessful": true, "toolExecutionNotifications": skipped }],
            "results": results,
        }],
    });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn rule(check: &Check) -> Value {
    json!({
        "id": check.id,
        "name": check.id.replace('-', ""),
        "shortDescription": { "text": check.title },
        "help": { "text": check.remedy },
        "defaultConfiguration": { "level": level(check.severity) },
        "properties": { "tags": ["security", "multi-tenancy"], "security-severity": score(check.severity) },
    })
}

fn results(index: usize, check: &Check) -> Vec<Value> {
    let (kind, level) = match check.status {
        Status::Fail => ("fail", level(check.severity)),
        Status::Residual => ("open", "none"),
        Status::Pass => ("pass", "none"),
        Status::Skipped => return Vec::new(),
    };
    let one = |object: Option<&str>| {
        let mut result = json!({
            "ruleId": check.id,
            "ruleIndex": index,
            "kind": kind,
            "level": level,
            "message": { "text": format!("{}: {}", check.title, check.evidence) },
            // A viewer that matches results of two runs needs something that does not change with the wording.
            "partialFingerprints": { "tenantry/v1": format!("{} {}", check.id, object.unwrap_or("")) },
        });
        if let Some(object) = object {
            result["locations"] = json!([{ "logicalLocations": [{ "fullyQualifiedName": object, "kind": "object" }] }]);
        }
        result
    };
    if check.objects.is_empty() { vec![one(None)] } else { check.objects.iter().map(|o| one(Some(o))).collect() }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// The number by which code scanning orders security findings.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.0",
        Severity::Low => "2.0",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_failed_check_is_an_error_on_its_object_and_a_skipped_one_is_no_result() {
        let v: Value = serde_json::from_str(&sarif(&sample::report())).unwrap();
        let run = &v["runs"][0];
        assert_eq!(v["version"], "2.1.0");
        assert_eq!(run["tool"]["driver"]["rules"].as_array().unwrap().len(), 4);
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len(), 3);
        let failed: Vec<_> = results.iter().filter(|r| r["kind"] == "fail").collect();
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0]["level"], "error");
        assert_eq!(
            failed[0]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"],
            "public.\"odd <name> & 'quotes'\""
        );
        assert_eq!(run["invocations"][0]["toolExecutionNotifications"][0]["descriptor"]["id"], "P-69");
    }

    #[test]
    fn every_result_points_at_its_rule() {
        let v: Value = serde_json::from_str(&sarif(&sample::report())).unwrap();
        let run = &v["runs"][0];
        for r in run["results"].as_array().unwrap() {
            let index = r["ruleIndex"].as_u64().unwrap() as usize;
            assert_eq!(run["tool"]["driver"]["rules"][index]["id"], r["ruleId"]);
            assert!(r["kind"] == "fail" || r["level"] == "none", "only a failure may have a level");
        }
    }
}
