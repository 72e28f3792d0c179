//! The vectors of `sdk/cache-vectors.json`: the same names and sealed values in all three languages.

use serde_json::Value;
use tenantry_model::{KeyKind, TenantKey};

use crate::ablation::Removed;
use crate::key::{Asked, Key};
use crate::remote::mix;
use crate::seal::{Found, Generation, open};
use crate::secret::{Keys, Name, Secret};

const VECTORS: &str = include_str!("../../../sdk/cache-vectors.json");

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is missing"))
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
}

#[test]
fn names_and_values_are_those_of_the_sdks() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let keys =
        Keys::new(&Secret::parse(text(&vectors, "secret")).unwrap(), text(&vectors, "realm"), Removed::default());
    let generation: Generation = unhex(text(&vectors, "generation")).try_into().unwrap();
    let name = |letter: char, name: &Name| format!("tenantry:1:{letter}:{}", name.text());
    assert_eq!(name('g', &keys.generation_of_all()), text(&vectors, "generationOfAll"));
    assert_eq!(name('m', &keys.channel()), text(&vectors, "channel"));
    let entries = vectors["entries"].as_array().unwrap();
    assert!(entries.len() > 4);
    for case in entries {
        let kind = match text(case, "tenantKind") {
            "uuid" => KeyKind::Uuid,
            "bigint" => KeyKind::Bigint,
            "integer" => KeyKind::Integer,
            _ => KeyKind::Text,
        };
        let tenant = TenantKey::parse(kind, text(case, "tenant")).unwrap();
        let asked = Asked { unit: None, key: Key { kind: text(case, "kind"), id: text(case, "id") } };
        let entry = keys.entry(&tenant, &asked);
        assert_eq!(name('e', &entry), text(case, "name"));
        assert_eq!(name('g', &keys.generation(&tenant)), text(case, "generation"));
        assert_eq!(name('g', &keys.generation_of_kind(&tenant, asked.key.kind)), text(case, "generationOfKind"));
        let sealed = unhex(text(case, "sealed"));
        let found = open(&keys.of_tenant(&tenant), &entry, &generation, 0, sealed, Removed::default());
        let Found::Entry { value: Some(value), .. } = found else { panic!("{case}: {found:?}") };
        assert_eq!(value, text(case, "value"));
    }
    let mixed = &vectors["mixed"];
    let part = |name| unhex(text(mixed, name));
    let of = [text(mixed, "runId").as_bytes(), &part("all"), &part("tenant"), &part("kind")];
    assert_eq!(mix(of)[..], part("is"));
}
