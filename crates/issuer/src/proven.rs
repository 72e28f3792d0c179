//! What a token proves, once it was checked.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Validation;
use serde::Deserialize;
use serde_json::Value;

use crate::issuer::IssuerSettings;
use crate::members;
use crate::waived::{Check, Waived};

/// Longest token that is looked at.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Why a token proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not one of an issuer's, or not for us, or over.
    Credential,
    /// The issuer's keys cannot be had now.
    Unavailable,
}

/// What a token proves.
#[derive(Clone, Debug)]
pub struct Proven {
    /// Who signed it.
    pub issuer: Arc<str>,
    /// About whom, in the issuer's words; empty if it says nobody.
    pub subject: String,
    /// The tenant it is for, by slug or key: a claim's, or the issuer's own.
    pub tenant: Option<Arc<str>>,
    /// Unix time in seconds from which on it counts no more.
    pub expires_at: i64,
    /// Unix time in seconds at which it was made, if it says so.
    pub issued_at: Option<i64>,
    /// Its own id, if it has one.
    pub id: Option<String>,
    /// The address of whom it is about. It is his if [`email_is_verified`](Self::email_is_verified), and nobody's else.
    pub email: Option<String>,
    /// The issuer says that the address is his: `email_verified` is true.
    pub email_is_verified: bool,
    /// A name for people.
    pub name: Option<String>,
}

#[derive(Deserialize)]
struct Issued {
    iss: String,
}

#[derive(Deserialize)]
struct Claims {
    exp: u64,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    iat: Value,
    #[serde(default)]
    jti: Value,
    #[serde(default)]
    email: Value,
    #[serde(default)]
    email_verified: Value,
    #[serde(default)]
    name: Value,
}

/// Checks a token of one of these issuers. Whether it is over now is for the caller to look at as well: it counts until
/// `expires_at`, and clocks may differ by the issuer's bound.
pub async fn verify(issuers: &[Arc<IssuerSettings>], token: &str, waived: Waived) -> Result<Proven, Refused> {
    const NO: Refused = Refused::Credential;
    if token.len() > TOKEN_BYTES_MAX {
        return Err(NO);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| NO)?;
    // whatever a token says about how it is to be read beyond that is not for it to say
    let extra = header.jku.is_some() || header.jwk.is_some() || header.x5u.is_some() || header.enc.is_some();
    let extra = extra || header.crit.is_some() || header.zip.is_some() || header.extras.inner().contains_key("b64");
    if extra && !waived.is(Check::Header) {
        return Err(NO);
    }
    let payload = payload(token).ok_or(NO)?;
    let claimed: Issued = serde_json::from_slice(&payload).map_err(|_| NO)?;
    let issuer = issuers.iter().find(|i| *i.name == claimed.iss).ok_or(NO)?;
    if issuer.token_type.as_ref().is_some_and(|t| header.typ.as_ref().is_none_or(|typ| !typ.eq_ignore_ascii_case(t))) {
        return Err(NO);
    }
    // the header's word counts only if it is one of the issuer's
    if !issuer.algorithms.contains(&header.alg) && !waived.is(Check::Algorithm) {
        return Err(NO);
    }
    let mut validation = Validation::new(header.alg);
    if waived.is(Check::Audience) {
        validation.validate_aud = false;
    } else {
        validation.set_audience(&issuer.audiences);
    }
    validation.set_issuer(&[&*issuer.name]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation.validate_nbf = true;
    validation.leeway = issuer.leeway_seconds;
    let key = issuer.key(header.kid.as_deref()).await?;
    let claims: Claims = jsonwebtoken::decode(token, &key, &validation).map_err(|_| NO)?.claims;
    let named = members::one(&payload, &issuer.tenant_claims, false).map_err(|_| NO)?;
    let tenant = match (&issuer.tenant, named) {
        // whose issuer it is decides; a claim of its tokens cannot say otherwise
        (Some(tenant), Some(named)) if **tenant != *named && !waived.is(Check::Tenant) => return Err(NO),
        (_, Some(named)) => Some(named.into()),
        (Some(tenant), None) => Some(Arc::clone(tenant)),
        (None, None) => None,
    };
    let text = |value: Value| value.as_str().map(str::to_owned);
    Ok(Proven {
        issuer: Arc::clone(&issuer.name),
        subject: claims.sub,
        tenant,
        expires_at: i64::try_from(claims.exp).map_err(|_| NO)?,
        issued_at: claims.iat.as_i64(),
        id: text(claims.jti),
        email: text(claims.email),
        email_is_verified: claims.email_verified == Value::Bool(true),
        name: text(claims.name),
    })
}

fn payload(token: &str) -> Option<Vec<u8>> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    URL_SAFE_NO_PAD.decode(payload).ok()
}
