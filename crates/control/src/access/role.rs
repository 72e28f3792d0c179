//! Which permissions go together. The table is a golden file, so that nobody widens a role unnoticed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::permission::{Permission, Permissions};

/// A role of a key or a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum Role {
    /// Runs the platform: every tenant.
    Operator,
    /// Everything inside one tenant.
    Admin,
    /// Runs a tenant's daily business, without keys and members.
    WorkspaceManager,
    /// Works in a tenant.
    Author,
    /// Looks.
    Viewer,
}

impl Role {
    /// All of them, widest first.
    pub const ALL: &[Self] = &[Self::Operator, Self::Admin, Self::WorkspaceManager, Self::Author, Self::Viewer];

    /// Its name in the database and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "Operator",
            Self::Admin => "Admin",
            Self::WorkspaceManager => "WorkspaceManager",
            Self::Author => "Author",
            Self::Viewer => "Viewer",
        }
    }

    /// The role of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|r| r.as_str() == text)
    }

    /// Whether it is a role of the platform, and none inside a tenant.
    pub fn is_of_platform(self) -> bool {
        self == Self::Operator
    }

    /// What it allows.
    pub fn permissions(self) -> Permissions {
        Permissions::of(Permission::ALL.iter().copied().filter(|p| self.allows(*p)))
    }

    /// What it allows to an API key: consent is a person's.
    pub fn permissions_of_key(self) -> Permissions {
        self.permissions().except(Permission::SupportConsent)
    }

    fn allows(self, permission: Permission) -> bool {
        use Permission as P;
        let looks = matches!(
            permission,
            P::TenantRead | P::PlanRead | P::QuotaRead | P::UsageRead | P::MemberRead | P::AlertRead
        );
        let works = looks || permission == P::QuotaUse;
        let runs = works
            || matches!(
                permission,
                P::TenantUpdate
                    | P::AuditRead
                    | P::KeyRead
                    | P::AlertManage
                    | P::WebhookRead
                    | P::BillingRead
                    | P::SupportRead
            );
        let owns = runs
            || matches!(
                permission,
                P::ChildCreate
                    | P::KeyManage
                    | P::MemberManage
                    | P::QuotaGive
                    | P::AuditExport
                    | P::WebhookManage
                    | P::BillingManage
                    | P::SupportConsent
            );
        match self {
            // whoever asks to be let in does not answer himself
            Self::Operator => permission != P::SupportConsent,
            Self::Admin => owns,
            Self::WorkspaceManager => runs,
            Self::Author => works,
            Self::Viewer => looks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::permission::Inner;
    use super::*;

    #[test]
    fn nobody_below_has_what_somebody_above_has_not() {
        for pair in Role::ALL[1..].windows(2) {
            assert!(pair[0].permissions().covers(pair[1].permissions()), "{pair:?}");
            assert!(!pair[1].permissions().covers(pair[0].permissions()), "{pair:?}");
        }
        assert!(Role::Operator.permissions().covers(Role::Admin.permissions_of_key()));
        assert!(!Role::Operator.permissions().covers(Role::Admin.permissions()));
    }

    #[test]
    fn the_table_is_the_golden_one() {
        let mut table = format!("{:<22}", "");
        Role::ALL.iter().for_each(|r| table.push_str(&format!(" {:<16}", r.as_str())));
        table.push_str(" inside");
        for permission in Permission::ALL {
            table = table.trim_end().to_owned() + &format!("\n{:<22}", permission.as_str());
            for role in Role::ALL {
                let mark = if role.permissions().has(*permission) { "x" } else { "-" };
                table.push_str(&format!(" {mark:<16}"));
            }
            table.push_str(match permission.inner() {
                Inner::No => " -",
                Inner::Look => " look",
                Inner::Change => " change",
            });
        }
        let table = table.trim_end().to_owned() + "\n";
        if std::env::var("TENANTRY_BLESS").is_ok() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/access/roles.golden");
            std::fs::write(path, &table).unwrap();
            return;
        }
        assert_eq!(table, include_str!("roles.golden"), "bless it with TENANTRY_BLESS=1 if this is meant");
    }

    #[test]
    fn names_survive() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(*role));
        }
        assert_eq!(Role::parse("operator"), None);
    }
}
