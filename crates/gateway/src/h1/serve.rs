//! One connection of a client, from its first request to its last.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::body::{Decoder, Piece};
use super::head::{self, Framing, Version};
use super::relay;
use crate::access::Line;
use crate::buffer::Buffer;
use crate::client::{Client, End, Peer, Phase};
use crate::decide::{self, Plan};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::stream::{Prefixed, Stream};
use crate::worker::Worker;

/// How a connection of HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";
/// What is read over so that a client can read the answer before the connection ends.
const LINGER_BYTES_MAX: usize = 256 * 1024;
/// How long that is tried.
const LINGER_WITHIN: Duration = Duration::from_secs(1);

/// A connection of HTTP/1.1.
pub(super) struct Conn {
    pub(super) stream: RefCell<Stream>,
    pub(super) input: Buffer,
    /// The head for the application, and a body that was read already.
    pub(super) request: Vec<u8>,
    /// For the client.
    pub(super) reply: Vec<u8>,
}

/// What comes after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Request,
    Close,
}

/// What a client wants of the connection, and can understand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) version: Version,
    pub(super) keep_alive: bool,
}

/// Serves a client until one of both has had enough.
pub(crate) async fn serve(worker: Rc<Worker>, stream: Stream, peer: Peer) {
    worker.counts().accepted();
    let Some(entered) = worker.enter() else {
        return turn_away(&worker, stream).await;
    };
    let client = Rc::clone(&entered.client);
    let (stream, input) = (RefCell::new(stream), Buffer::default());
    let mut conn = Conn { stream, input, request: Vec::new(), reply: Vec::new() };
    loop {
        let end = match conn.read_head(&worker, &client).await {
            Ok(Some(end)) => end,
            Ok(None) => return,
            Err(refusal) => {
                let mut line = Line::new(Instant::now());
                line.request_id = worker.new_id();
                line.refused(&worker, refusal);
                let reply = Reply::refused(refusal, &line.request_id);
                let _ = conn.answer(&reply, &line.request_id, false, true).await;
                return conn.linger().await;
            }
        };
        if conn.input.filled().starts_with(PREFACE) {
            let prefix = conn.input.filled().to_vec();
            let stream = Stream::Other(Box::new(Prefixed::new(prefix, conn.stream.into_inner())));
            return crate::h2::serve(worker, stream, peer, entered).await;
        }
        match conn.request(&worker, &peer, &client, end).await {
            Next::Request if !worker.is_stopping() => {}
            _ => return conn.linger().await,
        }
    }
}

async fn turn_away(worker: &Worker, mut stream: Stream) {
    let line = Line::new(Instant::now());
    line.refused(worker, Refusal::Full);
    let mut out = Vec::new();
    Reply::refused(Refusal::Full, "").write(&mut out, "", false, true);
    // whoever does not even take this has to find out
    let _ = tokio::time::timeout(LINGER_WITHIN, stream.write_all(&out)).await;
}

impl Conn {
    /// Reads until a head is there; `None` if the client went, or has to go.
    async fn read_head(&mut self, worker: &Worker, client: &Client) -> Result<Option<usize>, Refusal> {
        let bytes_max = worker.settings().bounds.head_bytes_max;
        client.enter(if self.input.is_empty() { Phase::Idle } else { Phase::Head }, Instant::now());
        let mut scanned = 0_usize;
        loop {
            // what was looked at is not looked at again, but for a line end that came in two pieces
            let from = scanned.saturating_sub(3);
            if let Some(end) = head::end_of_head(&self.input.filled()[from..]) {
                return if from + end > bytes_max { Err(self.too_large(bytes_max)) } else { Ok(Some(from + end)) };
            }
            scanned = self.input.len();
            if scanned >= bytes_max {
                return Err(self.too_large(bytes_max));
            }
            let was_idle = self.input.is_empty();
            let count = tokio::select! {
                biased;
                read = self.input.read_from(self.stream.get_mut(), bytes_max + 1) => read.unwrap_or(0),
                why = client.until_ended() => {
                    return if matches!(why, End::Late(Phase::Head)) { Err(Refusal::RequestTimeout) } else { Ok(None) };
                }
            };
            if count == 0 {
                return Ok(None);
            }
            if was_idle {
                client.enter(Phase::Head, Instant::now());
            }
        }
    }

    fn too_large(&self, bytes_max: usize) -> Refusal {
        let first_line = memchr::memchr(b'\n', self.input.filled());
        if first_line.is_none_or(|at| at > bytes_max) { Refusal::UriTooLong } else { Refusal::HeadersTooLarge }
    }

    /// One request.
    async fn request(&mut self, worker: &Rc<Worker>, peer: &Peer, client: &Client, end: usize) -> Next {
        let now = Instant::now();
        client.enter(Phase::Answer, now);
        let mut line = Line::new(now);
        self.request.clear();
        let mut body = None;
        let (plan, wish) = loop {
            match self.decide(worker, peer, end, body.as_deref(), &mut line).await {
                Decided::Plan(plan, wish) => break (plan, wish),
                Decided::NeedsBody { framing, bytes_max, expects_continue } => {
                    match self.read_body(client, end, framing, bytes_max, expects_continue).await {
                        Ok(read) => body = Some(read),
                        Err(refusal) => return self.refuse(worker, refusal, &line).await,
                    }
                }
                Decided::Reply { reply, framing, head_only, keep_alive } => {
                    if let Some(cause) = reply.cause {
                        line.refused(worker, cause);
                    }
                    self.input.consume(if body.is_some() { 0 } else { end });
                    // a body that is there already is read over; one that is not would have to be waited for
                    let is_over = body.is_some() || framing.is_some_and(|f| self.skip(f));
                    let close = reply.close || !is_over || !keep_alive || worker.is_stopping();
                    let sent = self.answer(&reply, &line.request_id, head_only, close).await;
                    return if close || sent.is_err() { Next::Close } else { Next::Request };
                }
            }
        };
        match &body {
            Some(body) => self.request.extend_from_slice(body),
            None => self.input.consume(end),
        }
        client.works_for(plan.tenant.clone());
        let next = relay::relay(worker, self, client, &plan, &line, wish, body.is_none()).await;
        client.works_for(None);
        next
    }

    async fn decide(
        &mut self,
        worker: &Rc<Worker>,
        peer: &Peer,
        end: usize,
        body: Option<&[u8]>,
        line: &mut Line,
    ) -> Decided {
        let mut room = head::room();
        // the head of a request whose body was read has been moved
        let moved;
        let bytes = match body {
            Some(_) => {
                moved = std::mem::take(&mut self.request);
                &moved[..]
            }
            None => &self.input.filled()[..end],
        };
        let headers_max = worker.settings().bounds.headers_max;
        let head = match head::parse(bytes, headers_max, &mut room) {
            Ok(head) => head,
            Err(refusal) => return Decided::refused(refusal, line),
        };
        let read = match decide::read(worker, peer, &head, line) {
            Ok(read) => read,
            Err(refusal) => return Decided::refused(refusal, line),
        };
        if body.is_none() && read.wants_body() {
            let (framing, bytes_max) = (read.framing, read.body_bytes_max());
            return Decided::NeedsBody { framing, bytes_max, expects_continue: read.seen.expects_continue };
        }
        let wish = Wish { version: head.version, keep_alive: read.keeps_alive(head.version) };
        let (framing, head_only) = (read.framing, head.method == "HEAD");
        let mut out = std::mem::take(&mut self.request);
        out.clear();
        let decided = decide::decide(worker, peer, &head, read, body, &mut out, line).await;
        self.request = out;
        match decided {
            Ok(plan) => Decided::Plan(plan, wish),
            Err(reply) => Decided::Reply { reply, framing: Some(framing), head_only, keep_alive: wish.keep_alive },
        }
    }

    /// Reads a whole body, for decisions that need it. The head moves to `self.request` meanwhile.
    async fn read_body(
        &mut self,
        client: &Client,
        end: usize,
        framing: Framing,
        bytes_max: u64,
        expects_continue: bool,
    ) -> Result<Vec<u8>, Refusal> {
        if matches!(framing, Framing::Length(length) if length > bytes_max) {
            return Err(Refusal::BodyTooLarge);
        }
        self.request.clear();
        self.request.extend_from_slice(&self.input.filled()[..end]);
        self.input.consume(end);
        if expects_continue {
            let sent = self.stream.get_mut().write_all(relay::CONTINUE).await;
            sent.map_err(|_| Refusal::RequestTimeout)?;
        }
        client.enter(Phase::Stream, Instant::now());
        let (mut decoder, mut body) = (Decoder::new(framing), Vec::new());
        loop {
            match decoder.next(self.input.filled()).map_err(|broken| Refusal::BadRequest(broken.0))? {
                Piece::Skip(count) => self.input.consume(count),
                Piece::Content(count) => {
                    if (body.len() + count) as u64 > bytes_max {
                        return Err(Refusal::BodyTooLarge);
                    }
                    body.extend_from_slice(&self.input.filled()[..count]);
                    self.input.consume(count);
                }
                Piece::End => break,
                Piece::More => {
                    let read = tokio::select! {
                        biased;
                        read = self.input.read_from(self.stream.get_mut(), relay::PIECE_BYTES_MAX) => read.unwrap_or(0),
                        _ = client.until_ended() => 0,
                    };
                    if read == 0 {
                        return Err(Refusal::RequestTimeout);
                    }
                    client.moved();
                }
            }
        }
        client.enter(Phase::Answer, Instant::now());
        Ok(body)
    }

    /// Reads over a body, as far as it is there; whether that was all.
    fn skip(&mut self, framing: Framing) -> bool {
        let mut decoder = Decoder::new(framing);
        loop {
            match decoder.next(self.input.filled()) {
                Ok(Piece::Skip(count) | Piece::Content(count)) => self.input.consume(count),
                Ok(Piece::End) => return true,
                Ok(Piece::More) | Err(_) => return false,
            }
        }
    }

    async fn refuse(&mut self, worker: &Worker, refusal: Refusal, line: &Line) -> Next {
        line.refused(worker, refusal);
        let reply = Reply::refused(refusal, &line.request_id);
        let _ = self.answer(&reply, &line.request_id, false, true).await;
        Next::Close
    }

    /// Answers without the application.
    pub(super) async fn answer(
        &mut self,
        reply: &Reply,
        request_id: &str,
        head_only: bool,
        close: bool,
    ) -> std::io::Result<()> {
        self.reply.clear();
        reply.write(&mut self.reply, request_id, head_only, close);
        let stream = self.stream.get_mut();
        stream.write_all(&self.reply).await?;
        stream.flush().await
    }

    /// Ends the connection so that the client can still read what was said last.
    async fn linger(mut self) {
        let stream = self.stream.get_mut();
        if stream.shutdown().await.is_err() {
            return;
        }
        let over = async {
            let (mut room, mut total) = ([0; 4096], 0);
            while let Ok(count) = stream.read(&mut room).await {
                total += count;
                if count == 0 || total > LINGER_BYTES_MAX {
                    return;
                }
            }
        };
        // it is over either way
        let _ = tokio::time::timeout(LINGER_WITHIN, over).await;
    }
}

/// What was decided.
enum Decided {
    Plan(Plan, Wish),
    NeedsBody {
        framing: Framing,
        bytes_max: u64,
        expects_continue: bool,
    },
    /// `framing` is unknown where the head could not be read.
    Reply {
        reply: Reply,
        framing: Option<Framing>,
        head_only: bool,
        keep_alive: bool,
    },
}

impl Decided {
    fn refused(refusal: Refusal, line: &Line) -> Self {
        let reply = Reply::refused(refusal, &line.request_id);
        Self::Reply { reply, framing: None, head_only: false, keep_alive: false }
    }
}
