//! Taking one protection away, for tests only: a protection that nobody misses is none, and an attack that can never
//! succeed proves nothing. Without the feature `ablation` everything here is a constant that says no.

/// A protection of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Protection {
    /// Each part of a name has its length in front.
    Lengths = 1,
    /// The name of an entry holds the tenant.
    TenantInName,
    /// An entry says for whom it was sealed, and is opened for nobody else.
    Bound,
    /// A load that was overtaken by a removal is not kept.
    Overtaken,
    /// Clearing a tenant changes its generation and looks for no names.
    Generation,
    /// Names and values go to Redis as arguments, never as part of a script.
    Arguments,
    /// A tenant that may not work reads nothing.
    State,
    /// What is heard about removals must be sealed by one of us.
    SealedMessages,
    /// No tenant takes more than its share of a full first level.
    Share,
    /// The whole name is kept, not its first bytes.
    WholeName,
    /// Whoever looks into Redis learns no key.
    HiddenNames,
    /// An entry that Redis brings back after a restart is not believed.
    RunId,
    /// The first level forgets when the line to Redis was lost.
    FlushOnReconnect,
    /// An entry says what kind of thing it is.
    KindInName,
}

impl Protection {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Lengths,
        Self::TenantInName,
        Self::Bound,
        Self::Overtaken,
        Self::Generation,
        Self::Arguments,
        Self::State,
        Self::SealedMessages,
        Self::Share,
        Self::WholeName,
        Self::HiddenNames,
        Self::RunId,
        Self::FlushOnReconnect,
        Self::KindInName,
    ];
}

/// Which protection a cache is without.
#[derive(Clone, Copy, Debug, Default)]
pub struct Removed {
    #[cfg(feature = "ablation")]
    protection: Option<Protection>,
}

impl Removed {
    /// Takes one away.
    #[cfg(feature = "ablation")]
    pub fn only(protection: Option<Protection>) -> Self {
        Self { protection }
    }

    /// Whether it was taken away.
    #[cfg(feature = "ablation")]
    pub(crate) fn has(self, protection: Protection) -> bool {
        self.protection == Some(protection)
    }

    /// Whether any was.
    #[cfg(feature = "ablation")]
    pub(crate) fn is_any(self) -> bool {
        self.protection.is_some()
    }

    /// None was.
    #[cfg(not(feature = "ablation"))]
    pub(crate) const fn is_any(self) -> bool {
        false
    }

    /// It was not.
    #[cfg(not(feature = "ablation"))]
    pub(crate) const fn has(self, _: Protection) -> bool {
        false
    }
}
