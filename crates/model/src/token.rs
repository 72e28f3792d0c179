//! The signed tenant context: what a token says, byte for byte, and who can make one.
//!
//! A token is the only thing that moves a database session to a tenant. It is made here (or by the thirty lines
//! of another language that follow the layout below) and checked inside PostgreSQL by the functions of schema
//! `tenantry`, whose text is in `blueprint::context`. Nothing here reads a clock: expiry is an argument.
//!
//! # Layout
//!
//! Four forms. All use HMAC-SHA256 with a secret of 32 bytes; `kid` is the number of that secret in
//! `tenantry.signing_key`, 0 to 9999.
//!
//! **Session token**, for `SELECT tenantry.enter($1)` once per transaction. One line of ASCII:
//!
//! ```text
//! t1.<kid>.<expires>.<counter>.<session>.<tenant>.<scope>.<mac>
//! ```
//!
//! **Held token**, for `SELECT tenantry.hold($1)` of a pooler that owns the connection: its context stays until the
//! next one, so a connection that stays with its tenant enters nothing. The same fields, another name:
//!
//! ```text
//! h1.<kid>.<expires>.<counter>.<session>.<tenant>.<scope>.<mac>
//! ```
//!
//! **Stateless token**, for the setting `tenantry.context` in READ ONLY transactions, on hot standbys and behind
//! foreign poolers; verified again by every statement:
//!
//! ```text
//! s1.<kid>.<expires>.<pid>.<tenant>.<scope>.<mac>
//! ```
//!
//! | field | form |
//! |---|---|
//! | `expires` | Unix time in whole seconds, decimal. A stateless token may lie at most 30 s ahead. |
//! | `counter` | decimal, 1 or more; must be higher than that of any token this session accepted before |
//! | `session` | decimal; what `SELECT tenantry.bind_session()` returned on this connection |
//! | `pid` | decimal; `pg_backend_pid()` of this connection |
//! | `tenant` | uuid: 36 characters, lower case; integer and bigint: decimal, `-` allowed; text: hex of its UTF-8 bytes, lower case |
//! | `scope` | like `tenant`, or empty for the whole tenant |
//! | `mac` | lower-case hex of HMAC-SHA256(secret, everything before the last `.`) |
//!
//! **Typed token**, the cheaper form without scope for uuid, integer and bigint keys:
//! `SELECT tenantry.enter(kid, hi, lo, expires, counter, mac)` with
//! `mac = HMAC-SHA256(secret, int8be(hi) || int8be(lo) || int8be(expires) || int8be(counter) || int8be(session))`.
//! `hi` and `lo` are the halves of the uuid, or 0 and the number. For `tenantry.hold` with the same arguments,
//! `int8be(1)` stands before the session number.
//!
//! A **pass** (`p1.…`) is a password for the SQL wire, which no database ever sees: [`PassClaims`].
//!
//! No message of one form is a message of another: the text forms differ in their first byte, and a typed message
//! ends in the eight bytes of a session number below 2^53, whose first byte is zero, which text cannot hold. The two
//! typed messages differ in length.
//!
//! # Holding
//!
//! What a pooler has to know of `tenantry.hold`, beside the bytes:
//!
//! - Send it as an unnamed statement in front of the client's own messages, without a Sync in between: if it is
//!   refused, the server skips the rest. A named statement can be replaced by SQL. Whatever runs after a refused
//!   `hold` has no tenant, unless the call itself never ran (another role, a time limit).
//! - A refusal means: close the connection. Whoever had it before may have left a role, temporary objects or
//!   `default_transaction_read_only`.
//! - It belongs to its transaction. If that rolls back, because of `ROLLBACK` or because the client's statement behind
//!   it failed, the connection has no tenant and the settings of the former one are back: `hold` again before anything
//!   else. The same after the command tags `RESET` and `DISCARD`; after `DISCARD SEQUENCES` and `DISCARD ALL` the session must
//!   be bound anew too.
//! - It takes a snapshot, so `BEGIN ISOLATION LEVEL …` and `SET TRANSACTION` come before it in its transaction, or it
//!   is sent alone and waited for. A `BEGIN` that is READ ONLY comes after it.
//! - It cleans the connection (settings, cursors, LISTEN, advisory locks, `PREPARE`, `currval`). What extensions and
//!   procedural languages keep for the session it cannot clean.

mod fields;
mod pass;

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{KeyKind, TEXT_KEY_BYTES_MAX, TenantKey};
use fields::{hex, key_text, not_negative, number, read_key, read_scope, scope_text, unhex};

pub use pass::PassClaims;

/// Longest life of a stateless token, in seconds. The database refuses more.
pub const STATELESS_SECONDS_MAX: i64 = 30;

/// Highest number of a signing key.
pub const KID_MAX: i16 = 9999;

/// Stands in the typed message of `tenantry.hold`, and makes it longer than that of `tenantry.enter`.
const HELD: i64 = 1;

/// Why a token could not be made or is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The number of a signing key is not 0 to 9999.
    #[error("signing key number {0} is not between 0 and 9999")]
    Kid(i16),
    /// The secret is not 32 bytes in hexadecimal.
    #[error("a signing key is 64 hexadecimal digits (32 bytes)")]
    Secret,
    /// A text key is empty, too long, or holds a NUL.
    #[error("a text key in a token has 1 to {TEXT_KEY_BYTES_MAX} bytes and no NUL")]
    TextKey,
    /// A text key cannot be sent in the typed form.
    #[error("the typed form carries uuid and integer keys only; use the session token for text keys and scopes")]
    NotTyped,
    /// A number in a token must not be negative.
    #[error("expiry, counter, session and process numbers in a token are not negative")]
    Negative,
    /// The text is not of the form asked for.
    #[error("the token is not of this form")]
    Malformed,
    /// It was signed with another key.
    #[error("the token names signing key {0}, which is not this one")]
    OtherKey(i16),
    /// The MAC does not fit: another secret, or changed on its way.
    #[error("the token's signature does not fit")]
    Signature,
}

/// A secret that signs tenant contexts. Wiped from memory when dropped, never printed.
pub struct ContextKey {
    kid: i16,
    secret: Zeroizing<[u8; 32]>,
    /// The HMAC after its first blocks: signing goes on from here. It wipes itself.
    keyed: Hmac<Sha256>,
}

impl fmt::Debug for ContextKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextKey").field("kid", &self.kid).field("secret", &"…").finish()
    }
}

/// The two blocks an HMAC begins with. This is what the database stores of a key: enough to check, and to sign.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Pads {
    /// Secret padded with zeros to 64 bytes, each XOR 0x36.
    pub ipad: [u8; 64],
    /// The same, XOR 0x5c.
    pub opad: [u8; 64],
}

/// What a session token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionClaims {
    /// The tenant.
    pub tenant: TenantKey,
    /// The part of the tenant (business unit); `None` is the whole tenant.
    pub scope: Option<TenantKey>,
    /// Unix time in seconds after which it is refused.
    pub expires_at: i64,
    /// Higher than that of any token this session accepted before.
    pub counter: i64,
    /// What `tenantry.bind_session()` returned.
    pub session_no: i64,
}

/// What a stateless token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatelessClaims {
    /// The tenant.
    pub tenant: TenantKey,
    /// The part of the tenant; `None` is the whole tenant.
    pub scope: Option<TenantKey>,
    /// Unix time in seconds after which it is refused; at most [`STATELESS_SECONDS_MAX`] ahead.
    pub expires_at: i64,
    /// The server process of the connection.
    pub backend_pid: i32,
}

/// The arguments of the typed `tenantry.enter` and `tenantry.hold`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedToken {
    /// Number of the signing key.
    pub kid: i16,
    /// Upper half of the uuid, or 0.
    pub hi: i64,
    /// Lower half of the uuid, or the number.
    pub lo: i64,
    /// Unix time in seconds.
    pub expires_at: i64,
    /// Counter.
    pub counter: i64,
    /// The signature.
    pub mac: [u8; 32],
}

impl ContextKey {
    /// A key from its number and its 32 secret bytes.
    pub fn new(kid: i16, secret: [u8; 32]) -> Result<Self, TokenError> {
        if !(0..=KID_MAX).contains(&kid) {
            return Err(TokenError::Kid(kid));
        }
        let secret = Zeroizing::new(secret);
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(&*secret);
        let keyed = <Hmac<Sha256> as KeyInit>::new((&*block).into());
        Ok(Self { kid, secret, keyed })
    }

    /// A key as the credentials file holds it: 64 hexadecimal digits.
    pub fn from_hex(kid: i16, hex: &str) -> Result<Self, TokenError> {
        let mut bytes = unhex(hex).ok_or(TokenError::Secret)?;
        let secret = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| TokenError::Secret);
        bytes.zeroize();
        Self::new(kid, secret?)
    }

    /// Its number in `tenantry.signing_key`.
    pub fn kid(&self) -> i16 {
        self.kid
    }

    /// What `tenantry.signing_key` stores of it.
    pub fn pads(&self) -> Pads {
        let mut pads = Pads { ipad: [0x36; 64], opad: [0x5c; 64] };
        for (i, byte) in self.secret.iter().enumerate() {
            pads.ipad[i] ^= byte;
            pads.opad[i] ^= byte;
        }
        pads
    }

    /// A secret for another purpose, which says nothing about this one and lasts as long. No message of a token is of
    /// its form: it is text, and no form of token begins with `d1`.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        self.mac(format!("d1.derived secret: {purpose}").as_bytes())
    }

    /// Signs a session token for `tenantry.enter(token)`.
    pub fn sign_session(&self, claims: &SessionClaims) -> Result<String, TokenError> {
        self.sign_bound("t1", claims)
    }

    /// Signs a held token for `tenantry.hold(token)`.
    pub fn sign_hold(&self, claims: &SessionClaims) -> Result<String, TokenError> {
        self.sign_bound("h1", claims)
    }

    fn sign_bound(&self, form: &str, claims: &SessionClaims) -> Result<String, TokenError> {
        not_negative(&[claims.expires_at, claims.counter, claims.session_no])?;
        let (tenant, scope) = (key_text(&claims.tenant)?, scope_text(claims.scope.as_ref())?);
        let SessionClaims { expires_at, counter, session_no, .. } = claims;
        Ok(self.seal(format!("{form}.{}.{expires_at}.{counter}.{session_no}.{tenant}.{scope}", self.kid)))
    }

    /// Signs a stateless token for the setting `tenantry.context`.
    pub fn sign_stateless(&self, claims: &StatelessClaims) -> Result<String, TokenError> {
        not_negative(&[claims.expires_at, claims.backend_pid.into()])?;
        let (tenant, scope) = (key_text(&claims.tenant)?, scope_text(claims.scope.as_ref())?);
        Ok(self.seal(format!("s1.{}.{}.{}.{tenant}.{scope}", self.kid, claims.expires_at, claims.backend_pid)))
    }

    /// Signs the typed form for `tenantry.enter`. It has no room for text keys and scopes.
    pub fn sign_typed(&self, claims: &SessionClaims) -> Result<TypedToken, TokenError> {
        self.sign_numbers(claims, |[hi, lo]| [hi, lo, claims.expires_at, claims.counter, claims.session_no])
    }

    /// Signs the typed form for `tenantry.hold`. It has no room for text keys and scopes.
    pub fn sign_hold_typed(&self, claims: &SessionClaims) -> Result<TypedToken, TokenError> {
        self.sign_numbers(claims, |[hi, lo]| [hi, lo, claims.expires_at, claims.counter, HELD, claims.session_no])
    }

    fn sign_numbers<const N: usize>(
        &self,
        claims: &SessionClaims,
        message: impl FnOnce([i64; 2]) -> [i64; N],
    ) -> Result<TypedToken, TokenError> {
        not_negative(&[claims.expires_at, claims.counter, claims.session_no])?;
        let (hi, lo) = match (&claims.tenant, &claims.scope) {
            (TenantKey::Uuid(key), None) => {
                let (hi, lo) = key.as_u64_pair();
                (hi.cast_signed(), lo.cast_signed())
            }
            (TenantKey::Integer(key), None) => (0, i64::from(*key)),
            (TenantKey::Bigint(key), None) => (0, *key),
            _ => return Err(TokenError::NotTyped),
        };
        let mac = self.mac(message([hi, lo]).map(i64::to_be_bytes).as_flattened());
        Ok(TypedToken { kid: self.kid, hi, lo, expires_at: claims.expires_at, counter: claims.counter, mac })
    }

    /// Reads a session token back, if this key signed it. The database does the same; this is for tests and tools.
    pub fn verify_session(
        &self,
        token: &str,
        kind: KeyKind,
        scope: Option<KeyKind>,
    ) -> Result<SessionClaims, TokenError> {
        self.verify_bound("t1", token, kind, scope)
    }

    /// Reads a held token back, if this key signed it.
    pub fn verify_hold(&self, token: &str, kind: KeyKind, scope: Option<KeyKind>) -> Result<SessionClaims, TokenError> {
        self.verify_bound("h1", token, kind, scope)
    }

    fn verify_bound(
        &self,
        form: &str,
        token: &str,
        kind: KeyKind,
        scope: Option<KeyKind>,
    ) -> Result<SessionClaims, TokenError> {
        let [_, expires, counter, session, tenant, part] = self.open(token, form)?;
        Ok(SessionClaims {
            tenant: read_key(kind, tenant)?,
            scope: read_scope(scope, part)?,
            expires_at: number(expires)?,
            counter: number(counter)?,
            session_no: number(session)?,
        })
    }

    /// Reads a stateless token back, if this key signed it.
    pub fn verify_stateless(
        &self,
        token: &str,
        kind: KeyKind,
        scope: Option<KeyKind>,
    ) -> Result<StatelessClaims, TokenError> {
        let [_, expires, pid, tenant, part] = self.open(token, "s1")?;
        Ok(StatelessClaims {
            tenant: read_key(kind, tenant)?,
            scope: read_scope(scope, part)?,
            expires_at: number(expires)?,
            backend_pid: i32::try_from(number(pid)?).map_err(|_| TokenError::Malformed)?,
        })
    }

    fn seal(&self, message: String) -> String {
        let mac = hex(&self.mac(message.as_bytes()));
        message + "." + &mac
    }

    /// Checks form, key number and signature; gives the `N` fields between the form's name and the signature.
    fn open<'t, const N: usize>(&self, token: &'t str, form: &str) -> Result<[&'t str; N], TokenError> {
        let (message, mac) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let fields = message.strip_prefix(form).and_then(|rest| rest.strip_prefix('.')).ok_or(TokenError::Malformed)?;
        let fields: Vec<&str> = fields.split('.').collect();
        let fields = <[&str; N]>::try_from(fields).map_err(|_| TokenError::Malformed)?;
        let kid: i16 = fields[0].parse().map_err(|_| TokenError::Malformed)?;
        if kid != self.kid {
            return Err(TokenError::OtherKey(kid));
        }
        let mac = unhex(mac).ok_or(TokenError::Malformed)?;
        if bool::from(self.mac(message.as_bytes())[..].ct_eq(&mac)) { Ok(fields) } else { Err(TokenError::Signature) }
    }

    fn mac(&self, message: &[u8]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(message);
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> ContextKey {
        ContextKey::new(7, std::array::from_fn(|i| i as u8)).unwrap()
    }

    fn claims(tenant: TenantKey, scope: Option<TenantKey>) -> SessionClaims {
        SessionClaims { tenant, scope, expires_at: 1_800_000_000, counter: 5, session_no: 42 }
    }

    /// Made with `hmac.new(bytes(range(32)), message, sha256)` of Python, so that another language can check itself.
    #[test]
    fn fixed_vectors() {
        let uuid = TenantKey::parse(KeyKind::Uuid, "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d").unwrap();
        assert_eq!(
            key().sign_session(&claims(uuid.clone(), None)).unwrap(),
            "t1.7.1800000000.5.42.0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d..ff28bb18ee7cb61c7efe2274ca182ed3da6f70bbd0e50913d444ea573bd9638e"
        );
        let typed = key().sign_typed(&claims(uuid.clone(), None)).unwrap();
        assert_eq!((typed.hi, typed.lo), (0x0a1b_2c3d_4e5f_4a6b, 0x8c7d_9e0f_1a2b_3c4d_u64.cast_signed()));
        assert_eq!(hex(&typed.mac), "2e91dbed59c4ac1ad20e89b54064c1305e4ad622e02863e92aa6f9f4eba16dcd");
        assert_eq!(
            key().sign_hold(&claims(uuid.clone(), None)).unwrap(),
            "h1.7.1800000000.5.42.0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d..88948add597e0c124abcc67ce58d4eead16d675cbdbc30285d254ae365d5525b"
        );
        let held = key().sign_hold_typed(&claims(uuid.clone(), None)).unwrap();
        assert_eq!((held.hi, held.lo, held.expires_at, held.counter), (typed.hi, typed.lo, 1_800_000_000, 5));
        assert_eq!(hex(&held.mac), "cd07dc695e87e6247b1c11a25f6f2f2ad60265ccbd69f972d47601ca5583e7f5");
        let text = claims(TenantKey::Text("café.1".into()), Some(TenantKey::Text("b/2".into())));
        assert_eq!(
            key().sign_session(&text).unwrap(),
            "t1.7.1800000000.5.42.636166c3a92e31.622f32.a3bbe7a4a0b492a1c3dc0bcb604bbb219813aca4638c47eaa1b16c9e5c42f2e6"
        );
        let stateless = StatelessClaims {
            tenant: TenantKey::Bigint(-9),
            scope: None,
            expires_at: 1_800_000_000,
            backend_pid: 1234,
        };
        assert_eq!(
            key().sign_stateless(&stateless).unwrap(),
            "s1.7.1800000000.1234.-9..44166e44bb54497a08186ef4b14d70252ec4595fd39d09bfa213319ecf9c6c5c"
        );
        assert_eq!(hex(&key().pads().ipad[..4]), "36373435");
        assert_eq!(hex(&key().pads().opad[60..]), "5c5c5c5c");
    }

    #[test]
    fn a_secret_is_never_printed() {
        let shown = format!("{:?}", ContextKey::from_hex(1, &"ab".repeat(32)).unwrap());
        assert_eq!(shown, "ContextKey { kid: 1, secret: \"…\" }");
    }

    #[test]
    fn bad_keys_and_claims_are_refused() {
        assert_eq!(ContextKey::new(-1, [0; 32]).unwrap_err(), TokenError::Kid(-1));
        assert_eq!(ContextKey::new(10_000, [0; 32]).unwrap_err(), TokenError::Kid(10_000));
        for bad in ["", "ab", &"zz".repeat(32), &"ab".repeat(33), &"é".repeat(32)] {
            assert_eq!(ContextKey::from_hex(1, bad).unwrap_err(), TokenError::Secret);
        }
        for bad in [String::new(), "x".repeat(65), "a\0b".into()] {
            assert_eq!(key().sign_session(&claims(TenantKey::Text(bad), None)).unwrap_err(), TokenError::TextKey);
        }
        let scoped = claims(TenantKey::Integer(1), Some(TenantKey::Integer(2)));
        assert_eq!(key().sign_typed(&scoped).unwrap_err(), TokenError::NotTyped);
        assert_eq!(key().sign_hold_typed(&scoped).unwrap_err(), TokenError::NotTyped);
        let mut negative = claims(TenantKey::Integer(1), None);
        negative.session_no = -1;
        assert_eq!(key().sign_session(&negative).unwrap_err(), TokenError::Negative);
        assert_eq!(key().sign_hold_typed(&negative).unwrap_err(), TokenError::Negative);
    }

    #[test]
    fn a_key_of_another_number_does_not_read_it() {
        let token = key().sign_session(&claims(TenantKey::Integer(1), None)).unwrap();
        let other = ContextKey::new(8, [0; 32]).unwrap();
        assert_eq!(other.verify_session(&token, KeyKind::Integer, None).unwrap_err(), TokenError::OtherKey(7));
        let same_number = ContextKey::new(7, [0; 32]).unwrap();
        assert_eq!(same_number.verify_session(&token, KeyKind::Integer, None).unwrap_err(), TokenError::Signature);
    }

    fn any_key() -> impl Strategy<Value = TenantKey> {
        prop_oneof![
            any::<u128>().prop_map(|n| TenantKey::Uuid(uuid::Uuid::from_u128(n))),
            any::<i32>().prop_map(TenantKey::Integer),
            any::<i64>().prop_map(TenantKey::Bigint),
            "[^\0]{1,16}".prop_map(TenantKey::Text),
        ]
    }

    proptest! {
        #[test]
        fn what_is_signed_is_read_back(tenant in any_key(), scope in proptest::option::of(any_key()), expires_at in 0i64..1 << 40, counter: u32, no in 0i64..1 << 53) {
            let (kind, part) = (tenant.kind(), scope.as_ref().map(TenantKey::kind));
            let said = SessionClaims { tenant: tenant.clone(), scope: scope.clone(), expires_at, counter: counter.into(), session_no: no };
            let token = key().sign_session(&said).unwrap();
            prop_assert!(token.is_ascii());
            prop_assert_eq!(key().verify_session(&token, kind, part).unwrap(), said.clone());
            prop_assert!(key().verify_stateless(&token, kind, part).is_err());
            prop_assert!(key().verify_hold(&token, kind, part).is_err());
            let held = key().sign_hold(&said).unwrap();
            prop_assert!(key().verify_session(&held, kind, part).is_err());
            prop_assert_eq!(key().verify_hold(&held, kind, part).unwrap(), said.clone());
            let typed = (key().sign_typed(&said), key().sign_hold_typed(&said));
            prop_assert!(typed.0.is_err() || typed.0.unwrap().mac != typed.1.unwrap().mac, "the forms have different signatures");
            let said = StatelessClaims { tenant, scope, expires_at, backend_pid: 77 };
            prop_assert_eq!(key().verify_stateless(&key().sign_stateless(&said).unwrap(), kind, part).unwrap(), said);
        }

        #[test]
        fn a_changed_token_is_refused(tenant in any_key(), at: prop::sample::Index, to in "[0-9a-f.]") {
            let kind = tenant.kind();
            let token = key().sign_session(&claims(tenant, None)).unwrap();
            let at = at.index(token.len());
            let changed = format!("{}{to}{}", &token[..at], &token[at + 1..]);
            prop_assume!(changed != token);
            prop_assert!(key().verify_session(&changed, kind, None).is_err());
        }

        #[test]
        fn rubbish_is_refused_without_a_panic(token in ".{0,200}") {
            prop_assert!(key().verify_session(&token, KeyKind::Text, Some(KeyKind::Text)).is_err());
        }
    }
}
