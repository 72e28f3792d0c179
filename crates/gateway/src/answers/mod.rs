//! Answers that are kept, on routes that opt in: what a shared cache may keep (RFC 9111), apart for each tenant.
//!
//! ```text
//! request ─► rules: may it be answered from memory? ─► key ─► tenantry-cache, behind the tenant's Admitted
//!   kept: the answer stands in the link, as if the application had said it
//!   not:  one of all who ask goes to the application; a tap hears its answer, the others wait for it
//! ```
//!
//! What it refuses to do: it keeps nothing that `Cache-Control` does not allow by name, guesses no lifetime, gives no
//! answer past its time, and none across tenants. An answer is for whoever sent the same credential, unless the route says
//! that it is the same for the whole tenant. Every header that reaches the application is part of the key, but for a
//! few that browsers send with everything. A write through the gateway forgets what is kept of its path.

mod key;
mod rules;
mod stored;
mod tap;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tenantry_cache::{Cache, CacheError, Known, Loaded};
use tenantry_edge::admission::Admitted;
use tenantry_edge::directory::Directory;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::ablation::{Protection, removed};
use crate::decide::{Plan, Read};
use crate::h1::head::Head;
use crate::settings::{AnswersSettings, RouteSettings};
use crate::worker::{Worker, unix_millis};
pub(crate) use rules::Wish;
pub(crate) use tap::Tap;

/// How long it is remembered that an answer may not be kept, and that nobody waits for one like it.
const PASSED_FOR: Duration = Duration::from_secs(5);
/// Longest wait for somebody else's answer; then a request goes to the application itself.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Times that a request looks again: after the names of headers that an answer depends on, and after one that left.
const LOOKS_MAX: u32 = 4;

/// What is kept, for all threads.
pub(crate) struct Answers {
    cache: Cache,
    bytes_max: usize,
    /// Only tests ask for it: for whom everything is kept where the tenant does not count.
    first: OnceLock<Admitted>,
    _runs: oneshot::Sender<()>,
}

/// Whoever asked has left, or its answer broke off.
#[derive(Debug, thiserror::Error)]
#[error("who asked for it has left")]
struct Left;

/// What became of an answer: what to keep and for how long; `None` if it may not be kept.
type Outcome = (Option<Bytes>, Duration);

/// What there is for a request.
enum Found {
    Kept(Bytes),
    /// Nobody asks for it yet: ask, and tell.
    Ask(oneshot::Sender<Outcome>),
    /// It is not to be kept.
    Pass,
    /// Somebody asked for it and left.
    Again,
}

impl Answers {
    /// Starts the thread on which the cache tidies up and keeps its line to Redis.
    pub(crate) fn start(settings: &AnswersSettings, directory: Directory) -> std::io::Result<Arc<Self>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let cache = {
            let _inside = runtime.enter();
            Cache::start(directory, settings.cache.clone())
        };
        let (runs, ended) = oneshot::channel();
        std::thread::Builder::new().name("gateway-answers".into()).spawn(move || {
            // it ends when the gateway forgets it
            let _ = runtime.block_on(ended);
        })?;
        Ok(Arc::new(Self { cache, bytes_max: settings.answer_bytes_max, first: OnceLock::new(), _runs: runs }))
    }

    /// What the cache knows.
    pub(crate) fn seen(&self) -> tenantry_cache::Seen {
        self.cache.seen()
    }

    fn owner(&self, tenant: &Admitted) -> Admitted {
        if removed(Protection::KeptTenant) { self.first.get_or_init(|| tenant.clone()).clone() } else { tenant.clone() }
    }

    async fn find(self: &Arc<Self>, tenant: &Admitted, kind: &str, id: &str) -> Found {
        let known = match self.cache.scope(tenant) {
            Ok(entries) => entries.get((kind, id)).await,
            Err(_) => return Found::Pass,
        };
        match known {
            Ok(Some(Known::Value(value))) => return Found::Kept(value),
            Ok(Some(Known::Nothing)) | Err(_) => return Found::Pass,
            Ok(None) => {}
        }
        let (ask, asked) = oneshot::channel();
        let (own, tenant, kind, id) = (Arc::clone(self), tenant.clone(), kind.to_owned(), id.to_owned());
        // of all who ask for it at once, in all threads, one leads; whoever leaves before that leads nobody
        let mut looking = tokio::task::spawn_local(async move {
            let load = || async move {
                let (tell, told) = oneshot::channel();
                ask.send(tell).map_err(|_| Left)?;
                let (value, ttl) = told.await.map_err(|_| Left)?;
                Ok::<_, Left>(Loaded { value, ttl })
            };
            own.cache.scope(&tenant)?.get_or_load_for((kind.as_str(), id.as_str()), load).await
        });
        let mut until_known = Abort(Some(looking.abort_handle()));
        tokio::select! {
            biased;
            Ok(tell) = asked => {
                // from here on it tells others, whatever becomes of who asked
                until_known.0 = None;
                Found::Ask(tell)
            }
            looked = &mut looking => match looked {
                Ok(Ok(Some(value))) => Found::Kept(value),
                Ok(Err(CacheError::Load { .. })) => Found::Again,
                _ => Found::Pass,
            },
            () = tokio::time::sleep(WAIT_MAX) => Found::Pass,
        }
    }
}

/// Ends a task with who began it.
struct Abort(Option<AbortHandle>);

impl Drop for Abort {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Looks whether a request can be answered from what is kept, and whether its answer is to be kept.
pub(crate) async fn consult(worker: &Worker, head: &Head<'_>, read: &Read<'_>, route: &RouteSettings, plan: &mut Plan) {
    let (Some(wanted), Some(tenant)) = (&route.cache, &plan.tenant) else { return };
    let Some(answers) = worker.shared.answers.get().cloned() else { return };
    let owner = answers.owner(tenant);
    let path = read.path();
    let kind = key::kind(path);
    let wish = rules::wish(head, plan.framing, plan.websocket);
    if wish == Wish::Writes {
        plan.tap = Some(Tap::forgetting(answers, owner, kind));
        return;
    }
    if wish == Wish::Passes {
        return;
    }
    let first = key::id(head, read, wanted, plan.proven);
    let (mut id, mut names): (String, Vec<String>) = (first.clone(), Vec::new());
    for _ in 0..LOOKS_MAX {
        match answers.find(&owner, &kind, &id).await {
            Found::Kept(value) => match stored::read(&value) {
                Some(stored::Stored::Varies(wanted)) if names != wanted => {
                    id = key::varied(&first, &wanted, head);
                    names = wanted;
                }
                Some(stored::Stored::Answer(answer)) => {
                    plan.kept = Some(answer.spoken(wish.etags(), unix_millis()));
                    return;
                }
                _ => return,
            },
            Found::Ask(tell) => {
                if wish.keeps() {
                    let request = tap::Request {
                        owner,
                        kind,
                        first,
                        names,
                        has_authorization: read.seen.authorization.is_some(),
                        age_max: wanted.age_max,
                    };
                    plan.tap = Some(Tap::keeping(answers, request, tell));
                }
                return;
            }
            Found::Pass => return,
            Found::Again => {}
        }
    }
}

/// A tap that a plan and the link it goes over hold.
pub(crate) type SharedTap = Rc<RefCell<Tap>>;
