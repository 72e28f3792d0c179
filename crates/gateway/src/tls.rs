//! Certificates by the name that a client asks for: exact names first, then the wildcard one label up. Who asks for
//! none, or for a name that is not here, gets no handshake: there is no default, as there is no default tenant.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tenantry_edge::directory::domain;

use crate::acme::Challenges;

/// What the authority of a name speaks to see that it is ours (RFC 8737).
pub(crate) const ACME_PROTOCOL: &[u8] = b"acme-tls/1";

/// Certificates, which can be changed while the gateway runs. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Certificates(Arc<All>);

type ByName = HashMap<String, Arc<CertifiedKey>>;

#[derive(Debug, Default)]
struct All {
    /// From files.
    given: ArcSwap<ByName>,
    /// Ordered for single names.
    kept: ArcSwap<ByName>,
    challenges: Challenges,
}

/// A name that no certificate can be for.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no host name, nor `*.` in front of one")]
pub struct NameError(pub String);

impl Certificates {
    /// Puts these in place of what there was, by name: `acme.example.com`, `*.example.com`.
    pub fn replace(&self, all: impl IntoIterator<Item = (String, Arc<CertifiedKey>)>) -> Result<(), NameError> {
        let mut by_name = HashMap::new();
        for (name, key) in all {
            let bare = name.strip_prefix("*.").unwrap_or(&name);
            let canonical = domain::canonical(bare).ok_or_else(|| NameError(name.clone()))?;
            let name = if bare.len() == name.len() { canonical.into_owned() } else { format!("*.{canonical}") };
            by_name.insert(name, key);
        }
        self.0.given.store(Arc::new(by_name));
        Ok(())
    }

    fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let name = domain::canonical(name)?;
        let given = self.0.given.load();
        if let Some(found) = given.get(&*name).or(self.0.kept.load().get(&*name)) {
            return Some(Arc::clone(found));
        }
        given.get(&format!("*.{}", name.split_once('.')?.1)).cloned()
    }

    /// Puts an ordered certificate before clients.
    pub(crate) fn keep(&self, name: &str, key: Arc<CertifiedKey>) {
        self.0.kept.rcu(|kept| {
            let mut kept = ByName::clone(kept);
            kept.insert(name.to_owned(), Arc::clone(&key));
            kept
        });
    }

    /// Takes one away.
    pub(crate) fn let_go(&self, name: &str) {
        self.0.kept.rcu(|kept| {
            let mut kept = ByName::clone(kept);
            kept.remove(name);
            kept
        });
    }

    /// What the authority asks.
    pub(crate) fn challenges(&self) -> &Challenges {
        &self.0.challenges
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?;
        if hello.alpn().is_some_and(|mut all| all.any(|protocol| protocol == ACME_PROTOCOL)) {
            return self.0.challenges.certificate(&domain::canonical(name)?);
        }
        self.find(name)
    }
}

/// How the gateway speaks TLS: 1.2 and 1.3, HTTP/2 before HTTP/1.1.
pub fn server_config(certificates: Certificates) -> Result<rustls::ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), ACME_PROTOCOL.to_vec()];
    Ok(config)
}
