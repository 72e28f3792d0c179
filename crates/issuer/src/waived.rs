//! Taking one check away, for tests only: a check that nobody misses is none. Without the feature `ablation` nothing
//! can be waived.

/// A check of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// What a token's header says about keys and about how it is to be read refuses it.
    Header,
    /// A token is checked with the algorithms of its issuer only.
    Algorithm,
    /// A token is for us.
    Audience,
    /// The tenant of an issuer that belongs to one is the only one its tokens are for.
    Tenant,
}

/// The check that is left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waived(Option<Check>);

impl Waived {
    /// All checks are made.
    pub const NOTHING: Self = Self(None);

    /// All but this one.
    #[cfg(feature = "ablation")]
    pub const fn only(check: Check) -> Self {
        Self(Some(check))
    }

    pub(crate) fn is(self, check: Check) -> bool {
        self.0 == Some(check)
    }
}
