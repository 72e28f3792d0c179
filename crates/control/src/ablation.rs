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
    /// A webhook is signed.
    WebhookSignature,
    /// A webhook leads to the public internet alone.
    WebhookReach,
}

#[cfg(feature = "ablation")]
tokio::task_local! {
    /// What is gone inside a task of a test.
    pub static REMOVED: Protection;
}

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

/// Work that misses what is gone where it was made, also when another task does it.
#[cfg(feature = "ablation")]
pub(crate) fn inherited<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let gone = REMOVED.try_with(|gone| *gone).ok();
    async move {
        match gone {
            Some(gone) => REMOVED.scope(gone, work).await,
            None => work.await,
        }
    }
}

/// Nothing is gone.
#[cfg(not(feature = "ablation"))]
pub(crate) fn inherited<F: Future>(work: F) -> F {
    work
}
