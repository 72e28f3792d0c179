//! Tenants: who there is. The rules stand here; SQL is in `store`, HTTP in `http`.
//!
//! A tenant's parent is chosen when it is made and never changed, so no circle can be closed. A deleted tenant is kept
//! for a time of grace, in which it can be restored; its slug rests after that, because links and logins outlive it.

pub(crate) mod http;
mod slug;
pub(crate) mod store;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::audit::{Entry, Severity};
use crate::change::Change;
use crate::error::{Code, Error};
use crate::ids::TenantId;
use crate::outbox::Event;

/// Levels of tenants, one below the other; the table's constraint says the same.
pub const DEPTH_MAX: usize = 5;
/// Days in which a deleted tenant can be restored.
pub const GRACE_DAYS: i64 = 30;
/// Days for which a slug rests that a tenant gave up.
pub const SLUG_REST_DAYS: i32 = 90;

/// Whom to ask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Name.
    #[serde(default)]
    pub name: Option<String>,
    /// E-mail address.
    #[serde(default)]
    pub email: Option<String>,
}

/// What it pays for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// The plan.
    #[serde(default = "free")]
    pub plan: String,
    /// `active`, `trialing`, `past_due` or `canceled`.
    #[serde(default = "active")]
    pub status: String,
}

impl Default for Subscription {
    fn default() -> Self {
        Self { plan: free(), status: active() }
    }
}

fn free() -> String {
    "free".to_owned()
}

fn active() -> String {
    "active".to_owned()
}

/// A tenant.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// What stands in the application's tenant column.
    pub key: String,
    /// Its name in host names and logins.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Whom to ask.
    pub contact: Option<Contact>,
    /// What it pays for.
    pub subscription: Subscription,
    /// `shared`, `schema` or `database`.
    pub isolation_strategy: String,
    /// `Root`, `Parent` or `Child`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The tenant above it.
    pub parent_id: Option<TenantId>,
    #[serde(skip)]
    pub(crate) path: Vec<TenantId>,
    /// Its name in another system.
    pub external_id: Option<String>,
    /// `provisioning`, `failed`, `active`, `suspended`, `deleted`, `erasing` or `erased`.
    pub status: String,
    /// Why it is suspended, or could not be made.
    pub status_reason: Option<String>,
    /// Since when it is deleted.
    pub deleted_at: Option<Timestamp>,
    /// Until when it can be restored.
    pub erase_at: Option<Timestamp>,
    #[serde(skip)]
    pub(crate) version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A step of a tenant's life that somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Suspend,
    Resume,
    Delete,
    Restore,
}

impl Step {
    /// The state after it, or why not.
    fn after(self, status: &str) -> Result<&'static str, Error> {
        match (self, status) {
            (Self::Suspend, "active") => Ok("suspended"),
            (Self::Resume, "suspended") | (Self::Restore, "deleted") => Ok("active"),
            (Self::Delete, "active" | "suspended" | "failed") => Ok("deleted"),
            _ => Err(Error::new(Code::StateConflict, format!("the tenant is {status}: this step does not fit"))),
        }
    }

    fn action(self) -> (&'static str, &'static str, Severity) {
        match self {
            Self::Suspend => ("TENANT_SUSPENDED", "tenantry.tenant.suspended", Severity::High),
            Self::Resume => ("TENANT_RESUMED", "tenantry.tenant.resumed", Severity::Medium),
            Self::Delete => ("TENANT_DELETED", "tenantry.tenant.deleted", Severity::High),
            Self::Restore => ("TENANT_RESTORED", "tenantry.tenant.restored", Severity::High),
        }
    }
}

/// Checks what a tenant says of itself, in one place for new ones and changed ones.
fn check(t: &Tenant) -> Result<(), Error> {
    let length = t.name.chars().count();
    if t.name.trim().is_empty() || length > 200 || t.name.chars().any(char::is_control) {
        return Err(Error::field("name", "give 1 to 200 characters, none of them a control character"));
    }
    slug::check(&t.slug)?;
    let contact = t.contact.clone().unwrap_or_default();
    if contact.email.as_ref().is_some_and(|e| e.len() > 254 || !is_address(e)) {
        return Err(Error::field("contact.email", "give an e-mail address like ada@example.com"));
    }
    if contact.name.as_ref().is_some_and(|n| n.chars().count() > 200) {
        return Err(Error::field("contact.name", "give at most 200 characters"));
    }
    let plan = &t.subscription.plan;
    if plan.is_empty() || plan.len() > 63 || !plan.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
        return Err(Error::field("subscription.plan", "give a plan's name: letters, digits, `-` and `_`"));
    }
    if !["active", "trialing", "past_due", "canceled"].contains(&t.subscription.status.as_str()) {
        return Err(Error::field("subscription.status", "give active, trialing, past_due or canceled"));
    }
    if t.external_id.as_ref().is_some_and(|e| e.is_empty() || e.len() > 200 || e.contains('\0')) {
        return Err(Error::field("externalId", "give 1 to 200 bytes, or leave it out"));
    }
    Ok(())
}

fn is_address(text: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '@';
    text.split_once('@').is_some_and(|(who, place)| {
        !who.is_empty() && who.chars().all(plain) && place.contains('.') && place.chars().all(plain)
    })
}

/// Puts a new tenant below its parent.
fn place(tenant: &mut Tenant, parent: Option<&Tenant>, asked: Option<&str>) -> Result<(), Error> {
    let kind = asked.unwrap_or(if parent.is_some() { "Child" } else { "Root" });
    match (kind, parent) {
        ("Root", Some(_)) => return Err(Error::field("parentId", "a Root has no parent: leave it out")),
        ("Child", None) => return Err(Error::field("parentId", "a Child needs a parent: name it")),
        ("Root" | "Parent" | "Child", _) => {}
        _ => return Err(Error::field("type", "give Root, Parent or Child")),
    }
    if let Some(parent) = parent {
        if parent.kind == "Child" {
            return Err(Error::field("parentId", "a Child has nobody below it: name a Root or a Parent"));
        }
        if parent.status != "active" {
            return Err(Error::new(Code::StateConflict, "the parent is not active"));
        }
        if parent.path.len() >= DEPTH_MAX {
            return Err(Error::field("parentId", format!("there are at most {DEPTH_MAX} levels of tenants")));
        }
        tenant.path.clone_from(&parent.path);
        tenant.parent_id = Some(parent.id);
    }
    tenant.path.push(tenant.id);
    tenant.kind = kind.to_owned();
    Ok(())
}

/// Takes the slug for the tenant, and lets its former ones rest.
async fn take_slug(change: &Change, id: TenantId, wanted: &str) -> Result<(), Error> {
    let skeleton = slug::skeleton(wanted);
    if !store::claim(change, &skeleton, wanted, id).await? {
        let detail = "this slug is taken, was given up a short time ago, or looks like another: choose another";
        return Err(Error::new(Code::SlugTaken, detail));
    }
    store::release_others(change, id, &skeleton, SLUG_REST_DAYS).await
}

/// Goes one step, with its audit entry and event.
async fn go(change: &mut Change, mut tenant: Tenant, step: Step, reason: Option<String>) -> Result<Tenant, Error> {
    let status = step.after(&tenant.status)?;
    if step == Step::Delete && store::has_children(change, tenant.id).await? {
        return Err(Error::new(Code::StateConflict, "there are tenants below it: delete them first"));
    }
    if let (Step::Restore, Some(parent)) = (step, tenant.parent_id)
        && store::status_of(change, parent)
            .await?
            .is_some_and(|s| ["deleted", "erasing", "erased"].contains(&s.as_str()))
    {
        return Err(Error::new(Code::StateConflict, "the tenant above it is deleted: restore that one first"));
    }
    let never_was = step == Step::Restore && crate::placing::store::is_unfinished(change.tx(), tenant.id).await?;
    // who could not be made is not made by being restored
    let status = if never_was { "failed" } else { status };
    let now = Timestamp::now();
    status.clone_into(&mut tenant.status);
    tenant.status_reason = reason;
    tenant.deleted_at = (step == Step::Delete).then_some(now);
    tenant.erase_at = (step == Step::Delete).then(|| store::erase_at(now, GRACE_DAYS));
    let tenant = store::set_status(change, &tenant).await?;
    crate::placing::access::follow(change, tenant.id).await?;
    change.publishes();
    let (action, event, severity) = step.action();
    let entry = Entry::done(action, severity, Some(tenant.id)).to("tenant", tenant.id);
    change.audit(entry.with(json!({ "reason": tenant.status_reason }))).await?;
    change.emit(event_of(event, &tenant)).await?;
    Ok(tenant)
}

/// Puts a tenant into a state that work on its place has led to.
pub(crate) async fn settle(
    change: &Change,
    mut tenant: Tenant,
    status: &str,
    reason: Option<String>,
) -> Result<Tenant, Error> {
    status.clone_into(&mut tenant.status);
    tenant.status_reason = reason;
    store::set_status(change, &tenant).await
}

pub(crate) fn event_of(kind: &'static str, tenant: &Tenant) -> Event {
    let data =
        json!({ "id": tenant.id, "slug": tenant.slug, "status": tenant.status, "plan": tenant.subscription.plan });
    Event { kind, subject: Some(tenant.id.to_string()), tenant: Some(tenant.id), data }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [&str; 7] = ["provisioning", "failed", "active", "suspended", "deleted", "erasing", "erased"];

    #[test]
    fn every_step_fits_some_states_and_no_others() {
        let fits: Vec<_> = [Step::Suspend, Step::Resume, Step::Delete, Step::Restore]
            .into_iter()
            .flat_map(|step| STATES.map(|s| (step, s, step.after(s).ok())))
            .filter_map(|(step, from, to)| Some(format!("{step:?} {from}>{}", to?)))
            .collect();
        assert_eq!(
            fits,
            [
                "Suspend active>suspended",
                "Resume suspended>active",
                "Delete failed>deleted",
                "Delete active>deleted",
                "Delete suspended>deleted",
                "Restore deleted>active"
            ]
        );
    }

    #[test]
    fn addresses() {
        assert!(is_address("ada@example.com"));
        for bad in ["", "@", "a@b", "a@@b.c", "a b@c.d", "@b.c"] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
