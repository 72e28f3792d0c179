//! `tenantry verify --api`: where the API is, as whom it is attacked, and what is done to its audit log.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use futures::future::BoxFuture;
use hyper::{Method, Uri};
use serde::Deserialize;
use tenantry_audit::seal::read_checkpoints;
use tenantry_audit::verify::{Finding, verify_here};
use tenantry_audit::{Checkpoint, VerifyingKey};
use tenantry_control::access::{Permission, Role};
use tenantry_engine::verify::Report;
use tenantry_engine::verify::api::{self, Answer, Asked, Lesser, Line, Log, Request, Side, Tampering};
use tenantry_pg::{Client, in_plain_words};

use super::{Args, Watch};
use crate::api::{base_of, raw};
use crate::config::Settings;
use crate::errors::Failure;
use crate::output::Output;

/// The file of `--api-tenants`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    a: Entry,
    b: Entry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    tenant: String,
    key: String,
    /// Keys of lesser roles, by role.
    #[serde(default)]
    roles: std::collections::BTreeMap<String, String>,
}

/// What to attack.
pub(super) fn request(args: &Args, address: &str, file: &Path) -> Result<Request, Failure> {
    let unread = || format!("{} cannot be read", file.display());
    let text = std::fs::read_to_string(file).map_err(|e| Failure::caller(unread()).because(e))?;
    let tenants: File = toml::from_str(&text).map_err(|e| {
        // the message of the parser would show the line, and with it a key
        Failure::caller(format!("{}: {}", unread(), e.message()))
            .remedy("it holds `tenant` (an id) and `key` under [a] and under [b], and keys by role under [a.roles]")
    })?;
    let side = |entry: &Entry| Side { tenant: entry.tenant.clone(), key: entry.key.clone() };
    let mut lesser = vec![of_role(Role::Admin, &tenants.a.key)];
    for (name, key) in &tenants.a.roles {
        let role = Role::parse(name).filter(|r| !r.is_of_platform()).ok_or_else(|| {
            Failure::caller(format!("`{name}` under [a.roles] is no role of a tenant"))
                .remedy("give keys of Admin, WorkspaceManager, Author and Viewer")
        })?;
        lesser.push(of_role(role, key));
    }
    Ok(Request {
        address: address.to_owned(),
        a: side(&tenants.a),
        b: side(&tenants.b),
        lesser,
        only: args.only.clone(),
        skip: args.skip.clone(),
        total: Duration::from_secs(args.time_budget),
    })
}

/// A key, and what its role may do by the table.
fn of_role(role: Role, key: &str) -> Lesser {
    let permissions = role.permissions_of_key();
    let names = Permission::ALL.iter().filter(|p| permissions.has(**p)).map(|p| p.as_str().to_owned());
    Lesser { role: role.as_str().to_owned(), key: key.to_owned(), permissions: names.collect() }
}

/// Attacks under a progress bar.
pub(super) async fn attack(request: &Request, args: &Args, settings: &Settings) -> Result<Report, Failure> {
    let line = Http { base: base_of(&request.address)? };
    let log = match &args.audit_key {
        Some(key) => Some(Sealed::open(key, args.audit_checkpoints.as_deref(), settings).await?),
        None => None,
    };
    let output: &Output = &settings.output;
    let watch = Watch { progress: output.progress(0), done: AtomicU64::new(0) };
    let report = api::run(request, &line, log.as_ref().map(|l| l as &dyn Log), &watch).await;
    watch.progress.finish();
    Ok(report?)
}

/// Over HTTP, or TLS.
struct Http {
    base: Uri,
}

impl Line for Http {
    fn ask(&self, asked: Asked) -> BoxFuture<'_, Result<Answer, String>> {
        Box::pin(async move {
            let method = Method::from_bytes(asked.method.as_bytes()).map_err(|e| e.to_string())?;
            let body = asked.body.map(|body| body.to_string().into_bytes());
            let sent = raw(&self.base, method, &asked.path, &asked.headers, body).await;
            let (status, headers, body) = sent.map_err(|failure| failure.to_string())?;
            Ok(Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
        })
    }
}

/// The audit log of the control plane's database, with what verifies it.
struct Sealed {
    client: Client,
    key: VerifyingKey,
    outside: Vec<Checkpoint>,
}

impl Sealed {
    async fn open(key: &str, checkpoints: Option<&Path>, settings: &Settings) -> Result<Self, Failure> {
        let key = VerifyingKey::parse(key)
            .map_err(|e| Failure::caller("--audit-key names no key").because(e).code("audit-log"))?;
        let outside = checkpoints.map(|file| read_checkpoints(file, &key)).transpose().map_err(|e| {
            Failure::new(e.class(), "cannot read the checkpoints of --audit-checkpoints").because(e).code("audit-log")
        })?;
        Ok(Self { client: settings.connect().await?, key, outside: outside.unwrap_or_default() })
    }

    async fn findings(&self) -> Result<Vec<Finding>, String> {
        let verdict = verify_here(&self.client, &self.key, &self.outside).await;
        verdict.map(|v| v.findings).map_err(|e| e.to_string())
    }
}

impl Log for Sealed {
    fn tamper(&self, how: Tampering) -> BoxFuture<'_, Result<Option<usize>, String>> {
        Box::pin(async move {
            let plain = |e| in_plain_words(&e);
            self.client.batch_execute("BEGIN").await.map_err(plain)?;
            let found = async {
                let before = self.findings().await?;
                let mut changed = 0;
                for sql in statements(how) {
                    changed = self.client.execute(*sql, &[]).await.map_err(plain)?;
                    if changed == 0 {
                        break;
                    }
                }
                if changed == 0 {
                    return Ok(None);
                }
                let after = self.findings().await?;
                Ok(Some(after.iter().filter(|f| !before.contains(f)).count()))
            };
            let found = found.await;
            self.client.batch_execute("ROLLBACK").await.map_err(plain)?;
            found
        })
    }
}

/// What the owner of the tables would do. The last changes something, or there is nothing to do it to.
fn statements(how: Tampering) -> &'static [&'static str] {
    match how {
        Tampering::Edit => &["UPDATE tenantry_audit.entry SET body = body || ' ' WHERE number =
                              (SELECT max(number) FROM tenantry_audit.entry WHERE sequence IS NOT NULL)"],
        Tampering::Delete => &["DELETE FROM tenantry_audit.entry WHERE number =
                                (SELECT max(e.number) FROM tenantry_audit.entry e
                                 JOIN tenantry_audit.entry l ON l.chain = e.chain AND l.sequence = e.sequence + 1)"],
        // back to the signature before, so that what is left is whole in itself
        Tampering::Truncate => &[
            "DELETE FROM tenantry_audit.checkpoint c USING
                 (SELECT chain, max(sequence) AS sequence FROM tenantry_audit.checkpoint WHERE kind = 'head' GROUP BY chain) l
             WHERE c.chain = l.chain AND c.sequence = l.sequence AND c.kind = 'head'",
            "DELETE FROM tenantry_audit.entry e WHERE e.sequence >
                 (SELECT coalesce(max(c.sequence), 0) FROM tenantry_audit.checkpoint c WHERE c.chain = e.chain)",
        ],
        Tampering::Swap => &["UPDATE tenantry_audit.entry e
                              SET body = o.body, action = o.action, severity = o.severity, occurred_at = o.occurred_at
                              FROM tenantry_audit.entry o,
                                   (SELECT e.chain, max(e.sequence) AS sequence FROM tenantry_audit.entry e
                                    JOIN tenantry_audit.entry l ON l.chain = e.chain AND l.sequence = e.sequence + 1
                                    GROUP BY e.chain LIMIT 1) p
                              WHERE e.chain = p.chain AND o.chain = p.chain
                                AND e.sequence + o.sequence = 2 * p.sequence + 1
                                AND abs(e.sequence - o.sequence) = 1"],
        Tampering::Splice => &["UPDATE tenantry_audit.entry e
                                SET body = o.body, action = o.action, severity = o.severity, occurred_at = o.occurred_at
                                FROM (SELECT n.number, o.body, o.action, o.severity, o.occurred_at
                                      FROM tenantry_audit.entry n JOIN tenantry_audit.entry o
                                        ON o.chain <> n.chain AND o.sequence IS NOT NULL
                                      WHERE n.sequence IS NOT NULL ORDER BY n.number DESC, o.number LIMIT 1) o
                                WHERE e.number = o.number"],
    }
}
