//! Certificates for the tenants' own host names, from a certificate authority that speaks ACME.
//!
//! Asked for are the names that the directory lists for tenants that may work, and nothing else: whoever connects with
//! a made-up name makes us ask for nothing. One thread keeps them: it looks what is due ([`due`]), orders one after the
//! other within a budget, and puts what it gets into an encrypted folder ([`store`]) and before clients.

mod challenges;
mod due;
mod order;
mod store;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tenantry_edge::directory::{Directory, TenantState};
use zeroize::Zeroizing;

use crate::tls::Certificates;
use crate::worker::unix_now;
pub(crate) use challenges::Challenges;
use due::{Held, Tried};
use store::Store;
pub use store::StoreError;

/// How often is looked what is due.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How the authority sees that a name is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// By a certificate in a handshake on port 443.
    TlsAlpn01,
    /// By a file over HTTP on port 80.
    Http01,
}

/// Where certificates come from, and where they are kept.
pub struct AcmeSettings {
    /// The authority's directory.
    pub directory_url: String,
    /// `mailto:` addresses for its warnings.
    pub contacts: Vec<String>,
    /// How it sees that a name is ours.
    pub challenge: Challenge,
    /// A folder for certificates and the account, encrypted.
    pub folder: PathBuf,
    /// What they are encrypted with.
    pub key: Zeroizing<[u8; 32]>,
    /// Authorities of the authority's own site, PEM; the system's if left out.
    pub root: Option<PathBuf>,
    /// Names beside those of tenants.
    pub names: Vec<String>,
    /// Most orders in an hour, over all names.
    pub orders_per_hour: u32,
    /// Where they are put before clients.
    pub certificates: Certificates,
}

/// The thread that keeps certificates. Dropping it ends it after what it does now.
pub(crate) struct Keeper {
    stop: Arc<AtomicBool>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Keeper {
    /// Puts what is kept before clients, and looks after it from now on.
    pub(crate) fn start(settings: Arc<AcmeSettings>, directory: Directory) -> Result<Self, StoreError> {
        let store = Store::open(&settings.folder, &settings.key)?;
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let mut keeping =
            Keeping { settings, directory, store, held: HashMap::new(), tried: HashMap::new(), spent: Vec::new() };
        keeping.read_all()?;
        let thread = std::thread::Builder::new().name("gateway-acme".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(keeping.keep(&told)),
                Err(error) => tracing::error!("certificates cannot be kept: {error}"),
            }
        });
        thread.map_err(StoreError::Thread)?;
        Ok(Self { stop })
    }
}

struct Keeping {
    settings: Arc<AcmeSettings>,
    directory: Directory,
    store: Store,
    held: HashMap<String, Held>,
    tried: HashMap<String, Tried>,
    /// When orders were made in the last hour.
    spent: Vec<i64>,
}

impl Keeping {
    fn read_all(&mut self) -> Result<(), StoreError> {
        for (name, kept) in self.store.all()? {
            match kept.certified() {
                Some((certified, held)) => {
                    self.settings.certificates.keep(&name, certified);
                    self.held.insert(name, held);
                }
                None => tracing::warn!("the kept certificate of {name} cannot be used and is ordered anew"),
            }
        }
        Ok(())
    }

    async fn keep(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let (now, names) = (unix_now(), self.names());
            self.drop_departed(&names);
            self.spent.retain(|at| now - at < 3600);
            let has_budget = self.spent.len() < self.settings.orders_per_hour as usize;
            match due::next(&names, &self.held, &self.tried, now).filter(|_| has_budget) {
                Some(name) => self.order(&name, now).await,
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    /// Names for which there may be a certificate, in their order.
    fn names(&self) -> Vec<String> {
        let mut names = self.settings.names.clone();
        if let Some(list) = self.directory.load() {
            let active = list.tenants().filter(|t| t.state == TenantState::Active);
            names.extend(active.flat_map(|t| t.domains.iter().map(ToString::to_string)));
        }
        names
    }

    /// Who has left, or gave a name back, is shown under it no more.
    fn drop_departed(&mut self, names: &[String]) {
        let gone: Vec<String> = self.held.keys().filter(|name| !names.contains(name)).cloned().collect();
        for name in gone {
            self.held.remove(&name);
            self.settings.certificates.let_go(&name);
            self.store.remove(&name);
            tracing::info!("{name} belongs to no tenant any more, and its certificate is gone");
        }
        self.tried.retain(|name, _| names.contains(name));
    }

    async fn order(&mut self, name: &str, now: i64) {
        self.spent.push(now);
        let ordered = match order::order(&self.settings, &self.store, name).await {
            Ok(kept) => kept.certified().map(|certified| (kept, certified)).ok_or(order::OrderError::Unusable),
            Err(error) => Err(error),
        };
        match ordered {
            Ok((kept, (certified, held))) => {
                if let Err(error) = self.store.put(name, &kept) {
                    tracing::error!("the certificate of {name} cannot be kept: {error}");
                }
                self.settings.certificates.keep(name, certified);
                tracing::info!("{name} has a certificate until Unix time {}", held.not_after);
                self.held.insert(name.to_owned(), held);
                self.tried.remove(name);
            }
            Err(error) => {
                let tried = self.tried.entry(name.to_owned()).or_default();
                tried.failed(now);
                tracing::warn!("no certificate for {name} yet, again at Unix time {}: {error}", tried.again_at());
            }
        }
    }
}
