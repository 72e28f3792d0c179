//! What becomes of a request: one decision, in a fixed order, from its head (and, on some routes, its body) alone.
//!
//! 1. [`read`]: the head has one meaning; host, path, route.
//! 2. [`decide`]: address, browser's question, credential, webhook, tenant, maintenance, origin, budget, size.
//! 3. The head for the application is written, with what only the gateway may say.

mod compose;
mod plan;
pub(crate) mod seen;
mod trusted;
mod webhook;

use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tenantry_edge::directory::TenantFacts;
use tenantry_edge::limit::Occupancy;
use tenantry_edge::usage::Counters;
use tenantry_trace::Parent;

use crate::ablation::{Protection, removed};
use crate::access::Line;
use crate::answers;
use crate::authenticate::{self, Actor};
use crate::client::Peer;
use crate::h1::head::{Framing, Head, Version};
use crate::identify::host::{self, Host};
use crate::identify::names;
use crate::identify::{self, Identified, Names};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::route::{self, Target};
use crate::settings::{AccessLog, Authentication, RouteSettings, TenantNeed};
use crate::traced;
use crate::upstream::Asker;
use crate::worker::{Loaded, Worker, unix_now};
pub(crate) use plan::Plan;
use seen::Seen;

/// Longest method.
const METHOD_BYTES_MAX: usize = 32;

/// A request that was read.
pub(crate) struct Read<'a> {
    pub(crate) loaded: Rc<Loaded>,
    pub(crate) seen: Seen<'a>,
    pub(crate) framing: Framing,
    host: Host<'a>,
    target: Target<'a>,
    route: Option<Arc<RouteSettings>>,
    client: IpAddr,
    is_trusted: bool,
    is_tls: bool,
}

impl Read<'_> {
    /// Whether the decision needs the body.
    pub(crate) fn wants_body(&self) -> bool {
        self.route.as_ref().is_some_and(|r| r.webhook.is_some() || !r.body_names.is_empty())
            && self.framing != Framing::None
    }

    /// The largest body there may be.
    pub(crate) fn body_bytes_max(&self) -> u64 {
        self.route.as_ref().and_then(|r| r.body_bytes_max).unwrap_or(self.loaded.bounds.body_bytes_max)
    }

    /// The host's name, and its port if it was given.
    pub(crate) fn host(&self) -> (&str, &str) {
        (&self.host.name, self.host.port)
    }

    /// The path in its one reading.
    pub(crate) fn path(&self) -> &str {
        &self.target.path
    }

    /// The query as it came.
    pub(crate) fn query(&self) -> Option<&str> {
        self.target.query
    }

    /// Whether the client came over TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Whether the client wants the connection to stay.
    pub(crate) fn keeps_alive(&self, version: Version) -> bool {
        match version {
            Version::Http10 => self.seen.keep_alive && !self.seen.close,
            _ => !self.seen.close,
        }
    }
}

/// Reads a head: everything that can be said without knowing who sends it.
pub(crate) fn read<'a>(worker: &Worker, peer: &Peer, head: &Head<'a>, line: &mut Line) -> Result<Read<'a>, Refusal> {
    let loaded = worker.settings();
    line.request_id = worker.new_id();
    if head.target.len() > loaded.bounds.uri_bytes_max {
        return Err(Refusal::UriTooLong);
    }
    let mut seen = Seen::read(head.headers, &loaded.tenant_headers)?;
    let is_none = head.method.len() > METHOD_BYTES_MAX || matches!(head.method, "TRACE" | "TRACK" | "CONNECT");
    if is_none && !removed(Protection::Methods) {
        return Err(Refusal::Method);
    }
    let framing = seen.ends.framing(head.version)?;
    let host = host::parse(seen.host.ok_or(Refusal::Host("there is none"))?)?;
    if let Some(name) = &peer.server_name
        && **name != *host.name
        && !removed(Protection::Misdirected)
    {
        return Err(Refusal::Misdirected);
    }
    let target = route::target(head.target)?;
    let (client, is_trusted) = trusted::client(&loaded, peer, seen.forwarded_for);
    follow_trace(worker, head, &mut seen, is_trusted, line);
    line.is_detailed = loaded.access_log != AccessLog::Off || line.traced.is_some();
    if line.is_detailed {
        (line.method, line.path) = (head.method.to_owned(), target.path.clone().into_owned());
    }
    if let Some(id) = seen.request_id.filter(|id| is_trusted && trusted::is_id(id)) {
        line.request_id = id.to_owned();
    }
    let is_tls = if is_trusted { seen.forwarded_proto.map_or(peer.is_tls, |p| p == "https") } else { peer.is_tls };
    let route = route::find(&loaded.routes, &target.path).cloned();
    if let Some(route) = &route
        && line.is_detailed
    {
        line.route.clone_from(&route.name);
    }
    Ok(Read { loaded, seen, framing, host, target, route, client, is_trusted, is_tls })
}

/// Which trace the request belongs to. A header that is none, or that does not count, is passed on by nobody.
fn follow_trace(worker: &Worker, head: &Head<'_>, seen: &mut Seen<'_>, is_trusted: bool, line: &mut Line) {
    let given = seen.traceparent.and_then(|(_, text)| Parent::parse(text));
    // a request whose body is needed is read twice
    let keeps = match line.parent {
        Some(_) => given.is_some() && line.keeps_parent,
        None => {
            let begun = traced::begin(worker, given, is_trusted, line.began);
            (line.parent, line.traced, line.keeps_parent) = (Some(begun.parent), begun.traced, begun.keeps);
            begun.keeps
        }
    };
    let joined = keeps || line.traced.as_ref().is_some_and(|traced| traced.is_joined());
    if !keeps && let Some((at, _)) = seen.traceparent.take() {
        seen.drop(at);
    }
    if !joined {
        // it says something about the trace that nobody follows
        let states = head.headers.iter().enumerate().filter(|(_, h)| h.name.eq_ignore_ascii_case("tracestate"));
        states.for_each(|(at, _)| seen.drop(at));
    }
}

/// Decides, and writes the head for the application behind what is in `out`.
pub(crate) async fn decide(
    worker: &Worker,
    peer: &Peer,
    head: &Head<'_>,
    mut read: Read<'_>,
    body: Option<&[u8]>,
    out: &mut Vec<u8>,
    line: &mut Line,
) -> Result<Plan, Reply> {
    let refused = |why: Refusal, line: &Line| Reply::refused(why, &line.request_id);
    let loaded = Rc::clone(&read.loaded);
    let limiters = worker.shared.limiters.load();
    limiters.address(read.client).map_err(|wait| refused(Refusal::RateLimited(wait), line))?;
    if let Some(reply) = own_answer(&loaded, peer, head, &read) {
        return Err(reply);
    }
    let route = read.route.clone().ok_or_else(|| refused(Refusal::NoRoute, line))?;
    let now = unix_now();
    if let Some(reply) = preflight(&loaded, head, &read, &route) {
        return Err(reply);
    }
    let actor = authenticated(worker, &mut read, &route, now).await.map_err(|why| refused(why, line))?;
    if let Some(actor) = &actor {
        limiters.key(actor.number).map_err(|wait| refused(Refusal::RateLimited(wait), line))?;
    }
    let (identified, event) =
        tenant_of(worker, head, &read, &route, actor.as_deref(), body, now).map_err(|why| refused(why, line))?;
    let mut result =
        finish(worker, peer, head, &read, &route, actor.as_deref(), identified, body, out, line, now).await;
    if let Ok(plan) = &mut result
        && route.cache.is_some()
    {
        answers::consult(worker, head, &read, &route, plan).await;
    }
    if let Some(traced) = &line.traced {
        traced.decided();
    }
    result.map(|plan| Plan { event, ..plan }).map_err(|why| {
        if let Some(event) = event {
            webhook::give_back(worker, &event);
        }
        refused(why, line)
    })
}

/// What the gateway answers itself: its public key, and whether a host name is a tenant's.
fn own_answer(loaded: &Loaded, peer: &Peer, head: &Head<'_>, read: &Read<'_>) -> Option<Reply> {
    if let Some(acme) = &loaded.acme
        && let Some(token) = read.target.path.strip_prefix("/.well-known/acme-challenge/")
        && let Some(text) = acme.certificates.challenges().file(token)
    {
        return Some(Reply::plain(200, "text/plain", text));
    }
    if peer.is_redirected {
        return Some(redirect(read));
    }
    if head.method != "GET" {
        return None;
    }
    if let Some(context) = &loaded.context
        && read.target.path == context.jwks_path()
    {
        let mut reply = Reply::plain(200, "application/jwk-set+json", context.jwks());
        reply.headers.push_str("Cache-Control: public, max-age=300\r\n");
        return Some(reply);
    }
    if loaded.ask_path.as_deref() == Some(&*read.target.path) && read.is_trusted {
        let names = ["domain".to_owned()];
        let asked = read.target.query.and_then(|query| names::in_query(query, &names).ok().flatten());
        let is_ours = asked.is_some_and(|domain| is_tenants(loaded, &domain));
        return Some(Reply::plain(if is_ours { 200 } else { 404 }, "text/plain", Vec::new()));
    }
    None
}

/// To the same address with TLS, on its usual port.
fn redirect(read: &Read<'_>) -> Reply {
    let query = read.target.query.map(|query| format!("?{query}")).unwrap_or_default();
    let mut reply = Reply::plain(308, "text/plain", "use https\n");
    reply.headers = format!("Location: https://{}{}{query}\r\n", read.host.name, read.target.path);
    reply
}

/// Whether a host name is one for which a certificate may be asked: of a tenant that may work.
fn is_tenants(loaded: &Loaded, domain: &str) -> bool {
    let Ok(host) = host::parse(domain.as_bytes()) else { return false };
    let Ok(named) = host.tenant(loaded) else { return false };
    let names = Names { host: Some(named), ..Names::default() };
    host.port.is_empty() && identify::identify(&loaded.directory, &names).is_ok_and(|found| found.is_some())
}

/// The answer to a browser that asks whether it may ask.
fn preflight(loaded: &Loaded, head: &Head<'_>, read: &Read<'_>, route: &RouteSettings) -> Option<Reply> {
    let (cors, origin) = (route.cors.as_ref()?, read.seen.origin?);
    if head.method != "OPTIONS" || read.seen.asks_method.is_none() {
        return None;
    }
    let names = Names { host: read.host.tenant(loaded).ok(), ..Names::default() };
    let tenant = identify::identify(&loaded.directory, &names).ok().flatten().map(|found| found.tenant.facts());
    cors.allows(origin, tenant.as_deref(), &loaded.base_domains).then(|| cors.preflight(origin))
}

/// Who sends it, as far as the route wants to know. Keys are not passed on.
async fn authenticated(
    worker: &Worker,
    read: &mut Read<'_>,
    route: &RouteSettings,
    now: i64,
) -> Result<Option<Arc<Actor>>, Refusal> {
    if route.authentication == Authentication::Anonymous {
        return Ok(None);
    }
    let (authorization, api_key) = (read.seen.authorization, read.seen.api_key);
    let credential = authenticate::find(authorization.map(|(_, v)| v), api_key.map(|(_, v)| v))?;
    let is_key = matches!(credential, Some(authenticate::Credential::Key(_)));
    let actor = authenticate::check(worker, route.authentication, credential, now).await?;
    if is_key && let Some((at, _)) = authorization.or(api_key) {
        read.seen.drop(at);
    }
    Ok(actor)
}

type Found = (Option<Identified>, Option<[u8; 32]>);

/// The tenant, and the webhook's event.
fn tenant_of(
    worker: &Worker,
    head: &Head<'_>,
    read: &Read<'_>,
    route: &RouteSettings,
    actor: Option<&Actor>,
    body: Option<&[u8]>,
    now: i64,
) -> Result<Found, Refusal> {
    let loaded = &read.loaded;
    if route.tenant == TenantNeed::None {
        return Ok((None, None));
    }
    let host = Some(read.host.tenant(loaded)?);
    let mut parameters: Vec<Cow<'_, str>> = Vec::new();
    if let (Some(query), false) = (read.target.query, route.query_names.is_empty()) {
        parameters.extend(names::in_query(query, &route.query_names)?);
    }
    if let (Some(body), false) = (body, route.body_names.is_empty()) {
        parameters.extend(named_in_body(read.seen.content_type, body, &route.body_names)?);
    }
    let parameters: Vec<&str> = parameters.iter().map(|p| &**p).collect();
    let path_name = route.webhook.as_ref().and_then(|_| webhook::tenant_in_path(&read.target.path, &route.path));
    let names = Names {
        actor,
        host,
        headers: &read.seen.named,
        parameters: &parameters,
        webhook: path_name,
        single: loaded.single_tenant.as_deref(),
        trusted: route.trust_names || read.is_trusted,
    };
    let identified = identify::identify(&loaded.directory, &names);
    let Some(settings) = &route.webhook else { return Ok((identified?, None)) };
    // whether there is such a tenant is no business of who cannot sign for it
    let found = identified.ok().flatten().ok_or(Refusal::WebhookRefused)?;
    let event = webhook::check(worker, settings, &found.tenant.facts(), head.headers, body.unwrap_or_default(), now)?;
    Ok((Some(Identified { proven: true, source: identify::Source::Webhook, ..found }), Some(event)))
}

fn named_in_body<'b>(kind: Option<&str>, body: &'b [u8], wanted: &[String]) -> Result<Option<Cow<'b, str>>, Refusal> {
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/x-www-form-urlencoded" => {
            let text = std::str::from_utf8(body).map_err(|_| Refusal::BadRequest("the form is not ASCII"))?;
            names::in_query(text, wanted)
        }
        kind if kind == "application/json" || kind.ends_with("+json") => {
            Ok(names::in_json(body, wanted)?.map(Cow::Owned))
        }
        _ if body.is_empty() => Ok(None),
        // another kind could be read as one of the two by somebody
        _ => Err(Refusal::BadRequest("the body of this route is JSON or a form")),
    }
}

/// Limits, and the head for the application.
#[expect(clippy::too_many_arguments, reason = "the last step needs all that was found")]
async fn finish(
    worker: &Worker,
    peer: &Peer,
    head: &Head<'_>,
    read: &Read<'_>,
    route: &RouteSettings,
    actor: Option<&Actor>,
    identified: Option<Identified>,
    body: Option<&[u8]>,
    out: &mut Vec<u8>,
    line: &mut Line,
    now: i64,
) -> Result<Plan, Refusal> {
    let (loaded, seen) = (&read.loaded, &read.seen);
    if identified.is_none() && route.tenant == TenantNeed::Required {
        return Err(Refusal::TenantRequired);
    }
    let known = identified.as_ref().map(|found| worker.known(&found.tenant));
    let facts = identified.as_ref().map(|found| found.tenant.facts());
    if let (Some(found), Some(facts)) = (&identified, &facts) {
        line.source = found.source.name();
        if line.is_detailed {
            line.tenant = facts.key.to_string();
        }
    }
    waits_for_operator(loaded, facts.as_deref())?;
    let websocket = seen.websocket && seen.upgrade && head.method == "GET" && head.version != Version::Http10;
    let mut lines = allowed_origin(loaded, read, route, facts.as_deref(), websocket)?;
    let mut guard = None;
    let proven = identified.as_ref().is_some_and(|found| found.proven);
    if let (Some(found), Some(known)) = (&identified, &known) {
        let proven = found.proven || removed(Protection::Budgets);
        let limited = |why| {
            let used = Counters { refused: 1, ..Counters::default() };
            found.tenant.usage().add(&used, worker.micros(Instant::now()));
            why
        };
        if let Some(budget) = known.budget(proven) {
            let left = worker.spend(known, proven, budget).await;
            let left = left.map_err(|wait| limited(Refusal::RateLimited(wait)))?;
            let rate = budget.rate;
            let policy = format_args!("RateLimit-Policy: \"tenant\";q={};w=1\r\n", rate.per_second).to_string();
            lines.push_str(&policy);
            lines.push_str(&format!("RateLimit: \"tenant\";r={left};t=1\r\n"));
        }
        guard = Some(Occupancy::try_request(&found.tenant).map_err(|_| limited(Refusal::Busy))?);
    }
    let body_bytes_max = read.body_bytes_max();
    let framing = body.map_or(read.framing, |body| Framing::Length(body.len() as u64));
    if matches!(framing, Framing::Length(length) if length > body_bytes_max) {
        return Err(Refusal::BodyTooLarge);
    }
    compose::write(
        worker,
        peer,
        head,
        read,
        route,
        actor,
        identified.as_ref(),
        known.as_deref(),
        framing,
        websocket,
        out,
        line,
        now,
    );
    let upstream = loaded.upstreams.get(route.upstream).ok_or(Refusal::Bug)?;
    let tenant = identified.map(|found| found.tenant);
    Ok(Plan {
        upstream: Rc::clone(upstream),
        asker: Asker::new(tenant.as_ref(), loaded.times.queue_within),
        lines,
        framing,
        body_bytes_max,
        head_only: head.method == "HEAD",
        is_tls: read.is_tls,
        websocket,
        expects_continue: seen.expects_continue && body.is_none(),
        is_idempotent: matches!(head.method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE"),
        tenant,
        event: None,
        proven,
        kept: None,
        tap: None,
        security_headers: loaded.security_headers,
        _guard: guard,
    })
}

fn waits_for_operator(loaded: &Loaded, tenant: Option<&TenantFacts>) -> Result<(), Refusal> {
    let maintenance = &loaded.maintenance;
    let named = |facts: &TenantFacts| {
        let key = facts.key.to_string();
        maintenance.tenants.iter().any(|t| *t == key || Some(t.as_str()) == facts.slug.as_deref())
    };
    let this = !maintenance.tenants.is_empty() && tenant.is_some_and(named);
    if maintenance.all || this { Err(Refusal::Maintenance(maintenance.retry_after)) } else { Ok(()) }
}

/// Lines for a page of another site that may read the answer; refused where it would do more than read.
fn allowed_origin(
    loaded: &Loaded,
    read: &Read<'_>,
    route: &RouteSettings,
    tenant: Option<&TenantFacts>,
    websocket: bool,
) -> Result<String, Refusal> {
    let Some(origin) = read.seen.origin else { return Ok(String::new()) };
    let own = origin
        .split_once("://")
        .is_some_and(|(_, host)| host.strip_suffix(read.host.port).unwrap_or(host) == read.host.name);
    let allowed = route.cors.as_ref().filter(|cors| cors.allows(origin, tenant, &loaded.base_domains));
    match allowed {
        Some(cors) => Ok(cors.lines(origin)),
        // a browser sends cookies along with a web socket, and lets any page read from it
        None if websocket && !own && !removed(Protection::Origin) => Err(Refusal::Origin),
        None if route.cors.is_some() => Ok("Vary: Origin\r\n".to_owned()),
        None => Ok(String::new()),
    }
}
