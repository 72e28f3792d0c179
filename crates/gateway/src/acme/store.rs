//! A folder with certificates and the account, each file encrypted and bound to its name: who can read the folder has
//! nothing, and who can write it cannot put one tenant's certificate in another's place.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};
use tenantry_edge::directory::domain;
use x509_cert::der::Decode;
use zeroize::Zeroizing;

use super::due::Held;

/// The account's file.
const ACCOUNT: &str = "account";
/// Behind the name of each certificate's file.
const SUFFIX: &str = ".certificate";

/// A folder that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be read or written.
    #[error("cannot use {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It was encrypted with another key, or changed.
    #[error("{path} was encrypted with another key, or changed: give the key it was made with, or delete it")]
    Sealed {
        /// Which file.
        path: PathBuf,
    },
    /// No thread to keep certificates.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

/// The folder.
pub(super) struct Store {
    folder: PathBuf,
    key: LessSafeKey,
}

/// A certificate with its key, as it is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    chain: String,
    key: Zeroizing<String>,
}

impl Kept {
    pub(super) fn new(chain: String, key: String) -> Self {
        Self { chain, key: Zeroizing::new(key) }
    }

    /// For handshakes, with its time; `None` if it is none.
    pub(super) fn certified(&self) -> Option<(Arc<CertifiedKey>, Held)> {
        let chain = CertificateDer::pem_slice_iter(self.chain.as_bytes()).collect::<Result<Vec<_>, _>>().ok()?;
        let validity = x509_cert::Certificate::from_der(chain.first()?).ok()?.tbs_certificate.validity;
        let seconds = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).ok();
        let held = Held { not_before: seconds(validity.not_before)?, not_after: seconds(validity.not_after)? };
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).ok()?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        Some((Arc::new(CertifiedKey::from_der(chain, key, &provider).ok()?), held))
    }
}

impl Store {
    pub(super) fn open(folder: &Path, key: &[u8; 32]) -> Result<Self, StoreError> {
        let failed = |source| StoreError::File { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| failed(io::ErrorKind::InvalidInput.into()))?;
        Ok(Self { folder: folder.to_owned(), key: LessSafeKey::new(key) })
    }

    /// All certificates, by name.
    pub(super) fn all(&self) -> Result<Vec<(String, Kept)>, StoreError> {
        let failed = |source| StoreError::File { path: self.folder.clone(), source };
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let file = entry.map_err(failed)?.file_name();
            let Some(name) = file.to_str().and_then(|f| f.strip_suffix(SUFFIX)) else { continue };
            if let Some(text) = self.read(&format!("{name}{SUFFIX}"))? {
                let path = || self.folder.join(&file);
                let kept = serde_json::from_slice(&text).map_err(|_| StoreError::Sealed { path: path() })?;
                all.push((name.to_owned(), kept));
            }
        }
        Ok(all)
    }

    pub(super) fn put(&self, name: &str, kept: &Kept) -> Result<(), StoreError> {
        let text = Zeroizing::new(serde_json::to_vec(kept).unwrap_or_default());
        self.write(&self.file(name)?, &text)
    }

    pub(super) fn remove(&self, name: &str) {
        if let Ok(file) = self.file(name) {
            // it is ordered anew if it comes back
            let _ = fs::remove_file(self.folder.join(file));
        }
    }

    pub(super) fn account(&self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        self.read(ACCOUNT)
    }

    pub(super) fn put_account(&self, text: &[u8]) -> Result<(), StoreError> {
        self.write(ACCOUNT, text)
    }

    /// The file of a name, which can be nothing but a host name.
    fn file(&self, name: &str) -> Result<String, StoreError> {
        let bad = || StoreError::File { path: self.folder.clone(), source: io::ErrorKind::InvalidInput.into() };
        let canonical = domain::canonical(name).filter(|c| c == name).ok_or_else(bad)?;
        Ok(format!("{canonical}{SUFFIX}"))
    }

    fn read(&self, file: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let path = self.folder.join(file);
        let mut bytes = match fs::read(&path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::File { path, source }),
        };
        let sealed = || StoreError::Sealed { path: path.clone() };
        let (nonce, content) = bytes.split_at_mut_checked(NONCE_LEN).ok_or_else(sealed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| sealed())?;
        let opened = self.key.open_in_place(nonce, Aad::from(file.as_bytes()), content).map_err(|_| sealed())?;
        Ok(Some(Zeroizing::new(opened.to_vec())))
    }

    /// All of it or nothing, for its owner only.
    fn write(&self, file: &str, text: &[u8]) -> Result<(), StoreError> {
        let path = self.folder.join(file);
        let failed = |source| StoreError::File { path: path.clone(), source };
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| failed(io::ErrorKind::Other.into()))?;
        let mut sealed = text.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(file.as_bytes()), &mut sealed)
            .map_err(|_| failed(io::ErrorKind::Other.into()))?;
        let new = self.folder.join(format!("{file}.new"));
        let options = || fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
        let written = options().and_then(|mut f| {
            f.write_all(&nonce)?;
            f.write_all(&sealed)?;
            f.sync_all()
        });
        written.and_then(|()| fs::rename(&new, &path)).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_with_its_key_under_its_name_only() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &[1; 32]).unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["shop.acme.com".to_owned()]).unwrap();
        let kept = Kept::new(made.cert.pem(), made.signing_key.serialize_pem());
        store.put("shop.acme.com", &kept).unwrap();
        assert!(store.all().unwrap()[0].1.certified().is_some());
        let path = folder.path().join("shop.acme.com.certificate");
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(7).any(|w| w == b"PRIVATE"));
        assert!(matches!(Store::open(folder.path(), &[2; 32]).unwrap().all(), Err(StoreError::Sealed { .. })));
        fs::rename(&path, folder.path().join("shop.bolt.com.certificate")).unwrap();
        assert!(store.all().is_err(), "it is bound to its name");
        for name in ["../x", "A.com", "a.com.", "*.a.com", ""] {
            assert!(store.put(name, &kept).is_err(), "{name}");
        }
    }
}
