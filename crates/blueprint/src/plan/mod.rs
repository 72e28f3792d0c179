//! From what a database is to the steps that isolate it.
//!
//! Pure and deterministic: the same catalog, classification and registry give the same blueprint to the last byte.
//! What nobody could be sure of becomes a finding that blocks, never a guess.

mod roles;

use crate::catalog::Catalog;
use crate::classify::Classification;
use crate::file::{Blueprint, FORMAT};
use crate::registry::Registry;
use tenantry_model::KeyKind;

/// What the person who plans may choose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Make the tenant table of a single-tenant database, with a default tenant that owns every existing row.
    pub create_root: bool,
}

/// Makes the blueprint of a classified database.
pub fn plan(catalog: &Catalog, classification: &Classification, registry: &Registry, _options: &Options) -> Blueprint {
    let (roles, mut findings) = roles::names(catalog, registry);
    findings.extend(crate::hazards::find(catalog, classification, registry));
    Blueprint {
        format: FORMAT,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        database: catalog.database.clone(),
        fingerprint: catalog.fingerprint(),
        server_major: catalog.server_version_num / 10_000,
        root: classification.root.clone(),
        key_kind: classification.root.kind.unwrap_or(KeyKind::Uuid),
        scope_kind: None,
        roles,
        tables: Vec::new(),
        steps: Vec::new(),
        findings,
    }
}
