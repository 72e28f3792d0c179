//! Removals that come from committed writes, whoever made them: the application, a job, psql.
//!
//! Which entries a change of a table drops says `[cache.invalidations]` in `tenantry.toml`; the triggers that write it
//! down come from `tenantry registry cache-sql`. What a transaction wrote down is seen when it commits, and never if it
//! does not.
//!
//! NOTIFY wakes; what changed is read from a table, from where the last look ended. Nothing is missed while the
//! listener is away, for the table keeps it for an hour; after that, and after the server crashed, everything is
//! forgotten. Where a look ends is an age of transactions and not a number of rows: one that began earlier and commits
//! later is still found.
//!
//! Each process listens for itself. A removal is done once more by each, and none depends on another.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use tenantry_model::{KeyKind, TenantKey};
use tenantry_pg::{Backoff, Client, ConnectError, Session, Target, connect_and_hear, in_plain_words, tokio_postgres};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::cache::Cache;
use crate::message::Message;

/// Longest time for which it is remembered what changed: a listener that was away for longer forgets everything.
const KEPT_MINUTES: i32 = 60;
/// How often it is looked without being woken.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often old rows are deleted, and it is written down that somebody listens.
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// More entries of one tenant at once are dropped as all of them.
const ENTRIES_AT_ONCE_MAX: usize = 1000;

const LOOK: &str = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text, c.tx::text, c.tenant, c.kind, c.id \
                    FROM (VALUES (1)) AS one LEFT JOIN tenantry_cache.change AS c ON c.tx >= $1::text::xid8";
const WAS_HEARD: &str = "SELECT EXISTS (SELECT FROM tenantry_cache.heard WHERE at > now() - make_interval(mins => $1))";
const HEARD: &str =
    "INSERT INTO tenantry_cache.heard AS h (at) VALUES (now()) ON CONFLICT (one) DO UPDATE SET at = now()";
const TIDY: &str =
    "DELETE FROM tenantry_cache.change WHERE at < now() - make_interval(mins => $1) AND tx < $2::text::xid8";

/// Listens as long as it lives.
pub struct Listener {
    task: JoinHandle<()>,
    looks: watch::Receiver<u64>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug, thiserror::Error)]
enum ListenError {
    #[error("cannot connect to hear of changes")]
    Connect(#[from] ConnectError),
    #[error("cannot {doing}: {}", in_plain_words(source))]
    Query { doing: &'static str, source: tokio_postgres::Error },
    #[error("the connection ended")]
    Ended,
}

impl Listener {
    /// Listens at a database, whose tenants have keys of this kind. The login needs USAGE on schema `tenantry_cache`,
    /// and SELECT, INSERT, UPDATE and DELETE on its tables: it is the operator's, not the application's.
    pub fn start(cache: Cache, target: Target, keys: KeyKind) -> Self {
        let (tell, looks) = watch::channel(0);
        Self { task: tokio::spawn(listen(cache, target, keys, tell)), looks }
    }

    /// Waits until it has looked once more from now on, so that what was committed before is removed.
    pub async fn looked(&mut self) {
        self.looks.mark_unchanged();
        // it ends with us
        let _ = self.looks.changed().await;
    }
}

async fn listen(cache: Cache, target: Target, keys: KeyKind, tell: watch::Sender<u64>) {
    let mut place = None;
    let backoff = Backoff::default();
    let mut failures = 0;
    loop {
        let before = *tell.borrow();
        let ended = session(&cache, &target, keys, &mut place, &tell).await;
        if *tell.borrow() != before {
            failures = 0;
        }
        if let Err(error) = ended {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "changes are not heard; what changes meanwhile is caught up"
            );
        }
        failures += 1;
        tokio::time::sleep(backoff.pause(failures)).await;
    }
}

/// Where looking ended: the oldest transaction that may still commit, and the younger ones that are done.
struct Place {
    server: String,
    from: String,
    done: HashSet<String>,
}

async fn session(
    cache: &Cache,
    target: &Target,
    keys: KeyKind,
    place: &mut Option<Place>,
    tell: &watch::Sender<u64>,
) -> Result<(), ListenError> {
    let (wake, mut woken) = mpsc::channel(1);
    let client = connect_and_hear(target, &Session::tool(), wake).await?;
    let run = |doing| move |source| ListenError::Query { doing, source };
    client.batch_execute("LISTEN tenantry_cache").await.map_err(run("listen"))?;
    let row = client.query_one("SELECT pg_postmaster_start_time()::text", &[]).await;
    let server: String = row.map_err(run("ask when the server started"))?.get(0);
    let minutes = KEPT_MINUTES;
    let heard = client.query_one(WAS_HEARD, &[&minutes]).await.map_err(run("ask who listened"))?;
    let known = place.as_ref().is_some_and(|p| p.server == server);
    if !heard.get::<_, bool>(0) || (place.is_some() && !known) {
        tracing::info!("changes may have gone unheard: everything is forgotten");
        cache.clear_all().await;
    }
    client.execute(HEARD, &[]).await.map_err(run("write down that somebody listens"))?;
    if !known {
        *place = Some(Place { server, from: "0".into(), done: HashSet::new() });
    }
    let Some(place) = place.as_mut() else { return Ok(()) };
    let mut tidy = tokio::time::interval(TIDY_EVERY);
    loop {
        look(cache, &client, keys, place).await?;
        tell.send_modify(|looks| *looks += 1);
        tokio::select! {
            word = woken.recv() => if word.is_none() { return Err(ListenError::Ended) },
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = tidy.tick() => {
                client.execute(HEARD, &[]).await.map_err(run("write down that somebody listens"))?;
                client.execute(TIDY, &[&minutes, &place.from]).await.map_err(run("delete what is old"))?;
            }
        }
    }
}

/// Kind and id; without an id all of the kind, without a kind all of the tenant.
type Change = (Option<String>, Option<String>);

async fn look(cache: &Cache, client: &Client, keys: KeyKind, place: &mut Place) -> Result<(), ListenError> {
    let rows = client.query(LOOK, &[&place.from]).await;
    let rows = rows.map_err(|source| ListenError::Query { doing: "read what changed", source })?;
    let mut next = None;
    let mut done = HashSet::new();
    let mut all = false;
    let mut by_tenant: BTreeMap<TenantKey, Vec<Change>> = BTreeMap::new();
    for row in &rows {
        next = Some(row.get::<_, String>(0));
        // no row at all
        let Some(tx) = row.get::<_, Option<String>>(1) else { continue };
        let is_new = !place.done.contains(&tx);
        done.insert(tx);
        if !is_new {
            continue;
        }
        let tenant = row.get::<_, Option<&str>>(2).map(|text| TenantKey::parse(keys, text));
        match tenant {
            Some(Ok(tenant)) => by_tenant.entry(tenant).or_default().push((row.get(3), row.get(4))),
            // everybody's, or nobody's that we know
            None | Some(Err(_)) => all = true,
        }
    }
    if all {
        cache.clear_all().await;
    } else {
        for (tenant, changes) in by_tenant {
            for message in messages(&tenant, changes) {
                cache.forget(&message).await;
            }
        }
    }
    if let Some(next) = next {
        place.from = next;
        place.done = done;
    }
    Ok(())
}

fn messages(tenant: &TenantKey, changes: Vec<Change>) -> Vec<Message> {
    let tenant = || tenant.clone();
    if changes.len() > ENTRIES_AT_ONCE_MAX || changes.iter().any(|(kind, _)| kind.is_none()) {
        return vec![Message::Tenant { tenant: tenant() }];
    }
    let changes: HashSet<Change> = changes.into_iter().collect();
    let each = changes.into_iter().filter_map(|(kind, id)| {
        let kind = kind?;
        Some(match id {
            Some(id) => Message::Entry { tenant: tenant(), unit: None, kind, id },
            None => Message::Kind { tenant: tenant(), kind },
        })
    });
    each.collect()
}
