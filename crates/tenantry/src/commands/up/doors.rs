//! Proxy and gateway in front of the demonstration: its tenants, a key for two of them, and a look through both.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::zeroize::Zeroizing;
use serde_json::{Value, json};
use tenantry_model::Class;
use tenantry_pg::{Session, Target, class_of, connect, connect_with, in_plain_words, tokio_postgres};
use tenantry_proxy::{Proxy, StartError};
use tenantry_wire::scram::{ITERATIONS_MIN, Verifier};

use super::demo::{DATABASE, Demo};
use super::site::Site;
use crate::commands::tenants::{import, key};
use crate::config::directory::Stored;
use crate::config::proxy::{DatabaseSection, LoginSection, ProxySection, build};
use crate::errors::Failure;
use crate::output::Output;
use crate::output::files::{self, Readers};

/// The login of the demonstration's tenants.
pub(super) const LOGIN: &str = "app";
/// The login of the demonstration's service, which names its tenant by a pass.
pub(super) const SERVICE: &str = "service";
/// Bytes of its password, and of the salt of its verifier.
const PASSWORD_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
/// The file with their keys, for libpq.
const PGPASS_FILE: &str = "proxy.pgpass";
/// What is counted through the proxy.
pub(super) const COUNT: &str = "SELECT count(*) FROM segments";

/// A proxy that runs, and what two tenants see through it.
pub(super) struct Doors {
    proxy: Proxy,
    at: SocketAddr,
    pgpass: PathBuf,
    seen: Vec<Seen>,
    site: Option<Site>,
}

/// What one tenant sees.
struct Seen {
    tenant: String,
    /// Rows it counts through the proxy.
    through: i64,
    /// Rows it has, as the administrator counts them.
    has: i64,
    /// Rows of all tenants.
    all: i64,
    /// Rows that its host name shows through the gateway.
    on_site: i64,
}

impl Seen {
    fn is_right(&self) -> bool {
        self.through == self.has && self.on_site == self.has && self.has > 0 && self.has < self.all
    }
}

impl Doors {
    /// The same, or nothing where the administrator is none who sees all tenants: on managed servers, mostly.
    pub(super) async fn open_if_possible(demo: &Demo, output: &Output) -> Result<Option<Self>, Failure> {
        match Self::open(demo, output).await {
            Ok(doors) => Ok(Some(doors)),
            Err(failure) if failure.class == Class::Denied => {
                output.say(&format!("the proxy is left out: {failure}"));
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Starts the proxy and looks through it as two tenants.
    async fn open(demo: &Demo, output: &Output) -> Result<Self, Failure> {
        let stored = Stored::at(demo.tenants());
        import::import(&demo.target, None, &stored).await?;
        let two = two_tenants(&demo.target).await?;
        let pgpass = demo.folder.join(PGPASS_FILE);
        let keys = make_keys(&two, &stored, &pgpass)?;
        let password =
            Zeroizing::new(random::<PASSWORD_BYTES>()?.iter().map(|b| format!("{b:02x}")).collect::<String>());
        let proxy = start(demo, &password, output)?;
        let at = *proxy.addresses().first().ok_or_else(|| Failure::bug("find out where the proxy listens"))?;
        let mut doors = Self { proxy, at, pgpass, seen: Vec::new(), site: None };
        let names: Vec<&str> = two.iter().map(|(tenant, ..)| tenant.as_str()).collect();
        let site = Site::open(demo, at, &password, &names, output).await?;
        for ((tenant, has, all), key) in two.into_iter().zip(keys) {
            let through = doors.count(&tenant, &key).await?;
            let on_site = site.rows_of(&tenant).unwrap_or_default();
            doors.seen.push(Seen { tenant, through, has, all, on_site });
        }
        doors.site = Some(site);
        Ok(doors)
    }

    async fn count(&self, tenant: &str, key: &str) -> Result<i64, Failure> {
        let (host, port) = (self.at.ip().to_string(), self.at.port());
        let target = Target::new(&host, port, &format!("{LOGIN}.{tenant}"), Some(key), DATABASE);
        let client = connect_with(&target, &Session::plain()).await?;
        let count = client.query_one(COUNT, &[]).await.map_err(failed("count through the proxy"))?.get(0);
        client.close().await;
        Ok(count)
    }

    /// Whether each tenant sees its rows, all of them and nobody else's.
    pub(super) fn is_right(&self) -> bool {
        self.seen.iter().all(Seen::is_right)
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let seen = self.seen.iter().map(
            |s| json!({ "tenant": s.tenant, "rows_through_proxy": s.through, "rows": s.has, "rows_of_all": s.all, "rows_on_site": s.on_site, "ok": s.is_right() }),
        );
        json!({
            "address": self.at.to_string(), "pgpass": self.pgpass, "seen": seen.collect::<Vec<_>>(),
            "gateway": self.site.as_ref().map(Site::json),
        })
    }

    /// For people: what was seen.
    pub(super) fn describe(&self) -> String {
        let seen = self.seen.iter().map(|s| {
            let verdict = if s.is_right() { "ok    " } else { "FAILED" };
            format!(
                "{verdict} through the proxy tenant {} sees {} of {} segments, through the gateway {}; {} are its own\n",
                s.tenant, s.through, s.all, s.on_site, s.has
            )
        });
        let site = self.site.as_ref().map(Site::describe).unwrap_or_default();
        format!("{}\nproxy       {}\n{site}", seen.collect::<String>(), self.at)
    }

    /// For people: what to try.
    pub(super) fn commands(&self) -> String {
        let (host, port, file) = (self.at.ip(), self.at.port(), self.pgpass.display());
        let line = |s: &Seen| {
            format!(
                "  PGPASSFILE={file} psql \"host={host} port={port} dbname={DATABASE} user={LOGIN}.{}\" -c '{COUNT}'\n",
                s.tenant
            )
        };
        self.seen.iter().map(line).chain(self.site.iter().map(Site::commands)).collect()
    }

    /// Lets transactions end, then closes.
    pub(super) async fn close(self) {
        // a panic was logged where it happened
        let _ = tokio::task::spawn_blocking(move || {
            if let Some(site) = self.site {
                site.close();
            }
            self.proxy.stop();
        })
        .await;
    }
}

/// On port 6432, or a free one where somebody has that.
fn start(demo: &Demo, password: &str, output: &Output) -> Result<Proxy, Failure> {
    let verifier = Verifier::from_password(password.as_bytes(), &random::<SALT_BYTES>()?, ITERATIONS_MIN)
        .map_err(|e| Failure::bug("make a verifier").because(e))?;
    let service = LoginSection { verifier: Some(verifier.to_text().to_string()), ..LoginSection::default() };
    let mut section = ProxySection {
        databases: BTreeMap::from([(
            DATABASE.to_owned(),
            DatabaseSection {
                credentials: Some(demo.credentials()),
                directory: Some(demo.tenants()),
                ..DatabaseSection::default()
            },
        )]),
        logins: BTreeMap::from([(LOGIN.to_owned(), LoginSection::default()), (SERVICE.to_owned(), service)]),
        drain_within_ms: 1_000,
        ..ProxySection::default()
    };
    let mut followed = BTreeMap::new();
    let file = demo.folder.join("tenantry.toml");
    let failed = |e: StartError| Failure::new(e.class(), "the proxy cannot start").because(e);
    let proxy = match Proxy::start(build(&section, &file, &mut followed)?) {
        Err(StartError::Listen { .. }) => {
            output.say("port 6432 is taken, so the proxy listens on another");
            section.listen.iter_mut().for_each(|at| at.set_port(0));
            Proxy::start(build(&section, &file, &mut followed)?).map_err(failed)?
        }
        started => started.map_err(failed)?,
    };
    for file in followed.into_values() {
        tokio::spawn(file.follow());
    }
    Ok(proxy)
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| Failure::bug(format!("draw random numbers: {e}")))?;
    Ok(bytes)
}

/// The two tenants with most segments, how many each has, and how many there are.
async fn two_tenants(target: &Target) -> Result<Vec<(String, i64, i64)>, Failure> {
    let client = connect(target).await?;
    let sql = "SELECT w.slug, count(*), (SELECT count(*) FROM public.segments) FROM public.segments s JOIN public.workspaces w \
               ON w.id = s.workspace_id GROUP BY w.slug ORDER BY count(*) DESC, w.slug LIMIT 2";
    let rows = client.query(sql, &[]).await.map_err(failed("choose two tenants"))?;
    client.close().await;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

/// New keys in place of those of an earlier run, and the file in which libpq finds them.
fn make_keys(
    tenants: &[(String, i64, i64)],
    stored: &Stored,
    pgpass: &std::path::Path,
) -> Result<Vec<Zeroizing<String>>, Failure> {
    let before = Zeroizing::new(std::fs::read_to_string(pgpass).unwrap_or_default());
    let ids: Vec<&str> = before.lines().filter_map(|l| l.split("tnt_live_").nth(1)?.split('_').next()).collect();
    stored.change(|file| {
        file.tenants.iter_mut().for_each(|t| t.credentials.retain(|c| !ids.contains(&c.id.as_str())));
        Ok(())
    })?;
    let keys = tenants.iter().map(|(tenant, ..)| key::make_for(stored, tenant, None).map(|made| made.key));
    let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
    let lines = tenants.iter().zip(&keys).map(|((tenant, ..), key)| format!("*:*:*:{LOGIN}.{tenant}:{}\n", **key));
    let text = Zeroizing::new(lines.collect::<String>());
    files::write(pgpass, &text, Readers::Owner)?;
    Ok(keys)
}

fn failed(what: &'static str) -> impl Fn(tokio_postgres::Error) -> Failure {
    move |e| {
        let class: Class = class_of(&e);
        Failure::new(class, format!("cannot {what}: {}", in_plain_words(&e)))
    }
}
