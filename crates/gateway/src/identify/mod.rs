//! One tenant of all places that name one: token claim, host, header, body or query, key.
//!
//! Whatever names a tenant has to agree, and one of them has to count: a proof (a token or key of the tenant, a
//! webhook signed with its secret), the tenant's own host name, or a caller whose word is trusted. A header or a
//! parameter alone is what anybody can write.

pub(crate) mod host;
pub(crate) mod names;

use tenantry_edge::admission::{Admitted, Claim};
use tenantry_edge::directory::Directory;

use crate::ablation::{Protection, removed};
use crate::authenticate::{Actor, Bound};
use crate::refusal::Refusal;
use host::Named;

/// Where a tenant was named, in the order of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Token,
    Host,
    Header,
    Parameter,
    Key,
    Webhook,
    Single,
}

impl Source {
    /// For the signed context and the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Host => "host",
            Self::Header => "header",
            Self::Parameter => "parameter",
            Self::Key => "key",
            Self::Webhook => "webhook",
            Self::Single => "single",
        }
    }
}

/// All that names a tenant in one request.
#[derive(Default)]
pub(crate) struct Names<'a> {
    pub(crate) actor: Option<&'a Actor>,
    pub(crate) host: Option<Named<'a>>,
    pub(crate) headers: &'a [&'a str],
    pub(crate) parameters: &'a [&'a str],
    pub(crate) webhook: Option<&'a str>,
    pub(crate) single: Option<&'a str>,
    /// The caller's word counts.
    pub(crate) trusted: bool,
}

/// A tenant, who said so, and whether anything proves it.
#[derive(Debug)]
pub(crate) struct Identified {
    pub(crate) tenant: Admitted,
    pub(crate) source: Source,
    pub(crate) proven: bool,
}

/// Makes one tenant of them; `None` if nothing names any.
pub(crate) fn identify(directory: &Directory, names: &Names<'_>) -> Result<Option<Identified>, Refusal> {
    let mut claims: Vec<Claim<'_>> = Vec::with_capacity(2);
    let mut source = None;
    let mut add = |from: Source, claim| {
        source.get_or_insert(from);
        claims.push(claim);
    };
    match names.actor.map(|a| &a.bound) {
        Some(Bound::ToName(name)) => add(Source::Token, Claim::SlugOrKey(name)),
        Some(Bound::ToKey(key)) => add(Source::Key, Claim::Key(key.clone())),
        Some(Bound::Nothing) | None => {}
    }
    match &names.host {
        Some(Named::Slug(slug)) => add(Source::Host, Claim::Slug(slug)),
        Some(Named::Domain(domain)) => add(Source::Host, Claim::Domain(domain)),
        Some(Named::Nobody) | None => {}
    }
    names.headers.iter().for_each(|name| add(Source::Header, Claim::SlugOrKey(name)));
    names.parameters.iter().for_each(|name| add(Source::Parameter, Claim::SlugOrKey(name)));
    names.webhook.iter().for_each(|name| add(Source::Webhook, Claim::SlugOrKey(name)));
    names.single.iter().for_each(|name| add(Source::Single, Claim::SlugOrKey(name)));
    // a key comes last in the contract, and has no rank where all have to agree
    let Some(source) = source else { return Ok(None) };
    let proven = matches!(source, Source::Token | Source::Key) || names.webhook.is_some();
    let counts = proven || source == Source::Host || names.trusted || names.single.is_some();
    if !counts && !removed(Protection::Proof) {
        return Err(Refusal::TenantNotProven);
    }
    let claims = if removed(Protection::Agreement) { &claims[claims.len() - 1..] } else { &claims };
    let admitted = directory.admit_all(claims);
    let tenant = admitted.map_err(Refusal::from)?;
    Ok(Some(Identified { tenant, source, proven }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tenantry_edge::directory::{SnapshotBuilder, TenantFacts, TenantState};
    use tenantry_model::{KeyKind, TenantKey};

    use super::*;

    fn directory() -> Directory {
        let mut builder = SnapshotBuilder::new(KeyKind::Integer, 1);
        for (key, slug, state) in
            [(1, "acme", TenantState::Active), (2, "bolt", TenantState::Active), (3, "gone", TenantState::Suspended)]
        {
            let domains = vec![Arc::from(format!("www.{slug}.com"))];
            let facts =
                TenantFacts { slug: Some(slug.into()), state, domains, ..TenantFacts::new(TenantKey::Integer(key)) };
            builder.add(facts).unwrap();
        }
        Directory::new(builder.build().unwrap()).unwrap()
    }

    fn token(tenant: &str) -> Actor {
        Actor { bound: Bound::ToName(tenant.into()), ..Actor::nobody() }
    }

    #[test]
    fn each_place_alone_and_two_that_disagree() {
        let directory = directory();
        let (acme, bolt, none) = (token("acme"), token("2"), Actor::nobody());
        let who = |names: &Names<'_>| identify(&directory, names).map(|i| i.map(|i| (i.tenant.number(), i.source)));
        let base = || Names::default();
        assert_eq!(who(&base()), Ok(None));
        assert_eq!(who(&Names { actor: Some(&acme), ..base() }), Ok(Some((0, Source::Token))));
        assert_eq!(who(&Names { host: Some(Named::Slug("bolt")), ..base() }), Ok(Some((1, Source::Host))));
        assert_eq!(who(&Names { host: Some(Named::Domain("www.bolt.com")), ..base() }), Ok(Some((1, Source::Host))));
        assert_eq!(who(&Names { headers: &["acme"], trusted: true, ..base() }), Ok(Some((0, Source::Header))));
        assert_eq!(who(&Names { single: Some("acme"), ..base() }), Ok(Some((0, Source::Single))));
        // a name that anybody can write
        for actor in [None, Some(&none)] {
            assert_eq!(who(&Names { actor, headers: &["acme"], ..base() }), Err(Refusal::TenantNotProven));
            assert_eq!(who(&Names { actor, parameters: &["acme"], ..base() }), Err(Refusal::TenantNotProven));
        }
        // with a proof, it has to be of the same tenant
        assert_eq!(who(&Names { actor: Some(&acme), headers: &["1"], ..base() }), Ok(Some((0, Source::Token))));
        for (headers, parameters, host) in [
            (&["bolt"][..], &[][..], None),
            (&[], &["bolt"][..], None),
            (&[], &[], Some(Named::Slug("bolt"))),
            (&[], &[], Some(Named::Slug("nobody"))),
            (&["acme", "2"], &[], None),
            (&["acme"], &["2"], None),
        ] {
            let names = Names { actor: Some(&acme), headers, parameters, host, ..base() };
            assert_eq!(who(&names), Err(Refusal::TenantConflict));
        }
        assert_eq!(
            who(&Names { actor: Some(&bolt), host: Some(Named::Slug("acme")), ..base() }),
            Err(Refusal::TenantConflict)
        );
        assert_eq!(who(&Names { host: Some(Named::Slug("gone")), ..base() }), Err(Refusal::TenantSuspended));
        assert_eq!(who(&Names { host: Some(Named::Slug("nobody")), ..base() }), Err(Refusal::TenantUnknown));
        assert_eq!(who(&Names { single: Some("acme"), headers: &["bolt"], ..base() }), Err(Refusal::TenantConflict));
    }
}
