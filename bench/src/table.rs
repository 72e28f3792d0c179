//! What a comparison of peers found: a table for people, the same numbers for programs.

use comfy_table::{CellAlignment, Table as Drawn, presets};
use serde_json::{Value, json};

/// One line per case, one column per peer.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// What was measured.
    pub title: String,
    /// What the numbers mean, and on what they were measured.
    pub note: String,
    /// The peers.
    pub columns: Vec<String>,
    /// The cases.
    pub rows: Vec<Row>,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Row {
    /// The case in words.
    pub case: String,
    /// What each peer reached, by column.
    pub cells: Vec<Cell>,
}

/// What one peer reached in one case: for people, and for programs. Empty if the case does not exist for it.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// For people.
    pub text: String,
    /// For programs.
    pub values: Value,
}

impl Table {
    /// For people.
    pub fn human(&self) -> String {
        let mut drawn = Drawn::new();
        drawn.load_style(presets::NOTHING);
        drawn.set_header(std::iter::once("").chain(self.columns.iter().map(String::as_str)));
        for row in &self.rows {
            drawn.add_row(std::iter::once(&*row.case).chain(row.cells.iter().map(|c| &*c.text)));
        }
        for column in drawn.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("{}\n{}\n\n{drawn}\n", self.title, self.note)
    }

    /// One JSON document.
    pub fn json(&self) -> Value {
        let row = |row: &Row| {
            let cells = self.columns.iter().zip(&row.cells).filter(|(_, c)| !c.values.is_null());
            let peers: serde_json::Map<String, Value> = cells.map(|(n, c)| (n.clone(), c.values.clone())).collect();
            json!({"case": row.case, "peers": peers})
        };
        let rows: Vec<Value> = self.rows.iter().map(row).collect();
        json!({"format": 1, "title": self.title, "note": self.note, "rows": rows})
    }
}

/// The middle one; nothing of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_programs_read_the_same() {
        let cell = Cell { text: "0.89".into(), values: json!({"ratio": 0.89}) };
        let row = Row { case: "1 simple".into(), cells: vec![cell, Cell::default()] };
        let columns = vec!["PgBouncer".into(), "direct".into()];
        let table = Table { title: "t".into(), note: "n".into(), columns, rows: vec![row] };
        assert!(table.human().contains("1 simple") && table.human().contains("0.89"), "{}", table.human());
        assert_eq!(table.json()["rows"][0]["peers"], json!({"PgBouncer": {"ratio": 0.89}}));
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
