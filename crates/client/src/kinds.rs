//! Which kind of key a database has, so that none of another kind is signed.
//!
//! The bytes of a token do not say it: the text key `1` is signed as `31`, which a database of numbers would take
//! for tenant 31. The cells of the session's memory tell the kinds apart, as far as their forms differ: integer and
//! bigint are one.

use tenantry_model::{KeyKind, TenantKey};
use tenantry_pg::Client;
use tenantry_pg::tokio_postgres::types::Type;

use crate::connection::Who;
use crate::error::Error;

const CELLS: &str = "SELECT c.relname::text FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'S'";

/// The kinds of a database's tenants and business units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds {
    tenant: KeyKind,
    unit: Option<KeyKind>,
}

impl Kinds {
    pub(crate) async fn read(client: &Client) -> Result<Self, Error> {
        let rows = client.query_typed(CELLS, &[(&"tenantry", Type::TEXT)]).await;
        let rows = rows.map_err(|source| Error::Bind { source })?;
        let cells: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        Self::of(&cells).ok_or(Error::NotIsolated)
    }

    fn of(cells: &[String]) -> Option<Self> {
        let has = |name: &str| cells.iter().any(|cell| cell == name);
        let kind = |level: &str| match (has(&format!("{level}_hi")), has(&format!("{level}_len"))) {
            (true, _) => Some(KeyKind::Uuid),
            (_, true) => Some(KeyKind::Text),
            _ => has(&format!("{level}_lo")).then_some(KeyKind::Bigint),
        };
        Some(Self { tenant: kind("m")?, unit: kind("s") })
    }

    /// Refuses a key that the database would read as another.
    pub(crate) fn check(self, who: &Who) -> Result<(), Error> {
        let fits = |key: &TenantKey, kind: KeyKind| match key.kind() {
            KeyKind::Integer => kind == KeyKind::Bigint,
            own => own == kind,
        };
        if !fits(&who.tenant, self.tenant) {
            return Err(Error::OtherKind { found: who.tenant.kind(), expected: self.tenant });
        }
        match (&who.unit, self.unit) {
            (None, _) => Ok(()),
            (Some(unit), Some(kind)) if fits(unit, kind) => Ok(()),
            (Some(unit), Some(kind)) => Err(Error::OtherKind { found: unit.kind(), expected: kind }),
            (Some(_), None) => Err(Error::NoUnits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cells_tell_the_kinds() {
        let of = |cells: &[&str]| Kinds::of(&cells.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["m_hi", "m_lo", "m_xact"]), Some(Kinds { tenant: KeyKind::Uuid, unit: None }));
        let units = Kinds { tenant: KeyKind::Text, unit: Some(KeyKind::Bigint) };
        assert_eq!(of(&["m_len", "m_t1", "s_set", "s_lo"]), Some(units));
        assert_eq!(of(&["m_xact"]), None);
        let who = |tenant, unit| Who { tenant, unit };
        assert!(units.check(&who(TenantKey::Text("a".into()), Some(TenantKey::Integer(1)))).is_ok());
        for (tenant, unit) in [
            (TenantKey::Bigint(1), None),
            (TenantKey::Text("a".into()), Some(TenantKey::Text("1".into()))),
            (TenantKey::Uuid(Default::default()), None),
        ] {
            assert!(matches!(units.check(&who(tenant, unit)), Err(Error::OtherKind { .. })));
        }
    }
}
