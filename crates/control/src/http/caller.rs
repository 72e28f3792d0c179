//! Who calls: the credential of a request becomes an [`Actor`], and the request's headers what they mean.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts, OriginalUri, Path};
use axum::http::HeaderMap;
use axum::http::header::{HeaderName, IF_MATCH, USER_AGENT};
use axum::http::request::Parts;
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::idempotency::{KEY_BYTES_MAX, Once};
use super::request_id::RequestId;
use super::{Api, credential};
use crate::ablation::{Protection, removed};
use crate::access::{Actor, Granted, Permission, Reach, on_platform, on_tenant};
use crate::audit::{Context, Entry, Outcome, Severity};
use crate::change::Change;
use crate::db::Db;
use crate::error::{Code, Error};
use crate::ids::TenantId;
use crate::secret::Secret;
use crate::sign_in::SignIn;
use crate::signing::Keeper;
use crate::work::Workshop;

/// Headers that may name a tenant. They never decide: they must agree.
const TENANT_HEADERS: [&str; 3] = ["x-tenant-id", "x-workspace-id", "x-tenant"];

/// Who calls, and with what request.
#[derive(Debug)]
pub(crate) struct Caller {
    api: Api,
    actor: Actor,
    context: Context,
    named: Option<TenantId>,
    /// The only tenant there is, in a control plane for one.
    only: Option<TenantId>,
    if_match: Option<String>,
    idempotency_key: Option<String>,
    target: String,
    /// The same as the client wrote it.
    asked: String,
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Error> {
        let context = context(parts);
        let actor = credential::actor(api, parts, &context).await?;
        Ok(Self {
            api: api.clone(),
            actor,
            context,
            named: named(&parts.headers)?,
            only: api.sign_in().only_tenant(api.db()).await?,
            if_match: text(&parts.headers, IF_MATCH)?,
            idempotency_key: idempotency_key(&parts.headers)?,
            target: format!("{} {}", parts.method, parts.uri.path()),
            asked: format!("{} {}", parts.method, asked_path(parts)),
        })
    }
}

impl Caller {
    pub(crate) fn actor(&self) -> &Actor {
        &self.actor
    }

    pub(crate) fn api(&self) -> &Api {
        &self.api
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

    /// Who may sign in, and how.
    pub(crate) fn sign_in(&self) -> &SignIn {
        self.api.sign_in()
    }

    /// Where work is done that takes longer than a request.
    pub(crate) fn shop(&self) -> &Workshop {
        self.api.shop()
    }

    /// The door to the signing keys in the application's database.
    pub(crate) fn keeper(&self) -> Option<&Keeper> {
        self.api.keeper()
    }

    /// Allowed for the platform?
    pub(crate) fn on_platform(&self, permission: Permission) -> Result<Granted, Error> {
        on_platform(&self.actor, permission).inspect_err(|error| self.denied(error, permission, None))
    }

    /// Allowed for this tenant? What is done under its consent stands in its log before anything else.
    pub(crate) async fn on_tenant(&self, permission: Permission, tenant: TenantId) -> Result<Granted, Error> {
        let granted = self.decide(permission, tenant).await;
        let granted = granted.inspect_err(|error| self.denied(error, permission, Some(tenant)))?;
        if granted.actor().support().is_some() {
            let entry = Entry::done("WORKSPACE_ACCESS", Severity::High, Some(tenant)).to("tenant", tenant);
            let entry = entry.with(json!({ "request": self.asked, "permission": permission.as_str() }));
            let mut change = Change::begin(self.db(), granted.clone(), self.context.clone(), None).await?;
            change.audit(entry).await?;
            change.finish().await?;
        }
        Ok(granted)
    }

    async fn decide(&self, permission: Permission, tenant: TenantId) -> Result<Granted, Error> {
        if self.named.is_some_and(|named| named != tenant) && !removed(Protection::TenantHeader) {
            let detail = "a header names another tenant than the path: leave it out, or make them agree";
            return Err(Error::new(Code::TenantContradiction, detail));
        }
        if self.only.is_some_and(|only| only != tenant) {
            return Err(Error::not_found());
        }
        on_tenant(self.db(), &self.actor, permission, tenant).await
    }

    /// Writes down what was refused, for whoever watches the platform; the same of the same actor once a minute, so that
    /// nobody fills the log or keeps others out of it. The tenant that was meant stands among the targets: whose log an
    /// attempt belongs to is not for whoever tries to say.
    fn denied(&self, error: &Error, permission: Permission, tenant: Option<TenantId>) {
        let (action, severity) = match error.code {
            Code::NotFound | Code::SupportConsentRequired => ("WORKSPACE_ACCESS_DENIED", Severity::High),
            Code::TenantContradiction => ("UNAUTHORIZED_ACCESS_ATTEMPT", Severity::High),
            Code::Forbidden => ("RESOURCE_ACCESS_DENIED", Severity::Medium),
            _ => return,
        };
        let minute = Timestamp::now().as_second() / 60;
        let same = format!("{minute} {action} {tenant:?} {} {}", permission.as_str(), self.actor.name());
        if !self.api.sees_first(&Sha256::digest(same).into()) {
            return;
        }
        let mut entry = Entry::done(action, severity, None);
        if let Some(tenant) = tenant {
            entry = entry.to("tenant", tenant);
        }
        entry.outcome = Outcome::Denied;
        let more = json!({ "request": self.asked, "permission": permission.as_str() });
        self.api.note(self.actor.clone(), self.context.clone(), entry.with(more));
    }

    /// The tenant of a request whose path names none: the only one there is, the credential's, or the only one its user
    /// belongs to; a header may repeat it, and names it where there are several.
    pub(crate) fn own_tenant(&self) -> Result<TenantId, Error> {
        if let Some(named) = self.named.or(self.only) {
            return Ok(named);
        }
        let claimed = self.actor.claim().map(|c| c.tenant);
        match (self.actor.reach(), claimed, self.actor.members()) {
            (Reach::Tenant(own, _), ..) => Ok(*own),
            // a token for a tenant that is not its user's
            (_, Some(claimed), _) => claimed.ok_or_else(Error::not_found),
            (Reach::Nothing, None, [only]) => Ok(only.tenant),
            _ => Err(Error::new(Code::TenantMissing, "name the tenant in the header X-Tenant-ID")),
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

    /// Fails if the request means another version than the one that is there; it need not say which.
    pub(crate) fn expects_if_said(&self, version: i64) -> Result<(), Error> {
        if self.if_match.is_some() { self.expects(version) } else { Ok(()) }
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

/// The path as the client wrote it: routers have taken away what they matched.
pub(super) fn asked_path(parts: &Parts) -> String {
    let path = parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.0.path());
    path.chars().take(200).collect()
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
