//! From the file's entries to the snapshot: keys read, plans looked up, limits laid over one another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tenantry_model::TenantKey;

use super::verifier::is_scram_verifier;
use super::{Bound, CredentialEntry, DirectoryFile, DomainClaim, FileError, LimitEntry, PlanEntry, TenantEntry};
use crate::directory::domain::is_canonical;
use crate::directory::facts::WEIGHT_MAX;
use crate::directory::{Credential, Limits, Snapshot, SnapshotBuilder, TenantFacts};

/// Longest time a limit can name, in milliseconds: the longest PostgreSQL's own time limits take, 24 days.
pub const TIME_MS_MAX: u32 = i32::MAX.unsigned_abs();

/// Longest name of a plan or credential, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

impl DirectoryFile {
    /// The list to publish. A directory takes only a higher generation than it has.
    pub fn snapshot(&self, generation: u64) -> Result<Snapshot, FileError> {
        let mut plans = BTreeMap::new();
        for (name, plan) in &self.plans {
            let limits = plan_limits(name, plan).map_err(|message| value(format!("plans.{name}"), message))?;
            plans.insert(name.as_str(), (Arc::<str>::from(name.as_str()), limits));
        }
        let no_plan = (Arc::<str>::from(""), Limits::NONE);
        let mut builder = SnapshotBuilder::with_capacity(self.key_kind, generation, self.tenants.len());
        for (at, tenant) in self.tenants.iter().enumerate() {
            let bad = |message| value(entry_name(at, tenant), message);
            let plan = match &tenant.plan {
                None => &no_plan,
                Some(name) => plans.get(name.as_str()).ok_or_else(|| bad(unknown_plan(name, &plans)))?,
            };
            let key = TenantKey::parse(self.key_kind, &tenant.key).map_err(|e| bad(e.to_string()))?;
            let facts = facts(key, tenant, plan).map_err(bad)?;
            builder.add(facts).map_err(|source| FileError::Entry { entry: entry_name(at, tenant), source })?;
        }
        builder.build().map_err(|source| {
            let at_fault = |t: &TenantEntry| {
                let key = TenantKey::parse(self.key_kind, &t.key);
                key.is_ok_and(
                    |k| matches!(&source, crate::directory::SnapshotError::SlugIsKey { key, .. } if *key == k),
                )
            };
            let at = self.tenants.iter().position(at_fault);
            let entry = at.map_or("tenants".to_owned(), |at| entry_name(at, &self.tenants[at]));
            FileError::Entry { entry, source }
        })
    }
}

fn value(entry: String, message: String) -> FileError {
    FileError::Value { entry, message }
}

fn entry_name(at: usize, tenant: &TenantEntry) -> String {
    format!("tenants[{at}] (tenant `{}`)", tenant.slug.as_ref().unwrap_or(&tenant.key))
}

fn unknown_plan(name: &str, plans: &BTreeMap<&str, (Arc<str>, Limits)>) -> String {
    const SHOWN_MAX: usize = 10;
    let known: Vec<&str> = plans.keys().copied().take(SHOWN_MAX).collect();
    let more = if plans.len() > SHOWN_MAX { ", …" } else { "" };
    format!("there is no plan `{name}` in this file; `plans` describes: {}{more}", known.join(", "))
}

fn facts(key: TenantKey, tenant: &TenantEntry, plan: &(Arc<str>, Limits)) -> Result<TenantFacts, String> {
    let mut limits = over(plan.1, &tenant.limits)?;
    limits.weight = weight(tenant.weight)?.unwrap_or(limits.weight);
    let mut ids = BTreeSet::new();
    let mut credentials = Vec::with_capacity(tenant.credentials.len());
    for entry in &tenant.credentials {
        if !ids.insert(&entry.id) {
            return Err(format!("has two credentials with the id `{}`: rename one", entry.id));
        }
        credentials.push(credential(entry)?);
    }
    tenant.domain_claims.iter().try_for_each(|claim| fits(claim, tenant))?;
    let slug = tenant.slug.as_deref().map(Arc::from);
    let domains = tenant.domains.iter().map(|d| Arc::from(d.as_str())).collect();
    let (state, isolation) = (tenant.state, tenant.isolation);
    Ok(TenantFacts { key, slug, state, isolation, plan: plan.0.clone(), limits, credentials, domains })
}

fn credential(entry: &CredentialEntry) -> Result<Credential, String> {
    name("a credential's id", &entry.id)?;
    if !is_scram_verifier(&entry.verifier) {
        return Err(format!(
            "the verifier of credential `{}` is not of the form SCRAM-SHA-256$iterations:salt$stored key:server key; a password does not belong here",
            entry.id
        ));
    }
    let expires_at = match &entry.expires_at {
        None => None,
        Some(text) => Some(text.parse::<jiff::Timestamp>().map_err(|_| {
            format!("`expiresAt` of credential `{}` is not a time like 2027-01-31T12:00:00Z", entry.id)
        })?),
    };
    Ok(Credential {
        id: entry.id.as_str().into(),
        verifier: entry.verifier.as_str().into(),
        expires_at: expires_at.map(jiff::Timestamp::as_second),
    })
}

/// A claim says nothing to gateways; what it says to people must mean something all the same.
fn fits(claim: &DomainClaim, tenant: &TenantEntry) -> Result<(), String> {
    let DomainClaim { domain, token, claimed_at, proven_at } = claim;
    if !is_canonical(domain) {
        return Err(format!("claims the domain `{domain}`, which is no host name as `domains` has them"));
    }
    name("the token of a claim", token)?;
    for (key, time) in [("claimedAt", Some(claimed_at)), ("provenAt", proven_at.as_ref())] {
        if time.is_some_and(|t| t.parse::<jiff::Timestamp>().is_err()) {
            return Err(format!("`{key}` of the claim of `{domain}` is not a time like 2027-01-31T12:00:00Z"));
        }
    }
    if tenant.domain_claims.iter().filter(|c| c.domain == *domain).count() > 1 {
        return Err(format!("claims `{domain}` twice: keep one claim"));
    }
    Ok(())
}

fn name(what: &str, text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(format!("{what} has 1 to {NAME_BYTES_MAX} bytes and no control characters"));
    }
    Ok(())
}

fn plan_limits(called: &str, plan: &PlanEntry) -> Result<Limits, String> {
    name("a plan's name", called)?;
    let own = LimitEntry {
        connections: plan.connections,
        concurrent_statements: plan.concurrent_statements,
        queue_length: plan.queue_length,
        queue_wait_ms: plan.queue_wait_ms,
        statement_time_ms: plan.statement_time_ms,
        transaction_time_ms: plan.transaction_time_ms,
        idle_in_transaction_ms: plan.idle_in_transaction_ms,
        requests_per_second: plan.requests_per_second,
        request_burst: plan.request_burst,
        concurrent_requests: plan.concurrent_requests,
    };
    let mut limits = over(Limits::NONE, &own)?;
    limits.weight = weight(plan.weight)?.unwrap_or(1);
    Ok(limits)
}

fn weight(weight: Option<u32>) -> Result<Option<u32>, String> {
    match weight {
        Some(w) if !(1..=WEIGHT_MAX).contains(&w) => Err(format!("`weight` is {w}: write 1 to {WEIGHT_MAX}")),
        weight => Ok(weight),
    }
}

/// A tenant's own limits laid over its plan's.
fn over(plan: Limits, own: &LimitEntry) -> Result<Limits, String> {
    Ok(Limits {
        connections: some("connections", own.connections, plan.connections)?,
        concurrent_statements: some("concurrentStatements", own.concurrent_statements, plan.concurrent_statements)?,
        queue_length: match own.queue_length {
            None => plan.queue_length,
            Some(Bound::None) => None,
            Some(Bound::At(length)) => Some(length),
        },
        queue_wait: time("queueWaitMs", own.queue_wait_ms, plan.queue_wait)?,
        statement_time: time("statementTimeMs", own.statement_time_ms, plan.statement_time)?,
        transaction_time: time("transactionTimeMs", own.transaction_time_ms, plan.transaction_time)?,
        idle_in_transaction: time("idleInTransactionMs", own.idle_in_transaction_ms, plan.idle_in_transaction)?,
        requests_per_second: some("requestsPerSecond", own.requests_per_second, plan.requests_per_second)?,
        request_burst: some("requestBurst", own.request_burst, plan.request_burst)?,
        concurrent_requests: some("concurrentRequests", own.concurrent_requests, plan.concurrent_requests)?,
        weight: plan.weight,
    })
}

/// How many; none at all would be a suspension, and is to be said so.
fn some(key: &str, own: Option<Bound>, plan: Option<u32>) -> Result<Option<u32>, String> {
    match own {
        None => Ok(plan),
        Some(Bound::None) => Ok(None),
        Some(Bound::At(0)) => {
            Err(format!("`{key}` is 0, which lets nobody work: write 1 or more, or the state `suspended`"))
        }
        Some(Bound::At(number)) => Ok(Some(number)),
    }
}

fn time(key: &str, own: Option<Bound>, plan: Option<Duration>) -> Result<Option<Duration>, String> {
    match own {
        None => Ok(plan),
        Some(Bound::None) => Ok(None),
        Some(Bound::At(ms)) if (1..=TIME_MS_MAX).contains(&ms) => Ok(Some(Duration::from_millis(ms.into()))),
        Some(Bound::At(ms)) => {
            Err(format!("`{key}` is {ms}: write 1 to {TIME_MS_MAX} milliseconds, or \"none\" for no limit"))
        }
    }
}
