//! Every attack on the API, one a file. The order is the catalogue's.

mod tools;

use futures::future::BoxFuture;

use super::scene::Scene;
use crate::verify::outcome::Verdict;
use crate::verify::report::Severity;

/// One attack: everything the report and its page in `docs/checks/` say, and the code that makes it.
pub struct Attack {
    /// Its number in the catalogue: `H-26`.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// How bad a success is.
    pub severity: Severity,
    /// What it means, for its page.
    pub meaning: &'static str,
    /// How it is made, for its page.
    pub method: &'static str,
    /// What to do when it succeeds.
    pub remedy: &'static str,
    /// Makes it.
    pub(super) run: for<'a> fn(&'a Scene<'a>) -> BoxFuture<'a, Verdict>,
}

macro_rules! attacks {
    ($($module:ident)*) => {
        $(mod $module;)*

        /// All attacks.
        pub fn all() -> &'static [&'static Attack] {
            &[$(&$module::ATTACK),*]
        }

        #[cfg(test)]
        const FILES: &[(&str, &str)] = &[$((stringify!($module), $module::ATTACK.id)),*];
    };
}

attacks! {
    a01_changed_entry
    a02_missing_end
    a03_other_order
    a07_others_log
    h25_part_of_a_key
    h26_others_id
    h27_foreign_or_absent
    h28_fields_of_ours
    h30_others_part
    h32_others_page
    l19_role_too_far
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_its_attack_and_every_text_is_written() {
        for ((file, id), attack) in FILES.iter().zip(all()) {
            assert!(file.starts_with(&format!("{}_", id.replace('-', "").to_lowercase())), "{file} holds {id}");
            for text in [attack.title, attack.meaning, attack.method, attack.remedy] {
                assert!(text.len() > 15 && !text.ends_with(' '), "{id}: {text}");
            }
        }
        assert!(FILES.is_sorted_by_key(|(file, _)| *file));
    }
}
