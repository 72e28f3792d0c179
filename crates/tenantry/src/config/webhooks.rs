//! The section `[control.webhooks]`, and what it becomes.

use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use tenantry_control::WebhookSettings;

use crate::config::gateway::client_tls;
use crate::errors::Failure;

/// Most pauses between tries.
const RETRIES_MAX: usize = 50;

/// `[control.webhooks]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WebhookSection {
    /// Networks that endpoints may lie in although they are not the public internet.
    allow: Vec<IpNet>,
    /// Longest time for one try, in seconds.
    timeout: Option<u64>,
    /// Pauses between tries, in seconds.
    retries: Option<Vec<u64>>,
    /// An endpoint that fails for so many days is disabled.
    disable_after_days: Option<u64>,
    /// Days for which events and deliveries are kept.
    keep_days: Option<u64>,
}

/// The same as what the control plane starts with.
pub(crate) fn build(section: &WebhookSection) -> Result<WebhookSettings, Failure> {
    let usual = WebhookSettings::default();
    let bad = |what: &str| Failure::caller(what.to_owned()).code("control-settings");
    let within = section.timeout.map_or(usual.within, Duration::from_secs);
    if within.is_zero() || within > Duration::from_secs(60) {
        return Err(bad("`timeout` in [control.webhooks] is not 1 to 60 seconds"));
    }
    let retries = match &section.retries {
        Some(seconds) => seconds.iter().copied().map(Duration::from_secs).collect(),
        None => usual.retries,
    };
    if retries.len() > RETRIES_MAX {
        return Err(bad("`retries` in [control.webhooks] has more than 50 pauses"));
    }
    let days = |given: Option<u64>, usual: Duration, name: &str| match given {
        Some(days @ 1..=3_650) => Ok(Duration::from_secs(days * 86_400)),
        Some(_) => Err(bad(&format!("`{name}` in [control.webhooks] is not 1 to 3650"))),
        None => Ok(usual),
    };
    Ok(WebhookSettings {
        allow: section.allow.clone(),
        tls: Some(client_tls(None)?),
        within,
        retries,
        disable_after: days(section.disable_after_days, usual.disable_after, "disable_after_days")?,
        keep: days(section.keep_days, usual.keep, "keep_days")?,
    })
}
