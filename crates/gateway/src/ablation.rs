//! Taking one protection away, for tests only: a protection that nobody misses is none, and an attack that can never
//! succeed proves nothing. Without the feature `ablation` everything here is a constant that says no.

/// A protection of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// A tenant that is only named by the client needs a proof.
    Proof,
    /// All places that name a tenant have to agree.
    Agreement,
    /// Headers that only the gateway may set are taken from the client's request, however they are spelled.
    Reserved,
    /// What the client's `Connection` names is removed before the gateway's own headers are added.
    HopByHop,
    /// A host name that is none is refused.
    HostForm,
    /// The TLS name and the host of the request have to be the same.
    Misdirected,
    /// A request that two readers could end at two places is refused.
    Framing,
    /// A line of a head ends with CR LF, and with nothing else.
    LineEnds,
    /// A connection to the application is lent again only after all of an answer was read.
    Drained,
    /// A path has one way to be read.
    Path,
    /// A tenant is named at most once in the query, and once in the body.
    Duplicates,
    /// A token is checked with the algorithms of its issuer only.
    TokenAlgorithm,
    /// The tenant of an issuer that belongs to one is the only one its tokens are for.
    TokenIssuer,
    /// A token is for us.
    TokenAudience,
    /// Addresses in `X-Forwarded-For` count only from trusted proxies.
    TrustedProxies,
    /// Who proved nothing spends another budget than the tenant's own users.
    Budgets,
    /// A webhook's signature is made with the tenant's own secret.
    WebhookSecret,
    /// A webhook is taken once.
    WebhookOnce,
    /// Headers of the application about its insides are taken from the answer.
    Insides,
    /// Who is suspended while something streams is cut off.
    Cut,
    /// Labels that are the operator's are nobody's slug.
    Labels,
    /// Methods that answer with what was asked, or open a way through, are refused.
    Methods,
    /// What a token's header says about keys and about how it is to be read refuses it.
    TokenHeader,
    /// A key counts with its whole secret only.
    KeySecret,
    /// A key that was taken back does not count, although it was proven before.
    Withdrawn,
    /// No page of another site opens a web socket.
    Origin,
    /// A budget that is counted for all gateways is kept under its tenant's name.
    BudgetNames,
    /// An answer is kept for the tenant it was for.
    KeptTenant,
    /// An answer is kept for who sent the same credential, where the route does not say otherwise.
    KeptCredential,
    /// Headers that reach the application tell answers apart.
    KeptHeaders,
    /// An answer that depends on headers is kept for those who sent the same.
    KeptVary,
    /// An answer with a cookie is not kept.
    KeptCookies,
    /// Only what allows it is kept.
    KeptControl,
    /// A request with a body is no reading.
    KeptBody,
}

impl Protection {
    /// All of them.
    pub const ALL: [Self; 34] = [
        Self::Proof,
        Self::Agreement,
        Self::Reserved,
        Self::HopByHop,
        Self::HostForm,
        Self::Misdirected,
        Self::Framing,
        Self::LineEnds,
        Self::Drained,
        Self::Path,
        Self::Duplicates,
        Self::TokenAlgorithm,
        Self::TokenIssuer,
        Self::TokenAudience,
        Self::TrustedProxies,
        Self::Budgets,
        Self::WebhookSecret,
        Self::WebhookOnce,
        Self::Insides,
        Self::Cut,
        Self::Labels,
        Self::Methods,
        Self::TokenHeader,
        Self::KeySecret,
        Self::Withdrawn,
        Self::Origin,
        Self::BudgetNames,
        Self::KeptTenant,
        Self::KeptCredential,
        Self::KeptHeaders,
        Self::KeptVary,
        Self::KeptCookies,
        Self::KeptControl,
        Self::KeptBody,
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
