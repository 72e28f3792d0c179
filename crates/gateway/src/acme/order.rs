//! One order: a name, the authority's question about it, the answer, the certificate.

use std::sync::Arc;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, OrderStatus,
    RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::store::{Kept, Store, StoreError};
use super::{AcmeSettings, Challenge};

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum OrderError {
    #[error("the authority says: {0}")]
    Authority(#[from] instant_acme::Error),
    #[error("the authority does not offer this way to show that the name is ours")]
    NoChallenge,
    #[error("the authority does not believe that the name is ours: it has to lead to this gateway")]
    NotOurs,
    #[error("a certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error("the authority's certificate cannot be used")]
    Unusable,
    #[error("the account cannot be kept: {0}")]
    Store(#[from] StoreError),
}

/// Orders a certificate for a name.
pub(super) async fn order(settings: &AcmeSettings, store: &Store, name: &str) -> Result<Kept, OrderError> {
    let account = account(settings, store).await?;
    let identifiers = [Identifier::Dns(name.to_owned())];
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    // what is shown to the authority, until it has looked
    let mut opened = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        match authorization.status {
            AuthorizationStatus::Pending => {}
            AuthorizationStatus::Valid => continue,
            _ => return Err(OrderError::NotOurs),
        }
        let kind = match settings.challenge {
            Challenge::Http01 => ChallengeType::Http01,
            Challenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
        };
        let mut challenge = authorization.challenge(kind).ok_or(OrderError::NoChallenge)?;
        let answer = challenge.key_authorization();
        let challenges = settings.certificates.challenges();
        opened.push(match settings.challenge {
            Challenge::Http01 => challenges.open_file(&challenge.token, answer.as_str()),
            Challenge::TlsAlpn01 => challenges.open_certificate(name, shown(name, answer.digest().as_ref())?),
        });
        challenge.set_ready().await?;
    }
    if order.poll_ready(&RetryPolicy::default()).await? != OrderStatus::Ready {
        return Err(OrderError::NotOurs);
    }
    drop(opened);
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::new(vec![name.to_owned()])?;
    parameters.distinguished_name = DistinguishedName::new();
    order.finalize_csr(parameters.serialize_request(&key)?.der()).await?;
    let chain = order.poll_certificate(&RetryPolicy::default()).await?;
    Ok(Kept::new(chain, key.serialize_pem()))
}

async fn account(settings: &AcmeSettings, store: &Store) -> Result<Account, OrderError> {
    let builder = match &settings.root {
        Some(root) => Account::builder_with_root(root)?,
        None => Account::builder()?,
    };
    if let Some(text) = store.account()?
        && let Ok(credentials) = serde_json::from_slice::<AccountCredentials>(&text)
    {
        return Ok(builder.from_credentials(credentials).await?);
    }
    let contacts: Vec<&str> = settings.contacts.iter().map(String::as_str).collect();
    let new = NewAccount { contact: &contacts, terms_of_service_agreed: true, only_return_existing: false };
    let (account, credentials) = builder.create(&new, settings.directory_url.clone(), None).await?;
    let text = zeroize::Zeroizing::new(serde_json::to_vec(&credentials).map_err(|_| OrderError::Unusable)?);
    store.put_account(&text)?;
    Ok(account)
}

/// The certificate that only answers the authority's question (RFC 8737).
fn shown(name: &str, digest: &[u8]) -> Result<Arc<CertifiedKey>, OrderError> {
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::new(vec![name.to_owned()])?;
    parameters.custom_extensions.push(CustomExtension::new_acme_identifier(digest));
    let certificate = parameters.self_signed(&key)?.der().clone();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    // not checked against each other: the extension that is the answer is one that the check does not know
    let key = provider.key_provider.load_private_key(private).map_err(|_| OrderError::Unusable)?;
    Ok(Arc::new(CertifiedKey::new(vec![certificate], key)))
}
