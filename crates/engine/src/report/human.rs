//! The report for a terminal: what failed first and in full, then the rest line by line.

use std::fmt::Write as _;

use crate::verify::{Check, Report, Severity, Status};

/// The report as text. Colours are written only if `colour` is true: the caller knows whether a terminal
/// is listening and whether `NO_COLOR` is set.
pub fn human(report: &Report, colour: bool) -> String {
    let paint = Paint(colour);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} database {} on PostgreSQL {}\n",
        paint.bold("tenantry verify"),
        paint.bold(&report.database),
        report.server_version
    );
    let mut layers: Vec<&str> = report.checks.iter().map(|c| c.layer.as_str()).collect();
    layers.dedup();
    for layer in layers {
        let _ = writeln!(out, "{}", paint.bold(layer));
        for family in families(report, layer) {
            let _ = writeln!(out, "  {}", paint.dim(family_name(&family)));
            for c in report.checks.iter().filter(|c| c.layer == layer && c.id.starts_with(&family)) {
                line(&mut out, &paint, c);
            }
        }
        out.push('\n');
    }
    let failed: Vec<&Check> = report.checks.iter().filter(|c| c.status == Status::Fail).collect();
    if !failed.is_empty() {
        let _ = writeln!(out, "{}", paint.bold("What to do"));
        for c in failed {
            let _ = writeln!(out, "  {} {}", paint.status(c.status, &c.id), c.title);
            if !c.objects.is_empty() {
                let _ = writeln!(out, "       {}", listed(&c.objects, 12));
            }
            let _ = writeln!(out, "       {}", c.remedy);
        }
        out.push('\n');
    }
    let _ = writeln!(
        out,
        "{}  {}  {}  {}  in {:.1} s",
        paint.count(Status::Pass, report.passed, "passed"),
        paint.count(Status::Fail, report.failed, "failed"),
        paint.count(Status::Residual, report.residual, "residual"),
        paint.count(Status::Skipped, report.skipped, "skipped"),
        report.seconds
    );
    out
}

fn line(out: &mut String, paint: &Paint, c: &Check) {
    let mark = match c.status {
        Status::Pass => "ok  ",
        Status::Fail => "FAIL",
        Status::Residual => "open",
        Status::Skipped => "skip",
    };
    let severity = match (c.status, c.severity) {
        (Status::Fail, s) => format!(" ({})", severity(s)),
        _ => String::new(),
    };
    let _ = writeln!(out, "    {} {:<5} {}{}", paint.status(c.status, mark), c.id, c.title, severity);
    if c.status != Status::Pass {
        let _ = writeln!(out, "               {}", paint.dim(&c.evidence));
    }
}

/// The first letters of the ids of a layer, in order of appearance.
fn families(report: &Report, layer: &str) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for c in report.checks.iter().filter(|c| c.layer == layer) {
        let family: String = c.id.chars().take_while(|c| *c != '-').chain(['-']).collect();
        if !seen.contains(&family) {
            seen.push(family);
        }
    }
    seen
}

fn family_name(family: &str) -> &str {
    match family {
        "P-" => "PostgreSQL: roles, policies, views, functions, constraints",
        "C-" => "tenant context: can SQL change who I am?",
        "S-" => "state that survives on a pooled connection",
        other => other,
    }
}

/// A list cut to a bearable length.
fn listed(objects: &[String], most: usize) -> String {
    let mut text = objects.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    if objects.len() > most {
        let _ = write!(text, " and {} more", objects.len() - most);
    }
    text
}

fn severity(s: Severity) -> &'static str {
    match s {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

struct Paint(bool);

impl Paint {
    fn wrap(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
    fn bold(&self, text: &str) -> String {
        self.wrap("1", text)
    }
    fn dim(&self, text: &str) -> String {
        self.wrap("2", text)
    }
    fn status(&self, status: Status, text: &str) -> String {
        let code = match status {
            Status::Pass => "32",
            Status::Fail => "1;31",
            Status::Residual => "33",
            Status::Skipped => "36",
        };
        self.wrap(code, text)
    }
    fn count(&self, status: Status, n: usize, word: &str) -> String {
        let text = format!("{n} {word}");
        if n == 0 { self.dim(&text) } else { self.status(status, &text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn plain_text_holds_no_escape_codes_and_every_check() {
        let report = sample::report();
        let text = human(&report, false);
        assert!(!text.contains('\u{1b}'));
        assert!(report.checks.iter().all(|c| text.contains(&c.id)));
        assert!(text.contains("1 passed  1 failed  1 residual  1 skipped"));
        assert!(text.contains("What to do"));
        assert!(human(&report, true).contains("\u{1b}[1;31mFAIL"));
    }
}
