//! The credential of a request becomes an [`Actor`]: an API key, or a token of an issuer. One credential, or none.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::Api;
use super::caller::asked_path;
use crate::ablation::{Protection, removed};
use crate::access::{Actor, ActorKind, Reach, Role, key, store};
use crate::audit::{Context, Entry, Outcome, Severity};
use crate::db::Scope;
use crate::error::{Code, Error};
use crate::sign_in::{Mode, is_from_here, token};

/// Who sends the request. What is refused is written down.
pub(super) async fn actor(api: &Api, parts: &Parts, context: &Context) -> Result<Actor, Error> {
    let has_credential = parts.headers.contains_key(AUTHORIZATION);
    if !has_credential && api.sign_in().mode == Mode::Anonymous && is_from_here(parts) {
        return Ok(operator(ActorKind::Anonymous));
    }
    let found = match credential(&parts.headers) {
        Some(text) if text.starts_with(key::PREFIX) => of_key(api, text).await,
        Some(text) => match token::actor(api, text, context).await {
            // a token that comes a thousand times is one failed sign-in
            Err(error) if error.code == Code::Unauthenticated && has_issuers(api) => {
                if api.sees_first(&Sha256::digest(text).into()) {
                    api.refused(context.clone(), entry("USER_LOGIN_FAILED", parts));
                }
                return Err(error);
            }
            other => other,
        },
        None => Err(refused()),
    };
    match found {
        Err(error) if error.code == Code::Unauthenticated && removed(Protection::Credential) => {
            tracing::debug!("{error}");
            Ok(operator(ActorKind::Nobody))
        }
        Err(error) => {
            if error.code == Code::Unauthenticated && has_credential {
                api.refused(context.clone(), entry("API_KEY_ACCESS_FAILED", parts));
            }
            Err(error)
        }
        found => found,
    }
}

fn has_issuers(api: &Api) -> bool {
    !api.sign_in().issuers.is_empty()
}

fn operator(kind: ActorKind) -> Actor {
    Actor::new(kind, Reach::Platform(Role::Operator.permissions()))
}

fn entry(action: &'static str, parts: &Parts) -> Entry {
    let mut entry = Entry::done(action, Severity::Medium, None).with(json!({ "path": asked_path(parts) }));
    entry.outcome = Outcome::Denied;
    entry
}

fn refused() -> Error {
    Error::new(Code::Unauthenticated, "send Authorization: Bearer with a valid API key, or a token that counts here")
}

/// The one bearer credential.
fn credential(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    let (scheme, credential) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(credential)
}

async fn of_key(api: &Api, credential: &str) -> Result<Actor, Error> {
    let id = key::id_of(credential).ok_or_else(refused)?;
    let tx = api.db().read(Scope::Platform, "authentication").await?;
    let known = store::find(&tx, id).await?;
    tx.commit().await?;
    let known = known.filter(|k| key::is_key(api.secret(), credential, &k.hash) && !k.ended).ok_or_else(refused)?;
    let role = known.role.ok_or_else(refused)?;
    let permissions = role.permissions_of_key();
    let reach = match (known.tenant, known.status.as_deref()) {
        (None, _) if role.is_of_platform() => Reach::Platform(permissions),
        (Some(tenant), Some("active")) if !role.is_of_platform() => Reach::Tenant(tenant, permissions),
        (Some(_), Some("suspended")) => {
            return Err(Error::new(Code::TenantSuspended, "the tenant is suspended: ask whoever runs the platform"));
        }
        _ => return Err(refused()),
    };
    if known.note_use {
        let tx = api.db().write(Scope::Platform, "authentication").await?;
        store::used(&tx, id).await?;
        tx.commit().await?;
    }
    Ok(Actor::new(ActorKind::Key(id.to_owned()), reach))
}
