//! Taking one protection away, for tests only: a protection that nobody misses is none, and an attack that can never
//! succeed proves nothing. Without the feature `ablation` everything here is a constant that says no.

/// A protection of the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// The tenant's context is entered before its statements.
    Context,
    /// A context that was rolled back is entered again.
    ContextAgain,
    /// A transaction that has a tenant cannot name a second.
    OneTenant,
    /// What a client left behind is cleaned away before the next client of the same tenant.
    Residue,
    /// A connection that refuses a context is replaced.
    Replacement,
    /// Of a connection that refused a context nothing more is passed on.
    NothingAfterRefusal,
    /// Names of prepared statements are made the connection's own.
    Names,
    /// A name is closed before it is prepared.
    CloseFirst,
    /// Texts of statements that others have prepared are closed before a tenant's own client comes.
    OthersTexts,
    /// A connection that was left in the middle is brought to rest, or closed.
    Rest,
    /// What a client did not end with Sync is not ended for it.
    NoSyncOfOurs,
    /// Settings that a rollback brings back are told to nobody.
    OwnSettings,
    /// A cancel request needs the client's secret.
    CancelSecret,
    /// Only listed settings are taken from a startup message.
    Options,
    /// Who does not exist is asked for a password like everybody.
    Decoy,
}

impl Protection {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Context,
        Self::ContextAgain,
        Self::OneTenant,
        Self::Residue,
        Self::Replacement,
        Self::NothingAfterRefusal,
        Self::Names,
        Self::CloseFirst,
        Self::OthersTexts,
        Self::Rest,
        Self::NoSyncOfOurs,
        Self::OwnSettings,
        Self::CancelSecret,
        Self::Options,
        Self::Decoy,
    ];
}

#[cfg(feature = "ablation")]
std::thread_local! {
    static REMOVED: std::cell::Cell<Option<Protection>> = const { std::cell::Cell::new(None) };
}

/// Takes a protection away from the worker of this thread.
#[cfg(feature = "ablation")]
pub(crate) fn remove(protection: Option<Protection>) {
    REMOVED.set(protection);
}

/// Whether a protection was taken away here.
#[cfg(feature = "ablation")]
pub(crate) fn removed(protection: Protection) -> bool {
    REMOVED.get() == Some(protection)
}

/// It was not.
#[cfg(not(feature = "ablation"))]
pub(crate) const fn removed(_: Protection) -> bool {
    false
}
