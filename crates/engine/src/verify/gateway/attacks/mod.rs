//! Every attack on the gateway, one a file. The order is the catalogue's.

mod tools;

use futures::future::BoxFuture;

use super::scene::Scene;
use crate::verify::outcome::Verdict;
use crate::verify::report::Severity;

/// One attack: everything the report and its page in `docs/checks/` say, and the code that makes it.
pub struct Attack {
    /// Its number in the catalogue: `H-01`.
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
    h01_tenant_header
    h02_two_tenants
    h05_no_default
    h06_host_tricks
    h13_smuggling
    h15_paths
    h17_methods
    h24_remembered_credential
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
