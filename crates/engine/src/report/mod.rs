//! The forms a report goes out in. Each is a pure function of the report; none looks at the environment,
//! the clock or a database.
//!
//! - [`human()`]: for a terminal; the caller says whether colours are wanted.
//! - [`json`]: the contract; one document.
//! - [`sarif()`]: for code scanning of GitHub, GitLab and editors.
//! - [`junit()`]: for continuous integration.
//! - [`html()`]: one file that needs nothing else, light and dark, fit for print.
//! - [`plan_html`]: the same look for a blueprint.

mod html;
mod human;
mod junit;
mod sarif;

pub(crate) use html::hops;
pub use html::{html, plan_html};
pub use human::human;
pub use junit::junit;
pub use sarif::sarif;

use crate::verify::Report;

/// The report as JSON, as the contract has it.
pub fn json(report: &Report) -> String {
    // A report holds strings, numbers and lists only: it always has a JSON form.
    serde_json::to_string_pretty(report).unwrap_or_default()
}

#[cfg(test)]
mod sample;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_names_of_the_contract_and_reads_back() {
        let report = sample::report();
        let text = json(&report);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        for name in ["format", "passed", "failed", "residual", "skipped", "checks"] {
            assert!(value.get(name).is_some(), "{name}");
        }
        for name in ["id", "title", "layer", "severity", "status", "objects", "evidence", "remedy"] {
            assert!(value["checks"][0].get(name).is_some(), "{name}");
        }
        assert_eq!(value["checks"][1]["status"], "fail");
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    }
}
