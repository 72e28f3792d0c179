//! HTTP/2 towards clients, by hyper. Each request is read, decided and stamped as one of HTTP/1.1 is, and goes to the
//! application as HTTP/1.1: there is one place where the tenant is found, and it knows no versions.

mod one_host;
mod socket;

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;

use crate::access::Line;
use crate::buffer::Buffer;
use crate::client::{Client, Peer, Phase};
use crate::decide::{self, Plan};
use crate::h1::body::{Decoder, Piece};
use crate::h1::head::{self, Framing, Head, Version};
use crate::h1::relay::{Lost, PIECE_BYTES_MAX, answer_head};
use crate::h1::response;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::stream::{Half, Stream};
use crate::upstream::{Connected, Link, Seat};
use crate::worker::{Entered, Worker};
use one_host::one_host;
use socket::Socket;

/// Requests at once on one connection.
const STREAMS_MAX: u32 = 128;
/// Streams that a client may reset before they were looked at: more is an attack (CVE-2023-44487).
const RESETS_MAX: usize = 32;
/// Whether a silent client is still there.
const PING_EVERY: Duration = Duration::from_secs(30);

type Answer = Response<Out>;

/// An answer that breaks off.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off")]
struct Broken;

/// Runs the tasks of a connection on its own thread.
#[derive(Clone, Copy)]
struct Here;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Here {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}

/// Serves a connection.
pub(crate) async fn serve(worker: Rc<Worker>, stream: Stream, peer: Peer, entered: Entered) {
    let bounds = worker.settings().bounds;
    let mut builder = hyper::server::conn::http2::Builder::new(Here);
    let head_bytes_max = u32::try_from(bounds.head_bytes_max).unwrap_or(u32::MAX);
    builder.timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX).max_header_list_size(head_bytes_max);
    builder.max_pending_accept_reset_streams(RESETS_MAX).max_local_error_reset_streams(RESETS_MAX);
    builder.enable_connect_protocol();
    builder.keep_alive_interval(PING_EVERY).keep_alive_timeout(PING_EVERY);
    let (client, own) = (Rc::clone(&entered.client), Rc::clone(&worker));
    // its requests are looked after one by one
    client.enter(Phase::Tunnel, Instant::now());
    let service = service_fn(move |request| {
        let (worker, peer) = (Rc::clone(&own), peer.clone());
        async move { Ok::<_, Infallible>(answer(worker, peer, request).await) }
    });
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let mut told = false;
    loop {
        tokio::select! {
            // what went wrong on the wire is the client's to know
            _ = &mut connection => return,
            _ = client.until_ended() => return,
            _ = tick.tick() => {
                if worker.is_stopping() && !told {
                    connection.as_mut().graceful_shutdown();
                    told = true;
                }
            }
        }
    }
}

async fn answer(worker: Rc<Worker>, peer: Peer, request: Request<Incoming>) -> Answer {
    let mut line = Line::new(Instant::now());
    match try_answer(&worker, &peer, request, &mut line).await {
        Ok(answer) => answer,
        Err(reply) => {
            if let Some(cause) = reply.cause {
                line.refused(&worker, cause);
            }
            own(&reply, &line.request_id)
        }
    }
}

/// An answer of ours.
fn own(reply: &Reply, request_id: &str) -> Answer {
    let mut answer = Response::new(Out::Own(Bytes::from(reply.body.clone())));
    *answer.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if reply.status != 204 {
        answer.headers_mut().insert("content-type", HeaderValue::from_static(reply.content_type));
    }
    add_lines(&mut answer, &reply.headers);
    add(&mut answer, "x-request-id", request_id.as_bytes());
    add(&mut answer, "x-content-type-options", b"nosniff");
    answer
}

fn add_lines(answer: &mut Answer, lines: &str) {
    for (name, value) in lines.lines().filter_map(|line| line.split_once(": ")) {
        add(answer, name, value.as_bytes());
    }
}

fn add(answer: &mut Answer, name: &str, value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
        answer.headers_mut().append(name, value);
    }
}

async fn try_answer(
    worker: &Rc<Worker>,
    peer: &Peer,
    mut request: Request<Incoming>,
    line: &mut Line,
) -> Result<Answer, Reply> {
    let refused = |why: Refusal, line: &Line| Reply::refused(why, &line.request_id);
    let entered = worker.enter().ok_or_else(|| refused(Refusal::Full, line))?;
    let client = Rc::clone(&entered.client);
    client.enter(Phase::Answer, Instant::now());
    let socket = Socket::wanted(&mut request).map_err(|why| refused(why, line))?;
    let (parts, body) = request.into_parts();
    let mut headers = one_host(&parts).map_err(|why| refused(why, line))?;
    if let Some(socket) = &socket {
        socket.shake(&mut headers);
    }
    let target = parts.uri.path_and_query().map_or("/", |p| p.as_str());
    let method = if socket.is_some() { "GET" } else { parts.method.as_str() };
    let head = Head { method, target, version: Version::Http2, headers: &headers };
    let mut read = decide::read(worker, peer, &head, line).map_err(|why| refused(why, line))?;
    if read.framing == Framing::None && !body.is_end_stream() {
        read.framing = Framing::Chunked;
    }
    let mut streams = Some(body);
    let mut known = None;
    if read.wants_body() {
        let most = usize::try_from(read.body_bytes_max()).unwrap_or(usize::MAX);
        let whole = streams.take().map(|body| Limited::new(body, most).collect());
        if let Some(whole) = whole {
            client.enter(Phase::Stream, Instant::now());
            let whole = tokio::select! {
                whole = whole => whole.map_err(|_| refused(Refusal::BodyTooLarge, line))?,
                _ = client.until_ended() => return Err(refused(Refusal::RequestTimeout, line)),
            };
            known = Some(whole.to_bytes());
        }
    }
    let mut out = Vec::new();
    let plan = decide::decide(worker, peer, &head, read, known.as_deref(), &mut out, line).await?;
    out.extend_from_slice(known.as_deref().unwrap_or_default());
    client.works_for(plan.tenant.clone());
    let body = streams.filter(|_| plan.framing != Framing::None);
    let answered = relay(worker, entered, plan, line, &out, body, socket).await;
    answered.map_err(|lost| match lost {
        Lost::Refused(why) => refused(why, line),
        _ => refused(Refusal::UpstreamUnavailable, line),
    })
}

/// To the application and back, up to the head of the answer. The rest comes as the client takes it.
async fn relay(
    worker: &Rc<Worker>,
    entered: Entered,
    plan: Plan,
    line: &mut Line,
    out: &[u8],
    body: Option<Incoming>,
    socket: Option<Socket>,
) -> Result<Answer, Lost> {
    let client = Rc::clone(&entered.client);
    let seat = tokio::select! {
        seat = plan.seat(line) => seat.map_err(Lost::Refused)?,
        _ = client.until_ended() => return Err(Lost::Refused(Refusal::UpstreamTimeout)),
    };
    let may_repeat = plan.is_idempotent && body.is_none() && plan.framing == Framing::None;
    let mut body = body;
    let mut again = false;
    loop {
        let Connected { link, server, reused } = plan.connect(again).await.map_err(Lost::Refused)?;
        let Link { stream, mut input, idle_since } = link;
        let stream = Rc::new(stream);
        let sending = send(&stream, &plan, out, body.take(), &client).await;
        let mut back = Half(&stream);
        let answered = match sending {
            Err(lost) => Err(lost),
            Ok(_) => tokio::select! {
                end = answer_head(&mut back, &mut input) => end,
                _ = client.until_ended() => Err(Lost::Refused(Refusal::UpstreamTimeout)),
            },
        };
        match answered {
            Ok(end) => {
                let rest = Rest {
                    worker: Rc::clone(worker),
                    plan,
                    line: std::mem::replace(line, Line::new(line.began)),
                    link: Some((stream, idle_since)),
                    server,
                    input,
                    decoder: Decoder::End,
                    keeps_alive: false,
                    status: 0,
                    bytes_out: 0,
                    ended: Box::pin(until_ended(client)),
                    entered,
                    seat,
                    sending: sending.ok().flatten(),
                };
                return rest.begin(end, line, socket);
            }
            Err(Lost::Silent) if reused && may_repeat && !again => again = true,
            Err(lost) => {
                if !reused && lost == Lost::Silent {
                    plan.upstream.failed(server);
                }
                plan.undelivered(worker);
                return Err(lost);
            }
        }
    }
}

async fn until_ended(client: Rc<Client>) {
    client.until_ended().await;
}

/// Sends the request; a body goes on meanwhile.
async fn send(
    stream: &Rc<RefCell<Stream>>,
    plan: &Plan,
    out: &[u8],
    body: Option<Incoming>,
    client: &Rc<Client>,
) -> Result<Option<Sending>, Lost> {
    let mut to = Half(stream);
    to.write_all(out).await.map_err(|_| Lost::Silent)?;
    to.flush().await.map_err(|_| Lost::Silent)?;
    let Some(body) = body else { return Ok(None) };
    let (stream, client, chunked, most) =
        (Rc::clone(stream), Rc::clone(client), plan.framing == Framing::Chunked, plan.body_bytes_max);
    client.enter(Phase::Stream, Instant::now());
    let whole = Rc::new(Cell::new(false));
    let told = Rc::clone(&whole);
    let task = tokio::task::spawn_local(async move {
        let sent = send_body(&stream, body, chunked, most, &client).await;
        client.enter(Phase::Answer, Instant::now());
        told.set(sent.is_some());
        if sent.is_none() {
            // the application must not take half a body for a whole one
            let _ = Half(&stream).shutdown().await;
        }
    });
    Ok(Some(Sending { task, whole }))
}

async fn send_body(
    stream: &RefCell<Stream>,
    mut body: Incoming,
    chunked: bool,
    bytes_max: u64,
    client: &Client,
) -> Option<()> {
    let (mut to, mut total) = (Half(stream), 0_u64);
    while let Some(frame) = body.frame().await {
        // trailers are headers that nobody has checked
        let Ok(data) = frame.ok()?.into_data() else { continue };
        total += data.len() as u64;
        if total > bytes_max {
            return None;
        }
        if data.is_empty() {
            continue;
        }
        if chunked {
            to.write_all(format!("{:x}\r\n", data.len()).as_bytes()).await.ok()?;
        }
        to.write_all(&data).await.ok()?;
        if chunked {
            to.write_all(b"\r\n").await.ok()?;
        }
        to.flush().await.ok()?;
        client.moved();
    }
    if chunked {
        to.write_all(b"0\r\n\r\n").await.ok()?;
        to.flush().await.ok()?;
    }
    Some(())
}

/// The rest of an answer, and all that is held until it has ended.
struct Rest {
    worker: Rc<Worker>,
    plan: Plan,
    line: Line,
    link: Option<(Rc<RefCell<Stream>>, Instant)>,
    server: usize,
    input: Buffer,
    decoder: Decoder,
    keeps_alive: bool,
    status: u16,
    bytes_out: u64,
    ended: Pin<Box<dyn Future<Output = ()>>>,
    entered: Entered,
    seat: Option<Seat>,
    sending: Option<Sending>,
}

/// A body on its way to the application.
struct Sending {
    task: tokio::task::JoinHandle<()>,
    /// It was sent as a whole.
    whole: Rc<Cell<bool>>,
}

impl Rest {
    /// Makes the answer of its head.
    fn begin(mut self, end: usize, line: &mut Line, socket: Option<Socket>) -> Result<Answer, Lost> {
        let mut room = head::room();
        let bytes = self.input.filled()[..end].to_vec();
        let parsed = response::parse(&bytes, &mut room, self.plan.head_only);
        // to a CONNECT any 2xx would say that it is open
        let fits = |head: &response::Answer<'_>| match (&socket, head.status) {
            (Some(socket), 101) => socket.is_answered(head.headers),
            (None, 101) | (Some(_), 200..300) => false,
            _ => true,
        };
        let head = match parsed {
            Ok(head) if fits(&head) => head,
            _ => {
                line.request_id.clone_from(&self.line.request_id);
                return Err(Lost::Refused(Refusal::UpstreamBroken));
            }
        };
        self.input.consume(end);
        (self.decoder, self.keeps_alive, self.status) = (head.body, head.keeps_alive, head.status);
        self.client_reads();
        let mut answer = Response::new(Out::Own(Bytes::new()));
        // a CONNECT is answered with 200
        let status = if head.status == 101 { 200 } else { head.status };
        *answer.status_mut() = StatusCode::from_u16(status).map_err(|_| Lost::Refused(Refusal::UpstreamBroken))?;
        for header in head.kept().filter(|h| head.status != 101 || !socket::is_accept(h.name)) {
            add(&mut answer, header.name, header.value);
        }
        if self.plan.security_headers {
            for (name, value) in head.missing(self.plan.is_tls) {
                add(&mut answer, name, value.as_bytes());
            }
        }
        if let Some(length) = head.length {
            add(&mut answer, "content-length", length.to_string().as_bytes());
        }
        add_lines(&mut answer, &self.plan.lines);
        add(&mut answer, "x-request-id", self.line.request_id.as_bytes());
        if let (101, Some(socket)) = (head.status, socket) {
            tokio::task::spawn_local(socket.run(Box::new(self)));
        } else if self.decoder.is_end() {
            self.finish();
        } else {
            *answer.body_mut() = Out::Rest(Box::new(self));
        }
        Ok(answer)
    }

    fn client_reads(&self) {
        self.entered.client.enter(Phase::Stream, Instant::now());
    }

    /// The answer was passed on whole.
    fn finish(&mut self) {
        let Some((stream, idle_since)) = self.link.take() else { return };
        let bytes_in = match self.plan.framing {
            Framing::Length(length) => length,
            _ => 0,
        };
        self.plan.settle(&self.worker, &self.line, self.status, bytes_in, self.bytes_out);
        let sent = self.sending.as_ref().is_none_or(|s| s.whole.get() && s.task.is_finished());
        if self.keeps_alive && sent && self.input.is_empty() {
            // who still sends holds the stream, and it is not lent again
            if let Ok(stream) = Rc::try_unwrap(stream) {
                let link = Link { stream, input: std::mem::take(&mut self.input), idle_since };
                self.plan.upstream.give_back(self.server, link);
            }
        }
        self.seat = None;
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        if let Some(sending) = &self.sending {
            sending.task.abort();
        }
        if self.link.is_some() && self.status > 0 {
            self.worker.counts().ended("cut-off");
            self.plan.undelivered(&self.worker);
        }
    }
}

/// The body of an answer.
enum Out {
    /// One of ours.
    Own(Bytes),
    /// The application's.
    Rest(Box<Rest>),
}

impl Body for Out {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut *self {
            Self::Own(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Own(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Rest(rest) => rest.poll_piece(cx).map(|piece| piece.map(|bytes| bytes.map(Frame::data)).transpose()),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Own(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Rest(_) => SizeHint::default(),
        }
    }
}

impl Rest {
    /// The next piece; `None` at the end.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Broken>> {
        if self.ended.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(Broken));
        }
        loop {
            match self.decoder.next(self.input.filled()).map_err(|_| Broken)? {
                Piece::Skip(count) => self.input.consume(count),
                Piece::Content(count) => {
                    let bytes = Bytes::copy_from_slice(&self.input.filled()[..count]);
                    self.input.consume(count);
                    self.bytes_out += count as u64;
                    self.entered.client.moved();
                    return Poll::Ready(Ok(Some(bytes)));
                }
                Piece::End => {
                    self.finish();
                    return Poll::Ready(Ok(None));
                }
                Piece::More => {
                    let Some((stream, _)) = &self.link else { return Poll::Ready(Err(Broken)) };
                    let read = self.input.poll_read_from(cx, &mut Half(stream), PIECE_BYTES_MAX);
                    if ready!(read).map_err(|_| Broken)? == 0 {
                        if !self.decoder.may_end() {
                            return Poll::Ready(Err(Broken));
                        }
                        self.decoder = Decoder::End;
                    }
                }
            }
        }
    }
}
