//! The step that makes secrets: passwords of the runtime logins and the first signing key.
//!
//! The file is written first and the database second, both from the same values. So a run that is killed in between
//! finds the file and brings the database to it. No secret reaches the server's log: passwords travel as SCRAM
//! verifiers, and the key as data of a COPY, which is never logged.

use std::path::Path;

use futures::SinkExt;
use postgres_protocol::password::scram_sha_256;
use tenantry_blueprint::file::{Blueprint, Step};
use tenantry_model::token::ContextKey;
use tenantry_model::{Ident, literal};
use tenantry_pg::Target;
use tenantry_pg::tokio_postgres;
use zeroize::Zeroizing;

use super::error::Error;
use super::event::Event;
use super::runner::Runner;
use super::transaction::named;
use crate::credentials::{Credentials, CredentialsError};
use crate::journal::{self, Mark};

/// Makes the secrets, or goes on with those an earlier run has written.
pub(super) async fn run(
    runner: &mut Runner<'_>,
    run: i64,
    (i, step): (usize, &Step),
    blueprint: &Blueprint,
) -> Result<(), Error> {
    let path = std::path::absolute(&runner.options.credentials).unwrap_or_else(|_| runner.options.credentials.clone());
    let users: Vec<&str> = blueprint.roles.slots.iter().map(Ident::as_str).collect();
    let mut credentials = kept_or_new(&path, runner.database(), runner.target, &users)?;
    credentials.tenant_key = Some(blueprint.key_kind);
    runner.tell(Event::Statement { step: i + 1, statement: 1 });
    credentials.write(&path)?;
    let key = &credentials.signing_key;
    let key = ContextKey::from_hex(key.kid, &key.key).map_err(|_| CredentialsError::Damaged { path: path.clone() })?;
    runner.tell(Event::Statement { step: i + 1, statement: 2 });
    let mark = Mark { credentials: Some(path.display().to_string()), ..Mark::default() };
    let tx = runner.work.transaction().await.map_err(|e| named(&step.id, 2, e))?;
    install(&tx, blueprint, &credentials, &key).await.map_err(|e| named(&step.id, 2, e))?;
    journal::step_progress(&tx, run, i, &mark).await?;
    journal::step_done(&tx, run, i, 1).await?;
    runner.observer.event(Event::Committing { step: i + 1 });
    tx.commit().await.map_err(|e| named(&step.id, 2, e))
}

/// Takes the file away again if it is this database's.
pub(super) fn forget(database: &str, mark: Option<&Mark>) {
    let Some(path) = mark.and_then(|m| m.credentials.as_deref()).map(Path::new) else { return };
    if Credentials::read(path).is_ok_and(|c| c.database == database) {
        // its logins are gone; whoever holds the file open or has moved it loses nothing
        let _ = std::fs::remove_file(path);
    }
}

fn kept_or_new(path: &Path, database: &str, target: &Target, users: &[&str]) -> Result<Credentials, CredentialsError> {
    if path.exists() {
        let found = Credentials::read(path)?;
        if found.database != database {
            let (found, expected) = (found.database, database.to_owned());
            return Err(CredentialsError::OtherDatabase { path: path.to_owned(), found, expected });
        }
        if found.fits(users) {
            return Ok(found);
        }
    }
    Credentials::generate(database, &target.host(), target.port(), users)
}

/// Gives the database the secrets of the file. May be run again.
async fn install(
    tx: &tokio_postgres::Transaction<'_>,
    blueprint: &Blueprint,
    credentials: &Credentials,
    key: &ContextKey,
) -> Result<(), tokio_postgres::Error> {
    for (role, login) in blueprint.roles.slots.iter().zip(&credentials.logins) {
        let verifier = scram_sha_256(login.password.as_bytes());
        let sql = format!("ALTER ROLE {} PASSWORD {}", role.quoted(), literal(&verifier));
        tx.batch_execute(&sql).await?;
    }
    let pads = key.pads();
    tx.batch_execute(&format!("SET LOCAL ROLE {}", blueprint.roles.keeper.quoted())).await?;
    tx.execute("DELETE FROM tenantry.signing_key WHERE kid = $1", &[&key.kid()]).await?;
    let sink = tx.copy_in("COPY tenantry.signing_key (kid, ipad, opad) FROM STDIN").await?;
    let row = Zeroizing::new(format!("{}\t{}\t{}\n", key.kid(), copied(&pads.ipad), copied(&pads.opad)));
    let mut sink = std::pin::pin!(sink);
    sink.send(std::io::Cursor::new(row.as_bytes().to_vec())).await?;
    sink.close().await?;
    tx.batch_execute("RESET ROLE").await
}

/// Bytes as COPY takes a `bytea`.
fn copied(bytes: &[u8]) -> String {
    std::iter::once(r"\\x".to_owned()).chain(bytes.iter().map(|b| format!("{b:02x}"))).collect()
}
