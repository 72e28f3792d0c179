//! The pass: a password for the SQL wire that whoever holds a signing key makes for one tenant.
//!
//! ```text
//! p1.<kid>.<expires>.<tenant>.<scope>.<mac>
//! ```
//!
//! The fields are those of the other forms. The proxy checks it at login; the database never sees it, and takes it
//! for no context: the forms differ in their first byte. A pass can be used as often as wanted until it expires, so
//! it is to be short-lived, and sent over TLS only.

use super::{ContextKey, TokenError, key_text, not_negative, number, read_key, read_scope, scope_text};
use crate::{KeyKind, TenantKey};

/// What a pass says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassClaims {
    /// The tenant.
    pub tenant: TenantKey,
    /// The part of the tenant; `None` is the whole tenant.
    pub scope: Option<TenantKey>,
    /// Unix time in seconds from which on it is refused.
    pub expires_at: i64,
}

impl ContextKey {
    /// Signs a pass, the password of a login that is fixed to a tenant.
    pub fn sign_pass(&self, claims: &PassClaims) -> Result<String, TokenError> {
        not_negative(&[claims.expires_at])?;
        let (tenant, scope) = (key_text(&claims.tenant)?, scope_text(claims.scope.as_ref())?);
        Ok(self.seal(format!("p1.{}.{}.{tenant}.{scope}", self.kid, claims.expires_at)))
    }

    /// Reads a pass back, if this key signed it. Whether it has expired is the caller's question.
    pub fn verify_pass(&self, token: &str, kind: KeyKind, scope: Option<KeyKind>) -> Result<PassClaims, TokenError> {
        let [_, expires, tenant, part] = self.open(token, "p1")?;
        Ok(PassClaims {
            tenant: read_key(kind, tenant)?,
            scope: read_scope(scope, part)?,
            expires_at: number(expires)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{SessionClaims, StatelessClaims};
    use super::*;

    fn key() -> ContextKey {
        ContextKey::new(7, std::array::from_fn(|i| i as u8)).unwrap()
    }

    fn any_key() -> impl Strategy<Value = TenantKey> {
        prop_oneof![
            any::<u128>().prop_map(|n| TenantKey::Uuid(uuid::Uuid::from_u128(n))),
            any::<i64>().prop_map(TenantKey::Bigint),
            "[^\0]{1,16}".prop_map(TenantKey::Text),
        ]
    }

    /// Made with `hmac.new(bytes(range(32)), message, sha256)` of Python.
    #[test]
    fn fixed_vectors() {
        let uuid = TenantKey::parse(KeyKind::Uuid, "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d").unwrap();
        let whole = PassClaims { tenant: uuid, scope: None, expires_at: 1_800_000_000 };
        assert_eq!(
            key().sign_pass(&whole).unwrap(),
            "p1.7.1800000000.0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d..13dc14bfa63ac1d15a39b16a278edc017f5ef94e33a0b83f4767f46e7cb4d8af"
        );
        let tenant = TenantKey::Text("café.1".into());
        let part = PassClaims { tenant, scope: Some(TenantKey::Text("b/2".into())), ..whole };
        assert_eq!(
            key().sign_pass(&part).unwrap(),
            "p1.7.1800000000.636166c3a92e31.622f32.cac44a7bf637114acd56ca6e6ece7a69f04066c5046fcae6cea97e6cf4c57b98"
        );
    }

    #[test]
    fn another_key_does_not_read_it() {
        let claims = PassClaims { tenant: TenantKey::Integer(1), scope: None, expires_at: 5 };
        let pass = key().sign_pass(&claims).unwrap();
        let read = |key: &ContextKey| key.verify_pass(&pass, KeyKind::Integer, None);
        assert_eq!(read(&ContextKey::new(8, [0; 32]).unwrap()).unwrap_err(), TokenError::OtherKey(7));
        assert_eq!(read(&ContextKey::new(7, [0; 32]).unwrap()).unwrap_err(), TokenError::Signature);
        let negative = PassClaims { expires_at: -1, ..claims };
        assert_eq!(key().sign_pass(&negative).unwrap_err(), TokenError::Negative);
    }

    proptest! {
        #[test]
        fn it_is_read_back_and_is_no_other_form(tenant in any_key(), scope in proptest::option::of(any_key()), expires_at in 0i64..1 << 40) {
            let (kind, part) = (tenant.kind(), scope.as_ref().map(TenantKey::kind));
            let said = PassClaims { tenant: tenant.clone(), scope: scope.clone(), expires_at };
            let pass = key().sign_pass(&said).unwrap();
            prop_assert!(pass.is_ascii());
            prop_assert_eq!(key().verify_pass(&pass, kind, part).unwrap(), said);
            prop_assert!(key().verify_session(&pass, kind, part).is_err());
            prop_assert!(key().verify_stateless(&pass, kind, part).is_err());
            let session = SessionClaims { tenant: tenant.clone(), scope: scope.clone(), expires_at, counter: 1, session_no: 1 };
            prop_assert!(key().verify_pass(&key().sign_session(&session).unwrap(), kind, part).is_err());
            let stateless = StatelessClaims { tenant, scope, expires_at, backend_pid: 1 };
            prop_assert!(key().verify_pass(&key().sign_stateless(&stateless).unwrap(), kind, part).is_err());
        }

        #[test]
        fn a_changed_pass_is_refused(tenant in any_key(), at: prop::sample::Index, to in "[0-9a-f.]") {
            let kind = tenant.kind();
            let pass = key().sign_pass(&PassClaims { tenant, scope: None, expires_at: 1_800_000_000 }).unwrap();
            let at = at.index(pass.len());
            let changed = format!("{}{to}{}", &pass[..at], &pass[at + 1..]);
            prop_assume!(changed != pass);
            prop_assert!(key().verify_pass(&changed, kind, None).is_err());
        }

        #[test]
        fn rubbish_is_refused_without_a_panic(pass in ".{0,200}") {
            prop_assert!(key().verify_pass(&pass, KeyKind::Text, Some(KeyKind::Text)).is_err());
        }
    }
}
