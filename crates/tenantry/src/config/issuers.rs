//! Whose tokens count: `[gateway.issuers.NAME]` and `[control.issuers.NAME]`, which are alike.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use tenantry_gateway::settings::{IssuerParts, IssuerSettings, KeySource};

use super::gateway::client_tls;
use crate::errors::Failure;

/// One issuer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IssuerSection {
    /// As it stands in `iss`.
    issuer: String,
    /// For whom its tokens have to be.
    audiences: Vec<String>,
    /// How they are signed.
    algorithms: Vec<String>,
    /// Its keys in a file.
    jwks_file: Option<PathBuf>,
    /// Its keys at an address; where neither is given, the issuer's own discovery document says it.
    jwks_url: Option<String>,
    /// Claims that name the tenant.
    tenant_claims: Vec<String>,
    /// The one tenant whose issuer it is.
    tenant: Option<String>,
    /// What `typ` has to be.
    token_type: Option<String>,
    /// Authorities of the address, PEM; the system's if left out.
    ca: Option<PathBuf>,
    /// How far clocks may differ, in seconds.
    clock_skew_s: Option<u64>,
}

/// The issuers of a section. Paths in it are relative to `base`; `code` is the page of what is wrong with it.
pub(super) fn build(
    sections: &BTreeMap<String, IssuerSection>,
    base: &Path,
    code: &'static str,
) -> Result<Vec<Arc<IssuerSettings>>, Failure> {
    let mut made: Vec<Arc<IssuerSettings>> = Vec::new();
    for (name, section) in sections {
        let issuer = one(name, section, base, code)?;
        if made.iter().any(|m| m.name() == issuer.name()) {
            return Err(Failure::caller(format!("issuer `{name}` is there twice"))
                .code(code)
                .remedy("two issuers with one `issuer` cannot be told apart: keep one"));
        }
        made.push(Arc::new(issuer));
    }
    Ok(made)
}

fn one(name: &str, section: &IssuerSection, base: &Path, code: &'static str) -> Result<IssuerSettings, Failure> {
    let source = match (&section.jwks_file, &section.jwks_url) {
        (Some(_), Some(_)) => {
            let what = format!("issuer `{name}` has both `jwks_file` and `jwks_url`");
            return Err(Failure::caller(what).code(code).remedy("keep one of them"));
        }
        (Some(file), None) => KeySource::Set(text(&base.join(file), code)?),
        (None, Some(url)) => KeySource::Url(url.clone()),
        (None, None) => KeySource::Discovery,
    };
    let ca = section.ca.as_ref().map(|ca| base.join(ca));
    let fetches = !matches!(source, KeySource::Set(_));
    let client = if fetches { Some(client_tls(ca.as_deref())?) } else { None };
    let parts = IssuerParts {
        issuer: section.issuer.clone(),
        audiences: section.audiences.clone(),
        algorithms: section.algorithms.clone(),
        source,
        tenant_claims: section.tenant_claims.clone(),
        tenant: section.tenant.clone(),
        token_type: section.token_type.clone(),
        client,
    };
    let bad = |e| Failure::caller(format!("issuer `{name}` cannot be used")).because(e).code(code);
    let issuer = IssuerSettings::new(parts).map_err(bad)?;
    match section.clock_skew_s {
        Some(seconds) => issuer.with_leeway(seconds).map_err(bad),
        None => Ok(issuer),
    }
}

fn text(path: &Path, code: &'static str) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|e| {
        Failure::caller(format!("cannot read {}", path.display()))
            .because(e)
            .code(code)
            .remedy("check the path, and that this user may read it")
    })
}
