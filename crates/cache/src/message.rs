//! What processes tell each other: what to forget.

use tenantry_model::{KeyKind, TenantKey};

use crate::key::{Asked, parts, tenant_parts};

/// Something to forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// One entry.
    Entry { tenant: TenantKey, unit: Option<TenantKey>, kind: String, id: String },
    /// All of a kind.
    Kind { tenant: TenantKey, kind: String },
    /// All of a tenant.
    Tenant { tenant: TenantKey },
    /// Everything.
    All,
}

impl Message {
    pub(crate) fn entry(tenant: &TenantKey, asked: &Asked<'_>) -> Self {
        Self::Entry {
            tenant: tenant.clone(),
            unit: asked.unit.cloned(),
            kind: asked.key.kind.to_owned(),
            id: asked.key.id.to_owned(),
        }
    }

    pub(crate) fn tenant(&self) -> Option<&TenantKey> {
        match self {
            Self::Entry { tenant, .. } | Self::Kind { tenant, .. } | Self::Tenant { tenant } => Some(tenant),
            Self::All => None,
        }
    }

    /// Its parts, the sender in front.
    pub(crate) fn encode(&self, sender: &str) -> Vec<u8> {
        match self {
            Self::Entry { tenant, unit, kind, id } => {
                let (tenant_kind, tenant) = tenant_parts(tenant);
                let (unit_kind, unit) = unit.as_ref().map_or(("", String::new()), tenant_parts);
                parts(&[sender, "entry", tenant_kind, &tenant, unit_kind, &unit, kind, id])
            }
            Self::Kind { tenant, kind } => {
                let (tenant_kind, tenant) = tenant_parts(tenant);
                parts(&[sender, "kind", tenant_kind, &tenant, kind])
            }
            Self::Tenant { tenant } => {
                let (tenant_kind, tenant) = tenant_parts(tenant);
                parts(&[sender, "tenant", tenant_kind, &tenant])
            }
            Self::All => parts(&[sender, "all"]),
        }
    }

    /// Reads one, and who sent it.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(String, Self)> {
        let all = split(bytes)?;
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let (sender, rest) = all.split_first()?;
        let message = match rest {
            ["entry", tenant_kind, tenant, unit_kind, unit, kind, id] => {
                let unit = if unit_kind.is_empty() { None } else { Some(read_key(unit_kind, unit)?) };
                let tenant = read_key(tenant_kind, tenant)?;
                Self::Entry { tenant, unit, kind: (*kind).to_owned(), id: (*id).to_owned() }
            }
            ["kind", tenant_kind, tenant, kind] => {
                Self::Kind { tenant: read_key(tenant_kind, tenant)?, kind: (*kind).to_owned() }
            }
            ["tenant", tenant_kind, tenant] => Self::Tenant { tenant: read_key(tenant_kind, tenant)? },
            ["all"] => Self::All,
            _ => return None,
        };
        Some(((*sender).to_owned(), message))
    }
}

fn read_key(kind: &str, text: &str) -> Option<TenantKey> {
    let kind = match kind {
        "uuid" => KeyKind::Uuid,
        "integer" => KeyKind::Integer,
        "bigint" => KeyKind::Bigint,
        "text" => KeyKind::Text,
        _ => return None,
    };
    TenantKey::parse(kind, text).ok()
}

fn split(mut bytes: &[u8]) -> Option<Vec<String>> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (part, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        out.push(String::from_utf8(part.to_vec()).ok()?);
        bytes = rest;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_survive_their_bytes() {
        let tenant = TenantKey::Text("a:b".into());
        let entry = |unit| Message::Entry { tenant: tenant.clone(), unit, kind: "k".into(), id: "\0".into() };
        let all = [
            entry(None),
            entry(Some(TenantKey::Integer(-3))),
            Message::Kind { tenant: tenant.clone(), kind: "k".into() },
            Message::Tenant { tenant: TenantKey::Bigint(7) },
            Message::All,
        ];
        for message in all {
            assert_eq!(Message::decode(&message.encode("me")), Some(("me".into(), message)));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Message::decode(&bytes);
        }
    }
}
