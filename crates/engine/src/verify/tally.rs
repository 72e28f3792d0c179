//! Adds up what an attack saw on one object after the other.

use std::collections::BTreeMap;

use tenantry_model::QualifiedName;

use super::outcome::Outcome;

/// How many names a sentence may hold.
const NAMES_MAX: usize = 5;

/// The counts of one attack.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Objects attacked with a control that worked.
    tried: usize,
    /// Attempts made.
    attempts: usize,
    /// Objects the attack succeeded on, with what was seen.
    broken: BTreeMap<String, String>,
    /// Objects not attacked, by reason.
    left: BTreeMap<String, Vec<String>>,
    /// More to say.
    notes: Vec<String>,
}

impl Tally {
    /// An object was attacked; its control worked.
    pub(crate) fn tried(&mut self) {
        self.tried += 1;
    }

    /// One spelling was tried.
    pub(crate) fn attempt(&mut self) {
        self.attempts += 1;
    }

    /// The attack succeeded on an object. The first observation of an object stands.
    pub(crate) fn broke(&mut self, object: impl ToString, seen: impl Into<String>) {
        self.broken.entry(plain(&object.to_string())).or_insert(seen.into());
    }

    /// An object was left out.
    pub(crate) fn left(&mut self, object: impl ToString, reason: impl Into<String>) {
        self.left.entry(reason.into()).or_default().push(object.to_string());
    }

    /// One more sentence for the evidence.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// True if something broke already.
    pub(crate) fn is_broken(&self) -> bool {
        !self.broken.is_empty()
    }

    /// The outcome. `what` completes the sentence "12 tables: …", `noun` names the objects.
    pub(crate) fn finish(self, noun: &str, what: &str) -> Outcome {
        let mut evidence = Vec::new();
        if !self.broken.is_empty() {
            let mut by_seen: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for (object, seen) in &self.broken {
                by_seen.entry(seen).or_default().push(object);
            }
            evidence.extend(by_seen.iter().map(|(seen, objects)| format!("{}: {seen}", names(objects))));
        } else if self.tried > 0 {
            let attempts =
                if self.attempts > self.tried { format!(", {} attempts", self.attempts) } else { String::new() };
            evidence.push(format!("{}{attempts}: {what}", plural(self.tried, noun)));
        }
        for (reason, objects) in &self.left {
            evidence.push(format!(
                "not tried on {} ({reason})",
                names(&objects.iter().map(String::as_str).collect::<Vec<_>>())
            ));
        }
        evidence.extend(self.notes);
        let evidence = evidence.join("; ");
        if !self.broken.is_empty() {
            return Outcome::Fail { objects: self.broken.into_keys().collect(), evidence };
        }
        if self.tried == 0 {
            let evidence = if evidence.is_empty() { format!("there is no {noun} to try it on") } else { evidence };
            return Outcome::Skipped(evidence);
        }
        Outcome::Pass(evidence)
    }

    /// As [`finish`](Self::finish), for checks of the catalog: nothing to look at is a pass, since there is
    /// nothing that could be wrong.
    pub(crate) fn finish_static(self, noun: &str, what: &str) -> Outcome {
        if self.tried == 0 && self.broken.is_empty() && self.left.is_empty() {
            let mut evidence = vec![format!("there is no {noun}")];
            evidence.extend(self.notes);
            return Outcome::Pass(evidence.join("; "));
        }
        self.finish(noun, what)
    }
}

/// "2 foreign keys between protected tables": the word before the first preposition gets the plural.
fn plural(n: usize, noun: &str) -> String {
    const AFTER: [&str; 12] = [
        " between ",
        " in ",
        " with ",
        " over ",
        " on ",
        " of ",
        " the ",
        " to ",
        " outside ",
        " by ",
        " partitioned ",
        " beyond ",
    ];
    let cut = AFTER.iter().filter_map(|w| noun.find(w)).min().unwrap_or(noun.len());
    let (head, rest) = noun.split_at(cut);
    let many = match head.strip_suffix('y') {
        _ if n == 1 => head.to_owned(),
        Some(stem) if !stem.ends_with(['a', 'e', 'o']) => format!("{stem}ies"),
        _ => format!("{head}s"),
    };
    format!("{n} {many}{rest}")
}

/// An object's name as the registry and the blueprint write it, whichever way the server quoted it.
fn plain(object: &str) -> String {
    let (name, rest) = object.split_once(" / ").map_or((object, String::new()), |(n, r)| (n, format!(" / {r}")));
    match name.parse::<QualifiedName>() {
        Ok(name) => format!("{name}{rest}"),
        Err(_) => object.to_owned(),
    }
}

/// A few names, and how many more.
pub(crate) fn names(objects: &[&str]) -> String {
    let mut text = objects.iter().take(NAMES_MAX).copied().collect::<Vec<_>>().join(", ");
    if objects.len() > NAMES_MAX {
        text.push_str(&format!(" and {} more", objects.len() - NAMES_MAX));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_tried_is_never_a_pass() {
        assert!(matches!(Tally::default().finish("table", "refused"), Outcome::Skipped(_)));
        let mut t = Tally::default();
        t.left("public.a", "no row of tenant A");
        assert_eq!(t.finish("table", "refused"), Outcome::Skipped("not tried on public.a (no row of tenant A)".into()));
    }

    #[test]
    fn one_broken_object_is_a_failure_whatever_else_passed() {
        let mut t = Tally::default();
        t.tried();
        t.tried();
        t.broke("public.a", "1 row written");
        let Outcome::Fail { objects, evidence } = t.finish("table", "refused") else { panic!("must fail") };
        assert_eq!(objects, ["public.a"]);
        assert_eq!(evidence, "public.a: 1 row written");
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(names(&["a", "b", "c", "d", "e", "f", "g"]), "a, b, c, d, e and 2 more");
        assert_eq!(plural(2, "policy"), "2 policies");
        assert_eq!(plural(2, "key"), "2 keys");
        assert_eq!(plural(3, "foreign key between protected tables"), "3 foreign keys between protected tables");
    }
}
