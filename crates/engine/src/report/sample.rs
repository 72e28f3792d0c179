//! A report with one check of every status, and with texts that need escaping.

use crate::verify::{Check, Report, Severity, Status, TableLine};

pub(super) fn report() -> Report {
    let check = |id: &str, title: &str, severity, status, objects: &[&str], evidence: &str| Check {
        id: id.into(),
        title: title.into(),
        layer: "database".into(),
        severity,
        status,
        objects: objects.iter().map(|s| (*s).to_owned()).collect(),
        evidence: evidence.into(),
        remedy: "Put the policy back: `tenantry apply`.".into(),
    };
    let mut report = Report {
        format: 1,
        passed: 0,
        failed: 0,
        residual: 0,
        skipped: 0,
        tool: "0.1.0".into(),
        database: "shop".into(),
        server_version: "15.20".into(),
        started_at: "2026-01-02T03:04:05Z".into(),
        seconds: 1.25,
        checks: vec![
            check(
                "P-08",
                "Writing a row for another tenant",
                Severity::Critical,
                Status::Pass,
                &[],
                "refused on 12 tables",
            ),
            check(
                "P-27",
                "Views that run as their owner <&\">",
                Severity::Critical,
                Status::Fail,
                &["public.\"odd <name> & 'quotes'\""],
                "1 view gives rows without a tenant \u{1}]]>",
            ),
            check(
                "P-61",
                "Public counters",
                Severity::Medium,
                Status::Residual,
                &[],
                "pg_stat_user_tables counts all tenants",
            ),
            check("P-69", "Large objects", Severity::High, Status::Skipped, &[], "the server refused lo_create"),
        ],
        tables: vec![
            TableLine {
                schema: "public".into(),
                table: "Segment".into(),
                class: "direct".into(),
                column: Some("workspaceId".into()),
                path: vec![],
                protection: "restrictive policy on the column".into(),
                protected: true,
            },
            TableLine {
                schema: "public".into(),
                table: "Country".into(),
                class: "shared".into(),
                column: None,
                path: vec![],
                protection: "read only for every tenant".into(),
                protected: false,
            },
        ],
    };
    report.count();
    report
}
