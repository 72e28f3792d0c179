//! Passes: signed passwords of one tenant. A [`Pass`] exists only for one that was checked.

use std::fmt;
use std::sync::Arc;

use tenantry_model::token::{ContextKey, PassClaims, TokenError};
use tenantry_model::{Class, KeyKind, TenantKey};

/// Why a pass does not count. The caller hears one sentence for all; the variants are for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PassError {
    /// No key of ours signed it, or it is no pass.
    #[error("the pass is not one of ours")]
    Unsigned {
        /// What the check said.
        #[source]
        source: TokenError,
    },
    /// Its time is over.
    #[error("the pass expired at Unix time {at}")]
    Expired {
        /// When.
        at: i64,
    },
}

impl PassError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        Class::Denied
    }

    /// The SQLSTATE, the same as for a wrong password.
    pub fn sqlstate(&self) -> &'static str {
        "28P01"
    }
}

/// The keys that sign passes, shared by all threads.
#[derive(Clone)]
pub struct PassKeys {
    keys: Arc<[ContextKey]>,
    tenant: KeyKind,
    scope: Option<KeyKind>,
}

impl fmt::Debug for PassKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PassKeys").field(&self.keys).finish()
    }
}

impl PassKeys {
    /// Keys for tenants of this type, and parts of tenants of that type.
    pub fn new(keys: impl IntoIterator<Item = ContextKey>, tenant: KeyKind, scope: Option<KeyKind>) -> Self {
        Self { keys: keys.into_iter().collect(), tenant, scope }
    }

    /// Whether a password has the form of a pass, so that it is not mistaken for an API key.
    pub fn is_pass(password: &str) -> bool {
        password.starts_with("p1.") && password.split('.').count() == 6
    }

    /// Checks signature and expiry; `now` is Unix time in seconds.
    pub fn check(&self, password: &str, now: i64) -> Result<Pass, PassError> {
        let mut source = TokenError::Malformed;
        for key in self.keys.iter() {
            match key.verify_pass(password, self.tenant, self.scope) {
                Ok(claims) if claims.expires_at <= now => return Err(PassError::Expired { at: claims.expires_at }),
                Ok(claims) => return Ok(Pass(claims)),
                Err(why) => source = why,
            }
        }
        Err(PassError::Unsigned { source })
    }
}

/// A pass that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass(PassClaims);

impl Pass {
    /// The tenant it is for.
    pub fn tenant(&self) -> &TenantKey {
        &self.0.tenant
    }

    /// The part of the tenant it is for; `None` is the whole tenant.
    pub fn scope(&self) -> Option<&TenantKey> {
        self.0.scope.as_ref()
    }

    /// Unix time in seconds from which on it is refused.
    pub fn expires_at(&self) -> i64 {
        self.0.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kid: i16, byte: u8) -> ContextKey {
        ContextKey::new(kid, [byte; 32]).unwrap()
    }

    #[test]
    fn any_key_of_the_ring_counts_until_the_pass_expires() {
        let ring = PassKeys::new([key(1, 1), key(2, 2)], KeyKind::Integer, None);
        let claims = PassClaims { tenant: TenantKey::Integer(7), scope: None, expires_at: 100 };
        for signer in [key(1, 1), key(2, 2)] {
            let pass = signer.sign_pass(&claims).unwrap();
            assert!(PassKeys::is_pass(&pass));
            assert_eq!(ring.check(&pass, 99).unwrap().tenant(), &TenantKey::Integer(7));
            assert_eq!(ring.check(&pass, 100).unwrap_err(), PassError::Expired { at: 100 });
        }
    }

    #[test]
    fn what_another_signed_does_not_count() {
        let ring = PassKeys::new([key(1, 1)], KeyKind::Integer, None);
        let claims = PassClaims { tenant: TenantKey::Integer(7), scope: None, expires_at: 100 };
        for stranger in [key(1, 9), key(3, 1)] {
            let pass = stranger.sign_pass(&claims).unwrap();
            assert!(matches!(ring.check(&pass, 0).unwrap_err(), PassError::Unsigned { .. }));
        }
        assert!(ring.check("secret", 0).is_err() && !PassKeys::is_pass("secret"));
        let scoped = PassClaims { scope: Some(TenantKey::Integer(1)), ..claims };
        let pass = key(1, 1).sign_pass(&scoped).unwrap();
        assert!(ring.check(&pass, 0).is_err(), "a part of a tenant where tenants have no parts");
    }

    #[test]
    fn keys_are_not_printed() {
        assert!(!format!("{:?}", PassKeys::new([key(1, 7)], KeyKind::Uuid, None)).contains("7, 7"));
    }
}
