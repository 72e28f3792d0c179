//! Findings that people reviewed and accepted stay in the list, marked with the reason, and block nothing.

use super::Registry;
use crate::file::Finding;

impl Registry {
    /// Marks the findings this registry accepts.
    pub fn mark_accepted(&self, findings: &mut [Finding]) {
        for f in findings {
            let entry = self.accept.iter().find(|a| a.id == f.id && (a.object == f.object || a.object == "*"));
            if let Some(entry) = entry {
                f.accepted = Some(entry.reason.clone());
                f.blocks = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::AcceptEntry;
    use super::*;
    use crate::file::Severity;

    #[test]
    fn only_the_named_object_is_accepted() {
        let finding = |object: &str| Finding {
            id: "foreign-table".into(),
            severity: Severity::High,
            object: object.into(),
            message: String::new(),
            remedy: String::new(),
            blocks: true,
            accepted: None,
        };
        let mut found = [finding("public.a"), finding("public.b")];
        let entry =
            |object: &str| AcceptEntry { id: "foreign-table".into(), object: object.into(), reason: "r".into() };
        Registry { accept: vec![entry("public.a")], ..Registry::default() }.mark_accepted(&mut found);
        assert_eq!(found.each_ref().map(|f| (f.accepted.is_some(), f.blocks)), [(true, false), (false, true)]);
        Registry { accept: vec![entry("*")], ..Registry::default() }.mark_accepted(&mut found);
        assert!(found[1].accepted.is_some());
    }
}
