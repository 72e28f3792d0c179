//! From a claim to an admitted tenant: `Claim → Admitted → {context, cache, pool}`.
//!
//! A claim is who somebody says the tenant is, after their credential was checked. Claims that disagree are refused,
//! never merged: a token of one tenant and the name of another is an attack or a mistake, and either way a no.

mod admitted;
mod pass;
mod refusal;

use std::sync::Arc;

use tenantry_model::TenantKey;

pub use admitted::Admitted;
pub use pass::{Pass, PassError, PassKeys};
pub use refusal::Refusal;

use crate::directory::{Directory, NotFound, Reader, Tenant};

/// Who somebody says the tenant is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim<'a> {
    /// By its slug, from a host name for example.
    Slug(&'a str),
    /// By a host name of its own, as [`domain::canonical`](crate::directory::domain::canonical) writes it.
    Domain(&'a str),
    /// By its key, from a credential that is bound to it for example.
    Key(TenantKey),
    /// By its slug, or its key canonically written: what people type into a login.
    SlugOrKey(&'a str),
    /// By a pass that was checked.
    Token(&'a Pass),
}

impl Directory {
    /// Admits to the tenant of one claim.
    pub fn admit(&self, claim: &Claim<'_>) -> Result<Admitted, Refusal> {
        self.admit_all(std::slice::from_ref(claim))
    }

    /// Admits to the one tenant that all claims name. All are looked up in the same list.
    pub fn admit_all(&self, claims: &[Claim<'_>]) -> Result<Admitted, Refusal> {
        let reader = self.reader();
        let (first, rest) = claims.split_first().ok_or(Refusal::NoClaim)?;
        let mut tenant = reader.resolve(first)?;
        let mut scope = scope_of(first);
        for claim in rest {
            let other = reader.resolve(claim)?;
            // two unknown names agree in that nobody is admitted, and in nothing else
            tenant = match (tenant, other) {
                (Some(a), Some(b)) if Arc::ptr_eq(&a, &b) => Some(a),
                (None, None) => None,
                _ => return Err(disagreement(claims)),
            };
            scope = match (scope, scope_of(claim)) {
                (Some(a), Some(b)) if a != b => return Err(disagreement(claims)),
                (a, b) => a.or(b),
            };
        }
        let tenant = tenant.ok_or(Refusal::Unknown)?;
        match admitted::refusal_of(tenant.state()) {
            None => Ok(Admitted::new(tenant, scope.flatten(), expiry(claims))),
            Some(why) => Err(why),
        }
    }
}

impl Reader<'_> {
    fn resolve(&self, claim: &Claim<'_>) -> Result<Option<Arc<Tenant>>, Refusal> {
        let found = match claim {
            Claim::Slug(slug) => self.by_slug(slug),
            Claim::Domain(domain) => self.by_domain(domain),
            Claim::Key(key) => self.by_key(key),
            Claim::SlugOrKey(name) => self.by_name(name),
            Claim::Token(pass) => self.by_key(pass.tenant()),
        };
        match found {
            Ok(tenant) => Ok(Some(tenant)),
            Err(NotFound::Unknown) => Ok(None),
            Err(NotFound::Full) => Err(Refusal::Full),
        }
    }
}

/// The part of the tenant that a claim speaks of, if it speaks of parts: a pass for the whole tenant does too.
fn scope_of<'a>(claim: &Claim<'a>) -> Option<Option<&'a TenantKey>> {
    match claim {
        Claim::Token(pass) => Some(pass.scope()),
        _ => None,
    }
}

/// The end of the pass that ends first.
fn expiry(claims: &[Claim<'_>]) -> Option<i64> {
    let end = |claim: &Claim<'_>| match claim {
        Claim::Token(pass) => Some(pass.expires_at()),
        _ => None,
    };
    claims.iter().filter_map(end).min()
}

fn disagreement(claims: &[Claim<'_>]) -> Refusal {
    if claims.iter().any(|c| matches!(c, Claim::Token(_))) { Refusal::NotYours } else { Refusal::Disagree }
}
