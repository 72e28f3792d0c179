//! Hears an answer on its way from the application, and keeps a copy, or forgets what it makes old. Whatever happens to
//! it, the answer goes on as it is.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use tenantry_edge::admission::Admitted;
use tokio::sync::oneshot;

use super::rules::{self, Keep};
use super::{Answers, Outcome, PASSED_FOR, SharedTap, stored};
use crate::h1::body::{Decoder, Piece};
use crate::h1::head::room;
use crate::h1::response::{self, HEAD_BYTES_MAX};
use crate::worker::unix_millis;

/// A tap.
pub(crate) struct Tap {
    answers: Arc<Answers>,
    job: Job,
    bytes: Vec<u8>,
    body: Option<Body>,
}

enum Job {
    Keep(Box<Request>, oneshot::Sender<Outcome>),
    Forget(Admitted, String),
    Over,
}

/// What an answer is kept under.
pub(super) struct Request {
    pub(super) owner: Admitted,
    pub(super) kind: String,
    /// Without the headers that it depends on.
    pub(super) first: String,
    /// Those that it depended on last time; somebody may wait under them.
    pub(super) names: Vec<String>,
    pub(super) has_authorization: bool,
    pub(super) age_max: Duration,
}

/// A body that is heard.
struct Body {
    keep: Keep,
    /// Where the head ends.
    head: usize,
    /// How far the body was read.
    at: usize,
    decoder: Decoder,
    content: Vec<u8>,
}

impl Tap {
    /// Keeps the answer, if it may be kept, and tells whoever waits for it.
    pub(super) fn keeping(answers: Arc<Answers>, request: Request, tell: oneshot::Sender<Outcome>) -> SharedTap {
        Self::new(answers, Job::Keep(Box::new(request), tell))
    }

    /// Forgets what is kept of a path, once its answer says that it was changed.
    pub(super) fn forgetting(answers: Arc<Answers>, owner: Admitted, kind: String) -> SharedTap {
        Self::new(answers, Job::Forget(owner, kind))
    }

    fn new(answers: Arc<Answers>, job: Job) -> SharedTap {
        Rc::new(Self { answers, job, bytes: Vec::new(), body: None }.into())
    }

    /// The request is sent, or sent again: whatever was heard so far was no answer to it.
    pub(crate) fn begin(&mut self) {
        self.bytes.clear();
        self.body = None;
    }

    /// Hears what was read.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        match self.job {
            Job::Over => return,
            Job::Keep(..) | Job::Forget(..) => self.bytes.extend_from_slice(bytes),
        }
        if self.body.is_none() && !self.begins() {
            return;
        }
        match self.follow() {
            Ok(false) => {}
            Ok(true) => self.keep(),
            Err(()) => self.pass(),
        }
    }

    /// Reads the head, when it is there. Says whether there is a body to follow.
    fn begins(&mut self) -> bool {
        let (end, status) = loop {
            match response::status_of(&self.bytes) {
                Ok(Some((end, 101 | 200..))) => break (end, self.bytes[9..12].to_vec()),
                Ok(Some((end, _))) => drop(self.bytes.drain(..end)),
                Ok(None) if self.bytes.len() <= HEAD_BYTES_MAX => return false,
                _ => {
                    self.pass();
                    return false;
                }
            }
        };
        if let Job::Forget(owner, kind) = &self.job {
            if matches!(status[0], b'2' | b'3') {
                forget(Arc::clone(&self.answers), owner.clone(), kind.clone());
            }
            self.job = Job::Over;
            return false;
        }
        let Job::Keep(request, _) = &self.job else { return false };
        let mut room = room();
        let parsed = response::parse(&self.bytes[..end], &mut room, false);
        let found = parsed.ok().and_then(|answer| {
            let keep = rules::keep(answer.status, answer.headers, request.has_authorization, request.age_max)?;
            // one that ends with the connection may have been cut off
            let is_told = !matches!(answer.body, Decoder::Close);
            let fits = answer.length.unwrap_or(0) <= self.answers.bytes_max as u64;
            (is_told && fits).then_some((keep, answer.body))
        });
        match found {
            Some((keep, decoder)) => {
                self.body = Some(Body { keep, head: end, at: end, decoder, content: Vec::new() });
                true
            }
            None => {
                self.pass();
                false
            }
        }
    }

    /// Follows the body as far as it is there; true at its end.
    fn follow(&mut self) -> Result<bool, ()> {
        let Some(body) = &mut self.body else { return Ok(false) };
        loop {
            match body.decoder.next(&self.bytes[body.at..]).map_err(drop)? {
                Piece::Skip(count) => body.at += count,
                Piece::Content(count) => {
                    body.content.extend_from_slice(&self.bytes[body.at..body.at + count]);
                    body.at += count;
                    if body.content.len() > self.answers.bytes_max {
                        return Err(());
                    }
                }
                Piece::End => return Ok(true),
                Piece::More => {
                    // the head is needed again, what was read of the body is not
                    drop(self.bytes.drain(body.head..body.at));
                    body.at = body.head;
                    return Ok(false);
                }
            }
        }
    }

    /// It is whole: keeps it, and tells.
    fn keep(&mut self) {
        let (Some(body), job) = (self.body.take(), std::mem::replace(&mut self.job, Job::Over)) else { return };
        let Job::Keep(request, tell) = job else { return };
        let mut room = room();
        let Ok(parsed) = response::parse(&self.bytes[..body.head], &mut room, false) else { return };
        let (ttl, vary) = (body.keep.ttl, body.keep.vary);
        let unknown = vary.iter().any(|name| !request.names.contains(name));
        if !unknown {
            // nothing that it depends on is missing in what it is kept under
            let answer = stored::answer(&parsed, &body.content, unix_millis(), body.keep.age);
            drop(tell.send((Some(answer), ttl)));
        } else if request.names.is_empty() {
            // who waits learns where to look, and one of them asks again: only what was asked for under its own id is
            // kept there, since a write that came meanwhile would not be heard of
            drop(tell.send((Some(stored::varies(&vary)), ttl)));
        } else {
            drop(tell.send((None, PASSED_FOR)));
            let mut names = request.names.clone();
            names.extend(vary);
            names.sort();
            names.dedup();
            let answers = Arc::clone(&self.answers);
            at_once(async move {
                let Ok(entries) = answers.cache.scope(&request.owner) else { return };
                let key = (request.kind.as_str(), request.first.as_str());
                // what is not known now is found out again
                let _ = entries.put(key, ttl, stored::varies(&names)).await;
            });
        }
        self.bytes = Vec::new();
    }

    /// It may not be kept: nobody waits for one like it.
    fn pass(&mut self) {
        (self.bytes, self.body) = (Vec::new(), None);
        if let Job::Keep(_, tell) = std::mem::replace(&mut self.job, Job::Over) {
            drop(tell.send((None, PASSED_FOR)));
        }
    }
}

/// Forgets what is kept of a path, here before the answer goes on, elsewhere soon.
fn forget(answers: Arc<Answers>, owner: Admitted, kind: String) {
    at_once(async move {
        if let Ok(entries) = answers.cache.scope(&owner) {
            // its time bounds what could not be told
            let _ = entries.remove_kind(&kind).await;
        }
    });
}

/// Does what can be done without waiting now, and the rest beside.
fn at_once(work: impl Future<Output = ()> + 'static) {
    let mut work: Pin<Box<dyn Future<Output = ()>>> = Box::pin(work);
    if work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        tokio::task::spawn_local(work);
    }
}
