//! Why somebody is not admitted, in the words of each wire.

use tenantry_model::Class;

/// Why a claim was refused. The messages tell a stranger nothing about which tenants exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Nobody said which tenant.
    #[error("tenantry: no tenant is named")]
    NoClaim,
    /// There is no such tenant.
    #[error("tenantry: there is no such tenant")]
    Unknown,
    /// There was one; to the caller that is the same.
    #[error("tenantry: there is no such tenant")]
    Deleted,
    /// The tenant may not work now.
    #[error("tenantry: this tenant is suspended")]
    Suspended,
    /// The credential is for another tenant than the one named, whether or not that one exists.
    #[error("tenantry: this credential is not for the tenant named")]
    NotYours,
    /// Two places name two tenants, or one of them names none.
    #[error("tenantry: the tenants named do not agree")]
    Disagree,
    /// Every entry of an open directory is at work.
    #[error("tenantry: too many tenants at once")]
    Full,
}

impl Refusal {
    /// The SQLSTATE at login and for a statement that names its tenant.
    pub fn sqlstate(self) -> &'static str {
        match self {
            Self::NoClaim | Self::Unknown | Self::Deleted | Self::NotYours | Self::Disagree => "42501",
            Self::Suspended => "57P03",
            Self::Full => "53300",
        }
    }

    /// The SQLSTATE that ends a session which was admitted and is no more.
    pub fn sqlstate_when_cut(self) -> &'static str {
        match self {
            Self::Suspended => "57P05",
            other => other.sqlstate(),
        }
    }

    /// What the caller can do.
    pub fn hint(self) -> &'static str {
        match self {
            Self::NoClaim => {
                "Name the tenant: log in as role.tenant, set it at the start of the transaction, or send a token."
            }
            Self::Unknown | Self::Deleted => "Check the tenant's slug or key.",
            Self::Suspended => "Ask the operator why; the tenant's data is kept.",
            Self::NotYours => "Use a credential of the tenant named, or name the tenant of this credential.",
            Self::Disagree => "Name one tenant in all places, or in one place only.",
            Self::Full => "Try again later, or raise the number of tenants the directory remembers.",
        }
    }

    /// The class of the failure.
    pub fn class(self) -> Class {
        match self {
            Self::NoClaim => Class::Caller,
            Self::Unknown | Self::Deleted => Class::Missing,
            Self::Suspended | Self::NotYours | Self::Disagree => Class::Denied,
            Self::Full => Class::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_learns_whether_a_tenant_ever_was() {
        let (a, b) = (Refusal::Unknown, Refusal::Deleted);
        assert_eq!(a.to_string(), b.to_string());
        assert_eq!(
            (a.sqlstate(), a.sqlstate_when_cut(), a.hint(), a.class()),
            (b.sqlstate(), b.sqlstate_when_cut(), b.hint(), b.class())
        );
    }

    #[test]
    fn states_are_those_of_the_contract() {
        assert_eq!(Refusal::Unknown.sqlstate(), "42501");
        assert_eq!(Refusal::NotYours.sqlstate(), "42501");
        assert_eq!((Refusal::Suspended.sqlstate(), Refusal::Suspended.sqlstate_when_cut()), ("57P03", "57P05"));
    }
}
