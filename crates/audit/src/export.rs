//! Entries for others: JSON lines, CSV, and OCSF (API Activity, class 6003) for whoever collects security events.

use serde_json::{Value, json};

use crate::event::{Event, Outcome, Severity, text_of};

/// The version of OCSF.
pub const OCSF_VERSION: &str = "1.3.0";

/// The first line of a CSV export.
pub const CSV_HEAD: &str =
    "id,occurredAt,action,severity,actor,tenantId,targets,requestId,ipAddress,userAgent,outcome,metadata";

/// One line of JSON, without its end.
pub fn json_line(event: &Event) -> String {
    event.body()
}

/// One line of CSV, without its end. What a spreadsheet would run is text.
pub fn csv_line(event: &Event) -> String {
    // what is exported is what is kept
    let kept: Event = serde_json::from_str(&event.body()).unwrap_or_else(|_| event.clone());
    let outcome = json!(kept.outcome).as_str().unwrap_or_default().to_owned();
    let metadata = if kept.metadata.is_null() { String::new() } else { kept.metadata.to_string() };
    let fields = [
        kept.id.to_string(),
        kept.occurred_at.to_string(),
        kept.action,
        kept.severity.as_str().to_owned(),
        text_of(&kept.actor),
        kept.tenant_id.unwrap_or_default(),
        kept.targets.iter().map(text_of).collect::<Vec<_>>().join(" "),
        kept.context.request_id.unwrap_or_default(),
        kept.context.ip_address.unwrap_or_default(),
        kept.context.user_agent.unwrap_or_default(),
        outcome,
        metadata,
    ];
    fields.map(|f| field(&f)).join(",")
}

fn field(text: &str) -> String {
    let runs = text.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r', '|', '%']);
    let text = text.replace('"', "\"\"");
    if runs { format!("\"'{text}\"") } else { format!("\"{text}\"") }
}

/// As OCSF has it.
pub fn ocsf(event: &Event) -> Value {
    let kept: Event = serde_json::from_str(&event.body()).unwrap_or_else(|_| event.clone());
    let activity = match kept.action.rsplit('_').next() {
        Some("CREATED") => 1,
        Some("READ" | "ACCESS" | "EXPORT") => 2,
        Some("UPDATED") => 3,
        Some("DELETED") => 4,
        _ => 99,
    };
    let severity = match kept.severity {
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    };
    let resources: Vec<Value> = kept.targets.iter().map(|t| json!({"uid": text_of(t)})).collect();
    let mut out = json!({
        "category_uid": 6, "class_uid": 6003, "activity_id": activity, "type_uid": 600_300 + activity,
        "severity_id": severity, "time": kept.occurred_at.as_millisecond(),
        "status_id": if kept.outcome == Outcome::Success { 1 } else { 2 },
        "metadata": {"version": OCSF_VERSION, "uid": kept.id.to_string(), "product": {"name": "tenantry", "vendor_name": "tenantry"}},
        "actor": {"user": {"uid": text_of(&kept.actor)}},
        "api": {"operation": kept.action},
        "resources": resources,
        "src_endpoint": {"ip": kept.context.ip_address.unwrap_or_else(|| "0.0.0.0".into())},
        "unmapped": {"tenantId": kept.tenant_id, "details": kept.metadata},
    });
    if let Some(request) = kept.context.request_id {
        out["api"]["request"] = json!({"uid": request});
    }
    if let Some(agent) = kept.context.user_agent {
        out["http_request"] = json!({"user_agent": agent});
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_in_a_spreadsheet_and_one_entry_is_one_line() {
        let mut event = Event::new("TENANT_CREATED", Severity::High, "=cmd|' /C calc'!A1", Some("a\"b"));
        event.targets = vec!["-1".into(), "x\ny".into()];
        event.metadata = json!({"token": "hidden"});
        let line = csv_line(&event);
        assert!(line.contains("\"'=cmd|") && line.contains("\"a\"\"b\"") && line.contains("\"'-1 "), "{line}");
        assert!(!line.contains("hidden") && !json_line(&event).contains('\n'));
        assert_eq!(CSV_HEAD.split(',').count(), 12);
    }

    #[test]
    fn ocsf_has_what_the_class_needs() {
        let value = ocsf(&Event::new("TENANT_UPDATED", Severity::Critical, "u", None));
        for name in [
            "activity_id",
            "category_uid",
            "class_uid",
            "metadata",
            "severity_id",
            "time",
            "type_uid",
            "actor",
            "api",
            "src_endpoint",
        ] {
            assert!(!value[name].is_null(), "{name}");
        }
        assert_eq!((&value["type_uid"], &value["severity_id"]), (&json!(600_303), &json!(5)));
    }
}
