//! Webhooks on their route: whose they are by the path, and that each is taken once over all threads.

use std::sync::PoisonError;

use httparse::Header;
use tenantry_edge::directory::TenantFacts;

use crate::ablation::{Protection, removed};
use crate::authenticate::webhook::{self, Turn, WebhookSettings};
use crate::refusal::Refusal;
use crate::worker::Worker;

/// The tenant that the path names behind the route's own part: its last segment.
pub(super) fn tenant_in_path<'p>(path: &'p str, route: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(route.trim_end_matches('/'))?.trim_matches('/');
    rest.rsplit('/').next().filter(|name| !name.is_empty())
}

/// Checks the event, and takes it.
pub(super) fn check(
    worker: &Worker,
    settings: &WebhookSettings,
    tenant: &TenantFacts,
    headers: &[Header<'_>],
    body: &[u8],
    now: i64,
) -> Result<[u8; 32], Refusal> {
    let key = tenant.key.to_string();
    let names = [tenant.slug.as_deref(), Some(&*key)];
    let name = names.into_iter().flatten().find(|name| settings.secrets.contains_key(*name));
    let event = webhook::check(settings, name.unwrap_or(&key), headers, body, now)?;
    let mut taken = worker.shared.taken.lock().unwrap_or_else(PoisonError::into_inner);
    match taken.take(event.digest, now, event.until) {
        Turn::First => Ok(event.digest),
        _ if removed(Protection::WebhookOnce) => Ok(event.digest),
        // who sends again has not heard of it
        Turn::Delivered => Err(Refusal::WebhookDelivered),
        Turn::NotNow => Err(Refusal::WebhookRefused),
    }
}

/// It was delivered.
pub(super) fn delivered(worker: &Worker, event: &[u8; 32]) {
    worker.shared.taken.lock().unwrap_or_else(PoisonError::into_inner).delivered(event);
}

/// It was not delivered.
pub(super) fn give_back(worker: &Worker, event: &[u8; 32]) {
    worker.shared.taken.lock().unwrap_or_else(PoisonError::into_inner).give_back(event);
}
