//! One-file HTML: no external resource, light and dark by the reader's setting, everything open on paper.

use askama::Template;
use tenantry_blueprint::classify::{Class, Classification, Hop};
use tenantry_blueprint::file::{Blueprint, Effect, Finding, Lock, Phase, Severity, Step};

use crate::verify::{Check, Report};

#[derive(Template)]
#[template(path = "verify.html")]
struct VerifyPage<'a> {
    report: &'a Report,
    seconds: String,
    protected: usize,
    groups: Vec<Group<'a>>,
}

struct Group<'a> {
    title: &'static str,
    checks: Vec<Line<'a>>,
}

struct Line<'a> {
    check: &'a Check,
    word: &'static str,
    severity: String,
    first: &'a [String],
    more: usize,
}

/// How many objects the summary of a failure names.
const FIRST: usize = 6;

/// The report of verify as one HTML file.
pub fn html(report: &Report) -> String {
    const GROUPS: [(&str, &str); 3] = [
        ("P-", "PostgreSQL: roles, policies, views, functions, constraints"),
        ("C-", "Tenant context: can SQL change who I am?"),
        ("S-", "State that survives on a pooled connection"),
    ];
    let known = |c: &Check| GROUPS.iter().any(|(prefix, _)| c.id.starts_with(prefix));
    let mut groups: Vec<Group<'_>> = GROUPS
        .iter()
        .map(|(prefix, title)| Group {
            title,
            checks: report.checks.iter().filter(|c| c.id.starts_with(prefix)).map(Line::of).collect(),
        })
        .collect();
    groups.push(Group { title: "Other", checks: report.checks.iter().filter(|c| !known(c)).map(Line::of).collect() });
    groups.retain(|g| !g.checks.is_empty());
    let page = VerifyPage {
        report,
        seconds: format!("{:.1}", report.seconds),
        protected: report.tables.iter().filter(|t| t.protected).count(),
        groups,
    };
    // Rendering into a String fails only if a Display of ours does, and none can.
    page.render().unwrap_or_default()
}

impl<'a> Line<'a> {
    fn of(check: &'a Check) -> Self {
        let named = check.objects.len().min(FIRST);
        Self {
            check,
            word: check.status.as_str(),
            severity: lower(&check.severity),
            first: &check.objects[..named],
            more: check.objects.len() - named,
        }
    }
}

#[derive(Template)]
#[template(path = "plan.html")]
struct PlanPage<'a> {
    blueprint: &'a Blueprint,
    fingerprint: String,
    root: String,
    duration: String,
    blocking: usize,
    findings: Vec<FindingLine<'a>>,
    tables: Vec<TableLine<'a>>,
    phases: Vec<PhasePart<'a>>,
}

struct FindingLine<'a> {
    finding: &'a Finding,
    severity: String,
    pill: &'static str,
}

struct TableLine<'a> {
    name: String,
    class: String,
    pill: &'static str,
    tenant: String,
    reasons: String,
    question: Option<&'a str>,
}

struct PhasePart<'a> {
    title: &'static str,
    lead: &'static str,
    steps: Vec<StepLine<'a>>,
}

struct StepLine<'a> {
    number: usize,
    step: &'a Step,
    seconds: String,
    lock: &'static str,
    effect: &'static str,
}

/// A blueprint as one HTML file: steps with locks and estimates, findings, and the table map.
pub fn plan_html(blueprint: &Blueprint, classification: &Classification) -> String {
    let mut findings: Vec<FindingLine<'_>> = blueprint
        .findings
        .iter()
        .map(|finding| FindingLine {
            finding,
            severity: lower(&finding.severity),
            pill: match (finding.accepted.is_some(), finding.severity) {
                (true, _) => "skip",
                (_, Severity::Critical | Severity::High) => "fail",
                (_, Severity::Medium) => "open",
                (_, Severity::Low) => "skip",
            },
        })
        .collect();
    findings.sort_by_key(|f| (!f.finding.blocks, f.finding.accepted.is_some(), std::cmp::Reverse(f.finding.severity)));
    let tables = classification
        .tables
        .iter()
        .map(|v| TableLine {
            name: v.table.to_string(),
            class: lower(&v.class),
            pill: match v.class {
                Class::Unknown => "fail",
                c if c.is_scoped() => "pass",
                _ => "plain",
            },
            tenant: match &v.column {
                Some(column) => column.to_string(),
                None => hops(&v.path).join(" → "),
            },
            reasons: v.reasons.join("; "),
            question: v.question.as_deref(),
        })
        .collect();
    let part = |phase: Phase, title, lead| PhasePart {
        title,
        lead,
        steps: blueprint
            .steps
            .iter()
            .enumerate()
            .filter(|(_, s)| s.phase == phase)
            .map(|(n, step)| StepLine {
                number: n + 1,
                step,
                seconds: seconds(step.estimate.seconds),
                lock: lock(step.lock),
                effect: effect(step.effect),
            })
            .collect(),
    };
    let mut phases = vec![
        part(
            Phase::Apply,
            "Steps of apply",
            "Run online. Old logins keep working; servers can be switched one by one.",
        ),
        part(Phase::Complete, "Steps of complete", "Close the old doors, once every server uses the new logins."),
    ];
    phases.retain(|p| !p.steps.is_empty());
    let page = PlanPage {
        blueprint,
        fingerprint: blueprint.fingerprint.chars().take(12).collect(),
        root: match (&blueprint.root.table, &blueprint.root.column) {
            (Some(table), _) => table.name.to_string(),
            (None, Some(column)) => column.to_string(),
            (None, None) => "–".into(),
        },
        duration: seconds(blueprint.steps.iter().map(|s| s.estimate.seconds).sum()),
        blocking: blueprint.findings.iter().filter(|f| f.blocks && f.accepted.is_none()).count(),
        findings,
        tables,
        phases,
    };
    page.render().unwrap_or_default()
}

/// The hops of a path as `columns → schema.table`.
pub(crate) fn hops(path: &[Hop]) -> Vec<String> {
    path.iter()
        .map(|h| {
            let columns = h.columns.iter().map(|c| c.as_str()).collect::<Vec<_>>().join(", ");
            let arrow = if h.reverse { "←" } else { "→" };
            format!("{columns} {arrow} {}", h.references)
        })
        .collect()
}

fn lower(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

fn seconds(s: f64) -> String {
    match s {
        s if s < 0.05 => "moments".into(),
        s if s < 90.0 => format!("{s:.1} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

fn lock(lock: Lock) -> &'static str {
    match lock {
        Lock::None => "no lock",
        Lock::RowExclusive => "like an ordinary write",
        Lock::ShareUpdateExclusive => "readers and writers go on",
        Lock::ShareRowExclusive => "writers wait for moments",
        Lock::AccessExclusive => "all wait for moments",
    }
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Catalog => "catalog only, no row is touched",
        Effect::Scan => "reads every row once",
        Effect::Batches => "writes rows in small batches",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_page_holds_every_check_escapes_names_and_needs_nothing_from_outside() {
        let report = sample::report();
        let page = html(&report);
        assert!(report.checks.iter().all(|c| page.contains(&format!("id=\"{}\"", c.id))));
        assert!(!page.contains("odd <name>"), "names are escaped");
        for outside in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("1 of 4 checks failed"));
    }

    #[test]
    fn a_report_in_which_nothing_ran_claims_nothing() {
        let mut report = sample::report();
        report.checks.retain(|c| c.id == "P-69");
        report.count();
        assert!(html(&report).contains("nothing is proven"));
    }
}
