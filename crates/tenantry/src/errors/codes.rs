//! The page in `docs/errors` that belongs to an error. Errors without a page say all there is to say themselves.

/// Pages of connection errors.
pub(super) fn connect(error: &tenantry_pg::ConnectError) -> Option<&'static str> {
    use tenantry_pg::ConnectError as E;
    Some(match error {
        E::Unreachable { .. } | E::Silent { .. } => "server-unreachable",
        E::Password { .. } | E::PasswordMissing { .. } | E::Refused { .. } => "login-refused",
        E::DatabaseMissing { .. } => "database-missing",
        E::TlsRefused { .. } | E::Tls { .. } | E::NoTrustedAuthority { .. } => "tls",
        E::CertificateFile { .. } | E::TlsSetup { .. } => "tls",
        E::TooManyConnections { .. } | E::NotReady { .. } => "server-busy",
        E::Session { .. } | E::Other { .. } => return None,
    })
}

/// Pages of the embedded server's errors.
pub(super) fn embedded(error: &tenantry_embedded::Error) -> Option<&'static str> {
    use tenantry_embedded::Error as E;
    Some(match error {
        E::NoBinaries | E::BadBinaries { .. } | E::TooOld { .. } | E::OtherMajor { .. } => "no-postgresql",
        _ => return None,
    })
}

/// Pages of errors about a server that does not fit.
pub(super) fn unfit(error: &tenantry_engine::inspect::server::Unfit) -> Option<&'static str> {
    use tenantry_engine::inspect::server::Unfit as E;
    Some(match error {
        E::TooOld(_) | E::BelowFloor { .. } => "server-too-old",
        E::Standby | E::ReadOnly => "server-read-only",
    })
}

/// Pages of apply, complete and rollback.
pub(super) fn apply(error: &tenantry_engine::apply::Error) -> Option<&'static str> {
    use tenantry_engine::apply::Error as E;
    Some(match error {
        E::Connect(error) => return connect(error),
        E::Unfit(error) => return unfit(error),
        E::OtherDatabase { .. } | E::OtherServer { .. } | E::SchemaChanged { .. } => "blueprint-does-not-fit",
        E::Blocked { .. } => "blueprint-blocked",
        E::MissingRights { .. } => "missing-rights",
        E::OtherBlueprint { .. } | E::NotIsolated { .. } | E::WrongState { .. } => "wrong-state",
        E::Busy { .. } => "another-runner",
        E::Journal(_) => "journal-damaged",
        E::Credentials(_) => "credentials-file",
        E::Locked { .. } => "lock-not-free",
        E::TableGone { .. } => "table-gone",
        E::DiskFull { .. } => "disk-full",
        E::RolesInUse { .. } | E::OldLoginsInUse { .. } => "logins-in-use",
        _ => return None,
    })
}

/// Pages of verify.
pub(super) fn verify(error: &tenantry_engine::verify::Error) -> Option<&'static str> {
    use tenantry_engine::verify::Error as E;
    Some(match error {
        E::Connect { source, .. } => return connect(source),
        E::NotIsolated { .. } => "wrong-state",
        E::Tenants { .. } => "two-tenants-needed",
        E::Busy { .. } => "another-runner",
        _ => return None,
    })
}
