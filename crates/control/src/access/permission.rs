//! Everything that can be allowed: a closed list, so that a new thing has to be put into the table of roles.

/// Declares the permissions and the list of them.
macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident $text:literal;)*) => {
        /// Something that can be allowed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission { $($(#[$doc])* $name),* }

        impl Permission {
            /// All of them, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name in messages and in the table.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

permissions! {
    /// Make a tenant without a parent.
    TenantCreate "tenant:create";
    /// Make a tenant below one's own.
    ChildCreate "tenant:create-child";
    /// List the platform's tenants.
    TenantList "tenant:list";
    /// Read a tenant.
    TenantRead "tenant:read";
    /// Change its name, contact, slug.
    TenantUpdate "tenant:update";
    /// Change its plan.
    TenantSubscribe "tenant:subscribe";
    /// Keep a tenant out, or let it in again.
    TenantSuspend "tenant:suspend";
    /// Delete and restore.
    TenantDelete "tenant:delete";
    /// See which keys there are.
    KeyRead "key:read";
    /// Make, rotate and revoke keys.
    KeyManage "key:manage";
    /// See the platform's own keys, and make them.
    PlatformKeyManage "platform-key:manage";
    /// See who belongs to a tenant.
    MemberRead "member:read";
    /// Say who belongs to a tenant.
    MemberManage "member:manage";
    /// Read plans.
    PlanRead "plan:read";
    /// Make and change plans.
    PlanManage "plan:manage";
    /// Read quotas and what is used of them.
    QuotaRead "quota:read";
    /// Take from a quota.
    QuotaUse "quota:use";
    /// Change quotas.
    QuotaManage "quota:manage";
    /// Read what was used.
    UsageRead "usage:read";
    /// Report what was used: gateways and proxies.
    UsageReport "usage:report";
    /// Read the audit log.
    AuditRead "audit:read";
    /// Take it away as a file.
    AuditExport "audit:export";
    /// Change how long it is kept.
    AuditManage "audit:manage";
    /// Read alerts.
    AlertRead "alert:read";
    /// Change alerts.
    AlertManage "alert:manage";
    /// See webhooks.
    WebhookRead "webhook:read";
    /// Change webhooks.
    WebhookManage "webhook:manage";
    /// Read bills.
    BillingRead "billing:read";
    /// Change how it is billed.
    BillingManage "billing:manage";
    /// Read the directory that the edge follows.
    DirectoryRead "directory:read";
    /// See databases and where tenants live.
    DatabaseRead "database:read";
    /// Change databases, move tenants.
    DatabaseManage "database:manage";
}

/// A set of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u64);

impl Permissions {
    /// These.
    pub fn of(list: impl IntoIterator<Item = Permission>) -> Self {
        Self(list.into_iter().fold(0, |bits, p| bits | 1 << p as u64))
    }

    /// Whether one is among them.
    pub fn has(self, permission: Permission) -> bool {
        self.0 & 1 << permission as u64 != 0
    }

    /// Both together.
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

const _: () = assert!(Permission::ALL.len() <= 64, "a set is 64 bits");
