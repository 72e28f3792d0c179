//! The door to the keys in the application's database: as the keeper of schema `tenantry`, one transaction for each
//! request. No key reaches that server's log: it travels as data of a COPY.

use std::pin::pin;
use std::time::SystemTime;

use futures::SinkExt;
use jiff::Timestamp;
use tenantry_model::Ident;
use tenantry_model::token::{ContextKey, KID_MAX};
use tenantry_pg::tokio_postgres::Error as SqlError;
use tenantry_pg::{Client, Session, Target, connect_with, in_plain_words};
use zeroize::Zeroizing;

use super::SigningKey;
use crate::error::{Code, Error};
use crate::secret::{hex, random};

/// The role that owns the keys; none where there are none.
const OWNER: &str = "SELECT r.rolname FROM pg_catalog.pg_class c \
                     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                     JOIN pg_catalog.pg_roles r ON r.oid = c.relowner \
                     WHERE n.nspname = 'tenantry' AND c.relname = 'signing_key'";
const LIST: &str =
    "SELECT kid, nullif(not_after, 'infinity'), not_after > now() FROM tenantry.signing_key ORDER BY kid";
const LOCK: &str = "LOCK TABLE tenantry.signing_key IN SHARE ROW EXCLUSIVE MODE";
const COPY: &str = "COPY tenantry.signing_key (kid, ipad, opad) FROM STDIN";
const RETIRE_OTHERS: &str = "UPDATE tenantry.signing_key SET not_after = now() + make_interval(secs => $2) \
                             WHERE kid <> $1 AND not_after > now() + make_interval(secs => $2) RETURNING kid";
const REVOKE: &str = "UPDATE tenantry.signing_key SET not_after = now() WHERE kid = $1 AND not_after > now()";

/// Where the keys are.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    target: Target,
}

/// A transaction on the keys; dropping it takes everything back.
pub(super) struct Keys {
    client: Client,
}

/// A key that was just made, in a transaction that is not over.
pub(super) struct Made {
    pub(super) kid: i16,
    /// 64 hexadecimal digits.
    pub(super) secret: Zeroizing<String>,
    /// Those that end with the overlap.
    pub(super) replaced: Vec<i16>,
}

impl Keeper {
    pub(crate) fn new(target: Target) -> Self {
        Self { target }
    }

    /// Begins, as the role that owns the keys.
    pub(super) async fn open(&self) -> Result<Keys, Error> {
        let session = Session::tool().with("lock_timeout", "3s").with("statement_timeout", "15s");
        let client = connect_with(&self.target, &session)
            .await
            .map_err(|e| Error::new(Code::Unavailable, "the application's database does not answer now").because(e))?;
        let owner = client.query_opt(OWNER, &[]).await.map_err(failed("look for the signing keys"))?;
        let Some(owner) = owner else {
            let detail = "the application's database has no signing keys: isolate it first (`tenantry apply`)";
            return Err(Error::new(Code::StateConflict, detail));
        };
        let owner = Ident::new(owner.get::<_, String>(0)).map_err(|e| Error::bug("name the keeper").because(e))?;
        let begin = format!("BEGIN; SET LOCAL ROLE {}", owner.quoted());
        client.batch_execute(&begin).await.map_err(|e| {
            let detail = "the login in `keeper_url` may not work as the keeper of the signing keys: make it a member of that role";
            Error::new(Code::Unavailable, detail).because_text(in_plain_words(&e))
        })?;
        Ok(Keys { client })
    }
}

impl Keys {
    pub(super) async fn list(&self) -> Result<Vec<SigningKey>, Error> {
        let rows = self.client.query(LIST, &[]).await.map_err(failed("list the signing keys"))?;
        let key = |row: &tenantry_pg::tokio_postgres::Row| SigningKey {
            kid: row.get(0),
            not_after: row.get::<_, Option<SystemTime>>(1).and_then(|at| Timestamp::try_from(at).ok()),
            counts: row.get(2),
        };
        Ok(rows.iter().map(key).collect())
    }

    /// Others who change keys wait.
    pub(super) async fn lock(&self) -> Result<(), Error> {
        self.client.batch_execute(LOCK).await.map_err(failed("wait for others who change signing keys"))
    }

    /// Makes a key, and lets the others end after so many seconds.
    pub(super) async fn make(&self, overlap_seconds: u32) -> Result<Made, Error> {
        let there: Vec<i16> = self.list().await?.iter().map(|k| k.kid).collect();
        let kid = next(&there).ok_or_else(|| {
            Error::new(Code::StateConflict, "all numbers of signing keys are used: remove some that are over")
        })?;
        let secret = Zeroizing::new(hex(&*random::<32>()?));
        let key = ContextKey::from_hex(kid, &secret).map_err(|e| Error::bug("make a signing key").because(e))?;
        let pads = key.pads();
        let row = Zeroizing::new(format!("{kid}\t\\\\x{}\t\\\\x{}\n", hex(&pads.ipad[..]), hex(&pads.opad[..])));
        let sink = self.client.copy_in(COPY).await.map_err(failed("keep the signing key"))?;
        let mut sink = pin!(sink);
        let bytes = std::io::Cursor::new(row.as_bytes().to_vec());
        sink.send(bytes).await.map_err(failed("keep the signing key"))?;
        sink.close().await.map_err(failed("keep the signing key"))?;
        let seconds = f64::from(overlap_seconds);
        let retired = self.client.query(RETIRE_OTHERS, &[&kid, &seconds]).await;
        let retired = retired.map_err(failed("end the signing keys before"))?;
        Ok(Made { kid, secret, replaced: retired.iter().map(|r| r.get(0)).collect() })
    }

    /// Ends a key now; whether it counted.
    pub(super) async fn revoke(&self, kid: i16) -> Result<bool, Error> {
        Ok(self.client.execute(REVOKE, &[&kid]).await.map_err(failed("take the signing key back"))? == 1)
    }

    /// Makes it last.
    pub(super) async fn commit(self) -> Result<(), Error> {
        self.client.batch_execute("COMMIT").await.map_err(failed("change the signing keys"))?;
        self.client.close().await;
        Ok(())
    }
}

/// The number after the highest; after the last, the lowest that is free.
fn next(there: &[i16]) -> Option<i16> {
    match there.iter().max() {
        None => Some(1),
        Some(highest) if *highest < KID_MAX => Some(highest + 1),
        Some(_) => (0..=KID_MAX).find(|kid| !there.contains(kid)),
    }
}

fn failed(doing: &'static str) -> impl Fn(SqlError) -> Error {
    move |e| {
        let busy = e.code().is_some_and(|c| c.code() == "55P03");
        let (code, detail) = if busy {
            (Code::Busy, "somebody else changes signing keys now: try again")
        } else {
            (Code::Unavailable, "the application's database does not do this now: its log says why")
        };
        Error::new(code, detail).because_text(format!("cannot {doing}: {}", in_plain_words(&e)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_up_and_then_fill_the_gaps() {
        assert_eq!((next(&[]), next(&[1]), next(&[3, 1])), (Some(1), Some(2), Some(4)));
        assert_eq!(next(&[0, 2, KID_MAX]), Some(1));
        assert_eq!(next(&(0..=KID_MAX).collect::<Vec<_>>()), None);
    }
}
