//! What was measured, for people and for programs.

use serde::Serialize;

/// All that a run measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// 1.
    pub format: u32,
    /// What was measured.
    pub title: String,
    /// The server's version, for example `15.20`.
    pub server_version: String,
    /// `cpu`: processor time of the server process; `wall`: time on the wall.
    pub clock: &'static str,
    /// On what data, in words.
    pub data: String,
    /// One line per query and tenant.
    pub series: Vec<Series>,
}

/// One query of one tenant in every variant.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    /// The query, in words.
    pub query: String,
    /// Whose rows.
    pub tenant: String,
    /// What the values are: `us` for microseconds of one execution.
    pub unit: &'static str,
    /// The first is what the others are compared with.
    pub cells: Vec<Cell>,
}

/// One variant.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// Its name.
    pub variant: String,
    /// The lower decile.
    pub value: f64,
    /// Times the first variant's.
    pub ratio: f64,
}

impl Series {
    /// From names and microseconds; the first is the base of the ratios.
    pub fn new(query: impl Into<String>, tenant: impl Into<String>, times: &[(&str, f64)]) -> Self {
        let base = times.first().map_or(1.0, |m| m.1);
        let ratio = |value: f64| if base > 0.0 { value / base } else { f64::from(value > 0.0) };
        let cell = |(variant, value): &(&str, f64)| Cell {
            variant: (*variant).to_owned(),
            value: *value,
            ratio: ratio(*value),
        };
        Self { query: query.into(), tenant: tenant.into(), unit: "us", cells: times.iter().map(cell).collect() }
    }

    /// Of another unit.
    pub fn of(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }
}

impl Report {
    /// One JSON document.
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// A table: the base in microseconds, every other variant as a multiple of it.
    pub fn human(&self) -> String {
        let mut text = format!(
            "{}\nPostgreSQL {}, {}, {}\n",
            self.title,
            self.server_version,
            self.data,
            match self.clock {
                "cpu" => "processor time of the server process",
                _ => "time on the wall",
            }
        );
        let mut columns: Vec<&str> = Vec::new();
        let mut last: Vec<&str> = Vec::new();
        for series in &self.series {
            columns.clear();
            columns.extend(series.cells.iter().map(|c| c.variant.as_str()));
            if columns != last {
                text.push_str(&format!("\n{:<24}{:<20}", "", ""));
                for name in &columns {
                    text.push_str(&format!("{name:>18}"));
                }
                text.push('\n');
                last.clone_from(&columns);
            }
            text.push_str(&format!("{:<24}{:<20}", series.query, series.tenant));
            for (n, cell) in series.cells.iter().enumerate() {
                let shown = if n == 0 {
                    format!("{} {}", number(cell.value), series.unit)
                } else {
                    format!("x {}", number(cell.ratio))
                };
                text.push_str(&format!("{shown:>18}"));
            }
            text.push('\n');
        }
        text
    }
}

/// Three digits that matter.
fn number(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_to_the_first_variant() {
        let series = Series::new("count", "mid", &[("by hand", 20.0), ("isolated", 22.0), ("pk only", 8_000.0)]);
        let report = Report {
            format: 1,
            title: "Queries".into(),
            server_version: "15.20".into(),
            clock: "cpu",
            data: "10 tenants".into(),
            series: vec![series],
        };
        let text = report.human();
        assert!(text.contains("20.0 us") && text.contains("x 1.10") && text.contains("x 400"), "{text}");
        assert_eq!(report.json()["series"][0]["cells"][2]["ratio"], 400.0);
    }
}
