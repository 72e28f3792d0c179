//! Why a connection or a statement failed, in plain words.

use std::error::Error as _;
use std::path::PathBuf;

use tenantry_model::Class;
use tokio_postgres::error::SqlState;

use crate::target::Target;

/// Why no connection could be made. The message says what to do; the cause is the `source`.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers there.
    #[error("no PostgreSQL server answers at {at}: check the host, the port and that the server runs")]
    Unreachable {
        /// Host and port.
        at: String,
        /// What the operating system or the driver said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// Somebody accepts the connection and says nothing.
    #[error(
        "nothing that speaks PostgreSQL answers at {at}, though something listens there: check the host and the port"
    )]
    Silent {
        /// Host and port.
        at: String,
    },
    /// The password is wrong, or the role does not exist: the server does not say which.
    #[error("the server at {at} refused the password of `{user}`: check the user name and the password")]
    Password {
        /// Host and port.
        at: String,
        /// Who tried.
        user: String,
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The server asks for a password and none was given.
    #[error("the server at {at} asks for a password for `{user}`: put it into the database URL")]
    PasswordMissing {
        /// Host and port.
        at: String,
        /// Who tried.
        user: String,
    },
    /// The server does not let this role in from here.
    #[error("the server at {at} does not let `{user}` in: {reason}")]
    Refused {
        /// Host and port.
        at: String,
        /// Who tried.
        user: String,
        /// The server's message.
        reason: String,
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// There is no such database.
    #[error("there is no database `{database}` on the server at {at}")]
    DatabaseMissing {
        /// Host and port.
        at: String,
        /// The database asked for.
        database: String,
    },
    /// The server offers no TLS, and the target insists.
    #[error("the server at {at} offers no TLS: turn it on there, or say sslmode=prefer")]
    TlsRefused {
        /// Host and port.
        at: String,
    },
    /// The TLS handshake failed, mostly because of the certificate.
    #[error("TLS with the server at {at} failed: {reason}")]
    Tls {
        /// Host and port.
        at: String,
        /// Why, in a few words.
        reason: String,
    },
    /// Verification is asked for and there is nothing to verify against.
    #[error("the certificate of the server at {at} cannot be verified: name the authority with sslrootcert=FILE")]
    NoTrustedAuthority {
        /// Host and port.
        at: String,
    },
    /// A certificate or key file cannot be read.
    #[error("cannot read a certificate or key from {path}")]
    CertificateFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The TLS settings contradict one another, for example a key that does not fit its certificate.
    #[error("the TLS settings do not work together")]
    TlsSetup {
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// All connection slots are taken.
    #[error("the server at {at} has no connection left: close some, or raise max_connections")]
    TooManyConnections {
        /// Host and port.
        at: String,
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The server is starting, stopping or recovering.
    #[error("the server at {at} does not take connections now: {reason}")]
    NotReady {
        /// Host and port.
        at: String,
        /// The server's message.
        reason: String,
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The first statement, which sets up the session, failed.
    #[error("cannot set up the session at {at}: {reason}")]
    Session {
        /// Host and port.
        at: String,
        /// The server's message.
        reason: String,
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// Anything else.
    #[error("cannot connect to {at}: {reason}")]
    Other {
        /// Host and port.
        at: String,
        /// In plain words.
        reason: String,
        /// What the server or the driver said.
        #[source]
        source: tokio_postgres::Error,
    },
}

impl ConnectError {
    /// The class of the failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Unreachable { .. }
            | Self::Silent { .. }
            | Self::TooManyConnections { .. }
            | Self::NotReady { .. } => Class::Unavailable,
            Self::Password { .. } | Self::PasswordMissing { .. } | Self::Refused { .. } => Class::Denied,
            Self::DatabaseMissing { .. } => Class::Missing,
            Self::TlsRefused { .. } | Self::Tls { .. } | Self::NoTrustedAuthority { .. } => Class::Denied,
            Self::CertificateFile { .. } | Self::TlsSetup { .. } => Class::Caller,
            Self::Session { source, .. } | Self::Other { source, .. } => class_of(source),
        }
    }

    /// Names what went wrong while the driver tried to connect.
    pub(crate) fn of(target: &Target, source: tokio_postgres::Error) -> Self {
        let (at, user) = (target.at(), target.user().to_owned());
        if let Some(db) = source.as_db_error() {
            let reason = db.message().to_owned();
            return match *db.code() {
                SqlState::INVALID_PASSWORD => Self::Password { at, user, source },
                SqlState::INVALID_AUTHORIZATION_SPECIFICATION => Self::Refused { at, user, reason, source },
                SqlState::INSUFFICIENT_PRIVILEGE => Self::Refused { at, user, reason, source },
                SqlState::INVALID_CATALOG_NAME => Self::DatabaseMissing { at, database: target.database().to_owned() },
                SqlState::TOO_MANY_CONNECTIONS => Self::TooManyConnections { at, source },
                SqlState::CANNOT_CONNECT_NOW
                | SqlState::ADMIN_SHUTDOWN
                | SqlState::CRASH_SHUTDOWN
                | SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE => Self::NotReady { at, reason, source },
                _ => Self::Other { at, reason, source },
            };
        }
        let reason = in_plain_words(&source);
        // the driver keeps its kinds to itself; these texts are pinned by tests/connect.rs
        match source.to_string().as_str() {
            "error connecting to server" | "timeout waiting for server" => Self::Unreachable { at, source },
            "error communicating with the server" | "connection closed" if find_tls(&source).is_none() => {
                Self::Unreachable { at, source }
            }
            "error performing TLS handshake" | "error communicating with the server" => match find_tls(&source) {
                Some(tls) => Self::Tls { at, reason: tls_words(tls) },
                None if reason.contains("does not support TLS") => Self::TlsRefused { at },
                None => Self::Tls { at, reason },
            },
            "invalid configuration" if reason.contains("password missing") => Self::PasswordMissing { at, user },
            _ => Self::Other { at, reason, source },
        }
    }
}

fn find_tls(error: &tokio_postgres::Error) -> Option<&rustls::Error> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        // an io::Error hides its inner error from `source()` and shows that one's source instead
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(tls) = inner.and_then(|i| i.downcast_ref::<rustls::Error>()) {
            return Some(tls);
        }
        next = cause.source();
    }
    None
}

fn tls_words(error: &rustls::Error) -> String {
    use rustls::{CertificateError as C, Error as E};
    match error {
        E::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }) => {
            "its certificate is for another host name".into()
        }
        E::InvalidCertificate(C::Expired | C::ExpiredContext { .. }) => "its certificate has expired".into(),
        E::InvalidCertificate(C::NotValidYet | C::NotValidYetContext { .. }) => {
            "its certificate is not valid yet: check the clocks".into()
        }
        E::InvalidCertificate(C::Other(reason)) if reason.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate signed itself and no trusted authority vouches for it: name it with sslrootcert=FILE"
                .into()
        }
        E::InvalidCertificate(C::UnknownIssuer) => {
            "its certificate comes from no trusted authority: name yours with sslrootcert=FILE".into()
        }
        other => other.to_string(),
    }
}

/// The class of a failed statement, from its SQLSTATE.
pub fn class_of(error: &tokio_postgres::Error) -> Class {
    let Some(code) = error.code() else {
        return if error.is_closed() || error.source().is_some_and(|s| s.is::<std::io::Error>()) {
            Class::Unavailable
        } else {
            Class::Bug
        };
    };
    match *code {
        SqlState::INSUFFICIENT_PRIVILEGE => Class::Denied,
        SqlState::CONFIGURATION_LIMIT_EXCEEDED => Class::Quota,
        SqlState::LOCK_NOT_AVAILABLE
        | SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::T_R_DEADLOCK_DETECTED
        | SqlState::OBJECT_IN_USE => Class::Conflict,
        SqlState::UNDEFINED_TABLE
        | SqlState::UNDEFINED_COLUMN
        | SqlState::UNDEFINED_OBJECT
        | SqlState::UNDEFINED_FUNCTION
        | SqlState::INVALID_SCHEMA_NAME
        | SqlState::INVALID_CATALOG_NAME => Class::Missing,
        _ => match code.code().get(..2) {
            Some("28") => Class::Denied,
            Some("08" | "53" | "57" | "58") => Class::Unavailable,
            Some("22" | "23" | "42" | "0A") => Class::Caller,
            Some("25") => Class::Denied,
            Some("40" | "55") => Class::Conflict,
            _ => Class::Bug,
        },
    }
}

/// A failed statement in plain words: the server's message, its hint and its code.
///
/// DETAIL is left out, because it may print a row's values.
pub fn in_plain_words(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        let hint = db.hint().map(|h| format!(" ({h})")).unwrap_or_default();
        return format!("{}{hint} [{}]", db.message(), db.code().code());
    }
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}
