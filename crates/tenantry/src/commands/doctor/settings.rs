//! Settings and moments of a server that matter to isolation.

use tenantry_model::Class;
use tenantry_pg::{Client, in_plain_words, tokio_postgres};

use super::{Failure, Finding, Health};

/// A transaction older than this keeps online steps waiting.
const OLD_TRANSACTION_MINUTES: i32 = 5;

/// Settings that should have one of these values: name, values, why, what to do.
const WANTED: &[(&str, &[&str], Health, &str, &str)] = &[
    (
        "row_security",
        &["on"],
        Health::Bad,
        "dumps and queries of bound logins fail instead of being filtered",
        "SET row_security = on (the default)",
    ),
    (
        "session_replication_role",
        &["origin"],
        Health::Bad,
        "foreign keys and triggers do not fire",
        "ALTER SYSTEM RESET session_replication_role",
    ),
    (
        "password_encryption",
        &["scram-sha-256"],
        Health::Warn,
        "passwords of new logins would be stored as MD5",
        "ALTER SYSTEM SET password_encryption = 'scram-sha-256'",
    ),
    (
        "autovacuum",
        &["on"],
        Health::Warn,
        "statistics grow stale and tables bloat after a backfill",
        "ALTER SYSTEM SET autovacuum = on",
    ),
    (
        "fsync",
        &["on"],
        Health::Warn,
        "a crash of the machine may lose the journal with the data",
        "ALTER SYSTEM SET fsync = on",
    ),
    (
        "full_page_writes",
        &["on"],
        Health::Warn,
        "a crash of the machine may tear pages",
        "ALTER SYSTEM SET full_page_writes = on",
    ),
    (
        "standard_conforming_strings",
        &["on"],
        Health::Warn,
        "the application's own quoting may be unsafe",
        "ALTER SYSTEM SET standard_conforming_strings = on",
    ),
];

/// Looks at all of them.
pub(super) async fn look(client: &Client) -> Result<Vec<Finding>, Failure> {
    let mut found = Vec::new();
    // what other sessions get counts, not what this one has set for itself
    let rows = client.query("SELECT name, reset_val FROM pg_settings", &[]).await.map_err(failed)?;
    for (name, values, status, why, remedy) in WANTED {
        let own = ["session_replication_role", "standard_conforming_strings"].contains(name);
        let Some(row) = rows.iter().find(|r| r.get::<_, &str>(0) == *name) else { continue };
        let value: Option<&str> = row.get(1);
        let value = value.unwrap_or_default();
        if values.contains(&value) || (own && value.is_empty()) {
            continue;
        }
        found.push(Finding::new("settings", *status, *name, format!("is {value}: {why}")).remedy(*remedy));
    }
    if found.is_empty() {
        found.push(Finding::new("settings", Health::Ok, "all", "as isolation needs them"));
    }
    found.extend(prepared(client).await?);
    found.extend(transactions(client).await?);
    Ok(found)
}

/// Prepared transactions hold their locks until somebody ends them.
async fn prepared(client: &Client) -> Result<Vec<Finding>, Failure> {
    let sql = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 1";
    let rows = client.query(sql, &[]).await.map_err(failed)?;
    let finding = |row: &tokio_postgres::Row| {
        let gid: String = row.get(0);
        let message = format!("prepared transaction `{gid}` holds its locks until it is ended");
        Finding::new("locks", Health::Warn, gid, message).remedy("COMMIT PREPARED or ROLLBACK PREPARED it before apply")
    };
    Ok(rows.iter().map(finding).collect())
}

/// Old transactions make every step that needs a table wait.
async fn transactions(client: &Client) -> Result<Vec<Finding>, Failure> {
    let sql = "SELECT pid, usename::text, extract(epoch FROM now() - xact_start)::int4 / 60 FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < now() - make_interval(mins => $1)
ORDER BY xact_start LIMIT 10";
    let rows = client.query(sql, &[&OLD_TRANSACTION_MINUTES]).await.map_err(failed)?;
    let finding = |row: &tokio_postgres::Row| {
        let (pid, user, minutes): (i32, Option<String>, i32) = (row.get(0), row.get(1), row.get(2));
        let message = format!("a transaction of {} is {minutes} minutes old", user.unwrap_or_default());
        Finding::new("locks", Health::Warn, format!("pid {pid}"), message)
            .remedy("let it end before apply, which would wait for its locks")
    };
    Ok(rows.iter().map(finding).collect())
}

fn failed(e: tokio_postgres::Error) -> Failure {
    Failure::new(Class::Unavailable, format!("cannot read the server's settings: {}", in_plain_words(&e)))
}
