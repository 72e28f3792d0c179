//! Every attack on the proxy, one a file. The order is the catalogue's.

mod tools;

use futures::future::BoxFuture;

use super::scene::Scene;
use crate::verify::outcome::Verdict;
use crate::verify::report::Severity;

/// One attack: everything the report and its page in `docs/checks/` say, and the code that makes it.
pub struct Attack {
    /// Its number in the catalogue: `W-08`.
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
    pub(super) run: for<'a> fn(&'a Scene) -> BoxFuture<'a, Verdict>,
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
    w01_startup_message
    w05_user_names
    w07_leftovers
    w08_cancel_key
    w11_error_drain
    w13_left_in_the_middle
    w15_pipelined
    w16_statement_names
    w21_lengths
    w41_spellings
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
