//! The same POST sent again is answered as before and not done again. The key is claimed in the transaction of the
//! change, so that there is no moment in which it was done and the key does not say so; who sends the same at the
//! same time waits for the first. A request that failed is not kept: it changed nothing.

use axum::http::StatusCode;

use super::reply::Reply;
use crate::db::{Tx, statements};
use crate::error::{Code, Error};

/// Longest key.
pub(crate) const KEY_BYTES_MAX: usize = 255;

statements! {
    CLEAN: "forget old requests" =
        "DELETE FROM tenantry_control.idempotency
         WHERE actor = $1 AND created_at < now() - interval '24 hours'";
    CLAIM: "claim the idempotency key" =
        "INSERT INTO tenantry_control.idempotency (actor, key, fingerprint) VALUES ($1, $2, $3)
         ON CONFLICT (actor, key) DO NOTHING";
    READ: "read what was answered before" =
        "SELECT fingerprint, status, headers, body FROM tenantry_control.idempotency WHERE actor = $1 AND key = $2";
    KEEP: "keep the answer" =
        "UPDATE tenantry_control.idempotency SET status = $3, headers = $4, body = $5 WHERE actor = $1 AND key = $2";
}

/// A key, and the request it is for.
#[derive(Clone, Debug)]
pub(crate) struct Once {
    pub(crate) key: String,
    /// Digest of method, path and body.
    pub(crate) fingerprint: Vec<u8>,
}

/// Takes the key, or fails with the answer given before.
pub(crate) async fn claim(tx: &Tx, actor: &str, once: &Once) -> Result<(), Error> {
    tx.execute(&CLEAN, &[&actor]).await?;
    if tx.execute(&CLAIM, &[&actor, &once.key, &once.fingerprint]).await? == 1 {
        return Ok(());
    }
    let busy = || Error::new(Code::Busy, "the same request is being worked on: try again");
    let row = tx.query_opt(&READ, &[&actor, &once.key]).await?.ok_or_else(busy)?;
    if row.get::<_, Vec<u8>>(0) != once.fingerprint {
        return Err(Error::new(Code::KeyReused, "this Idempotency-Key was sent with another request: draw a new one"));
    }
    let status: Option<i16> = row.get(1);
    let status = status.and_then(|s| StatusCode::from_u16(s.unsigned_abs()).ok()).ok_or_else(busy)?;
    let body: Option<String> = row.get(3);
    let body = body.and_then(|text| serde_json::from_str(&text).ok());
    let mut error = Error::new(Code::Busy, "the request was done before");
    error.replay = Some(Box::new(Reply::replay(status, &row.get(2), body)));
    Err(error)
}

/// Keeps the answer with the key.
pub(crate) async fn keep(tx: &Tx, actor: &str, once: &Once, reply: &Reply) -> Result<(), Error> {
    let status = i16::try_from(reply.status.as_u16()).unwrap_or(200);
    let body = reply.body.as_ref().map(ToString::to_string);
    tx.execute(&KEEP, &[&actor, &once.key, &status, &reply.kept_headers(), &body]).await.map(drop)
}
