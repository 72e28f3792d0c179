//! Answers to the authority's questions, for as long as an order is under way.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::sign::CertifiedKey;

/// What the authority may ask for just now. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Challenges(Arc<RwLock<Open>>);

#[derive(Debug, Default)]
struct Open {
    /// Over HTTP, by token.
    files: HashMap<String, String>,
    /// In a handshake, by name.
    certificates: HashMap<String, Arc<CertifiedKey>>,
}

impl Challenges {
    /// What stands behind a token.
    pub(crate) fn file(&self, token: &str) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).files.get(token).cloned()
    }

    /// What is shown for a name to whoever speaks `acme-tls/1`.
    pub(crate) fn certificate(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).certificates.get(name).cloned()
    }

    pub(super) fn open_file(&self, token: &str, text: &str) -> Opened {
        let mut open = self.0.write().unwrap_or_else(PoisonError::into_inner);
        open.files.insert(token.to_owned(), text.to_owned());
        Opened { challenges: self.clone(), file: Some(token.to_owned()), name: None }
    }

    pub(super) fn open_certificate(&self, name: &str, certificate: Arc<CertifiedKey>) -> Opened {
        let mut open = self.0.write().unwrap_or_else(PoisonError::into_inner);
        open.certificates.insert(name.to_owned(), certificate);
        Opened { challenges: self.clone(), file: None, name: Some(name.to_owned()) }
    }
}

/// An answer that is there as long as this lives.
pub(super) struct Opened {
    challenges: Challenges,
    file: Option<String>,
    name: Option<String>,
}

impl Drop for Opened {
    fn drop(&mut self) {
        let mut open = self.challenges.0.write().unwrap_or_else(PoisonError::into_inner);
        self.file.iter().for_each(|token| drop(open.files.remove(token)));
        self.name.iter().for_each(|name| drop(open.certificates.remove(name)));
    }
}
