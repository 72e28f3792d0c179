//! Why verify could not do its work. A failed check is no error.

use tenantry_model::Class;

/// Why verify could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection with a login.
    #[error("cannot connect as {who}")]
    Connect {
        /// The admin, or a runtime login.
        who: String,
        /// Why.
        #[source]
        source: tenantry_pg::ConnectError,
    },
    /// A statement of our own failed.
    #[error("cannot {doing}: {reason}")]
    Sql {
        /// What was being done.
        doing: String,
        /// The server's words.
        reason: String,
        /// The cause.
        #[source]
        source: tenantry_pg::tokio_postgres::Error,
    },
    /// There is no journal, or it cannot be read.
    #[error(
        "database `{database}` is not isolated by tenantry: {reason}. Run `tenantry plan` and `tenantry apply` first"
    )]
    NotIsolated {
        /// The database.
        database: String,
        /// What is missing.
        reason: String,
    },
    /// The catalog could not be read.
    #[error("cannot read the catalog: {0}")]
    Catalog(String),
    /// The proxy cannot be attacked.
    #[error(
        "cannot attack the proxy: {reason}. Check the address and the two logins, and that `sslmode` in their file is what it takes from here"
    )]
    Proxy {
        /// Why.
        reason: String,
    },
    /// The gateway cannot be attacked.
    #[error(
        "cannot attack the gateway: {reason}. Check the address, the path and the two credentials, and that it takes connections without TLS from here"
    )]
    Gateway {
        /// Why.
        reason: String,
    },
    /// The API cannot be attacked.
    #[error(
        "cannot attack the API: {reason}. Check the address, the two tenants and their keys, and that both are active"
    )]
    Api {
        /// Why.
        reason: String,
    },
    /// Another verify is at work on this database.
    #[error("another `tenantry verify` is at work on database `{database}`: wait for it to end")]
    Busy {
        /// The database.
        database: String,
    },
    /// A tenant given is no key of the right type.
    #[error("`{tenant}` is no tenant key of this database ({kind}): give it as it stands in the tenant column")]
    BadTenant {
        /// What was given.
        tenant: String,
        /// The type of keys.
        kind: String,
    },
    /// No tenant with rows was found.
    #[error(
        "need two different tenants to attack one from the other, found {found}: name them with --tenant A --tenant B, or load data"
    )]
    Tenants {
        /// How many were found.
        found: usize,
    },
    /// A check named in `only` or `skip` does not exist.
    #[error("there is no check `{0}`: `tenantry verify --list` shows all")]
    UnknownCheck(String),
    /// The login does not exist, or is not of the runtime group.
    #[error(
        "login `{login}` is not a member of the runtime group `{group}`: verify attacks with the application's own credentials only"
    )]
    NotRuntime {
        /// The login.
        login: String,
        /// The group.
        group: String,
    },
    /// No context could be made: the key is not the database's.
    #[error(
        "the database refuses the signed context: {reason}. Check that the credentials file belongs to this database, or leave it out to use a temporary key"
    )]
    Context {
        /// The server's words.
        reason: String,
    },
    /// Random bytes were not to be had.
    #[error("the operating system gives no random bytes: {0}")]
    Random(String),
    /// Ctrl-C or a request to terminate.
    #[error("interrupted; everything temporary was removed")]
    Interrupted,
    /// The temporary things could not be removed.
    #[error("cannot remove what this run made ({reason}): the next `tenantry verify` removes it")]
    Cleanup {
        /// Why.
        reason: String,
    },
}

impl Error {
    /// The class, from which the exit code follows.
    pub fn class(&self) -> Class {
        match self {
            Self::Connect { source, .. } => source.class(),
            Self::Sql { source, .. } => tenantry_pg::class_of(source),
            Self::NotIsolated { .. } => Class::Missing,
            Self::Catalog(_) | Self::Random(_) | Self::Proxy { .. } | Self::Gateway { .. } | Self::Api { .. } => {
                Class::Unavailable
            }
            Self::Busy { .. } | Self::Interrupted => Class::Conflict,
            Self::BadTenant { .. } | Self::Tenants { .. } | Self::UnknownCheck(_) => Class::Caller,
            Self::NotRuntime { .. } | Self::Context { .. } | Self::Cleanup { .. } => Class::Denied,
        }
    }

    pub(super) fn sql(doing: impl Into<String>) -> impl FnOnce(tenantry_pg::tokio_postgres::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Sql { doing, reason: tenantry_pg::in_plain_words(&source), source }
    }
}
