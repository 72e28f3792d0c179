//! `docs/checks/` and the list of attacks are one to one, and say the same. `BLESS=1 cargo test --test check_pages`
//! writes the pages anew.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tenantry_engine::verify::pages;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/checks")
}

#[test]
fn every_check_has_its_page_and_every_page_its_check() {
    let mut wanted: BTreeMap<String, String> =
        pages::all().iter().map(|entry| (entry.file(), pages::page(entry))).collect();
    wanted.insert("README.md".into(), pages::index(&pages::all()));
    if std::env::var_os("BLESS").is_some() {
        for (name, text) in &wanted {
            std::fs::write(folder().join(name), text).unwrap();
        }
    }
    let found: BTreeMap<String, String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (name, text) in &wanted {
        assert_eq!(&found[name], text, "{name} does not say what the attack says: run with BLESS=1");
    }
}
