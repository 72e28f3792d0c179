//! Why a request is not passed on: status, code and what the caller can do. One function turns each into HTTP.
//!
//! What a stranger reads says nothing about which tenants there are: unknown, deleted and not yet known are one answer.

use std::time::Duration;

use tenantry_edge::admission::Refusal as Admission;
use tenantry_model::Class;

/// A request that is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request has no single meaning. The connection is closed.
    #[error("the request cannot be read: {0}")]
    BadRequest(&'static str),
    /// The host is none, or is given twice.
    #[error("the host of the request cannot be used: {0}")]
    Host(&'static str),
    /// The connection was made for another host.
    #[error("this connection was made for another host")]
    Misdirected,
    /// The path has more than one reading.
    #[error("the path of the request cannot be used: {0}")]
    Path(&'static str),
    /// A method that is never passed on.
    #[error("this method is not passed on")]
    Method,
    /// The line with path and query is too long.
    #[error("the path and query are too long")]
    UriTooLong,
    /// Too many headers, or too long ones.
    #[error("the headers are too large")]
    HeadersTooLarge,
    /// The body is larger than may be.
    #[error("the body is too large")]
    BodyTooLarge,
    /// An expectation that nobody can meet.
    #[error("the expectation cannot be met")]
    Expectation,
    /// The request took too long to come.
    #[error("the request did not come in time")]
    RequestTimeout,
    /// No route leads there.
    #[error("there is nothing at this address")]
    NoRoute,
    /// Nobody said which tenant.
    #[error("no tenant is named")]
    TenantRequired,
    /// There is none of that name, or no more.
    #[error("there is no such tenant")]
    TenantUnknown,
    /// Two places name two.
    #[error("the tenants named do not agree")]
    TenantConflict,
    /// It was named by somebody who proved nothing.
    #[error("the tenant is named, and not proven")]
    TenantNotProven,
    /// It may not work now.
    #[error("this tenant is suspended")]
    TenantSuspended,
    /// It, or everybody, waits until the operator is done.
    #[error("under maintenance")]
    Maintenance(Duration),
    /// There is no credential.
    #[error("a credential is required")]
    CredentialRequired,
    /// The credential is not good.
    #[error("the credential is refused")]
    CredentialRefused,
    /// Whoever could check the credential does not answer.
    #[error("the credential cannot be checked now")]
    IdentityUnavailable,
    /// A webhook without a good signature, too old, or for the second time.
    #[error("the webhook is refused")]
    WebhookRefused,
    /// A webhook that the application has already. No refusal to whoever sends it again.
    #[error("the webhook was delivered before")]
    WebhookDelivered,
    /// A page of another site wants to do this.
    #[error("this origin may not do this")]
    Origin,
    /// Too many requests in this time.
    #[error("too many requests")]
    RateLimited(Duration),
    /// Too many requests at once.
    #[error("too many requests of this tenant are under way")]
    Busy,
    /// More tenants at once than are remembered, or more connections than may be.
    #[error("too much at once")]
    Full,
    /// No application answers.
    #[error("the application cannot be reached")]
    UpstreamUnavailable,
    /// The application's answer is none.
    #[error("the application's answer cannot be used")]
    UpstreamBroken,
    /// The application does not answer in time.
    #[error("the application did not answer in time")]
    UpstreamTimeout,
    /// The gateway itself is wrong.
    #[error("the gateway failed")]
    Bug,
}

impl Refusal {
    /// The page in docs/errors; its name in capitals is the `code` of the answer.
    pub fn page(self) -> &'static str {
        match self {
            Self::BadRequest(_) | Self::Expectation => "bad-request",
            Self::Host(_) => "host-refused",
            Self::Misdirected => "misdirected-request",
            Self::Path(_) => "path-refused",
            Self::Method => "method-refused",
            Self::UriTooLong | Self::HeadersTooLarge | Self::BodyTooLarge => "request-too-large",
            Self::RequestTimeout => "request-timeout",
            Self::NoRoute => "no-route",
            Self::TenantRequired => "tenant-required",
            Self::TenantUnknown => "tenant-unknown",
            Self::TenantConflict => "tenant-conflict",
            Self::TenantNotProven => "tenant-not-proven",
            Self::TenantSuspended => "tenant-suspended",
            Self::Maintenance(_) => "maintenance",
            Self::CredentialRequired => "credential-required",
            Self::CredentialRefused => "credential-refused",
            Self::IdentityUnavailable => "identity-unavailable",
            Self::WebhookRefused | Self::WebhookDelivered => "webhook-refused",
            Self::Origin => "origin-refused",
            Self::RateLimited(_) => "rate-limited",
            Self::Busy => "tenant-busy",
            Self::Full => "gateway-full",
            Self::UpstreamUnavailable | Self::UpstreamBroken => "upstream-unavailable",
            Self::UpstreamTimeout => "upstream-timeout",
            Self::Bug => "gateway-failed",
        }
    }

    /// The status.
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest(_) | Self::Host(_) | Self::Path(_) | Self::TenantRequired => 400,
            Self::WebhookDelivered => 200,
            Self::CredentialRequired | Self::CredentialRefused | Self::WebhookRefused => 401,
            Self::TenantConflict | Self::TenantNotProven | Self::TenantSuspended | Self::Origin => 403,
            Self::NoRoute | Self::TenantUnknown => 404,
            Self::Method => 405,
            Self::RequestTimeout => 408,
            Self::BodyTooLarge => 413,
            Self::UriTooLong => 414,
            Self::Expectation => 417,
            Self::Misdirected => 421,
            Self::RateLimited(_) | Self::Busy => 429,
            Self::HeadersTooLarge => 431,
            Self::Bug => 500,
            Self::UpstreamBroken | Self::UpstreamUnavailable => 502,
            Self::Maintenance(_) | Self::IdentityUnavailable | Self::Full => 503,
            Self::UpstreamTimeout => 504,
        }
    }

    /// What the caller can do.
    pub fn hint(self) -> &'static str {
        match self {
            Self::BadRequest(_) => {
                "Send the request as RFC 9112 has it: one Host, one length, lines that end with CR LF."
            }
            Self::Host(_) => "Send one Host header with a host name, in ASCII.",
            Self::Misdirected => "Make a new connection for this host.",
            Self::Path(_) => "Send the path without dot segments, empty segments, and encoded separators.",
            Self::Method => "Use another method.",
            Self::UriTooLong => "Send parameters in the body.",
            Self::HeadersTooLarge => "Send fewer or shorter headers; delete cookies that are not needed.",
            Self::BodyTooLarge => "Send less, or ask the operator to raise the limit of this route.",
            Self::Expectation => "Send no Expect header, or 100-continue.",
            Self::RequestTimeout => "Send the whole request without long pauses.",
            Self::NoRoute => "Check the path.",
            Self::TenantRequired => "Use the tenant's host name, or a credential that belongs to a tenant.",
            Self::TenantUnknown => "Check the host name, or the tenant's name.",
            Self::TenantConflict => "Name one tenant in all places, the one of your credential.",
            Self::TenantNotProven => "Send a credential of this tenant, or use the tenant's host name.",
            Self::TenantSuspended => "Ask the operator why; the tenant's data is kept.",
            Self::Maintenance(_) => "Try again after the time in Retry-After.",
            Self::CredentialRequired => "Send a bearer token or an API key.",
            Self::CredentialRefused => "Get a new token, or use another key.",
            Self::IdentityUnavailable => "Try again in a moment.",
            Self::WebhookDelivered => "There is nothing to do.",
            Self::WebhookRefused => "Sign id, time and body with this tenant's secret, and send each event once.",
            Self::Origin => "Ask the operator to allow the origin on this route.",
            Self::RateLimited(_) => "Try again after the time in Retry-After.",
            Self::Busy => "Send fewer requests at once, or try again in a moment.",
            Self::Full => "Try again in a moment.",
            Self::UpstreamUnavailable | Self::UpstreamBroken | Self::UpstreamTimeout => {
                "Try again in a moment; if it stays so, the operator has to look at the application."
            }
            Self::Bug => "Report it with the requestId.",
        }
    }

    /// When it is worth trying again.
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Self::RateLimited(wait) | Self::Maintenance(wait) => Some(wait),
            Self::Busy | Self::Full | Self::IdentityUnavailable => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// Whether the connection has to end, because nobody knows where the next request would begin.
    pub(crate) fn ends_connection(self) -> bool {
        matches!(
            self,
            Self::BadRequest(_)
                | Self::UriTooLong
                | Self::HeadersTooLarge
                | Self::BodyTooLarge
                | Self::RequestTimeout
                | Self::Host(_)
        )
    }

    /// The class of the failure.
    pub fn class(self) -> Class {
        match self.status() {
            401 | 403 => Class::Denied,
            404 => Class::Missing,
            429 => Class::Quota,
            500 => Class::Bug,
            502..=504 => Class::Unavailable,
            _ => Class::Caller,
        }
    }
}

impl From<Admission> for Refusal {
    fn from(refusal: Admission) -> Self {
        match refusal {
            Admission::NoClaim => Self::TenantRequired,
            Admission::Unknown | Admission::Deleted => Self::TenantUnknown,
            Admission::Suspended => Self::TenantSuspended,
            Admission::NotYours | Admission::Disagree => Self::TenantConflict,
            Admission::Full => Self::Full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_learns_whether_a_tenant_ever_was() {
        assert_eq!(Refusal::from(Admission::Unknown), Refusal::from(Admission::Deleted));
    }

    #[test]
    fn statuses_are_those_of_the_contract() {
        assert_eq!(Refusal::from(Admission::NoClaim).status(), 400);
        assert_eq!(Refusal::from(Admission::Disagree).status(), 403);
        assert_eq!(Refusal::from(Admission::NotYours).status(), 403);
        assert_eq!(Refusal::from(Admission::Unknown).status(), 404);
        assert_eq!(Refusal::from(Admission::Suspended).status(), 403);
        let wait = Refusal::Maintenance(Duration::from_secs(60));
        assert_eq!((wait.status(), wait.retry_after()), (503, Some(Duration::from_secs(60))));
    }
}
