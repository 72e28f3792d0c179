//! Taking one protection away, for tests only: an attack that can never succeed proves nothing. Without the feature
//! `ablation` everything here is a constant that says no.

/// A protection of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// An actor reaches its own tenant and those below it.
    Reach,
    /// A permission is needed.
    PermissionCheck,
    /// A header may not name another tenant than the path.
    TenantHeader,
    /// A token that is for a tenant is for that one alone.
    TokenTenant,
    /// A token is for us.
    TokenAudience,
    /// An invitation is taken by whoever the issuer says the address belongs to.
    InvitedAddress,
    /// Nobody gives more than he has.
    GrantedRole,
    /// A tenant keeps an Admin.
    LastAdmin,
    /// The platform looks inside a tenant with its consent alone.
    SupportConsent,
    /// A sign-in that was ended is over.
    EndedSession,
    /// A body holds what is known and nothing else.
    UnknownFields,
    /// A page token goes on for whoever it was made for.
    PageOwner,
    /// Without a credential nobody is anybody.
    Credential,
    /// A part is looked for in the tenant of its path alone.
    PartOfTenant,
    /// A webhook is signed.
    WebhookSignature,
    /// A webhook leads to the public internet alone.
    WebhookReach,
}

impl Protection {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Reach,
        Self::PermissionCheck,
        Self::TenantHeader,
        Self::TokenTenant,
        Self::TokenAudience,
        Self::InvitedAddress,
        Self::GrantedRole,
        Self::LastAdmin,
        Self::SupportConsent,
        Self::EndedSession,
        Self::UnknownFields,
        Self::PageOwner,
        Self::Credential,
        Self::PartOfTenant,
        Self::WebhookSignature,
        Self::WebhookReach,
    ];
}

/// A moment between two steps of writing a limit, at which a process may die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It is decided, and nothing is committed.
    Decided,
    /// It stands in the application's database, uncommitted, and nothing is committed.
    Put,
    /// The decision is committed, and nothing else.
    Committed,
    /// It is committed in the application's database, and not noted as written.
    Written,
}

#[cfg(feature = "ablation")]
tokio::task_local! {
    /// What is gone inside a task of a test.
    pub static REMOVED: Protection;
    /// Where a task of a test dies.
    pub static DIES: Moment;
}

/// Dies here, if a test wants it.
#[cfg(feature = "ablation")]
pub(crate) fn moment(moment: Moment) {
    let dies = DIES.try_with(|d| *d == moment).unwrap_or(false);
    assert!(!dies, "a test ends this task at {moment:?}");
}

/// Goes on.
#[cfg(not(feature = "ablation"))]
pub(crate) const fn moment(_: Moment) {}

/// Whether a protection was taken away here.
#[cfg(feature = "ablation")]
pub(crate) fn removed(protection: Protection) -> bool {
    REMOVED.try_with(|r| *r == protection).unwrap_or(false)
}

/// It was not.
#[cfg(not(feature = "ablation"))]
pub(crate) const fn removed(_: Protection) -> bool {
    false
}

/// Work that misses what is gone where it was made, and dies where it would there, also when another task does it.
#[cfg(feature = "ablation")]
pub(crate) fn inherited<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let gone = REMOVED.try_with(|gone| *gone).ok();
    let dies = DIES.try_with(|dies| *dies).ok();
    async move {
        match (gone, dies) {
            (Some(gone), _) => REMOVED.scope(gone, work).await,
            (None, Some(dies)) => DIES.scope(dies, work).await,
            (None, None) => work.await,
        }
    }
}

/// Nothing is gone.
#[cfg(not(feature = "ablation"))]
pub(crate) fn inherited<F: Future>(work: F) -> F {
    work
}
