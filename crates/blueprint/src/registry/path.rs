//! Hops in their text form: `column -> schema.table(column)`, and `column <- schema.table(column)` for a reverse one.

use tenantry_model::{Ident, QualifiedName};

use crate::classify::Hop;

/// Reads a path. The error says which hop cannot be read.
pub fn hops(path: &[String]) -> Result<Vec<Hop>, String> {
    path.iter().map(|text| hop(text)).collect()
}

fn hop(text: &str) -> Result<Hop, String> {
    let bad = || {
        format!("`{text}` is not of the form \"column -> schema.table(column)\" or \"column <- schema.table(column)\"")
    };
    let (left, right, reverse) = match (text.split_once("->"), text.split_once("<-")) {
        (Some((l, r)), None) => (l, r, false),
        (None, Some((l, r))) => (l, r, true),
        _ => return Err(bad()),
    };
    let (table, columns) = right.trim().strip_suffix(')').and_then(|r| r.rsplit_once('(')).ok_or_else(bad)?;
    let list = |text: &str| -> Result<Vec<Ident>, String> {
        text.split(',').map(|c| Ident::new(c.trim()).map_err(|_| bad())).collect()
    };
    let (columns, referenced_columns) = (list(left)?, list(columns)?);
    if columns.len() != referenced_columns.len() {
        return Err(format!(
            "`{text}` names {} columns on the left and {} on the right",
            columns.len(),
            referenced_columns.len()
        ));
    }
    let references: QualifiedName = table.trim().parse().map_err(|_| bad())?;
    Ok(Hop { columns, references, referenced_columns, enforced: false, nullable: false, reverse })
}

/// A hop's text form.
pub fn hop_text(hop: &Hop) -> String {
    let list = |c: &[Ident]| c.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let arrow = if hop.reverse { "<-" } else { "->" };
    format!("{} {arrow} {}({})", list(&hop.columns), hop.references, list(&hop.referenced_columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_survives_its_text_form() {
        for text in ["journeyId -> public.Journey(id)", "id <- public.documents(meta_id)", "a, b -> \"x.y\".t(c, d)"] {
            let read = hops(&[text.to_owned()]).unwrap();
            assert_eq!(hop_text(&read[0]), text);
        }
    }

    #[test]
    fn a_bad_hop_is_named() {
        for text in ["journeyId", "a -> b", "a -> public.t(a, b)", "-> public.t(id)"] {
            assert!(hops(&[text.to_owned()]).unwrap_err().contains(text), "{text}");
        }
    }
}
