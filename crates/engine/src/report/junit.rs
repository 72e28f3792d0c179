//! JUnit XML: one test case per check. A residual channel counts as passed and says so in its output.

use crate::verify::{Report, Status};

/// The report as a JUnit document.
pub fn junit(report: &Report) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"tenantry verify\" tests=\"{n}\" failures=\"{f}\" errors=\"0\" skipped=\"{s}\" time=\"{t:.3}\">\n\
         \x20 <testsuite name=\"database {db}\" timestamp=\"{at}\" tests=\"{n}\" failures=\"{f}\" errors=\"0\" skipped=\"{s}\" time=\"{t:.3}\">\n",
        n = report.checks.len(),
        f = report.failed,
        s = report.skipped,
        t = report.seconds,
        db = escape(&report.database),
        at = escape(report.started_at.trim_end_matches('Z')),
    );
    for c in &report.checks {
        out.push_str(&format!(
            "    <testcase classname=\"tenantry.{}\" name=\"{} {}\" time=\"0\"",
            escape(&c.layer),
            escape(&c.id),
            escape(&c.title)
        ));
        let body = match c.status {
            Status::Pass => String::new(),
            Status::Fail => format!(
                "<failure type=\"{}\" message=\"{}\">{}</failure>",
                severity(c.severity),
                escape(&c.evidence),
                escape(&format!("{}\nobjects: {}\nremedy: {}", c.evidence, c.objects.join(", "), c.remedy))
            ),
            Status::Skipped => format!("<skipped message=\"{}\"/>", escape(&c.evidence)),
            Status::Residual => format!("<system-out>{}</system-out>", escape(&format!("residual: {}", c.evidence))),
        };
        if body.is_empty() {
            out.push_str("/>\n");
        } else {
            out.push_str(&format!(">{body}</testcase>\n"));
        }
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn severity(s: crate::verify::Severity) -> String {
    format!("{s:?}").to_lowercase()
}

/// Text made fit for XML, in elements and in attributes: the five characters escaped, line ends kept as
/// references, and characters that XML 1.0 forbids replaced, since no escape exists for them.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if (c as u32) < 0x20 || matches!(c as u32, 0xFFFE | 0xFFFF) => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn counts_and_escaping() {
        let xml = junit(&sample::report());
        assert!(xml.contains("tests=\"4\" failures=\"1\" errors=\"0\" skipped=\"1\""));
        assert!(xml.contains("Views that run as their owner &lt;&amp;&quot;&gt;"));
        assert!(xml.contains("without a tenant \u{FFFD}]]&gt;"), "forbidden characters are replaced");
        assert!(!xml.contains('\u{1}'));
        assert_eq!(xml.matches("<testcase").count(), 4);
        assert_eq!(xml.matches("<failure").count(), 1);
        assert_eq!(xml.matches("<skipped").count(), 1);
    }
}
