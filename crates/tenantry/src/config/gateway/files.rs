//! Files that `[gateway]` names: certificates, keys, secrets. No secret stands in the configuration itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;
use tenantry_gateway::settings::Secrets;

use crate::errors::Failure;
use crate::output::files::{self, Readers};

/// A text.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|e| {
        Failure::caller(format!("cannot read {}", path.display()))
            .because(e)
            .code("gateway-settings")
            .remedy("check the path, and that this user may read it")
    })
}

fn unreadable(path: &Path) -> impl Fn(rustls::pki_types::pem::Error) -> Failure {
    let path = path.display().to_string();
    move |e| {
        Failure::caller(format!("cannot read {path}"))
            .because(e)
            .code("gateway-settings")
            .remedy("check the path; the file must be PEM")
    }
}

/// A certificate and its key.
pub(super) fn certified(certificate: &Path, key: &Path) -> Result<Arc<CertifiedKey>, Failure> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect).map_err(unreadable(certificate))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let made = CertifiedKey::from_der(chain, private, &provider).map_err(|e| {
        Failure::caller(format!("certificate {} and key {} do not fit", certificate.display(), key.display()))
            .because(e)
            .code("gateway-settings")
    });
    made.map(Arc::new)
}

/// TLS towards servers: their authorities, or the system's.
pub(crate) fn client(ca: Option<&Path>) -> Result<Arc<rustls::ClientConfig>, Failure> {
    let mut roots = rustls::RootCertStore::empty();
    match ca {
        Some(path) => {
            let authorities = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            roots.add_parsable_certificates(authorities.map_err(unreadable(path))?);
        }
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Failure::bug("set TLS up").because(e))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The key for contexts; made where there is none.
pub(super) fn key(path: &Path) -> Result<Zeroizing<[u8; 32]>, Failure> {
    if !path.exists() {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut()).map_err(|e| Failure::bug(format!("draw random numbers: {e}")))?;
        let hex = Zeroizing::new(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>() + "\n");
        files::write(path, &hex, Readers::Owner)?;
        return Ok(bytes);
    }
    let text = Zeroizing::new(text(path)?);
    unhex(text.trim()).ok_or_else(|| {
        Failure::caller(format!("{} is no key", path.display()))
            .code("gateway-settings")
            .remedy("it holds 64 hexadecimal digits; without the file a new key is made")
    })
}

fn unhex(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// One secret or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// Secrets by tenant.
pub(super) fn secrets(path: &Path) -> Result<Secrets, Failure> {
    let text = Zeroizing::new(text(path)?);
    let read: BTreeMap<String, OneOrMore> = toml::from_str(&text).map_err(|_| {
        // the parser's message would show the line, and with it a secret
        Failure::caller(format!("{} holds no secrets by tenant", path.display()))
            .code("gateway-settings")
            .remedy("write lines like acme = \"whsec_…\", or acme = [\"whsec_…\", \"whsec_…\"]")
    })?;
    let secrets = read.into_iter().map(|(tenant, secrets)| {
        let secrets = match secrets {
            OneOrMore::One(one) => vec![SecretString::from(one)],
            OneOrMore::More(more) => more.into_iter().map(SecretString::from).collect(),
        };
        (tenant, secrets)
    });
    Ok(secrets.collect())
}

/// Headers by name.
pub(super) fn headers(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let text = Zeroizing::new(text(path)?);
    let read: BTreeMap<String, String> = toml::from_str(&text).map_err(|_| {
        // the parser's message would show the line, and with it a secret
        Failure::caller(format!("{} holds no headers", path.display()))
            .code("gateway-settings")
            .remedy("write lines like authorization = \"Bearer …\"")
    })?;
    Ok(read.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("context.key");
        let made = key(&path).unwrap();
        assert_eq!(*key(&path).unwrap(), *made);
        std::fs::write(&path, "rubbish").unwrap();
        assert!(key(&path).is_err());
    }

    #[test]
    fn secrets_by_tenant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.toml");
        std::fs::write(&path, "acme = \"a\"\n7 = [\"b\", \"c\"]\n").unwrap();
        let secrets = secrets(&path).unwrap();
        assert_eq!((secrets["acme"].len(), secrets["7"].len()), (1, 2));
        std::fs::write(&path, "acme = \"very secret\nx").unwrap();
        assert!(!super::secrets(&path).unwrap_err().to_string().contains("very secret"));
    }
}
