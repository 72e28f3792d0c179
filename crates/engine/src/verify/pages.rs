//! The pages in `docs/checks/`, one a check: the texts stand beside the attacks, so that page and code cannot part.

use std::fmt::Write as _;

use super::outcome::{Attack, LAYER};
use super::report::Severity;
use super::{api, gateway, proxy};

/// What a page says of a check.
#[derive(Clone, Copy)]
pub struct Entry {
    id: &'static str,
    title: &'static str,
    severity: Severity,
    layer: &'static str,
    meaning: &'static str,
    method: &'static str,
    remedy: &'static str,
}

impl From<&Attack> for Entry {
    fn from(a: &Attack) -> Self {
        let (id, title, severity, layer) = (a.id, a.title, a.severity, LAYER);
        Self { id, title, severity, layer, meaning: a.meaning, method: a.method, remedy: a.remedy }
    }
}

impl From<&proxy::Attack> for Entry {
    fn from(a: &proxy::Attack) -> Self {
        let (id, title, severity, layer) = (a.id, a.title, a.severity, proxy::LAYER);
        Self { id, title, severity, layer, meaning: a.meaning, method: a.method, remedy: a.remedy }
    }
}

impl From<&gateway::Attack> for Entry {
    fn from(a: &gateway::Attack) -> Self {
        let (id, title, severity, layer) = (a.id, a.title, a.severity, gateway::LAYER);
        Self { id, title, severity, layer, meaning: a.meaning, method: a.method, remedy: a.remedy }
    }
}

impl From<&api::Attack> for Entry {
    fn from(a: &api::Attack) -> Self {
        let (id, title, severity, layer) = (a.id, a.title, a.severity, api::LAYER);
        Self { id, title, severity, layer, meaning: a.meaning, method: a.method, remedy: a.remedy }
    }
}

/// All checks, the database's first.
pub fn all() -> Vec<Entry> {
    let database = super::attacks::all().iter().map(|a| Entry::from(*a));
    let of_proxy = proxy::attacks::all().iter().map(|a| Entry::from(*a));
    let of_gateway = gateway::attacks::all().iter().map(|a| Entry::from(*a));
    database.chain(of_proxy).chain(of_gateway).chain(api::attacks::all().iter().map(|a| Entry::from(*a))).collect()
}

impl Entry {
    /// The name of its page.
    pub fn file(&self) -> String {
        format!("{}.md", self.id)
    }
}

/// The page of one check.
pub fn page(attack: &Entry) -> String {
    let severity = format!("{:?}", attack.severity).to_lowercase();
    let how = if attack.layer == LAYER {
        format!(
            "Run it alone with `tenantry verify --only {id}`. If it is meant to be so, accept it in \
             [tenantry.toml](../reference/registry.md) under `[[accept]]` with `id = \"{id}\"`, the object and the \
             reason: it is then reported as residual.",
            id = attack.id
        )
    } else if attack.layer == gateway::LAYER {
        format!("Run it alone with `tenantry verify --gateway HOST:PORT --gateway-tenants FILE --only {}`.", attack.id)
    } else if attack.layer == api::LAYER {
        format!("Run it alone with `tenantry verify --api URL --api-tenants FILE --only {}`.", attack.id)
    } else {
        format!("Run it alone with `tenantry verify --proxy HOST:PORT --proxy-logins FILE --only {}`.", attack.id)
    };
    format!(
        "# {id} {title}\n\nSeverity: {severity}. Layer: {layer}.\n\n\
         ## What it means\n\n{meaning}\n\n\
         ## How it is attacked\n\n{method}\n\n\
         ## What to do\n\n{remedy}\n\n\
         {how} [All checks](README.md).\n",
        layer = attack.layer,
        id = attack.id,
        title = attack.title,
        meaning = attack.meaning,
        method = attack.method,
        remedy = attack.remedy,
    )
}

/// The list of all pages.
pub fn index(attacks: &[Entry]) -> String {
    let mut text = String::from(
        "# Checks\n\nWhat `tenantry verify` attacks, with the application's own credentials, in transactions that are rolled \
         back. Each attack shows first that a tenant *can* do the thing to its own row; where it cannot, the check is \
         skipped with the reason.\n\n\
         | outcome | means |\n|---|---|\n\
         | pass | the attack was made and did not succeed |\n\
         | fail | it succeeded, or the catalog shows that it would |\n\
         | residual | a channel that PostgreSQL itself leaves open, or that the registry accepts with a reason |\n\
         | skipped | the check could not be made; the evidence says why. Never counted as a pass |\n\n\
         The letters are layers: P is PostgreSQL (roles, policies, views, functions, constraints), C the tenant context, \
         S what survives on a pooled connection, W the SQL proxy (attacked with `--proxy`, from outside), H the HTTP gateway (attacked with `--gateway`, from outside) and, with L and A, the control plane's API (attacked with `--api`, from outside).\n\n| check | severity | what |\n|---|---|---|\n",
    );
    for a in attacks {
        let severity = format!("{:?}", a.severity).to_lowercase();
        let _ = writeln!(text, "| [{id}]({id}.md) | {severity} | {title} |", id = a.id, title = a.title);
    }
    text
}
