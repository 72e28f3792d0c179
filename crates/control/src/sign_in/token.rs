//! A token becomes an [`Actor`]: a user with his memberships, a stranger, or nothing.
//!
//! The user is who the issuer calls so (`iss` and `sub`), never whose address it is: addresses only find invitations,
//! and only where the issuer says that the address is verified. A membership that was taken away, a user who is
//! disabled and a sign-in that was ended count from the next request on, however long the token lives.

use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};
use tenantry_issuer::{Proven, Refused, Waived};
use uuid::Uuid;

use super::store::{self, Invited, Known};
use crate::ablation::{Protection, removed};
use crate::access::{Actor, ActorKind, Claim, Member, Permission, Reach, on_platform};
use crate::audit::{Context, Entry, Outcome, Severity};
use crate::change::Change;
use crate::db::Scope;
use crate::error::{Code, Error};
use crate::http::Api;
use crate::outbox::Event;
use crate::users;

/// Checks a token, and says whose it is.
pub(crate) async fn actor(api: &Api, token: &str, context: &Context) -> Result<Actor, Error> {
    let proven = tenantry_issuer::verify(&api.sign_in().issuers, token, waived()).await.map_err(|r| match r {
        Refused::Credential => refused(),
        Refused::Unavailable => {
            Error::new(Code::IdentityUnavailable, "the issuer's keys cannot be fetched now: try again")
        }
    })?;
    let expires_at = Timestamp::from_second(proven.expires_at).map_err(|_| refused())?;
    if expires_at <= Timestamp::now() || proven.subject.is_empty() || proven.subject.len() > users::SUBJECT_BYTES_MAX {
        return Err(refused());
    }
    let digest = digest(&proven, token);
    let tx = api.db().read(Scope::Platform, "authentication").await?;
    let known = store::user(&tx, &proven.issuer, &proven.subject, &digest).await?;
    let mut members = match &known {
        Some(known) => store::members(&tx, known.id).await?,
        None => Vec::new(),
    };
    tx.commit().await?;
    if known.is_some_and(|k| !k.is_active || (k.is_ended && !removed(Protection::EndedSession))) {
        return Err(refused());
    }
    let known = match known {
        Some(known) if known.was_seen => known,
        known => match begin(api, &proven, known, &digest, expires_at, context).await? {
            Some(begun) => {
                members = begun.1;
                begun.0
            }
            None => return Ok(stranger(api, &proven, &digest, context)),
        },
    };
    let claim = claim(&proven, &members);
    Ok(Actor::user(known.id, known.platform, members, claim).in_session(digest))
}

fn refused() -> Error {
    Error::new(Code::Unauthenticated, "send Authorization: Bearer with a valid API key, or a token that counts here")
}

/// The tenant that the token names, among the user's own.
fn claim(proven: &Proven, members: &[Member]) -> Option<Claim> {
    let named = proven.tenant.as_deref()?;
    let is_meant = |m: &&Member| m.slug == named || m.tenant.to_string() == named;
    Some(Claim { named: named.to_owned(), tenant: members.iter().find(is_meant).map(|m| m.tenant) })
}

/// The first request of a sign-in: invitations are taken, and it stands in the log. None for somebody whom nobody has
/// made a user and nobody has invited.
async fn begin(
    api: &Api,
    proven: &Proven,
    known: Option<Known>,
    digest: &[u8; 32],
    expires_at: Timestamp,
    context: &Context,
) -> Result<Option<(Known, Vec<Member>)>, Error> {
    let is_his = proven.email_is_verified || removed(Protection::InvitedAddress);
    let email = proven.email.as_deref().filter(|_| is_his).map(str::to_lowercase);
    let granted = on_platform(&Actor::task("sign-in"), Permission::UserManage)?;
    let mut change = Change::begin(api.db(), granted, context.clone(), None).await?;
    let mut invited = match &email {
        Some(email) => store::invited(change.tx(), &proven.issuer, email).await?,
        None => Vec::new(),
    };
    // whoever came with the same token at the same time has taken them, and made the user
    let known = match known {
        None => store::user(change.tx(), &proven.issuer, &proven.subject, digest).await?,
        known => known,
    };
    if invited.is_empty() && known.is_none() {
        return Ok(None);
    }
    let known = match known {
        Some(known) => known,
        None => {
            let by = "task:sign-in";
            let id = users::store::find_or_make(change.tx(), &proven.issuer, &proven.subject, by).await?;
            users::store::describe(change.tx(), id, email.as_deref(), short(proven.name.as_deref())).await?;
            Known { id, is_active: true, platform: None, was_seen: false, is_ended: false }
        }
    };
    let user = Actor::new(ActorKind::User(known.id), Reach::Nothing);
    for invited in invited.drain(..) {
        join(&mut change, &user, &invited, known.id).await?;
    }
    let members = store::members(change.tx(), known.id).await?;
    if store::begin(change.tx(), digest, known.id, expires_at).await? {
        let tenant = match (claim(proven, &members), &members[..]) {
            (Some(claim), _) => claim.tenant,
            (None, [only]) => Some(only.tenant),
            (None, _) => None,
        };
        let entry = Entry::done("USER_LOGIN", Severity::Low, tenant).to("user", known.id);
        change.audit_by(&user, entry.with(json!({ "issuer": &*proven.issuer }))).await?;
    }
    change.finish().await?;
    Ok(Some((known, members)))
}

async fn join(change: &mut Change, user: &Actor, invited: &Invited, id: Uuid) -> Result<(), Error> {
    if !store::accept(change.tx(), invited, id).await? {
        return Ok(());
    }
    let entry = Entry::done("MEMBER_ADDED", Severity::High, Some(invited.tenant)).to("user", id);
    let more = json!({ "role": invited.role, "invitation": invited.id });
    change.audit_by(user, entry.with(more)).await?;
    let data = json!({ "tenantId": invited.tenant, "userId": id, "role": invited.role });
    let subject = Some(invited.tenant.to_string());
    change.emit(Event { kind: "tenantry.member.added", subject, tenant: Some(invited.tenant), data }).await
}

/// Somebody whom the issuer knows, and we do not.
fn stranger(api: &Api, proven: &Proven, digest: &[u8; 32], context: &Context) -> Actor {
    let actor = Actor::new(ActorKind::Stranger, Reach::Nothing);
    if api.sees_first(digest) {
        let mut entry = Entry::done("USER_LOGIN_FAILED", Severity::Medium, None);
        entry.outcome = Outcome::Denied;
        let more = json!({ "issuer": &*proven.issuer, "reason": "no user and no invitation" });
        api.note(actor.clone(), context.clone(), entry.with(more));
    }
    actor
}

/// What stands for a sign-in: the token's id, or when it was made, or the token.
fn digest(proven: &Proven, token: &str) -> [u8; 32] {
    let mut whole = Sha256::new();
    for part in [&*proven.issuer, &proven.subject] {
        whole.update((part.len() as u64).to_be_bytes());
        whole.update(part);
    }
    match (&proven.id, proven.issued_at) {
        (Some(id), _) => whole.update(format!("jti:{id}")),
        (None, Some(at)) => whole.update(format!("iat:{at}")),
        (None, None) => whole.update(token),
    }
    whole.finalize().into()
}

fn short(name: Option<&str>) -> Option<String> {
    name.map(|n| n.chars().filter(|c| !c.is_control()).take(200).collect())
}

/// All checks, but the one that a test took away.
#[cfg(feature = "ablation")]
fn waived() -> Waived {
    use tenantry_issuer::Check;
    if removed(Protection::TokenAudience) { Waived::only(Check::Audience) } else { Waived::NOTHING }
}

/// All checks.
#[cfg(not(feature = "ablation"))]
fn waived() -> Waived {
    Waived::NOTHING
}
