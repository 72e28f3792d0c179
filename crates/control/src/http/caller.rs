//! Who calls: the credential of a request becomes an [`Actor`], and the request's headers what they mean.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts, Path};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HeaderName, IF_MATCH, USER_AGENT};
use axum::http::request::Parts;
use sha2::{Digest, Sha256};

use super::Api;
use super::idempotency::{KEY_BYTES_MAX, Once};
use super::request_id::RequestId;
use crate::ablation::{Protection, removed};
use crate::access::{Actor, ActorKind, Granted, Permission, Reach, key, on_platform, on_tenant, store};
use crate::audit::Context;
use crate::change::Change;
use crate::db::{Db, Scope};
use crate::error::{Code, Error};
use crate::ids::TenantId;
use crate::secret::Secret;

/// Headers that may name a tenant. They never decide: they must agree.
const TENANT_HEADERS: [&str; 3] = ["x-tenant-id", "x-workspace-id", "x-tenant"];

/// Who calls, and with what request.
#[derive(Debug)]
pub(crate) struct Caller {
    api: Api,
    actor: Actor,
    context: Context,
    named: Option<TenantId>,
    if_match: Option<String>,
    idempotency_key: Option<String>,
    target: String,
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Error> {
        let context = context(parts);
        let actor = match authenticate(&parts.headers, api).await {
            Ok(actor) => actor,
            Err(error) => {
                if error.code == Code::Unauthenticated && parts.headers.contains_key(AUTHORIZATION) {
                    api.refused(context, parts.uri.path());
                }
                return Err(error);
            }
        };
        Ok(Self {
            api: api.clone(),
            actor,
            context,
            named: named(&parts.headers)?,
            if_match: text(&parts.headers, IF_MATCH)?,
            idempotency_key: idempotency_key(&parts.headers)?,
            target: format!("{} {}", parts.method, parts.uri.path()),
        })
    }
}

impl Caller {
    pub(crate) fn actor(&self) -> &Actor {
        &self.actor
    }

    pub(crate) fn db(&self) -> &Db {
        self.api.db()
    }

    pub(crate) fn webhooks(&self) -> &crate::webhooks::WebhookSettings {
        self.api.webhooks()
    }

    pub(crate) fn secret(&self) -> &Secret {
        self.api.secret()
    }

    /// Allowed for the platform?
    pub(crate) fn on_platform(&self, permission: Permission) -> Result<Granted, Error> {
        on_platform(&self.actor, permission)
    }

    /// Allowed for this tenant?
    pub(crate) async fn on_tenant(&self, permission: Permission, tenant: TenantId) -> Result<Granted, Error> {
        if self.named.is_some_and(|named| named != tenant) && !removed(Protection::TenantHeader) {
            let detail = "a header names another tenant than the path: leave it out, or make them agree";
            return Err(Error::new(Code::TenantContradiction, detail));
        }
        let granted = on_tenant(self.db(), &self.actor, permission, tenant).await;
        if granted.as_ref().is_err_and(|e| e.code == Code::NotFound) && matches!(self.actor.reach(), Reach::Tenant(..))
        {
            self.api.strayed(self.context.clone(), &self.actor, tenant);
        }
        granted
    }

    /// The tenant of a request whose path names none: the credential's, which a header may repeat; an operator names it
    /// in a header.
    pub(crate) fn own_tenant(&self) -> Result<TenantId, Error> {
        match (self.actor.reach(), self.named) {
            (Reach::Tenant(_, _) | Reach::Platform(_), Some(named)) => Ok(named),
            (Reach::Tenant(own, _), None) => Ok(*own),
            (Reach::Platform(_) | Reach::Nothing, _) => {
                Err(Error::new(Code::TenantMissing, "name the tenant in the header X-Tenant-ID"))
            }
        }
    }

    /// The tenant that a path names.
    pub(crate) fn tenant_of(&self, text: &str) -> Result<TenantId, Error> {
        tenant_id(text)
    }

    /// Begins to change something. `digest` is the body's, for what may be repeated by its idempotency key.
    pub(crate) async fn change(&self, granted: Granted, digest: Option<&[u8; 32]>) -> Result<Change, Error> {
        let once = match (&self.idempotency_key, digest) {
            (Some(key), Some(digest)) => {
                let mut whole = Sha256::new();
                whole.update(self.target.as_bytes());
                whole.update([0]);
                whole.update(digest);
                Some(Once { key: key.clone(), fingerprint: whole.finalize().to_vec() })
            }
            _ => None,
        };
        Change::begin(self.db(), granted, self.context.clone(), once).await
    }

    /// Fails unless the request means the version that is there.
    pub(crate) fn expects(&self, version: i64) -> Result<(), Error> {
        let Some(given) = &self.if_match else {
            let detail = "send If-Match with the ETag you read, so that nobody's change is lost";
            return Err(Error::new(Code::PreconditionRequired, detail));
        };
        let current = format!("\"{version}\"");
        if given.split(',').map(str::trim).any(|tag| tag == "*" || tag == current) {
            return Ok(());
        }
        Err(Error::new(Code::Stale, "it has changed since you read it: read it again"))
    }
}

/// `{id}` of a path.
pub(crate) struct Id(pub(crate) TenantId);

impl FromRequestParts<Api> for Id {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Error> {
        let Path(text) = Path::<String>::from_request_parts(parts, api).await.map_err(|_| Error::not_found())?;
        tenant_id(&text).map(Self)
    }
}

fn tenant_id(text: &str) -> Result<TenantId, Error> {
    text.parse()
        .map_err(|_| Error::field("id", "give the tenant's id, a UUID like 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"))
}

async fn authenticate(headers: &HeaderMap, api: &Api) -> Result<Actor, Error> {
    let refused = || Error::new(Code::Unauthenticated, "send Authorization: Bearer with a valid API key");
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return Err(refused()) };
    let value = value.to_str().map_err(|_| refused())?;
    let (scheme, credential) = value.split_once(' ').ok_or_else(refused)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(refused());
    }
    let id = key::id_of(credential).ok_or_else(refused)?;
    let tx = api.db().read(Scope::Platform, "authentication").await?;
    let known = store::find(&tx, id).await?;
    tx.commit().await?;
    let known = known.filter(|k| key::is_key(api.secret(), credential, &k.hash) && !k.ended).ok_or_else(refused)?;
    let role = known.role.ok_or_else(refused)?;
    let reach = match (known.tenant, known.status.as_deref()) {
        (None, _) if role.is_of_platform() => Reach::Platform(role.permissions()),
        (Some(tenant), Some("active")) if !role.is_of_platform() => Reach::Tenant(tenant, role.permissions()),
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

fn context(parts: &Parts) -> Context {
    let short = |text: &str| text.chars().filter(|c| !c.is_control()).take(200).collect::<String>();
    Context {
        request_id: parts.extensions.get::<RequestId>().map(|r| r.0.clone()),
        ip_address: parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|c| c.0.ip().to_string()),
        user_agent: parts.headers.get(USER_AGENT).and_then(|v| v.to_str().ok()).map(short),
    }
}

/// The tenant that headers name. Twice or two is one too many.
fn named(headers: &HeaderMap) -> Result<Option<TenantId>, Error> {
    let mut named: Option<TenantId> = None;
    for value in TENANT_HEADERS.iter().flat_map(|name| headers.get_all(*name)) {
        let id: Option<TenantId> = value.to_str().ok().and_then(|v| v.parse().ok());
        let id = id.ok_or_else(|| Error::field("X-Tenant-ID", "give the tenant's id, a UUID"))?;
        if named.is_some_and(|n| n != id) {
            return Err(Error::new(Code::TenantContradiction, "two headers name two tenants: leave one out"));
        }
        named = Some(id);
    }
    Ok(named)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Result<Option<String>, Error> {
    let bad = || Error::field(name.as_str(), "send it once, in plain characters");
    let mut values = headers.get_all(&name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let value = value.to_str().map_err(|_| bad())?.to_owned();
    if values.next().is_some() { Err(bad()) } else { Ok(Some(value)) }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let key = text(headers, HeaderName::from_static("idempotency-key"))?;
    if key.as_ref().is_some_and(|k| k.is_empty() || k.len() > KEY_BYTES_MAX) {
        return Err(Error::field("Idempotency-Key", format!("give 1 to {KEY_BYTES_MAX} characters")));
    }
    Ok(key)
}
