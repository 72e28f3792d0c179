//! Everything that can be allowed: a closed list, so that a new thing has to be put into the table of roles.

/// Declares the permissions and the list of them.
macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident $text:literal $($inner:ident)?;)*) => {
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

            /// Whether it is about what is inside a tenant.
            pub fn inner(self) -> Inner {
                match self { $(Self::$name => permissions!(@inner $($inner)?)),* }
            }
        }
    };
    (@inner) => { Inner::No };
    (@inner $inner:ident) => { Inner::$inner };
}

/// Whether a permission is about what is inside a tenant: its people, keys and log, where the platform has no business
/// without the tenant's consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inner {
    /// It is about the tenant as the platform knows it.
    No,
    /// It looks inside.
    Look,
    /// It changes what is inside.
    Change,
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
    KeyRead "key:read" Look;
    /// Make, rotate and revoke keys.
    KeyManage "key:manage" Change;
    /// See the platform's own keys, and make them.
    PlatformKeyManage "platform-key:manage";
    /// See who belongs to a tenant.
    MemberRead "member:read" Look;
    /// Say who belongs to a tenant.
    MemberManage "member:manage" Change;
    /// See the platform's users.
    UserRead "user:read";
    /// Make, change and remove users, and say who is an operator.
    UserManage "user:manage";
    /// See which signing keys there are.
    SigningKeyRead "signing-key:read";
    /// Make and revoke signing keys: whoever has one can be any tenant.
    SigningKeyManage "signing-key:manage";
    /// Ask a tenant to be let in.
    SupportAsk "support:ask";
    /// See who was let in, and who asks.
    SupportRead "support:read";
    /// Let an operator in, or turn him out. For people: no key can.
    SupportConsent "support:consent";
    /// Read plans.
    PlanRead "plan:read";
    /// Make and change plans.
    PlanManage "plan:manage";
    /// Read quotas and what is used of them.
    QuotaRead "quota:read";
    /// Take from a quota.
    QuotaUse "quota:use";
    /// Give a tenant below out of one's own quotas.
    QuotaGive "quota:give";
    /// Change quotas.
    QuotaManage "quota:manage";
    /// Read what was used.
    UsageRead "usage:read";
    /// Report what was used: gateways and proxies.
    UsageReport "usage:report";
    /// Read the audit log.
    AuditRead "audit:read" Look;
    /// Take it away as a file.
    AuditExport "audit:export" Look;
    /// Change how long it is kept.
    AuditManage "audit:manage";
    /// Read alerts.
    AlertRead "alert:read";
    /// Change alerts.
    AlertManage "alert:manage";
    /// See webhooks.
    WebhookRead "webhook:read" Look;
    /// Change webhooks.
    WebhookManage "webhook:manage" Change;
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

    /// Whether all of those are among them.
    pub fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Without what looks inside tenants, or changes what is there.
    pub(crate) fn without(self, inner: Inner) -> Self {
        let gone = Self::of(Permission::ALL.iter().copied().filter(|p| p.inner() == inner));
        Self(self.0 & !gone.0)
    }

    /// Without one.
    pub(crate) fn except(self, permission: Permission) -> Self {
        Self(self.0 & !Self::of([permission]).0)
    }

    /// Both together.
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

const _: () = assert!(Permission::ALL.len() <= 64, "a set is 64 bits");
