//! The way from a row to its tenant as SQL: joins along the hops.

use tenantry_model::{Ident, QualifiedName};

use crate::classify::Hop;

/// A way from a table to the column that holds the tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// The hops, at least one. The last arrives at the table that has `column`.
    pub hops: Vec<Hop>,
    /// The column there.
    pub column: Ident,
}

/// Alias of the table the n-th hop arrives at.
fn alias(n: usize) -> String {
    format!("tenantry_h{}", n + 1)
}

impl Way {
    /// `FROM` list and `WHERE` condition that join `start` (SQL of the row it starts from, for example `t` or `NEW`)
    /// to the tables on the way.
    pub fn joined(&self, start: &str) -> (String, String) {
        let mut from = Vec::new();
        let mut conditions = Vec::new();
        let mut here = start.to_owned();
        for (n, hop) in self.hops.iter().enumerate() {
            let there = alias(n);
            from.push(format!("{} AS {there}", hop.references.quoted()));
            for (column, referenced) in hop.columns.iter().zip(&hop.referenced_columns) {
                conditions.push(format!("{there}.{} = {here}.{}", referenced.quoted(), column.quoted()));
            }
            here = there;
        }
        (from.join(", "), conditions.join(" AND "))
    }

    /// The tenant at the end of the way.
    pub fn tenant(&self) -> String {
        format!("{}.{}", alias(self.hops.len().saturating_sub(1)), self.column.quoted())
    }

    /// Every table on the way with the columns that are read there.
    pub fn reads(&self) -> Vec<(QualifiedName, Vec<Ident>)> {
        let mut reads: Vec<(QualifiedName, Vec<Ident>)> = Vec::new();
        for (n, hop) in self.hops.iter().enumerate() {
            let mut columns = hop.referenced_columns.clone();
            match self.hops.get(n + 1) {
                Some(next) => columns.extend(next.columns.iter().cloned()),
                None => columns.push(self.column.clone()),
            }
            reads.push((hop.references.clone(), columns));
        }
        reads
    }
}

/// True if a row could be owned by several (a reverse hop) or by none.
pub fn is_ambiguous(hops: &[Hop]) -> bool {
    hops.iter().any(|h| h.reverse)
}
