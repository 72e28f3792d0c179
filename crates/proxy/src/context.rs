//! Signing the context of a tenant for a server connection.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tenantry_edge::admission::Admitted;
use tenantry_model::TenantKey;
use tenantry_model::token::{ContextKey, SessionClaims, StatelessClaims, TokenError, TypedToken};

/// How long a signed context may take to reach the server, in seconds. It is checked once, on arrival.
const ARRIVES_WITHIN_SECONDS: i64 = 30;

/// A context in a setting is good for 30 s at most. A statement that begins after this gets another first.
pub(crate) const STATELESS_RENEWED_AFTER: Duration = Duration::from_secs(20);

/// Signs for one database.
pub(crate) struct Signer {
    key: ContextKey,
}

/// A token for `tenantry.hold`.
pub(crate) enum Hold {
    /// For uuid, integer and bigint keys.
    Typed(TypedToken),
    /// For text keys.
    Text(String),
}

impl Signer {
    pub(crate) fn new(key: ContextKey) -> Self {
        Self { key }
    }

    /// A context to be held by this session.
    pub(crate) fn hold(&self, tenant: &Admitted, session_no: i64, counter: i64) -> Result<Hold, TokenError> {
        let claims = claims(tenant, session_no, counter);
        match (&claims.tenant, &claims.scope) {
            (TenantKey::Text(_), _) | (_, Some(_)) => self.key.sign_hold(&claims).map(Hold::Text),
            _ => self.key.sign_hold_typed(&claims).map(Hold::Typed),
        }
    }

    /// A context for the transaction that is open.
    pub(crate) fn enter(&self, tenant: &Admitted, session_no: i64, counter: i64) -> Result<String, TokenError> {
        self.key.sign_session(&claims(tenant, session_no, counter))
    }

    /// A context for the setting `tenantry.context`, where none can be held. It has to be renewed after
    /// [`STATELESS_RENEWED_AFTER`].
    pub(crate) fn stateless(&self, tenant: &Admitted, backend_pid: i32) -> Result<String, TokenError> {
        let expires_at = now() + ARRIVES_WITHIN_SECONDS - 1;
        let (tenant, scope) = (tenant.key().clone(), tenant.scope().cloned());
        self.key.sign_stateless(&StatelessClaims { tenant, scope, expires_at, backend_pid })
    }
}

fn claims(tenant: &Admitted, session_no: i64, counter: i64) -> SessionClaims {
    let (tenant, scope) = (tenant.key().clone(), tenant.scope().cloned());
    SessionClaims { tenant, scope, expires_at: now() + ARRIVES_WITHIN_SECONDS, counter, session_no }
}

/// Unix time in seconds.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
