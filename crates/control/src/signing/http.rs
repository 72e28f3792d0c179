//! Signing keys over HTTP: `/api/signing-keys`, for the platform.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Keeper, OVERLAP_SECONDS_DEFAULT, OVERLAP_SECONDS_MAX, SigningKey};
use crate::access::{Granted, Permission};
use crate::audit::{Entry, Outcome, Severity};
use crate::error::{Code, Error};
use crate::http::Api;
use crate::http::body::Body;
use crate::http::caller::Caller;
use crate::http::page::Listed;
use crate::http::reply::Reply;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(rotate)).routes(routes!(revoke))
}

/// How keys are replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct SigningRotation {
    /// For how long the keys before still count, in seconds; a day if left out, 30 days at most.
    overlap_seconds: Option<u32>,
}

#[utoipa::path(get, path = "", tag = "signing keys",
    responses((status = 200, description = "The keys, never their secrets: `items`", body = Listed<SigningKey>)))]
async fn list(caller: Caller) -> Result<Reply, Error> {
    caller.on_platform(Permission::SigningKeyRead)?;
    let keys = keeper(&caller)?.open().await?;
    let items = keys.list().await?;
    keys.commit().await?;
    Reply::json(StatusCode::OK, &json!({ "items": items }))
}

#[utoipa::path(post, path = "/rotate", tag = "signing keys", request_body = SigningRotation,
    responses((status = 201, description = "The new key in `key`, shown this once; `replaced` end with the overlap")))]
async fn rotate(caller: Caller, body: Body<SigningRotation>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::SigningKeyManage)?;
    let overlap = body.value.overlap_seconds.unwrap_or(OVERLAP_SECONDS_DEFAULT);
    if overlap > OVERLAP_SECONDS_MAX {
        return Err(Error::field("overlapSeconds", format!("give at most {OVERLAP_SECONDS_MAX}")));
    }
    let keys = keeper(&caller)?.open().await?;
    keys.lock().await?;
    let made = keys.make(overlap).await?;
    let reply = Reply::json(
        StatusCode::CREATED,
        &json!({ "kid": made.kid, "replaced": made.replaced, "overlapSeconds": overlap }),
    )?
    .with_secret("key", &made.secret);
    let more = json!({ "replaced": made.replaced, "overlapSeconds": overlap });
    let entry = Entry::done("SIGNING_KEY_ROTATED", Severity::Critical, None).to("signingKey", made.kid).with(more);
    let mut change = caller.change(granted.clone(), Some(&body.digest)).await?;
    change.audit(entry.clone()).await?;
    let reply = change.commit(reply).await?;
    done(&caller, granted, entry, keys.commit().await).await?;
    Ok(reply)
}

#[utoipa::path(delete, path = "/{kid}", tag = "signing keys", params(("kid" = i16, Path)),
    responses((status = 204, description = "Its contexts are refused from now on")))]
async fn revoke(caller: Caller, Path(kid): Path<String>) -> Result<Reply, Error> {
    let granted = caller.on_platform(Permission::SigningKeyManage)?;
    let kid: i16 = kid.parse().map_err(|_| Error::field("kid", "give the key's number, 0 to 9999"))?;
    let keys = keeper(&caller)?.open().await?;
    keys.lock().await?;
    let there = keys.list().await?;
    if !there.iter().any(|k| k.kid != kid && k.counts) && there.iter().any(|k| k.kid == kid) {
        let detail = "no other key counts: rotate with overlapSeconds 0, and the application goes on with the new one";
        return Err(Error::new(Code::StateConflict, detail));
    }
    if !keys.revoke(kid).await? {
        return Err(Error::not_found());
    }
    let entry = Entry::done("SIGNING_KEY_REVOKED", Severity::Critical, None).to("signingKey", kid);
    let mut change = caller.change(granted.clone(), None).await?;
    change.audit(entry.clone()).await?;
    let reply = change.commit(Reply::empty(StatusCode::NO_CONTENT)).await?;
    done(&caller, granted, entry, keys.commit().await).await?;
    Ok(reply)
}

fn keeper(caller: &Caller) -> Result<&Keeper, Error> {
    caller.keeper().ok_or_else(|| {
        let detail =
            "the control plane does not know the application's database: name it in `keeper_url` of [control.database]";
        Error::new(Code::StateConflict, detail)
    })
}

/// What was recorded and could not be done is recorded as that.
async fn done(caller: &Caller, granted: Granted, mut entry: Entry, made: Result<(), Error>) -> Result<(), Error> {
    let Err(error) = made else { return Ok(()) };
    entry.outcome = Outcome::Failure;
    if let Value::Object(more) = &mut entry.metadata {
        more.insert("failed".to_owned(), json!("the application's database did not commit, or did not say so"));
    }
    let mut change = caller.change(granted, None).await?;
    change.audit(entry).await?;
    change.finish().await?;
    Err(error)
}
