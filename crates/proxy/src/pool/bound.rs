//! What a server connection told when its session was bound: whether it can be used for the tenants we know.

use tenantry_model::KeyKind;

use super::{ConnectError, Pool};

/// What the binding of a session told.
pub(super) struct Bound {
    pub(super) session_no: i64,
    /// The type of the tenant key; integer and bigint look alike.
    pub(super) kind: KeyKind,
}

impl Bound {
    /// The bytes of a token do not say what type they are of, so a list of another type would sign for wrong tenants.
    pub(super) fn check(&self, pool: &Pool) -> Result<(), ConnectError> {
        let expected = match pool.database.directory.kind() {
            KeyKind::Integer => KeyKind::Bigint,
            other => other,
        };
        if self.kind == expected {
            return Ok(());
        }
        Err(ConnectError::OtherKind { database: pool.database.name.to_string(), found: self.kind, expected })
    }
}

/// The type of the tenant key, by the cells of the session's memory.
pub(super) fn kind_of(cells: &str) -> KeyKind {
    let has = |name: &str| cells.split(',').any(|cell| cell == name);
    match (has("m_hi"), has("m_len")) {
        (true, _) => KeyKind::Uuid,
        (_, true) => KeyKind::Text,
        _ => KeyKind::Bigint,
    }
}
