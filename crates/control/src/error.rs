//! What goes wrong, by code. A code has one HTTP status, one class and one page; a message for the caller, and a
//! cause that goes to the log alone.

use std::error::Error as StdError;

use tenantry_model::Class;

/// Declares the codes: name, text, status, class, title.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $text:literal $status:literal $class:ident $title:literal;)*) => {
        /// Why a request failed, as programs tell it apart.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name),* }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// As it stands in answers.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }

            /// The class of the failure.
            pub fn class(self) -> Class {
                match self { $(Self::$name => Class::$class),* }
            }

            /// In a few words, the same for every failure of this code.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }
        }
    };
}

codes! {
    /// Body or parameter does not fit.
    Invalid "INVALID_REQUEST" 400 Caller "The request does not fit";
    /// No tenant is named.
    TenantMissing "TENANT_MISSING" 400 Caller "No tenant is named";
    /// No or no valid credential.
    Unauthenticated "UNAUTHENTICATED" 401 Denied "Say who you are";
    /// A permission is missing.
    Forbidden "FORBIDDEN" 403 Denied "You may not do this";
    /// Header and credential or path name two tenants.
    TenantContradiction "TENANT_CONTRADICTION" 403 Denied "Two tenants are named";
    /// The caller's tenant is suspended.
    TenantSuspended "TENANT_SUSPENDED" 403 Denied "The tenant is suspended";
    /// The tenant has not agreed.
    SupportConsentRequired "SUPPORT_CONSENT_REQUIRED" 403 Denied "The tenant has not agreed";
    /// Absent, or not the caller's.
    NotFound "NOT_FOUND" 404 Missing "There is no such thing";
    /// Another method.
    MethodNotAllowed "METHOD_NOT_ALLOWED" 405 Caller "The method does not fit";
    /// Something of this name is there.
    Duplicate "DUPLICATE" 409 Conflict "It is there already";
    /// The slug is taken, resting, or looks like another.
    SlugTaken "SLUG_TAKEN" 409 Conflict "The slug cannot be had";
    /// The state does not allow it.
    StateConflict "STATE_CONFLICT" 409 Conflict "It does not fit the state";
    /// Nobody would be left to run the tenant.
    LastAdmin "LAST_ADMIN" 409 Conflict "A tenant keeps an Admin";
    /// Somebody else is at it.
    Busy "BUSY" 409 Conflict "Somebody else is changing it";
    /// It changed since it was read.
    Stale "STALE" 412 Conflict "It has changed since you read it";
    /// Too large.
    TooLarge "TOO_LARGE" 413 Caller "The body is too large";
    /// No JSON.
    MediaType "UNSUPPORTED_MEDIA_TYPE" 415 Caller "The body must be JSON";
    /// An idempotency key for another request.
    KeyReused "IDEMPOTENCY_KEY_REUSED" 422 Conflict "The idempotency key belongs to another request";
    /// Not built.
    StrategyUnavailable "STRATEGY_UNAVAILABLE" 422 Caller "This isolation strategy is not offered here";
    /// `If-Match` is missing.
    PreconditionRequired "PRECONDITION_REQUIRED" 428 Caller "Say which version you mean";
    /// There is no room for it.
    QuotaExceeded "QUOTA_EXCEEDED" 429 Quota "The quota is used up";
    /// A fault of ours.
    Internal "INTERNAL" 500 Bug "A fault of tenantry";
    /// The issuer's keys cannot be had.
    IdentityUnavailable "IDENTITY_UNAVAILABLE" 503 Unavailable "The credential cannot be checked now";
    /// Something does not answer.
    Unavailable "UNAVAILABLE" 503 Unavailable "Not now";
}

impl Code {
    /// Name of its page in `docs/errors`.
    pub fn page(self) -> String {
        self.as_str().to_ascii_lowercase().replace('_', "-")
    }
}

/// A field of a request that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Its name, as a path: `contact.email`.
    pub field: String,
    /// What is wrong and what to give.
    pub message: String,
}

/// A failure of the control plane. `Display` is safe for the caller; the cause is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Error {
    /// The code.
    pub code: Code,
    /// For the caller: what, and what to do.
    pub detail: String,
    /// Fields at fault.
    pub fields: Vec<FieldError>,
    /// More for programs, by code.
    pub details: Option<Box<serde_json::Value>>,
    /// The constraint of the database that was met, if one was.
    pub(crate) constraint: Option<String>,
    /// An answer that was given before to the same request: it is given again, and nothing is done.
    pub(crate) replay: Option<Box<crate::http::reply::Reply>>,
    #[source]
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure of this code.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let (fields, details) = (Vec::new(), None);
        Self { code, detail: detail.into(), fields, details, constraint: None, replay: None, cause: None }
    }

    /// There is no such thing, or it is not the caller's: the same words for both.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "there is no such thing, or you may not see it")
    }

    /// One field does not fit.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        let mut error = Self::new(Code::Invalid, format!("{field}: {message}"));
        error.fields.push(FieldError { field, message });
        error
    }

    pub(crate) fn bug(doing: &str) -> Self {
        Self::new(Code::Internal, "the control plane could not do this").because_text(format!("cannot {doing}"))
    }

    pub(crate) fn start(doing: &str) -> Self {
        Self::new(Code::Unavailable, format!("the control plane cannot {doing}"))
    }

    pub(crate) fn because(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    pub(crate) fn because_text(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into().into());
        self
    }

    /// The class of the failure.
    pub fn class(&self) -> Class {
        self.code.class()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_differ_and_statuses_fit_their_classes() {
        let mut texts: Vec<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Code::ALL.len());
        for code in Code::ALL {
            let is_ours = matches!(code.class(), Class::Bug | Class::Unavailable);
            assert_eq!(code.status() >= 500, is_ours, "{code:?}");
        }
    }
}
