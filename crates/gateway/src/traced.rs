//! One request's spans: the whole, the decision, the wait for a seat, and what the application took.
//!
//! A request belongs to the trace that its `traceparent` names, or to a new one. Whether it is traced at all is decided
//! when its head was read: by whoever asks, if that is one of our own proxies, by a random number otherwise. A client
//! cannot make us trace all it sends.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tenantry_trace::{Exporter, Kind, Parent, Span, SpanId, Value, unix_nanos};

use crate::access::Line;
use crate::settings::Join;
use crate::worker::Worker;

/// What is kept of a request that is traced. Whatever ends it, its spans are told.
pub(crate) struct Traced {
    exporter: Arc<Exporter>,
    /// The client's span, if it sent one.
    asked_by: Option<SpanId>,
    own: Parent,
    /// The span in which the application works, and which it is told.
    upstream: SpanId,
    began: Instant,
    began_unix: u64,
    decided: Cell<Option<Instant>>,
    seated: Cell<Option<Instant>>,
    is_kept: Cell<bool>,
    pub(crate) is_told: Cell<bool>,
}

/// Which trace a request belongs to, and whether it is traced by us. `keeps` says that the client's header counts.
pub(crate) struct Begun {
    pub(crate) parent: Parent,
    pub(crate) traced: Option<Box<Traced>>,
    pub(crate) keeps: bool,
}

/// Looks at what the client sent.
pub(crate) fn begin(worker: &Worker, given: Option<Parent>, is_trusted: bool, began: Instant) -> Begun {
    let settings = worker.settings();
    let exporter = worker.shared.exporter.load();
    let (Some(settings), Some(exporter)) = (&settings.traces, &*exporter) else {
        let keeps = given.is_some();
        return Begun { parent: given.unwrap_or_else(|| new(worker, false)), traced: None, keeps };
    };
    let joined = given.filter(|_| is_trusted || settings.join == Join::All);
    let asked = joined.is_some_and(|parent| parent.sampled && is_trusted);
    if !asked && !settings.sampler.takes(worker.random()) {
        return Begun { parent: joined.unwrap_or_else(|| new(worker, false)), traced: None, keeps: joined.is_some() };
    }
    let own = Parent { sampled: true, span: span_id(worker), ..joined.unwrap_or_else(|| new(worker, true)) };
    let before = unix_nanos(SystemTime::now()).saturating_sub(nanos(began, Instant::now()));
    let upstream = span_id(worker);
    let traced = Traced {
        exporter: Arc::clone(exporter),
        asked_by: joined.map(|parent| parent.span),
        own,
        upstream,
        began,
        began_unix: before,
        decided: Cell::new(None),
        seated: Cell::new(None),
        is_kept: Cell::new(false),
        is_told: Cell::new(false),
    };
    // the application's spans are part of ours for it
    Begun { parent: Parent { span: upstream, ..own }, traced: Some(Box::new(traced)), keeps: false }
}

fn new(worker: &Worker, sampled: bool) -> Parent {
    let mut trace = [0; 16];
    // all zeros would mean nothing
    trace[..8].copy_from_slice(&(worker.random() | 1).to_be_bytes());
    trace[8..].copy_from_slice(&worker.random().to_be_bytes());
    Parent { trace, span: span_id(worker), sampled }
}

fn span_id(worker: &Worker) -> SpanId {
    (worker.random() | 1).to_be_bytes()
}

fn nanos(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_nanos()).unwrap_or(u64::MAX)
}

impl Traced {
    /// The trace is the client's.
    pub(crate) fn is_joined(&self) -> bool {
        self.asked_by.is_some()
    }

    /// It was decided that it is passed on.
    pub(crate) fn decided(&self) {
        self.decided.set(Some(Instant::now()));
    }

    /// It has its turn.
    pub(crate) fn seated(&self) {
        self.seated.set(Some(Instant::now()));
    }

    /// It is answered from what is kept.
    pub(crate) fn kept(&self) {
        self.is_kept.set(true);
    }

    /// It has ended: tells all there is to tell.
    pub(crate) fn tell(&self, line: &Line, status: u16, decision: &'static str, cause: &str) {
        let ended = Instant::now();
        let at = |moment: Instant| self.began_unix.saturating_add(nanos(self.began, moment));
        let span = |id, name: &'static str, kind, from: Instant, to: Instant| Span {
            trace: self.own.trace,
            id,
            parent: Some(self.own.span),
            name: name.into(),
            kind,
            began: at(from),
            ended: at(to),
            attributes: Vec::new(),
            failure: None,
        };
        let mut spans = Vec::with_capacity(4);
        let decided = self.decided.get();
        spans.push(span(part(self.own.span, 1), "decide", Kind::Internal, self.began, decided.unwrap_or(ended)));
        if let Some(decided) = decided.filter(|_| !self.is_kept.get()) {
            let seated = self.seated.get();
            spans.push(span(part(self.own.span, 2), "queue", Kind::Internal, decided, seated.unwrap_or(ended)));
            if let Some(seated) = seated {
                spans.push(span(self.upstream, "upstream", Kind::Client, seated, ended));
            }
        }
        let failed = status >= 500 || decision == CUT;
        let name = if line.route.is_empty() { line.method.clone() } else { format!("{} {}", line.method, line.route) };
        let mut whole = span(self.own.span, "", Kind::Server, self.began, ended);
        whole.parent = self.asked_by;
        whole.name = name.into();
        whole.failure = failed.then(|| if cause.is_empty() { decision.into() } else { cause.to_owned().into() });
        whole.attributes = attributes(line, status, decision, cause);
        if self.is_kept.get() {
            whole.attributes.push(("tenantry.kept", true.into()));
        }
        spans.push(whole);
        self.exporter.record(spans);
    }
}

/// Neither passed on nor refused: somebody went away, or was cut off.
pub(crate) const CUT: &str = "cut";

fn attributes(line: &Line, status: u16, decision: &'static str, cause: &str) -> Vec<(&'static str, Value)> {
    let mut all: Vec<(&'static str, Value)> = vec![
        ("http.request.method", line.method.clone().into()),
        ("url.path", line.path.clone().into()),
        ("tenantry.request.id", line.request_id.clone().into()),
        ("tenantry.decision", decision.into()),
    ];
    if status > 0 {
        all.push(("http.response.status_code", i64::from(status).into()));
    }
    for (name, text) in
        [("tenantry.route", &*line.route), ("tenantry.tenant", &*line.tenant), ("tenantry.cause", cause)]
    {
        if !text.is_empty() {
            all.push((name, text.to_owned().into()));
        }
    }
    if !line.source.is_empty() {
        all.push(("tenantry.tenant.source", line.source.into()));
    }
    all
}

/// Another id, made of one that is random.
fn part(of: SpanId, number: u8) -> SpanId {
    let mut id = of;
    id[0] ^= number;
    // the last bit is set, so that it is not all zeros
    id
}
