//! A request on its way to the application, and the answer on its way back.
//!
//! Both directions go on at once, each as fast as the slower side takes it: what is not taken is not read. A
//! connection to the application is lent again only when request and answer were passed on whole.

use std::pin::pin;
use std::rc::Rc;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::body::{Decoder, Piece};
use super::head::{self, Framing, Version};
use super::response::{self, Answer};
use super::serve::{Conn, Next, Wish};
use crate::ablation::{Protection, removed};
use crate::access::Line;
use crate::buffer::Buffer;
use crate::client::{Client, End, Phase};
use crate::decide::Plan;
use crate::digits::decimal;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::stream::Half;
use crate::upstream::{Connected, Link};
use crate::worker::Worker;

/// Most bytes of a body that are read before they are written.
pub(crate) const PIECE_BYTES_MAX: usize = 64 * 1024;
/// Most that is gathered before it is written.
const GATHERED_BYTES_MAX: usize = 32 * 1024;
/// The go-ahead for a body.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// Times that a request is sent again that cannot have been worked on.
const TRIES_MAX: usize = 2;

/// Why a request did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The application did not say a word. It may be sent again, if that is harmless.
    Silent,
    /// The client can still be told.
    Refused(Refusal),
    /// An answer has begun, or nobody is there to hear it.
    Cut(&'static str),
}

/// Passes a request on. `streams` says that its body was not read yet.
pub(super) async fn relay(
    worker: &Rc<Worker>,
    conn: &mut Conn,
    client: &Client,
    plan: &Plan,
    line: &Line,
    wish: Wish,
    streams: bool,
) -> Next {
    let mut decoder = Decoder::new(if streams { plan.framing } else { Framing::None });
    match try_relay(worker, conn, client, plan, line, wish, &mut decoder).await {
        Ok(next) => next,
        Err(Lost::Cut(cause)) => {
            worker.counts().ended(cause);
            plan.undelivered(worker);
            Next::Close
        }
        Err(lost) => {
            let refusal = match lost {
                Lost::Refused(refusal) => refusal,
                _ => Refusal::UpstreamUnavailable,
            };
            plan.undelivered(worker);
            line.refused(worker, refusal);
            let reply = Reply::refused(refusal, &line.request_id);
            let close = reply.close || !decoder.is_end() || !wish.keep_alive;
            let sent = conn.answer(&reply, &line.request_id, plan.head_only, close).await;
            if close || sent.is_err() { Next::Close } else { Next::Request }
        }
    }
}

async fn try_relay(
    worker: &Rc<Worker>,
    conn: &mut Conn,
    client: &Client,
    plan: &Plan,
    line: &Line,
    wish: Wish,
    decoder: &mut Decoder,
) -> Result<Next, Lost> {
    let _seat = tokio::select! {
        biased;
        seat = plan.seat(line) => seat.map_err(Lost::Refused)?,
        why = client.until_ended() => return Err(ended(why)),
    };
    gather_body(conn, decoder, plan);
    for again in 0..TRIES_MAX {
        let connected = plan.connect(again > 0).await.map_err(Lost::Refused)?;
        let Connected { mut link, server, reused } = connected;
        let may_repeat = reused && plan.is_idempotent && plan.framing == Framing::None;
        match exchange(conn, client, plan, &mut link, decoder).await {
            Ok(Exchanged { end, sent }) => {
                return finish(worker, conn, client, plan, line, wish, decoder, link, server, end, sent).await;
            }
            Err(Lost::Silent) if may_repeat && again + 1 < TRIES_MAX => {}
            Err(lost) => {
                if !reused && lost == Lost::Silent {
                    plan.upstream.failed(server);
                }
                return Err(lost);
            }
        }
    }
    Err(Lost::Silent)
}

fn ended(why: End) -> Lost {
    match why {
        End::Late(Phase::Answer) => Lost::Refused(Refusal::UpstreamTimeout),
        End::Late(_) => Lost::Refused(Refusal::RequestTimeout),
        End::Tenant(tenantry_edge::directory::TenantState::Suspended) => Lost::Refused(Refusal::TenantSuspended),
        End::Tenant(_) => Lost::Refused(Refusal::TenantUnknown),
        End::Stop => Lost::Cut("cut-off"),
    }
}

/// A short body that is there already goes with the head.
fn gather_body(conn: &mut Conn, decoder: &mut Decoder, plan: &Plan) {
    if let (Framing::Length(length), Decoder::Length(_)) = (plan.framing, &*decoder) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length <= conn.input.len() {
            conn.request.extend_from_slice(&conn.input.filled()[..length]);
            conn.input.consume(length);
            *decoder = Decoder::End;
        }
    }
}

/// A request that was sent, at least in part, and the head of its answer.
struct Exchanged {
    /// Where the head ends in the link's input.
    end: usize,
    /// All of the request was sent.
    sent: bool,
}

/// Sends the request, and waits for the head of the answer.
async fn exchange(
    conn: &mut Conn,
    client: &Client,
    plan: &Plan,
    link: &mut Link,
    decoder: &mut Decoder,
) -> Result<Exchanged, Lost> {
    let stream = link.stream.get_mut();
    stream.write_all(&conn.request).await.map_err(|_| Lost::Silent)?;
    stream.flush().await.map_err(|_| Lost::Silent)?;
    if decoder.is_end() {
        let mut answering = pin!(answer_head(stream, &mut link.input));
        // the next request may come meanwhile, or the client may go: then nobody waits for the answer
        let mut hears = conn.input.is_empty();
        loop {
            tokio::select! {
                biased;
                end = &mut answering => return Ok(Exchanged { end: end?, sent: true }),
                read = conn.input.read_from(conn.stream.get_mut(), PIECE_BYTES_MAX), if hears => match read {
                    Ok(count) if count > 0 => hears = false,
                    _ => return Err(Lost::Cut("client-gone")),
                },
                why = client.until_ended() => return Err(ended(why)),
            }
        }
    }
    if plan.expects_continue && conn.stream.get_mut().write_all(CONTINUE).await.is_err() {
        return Err(Lost::Cut("client-gone"));
    }
    client.enter(Phase::Stream, Instant::now());
    let (mut from, mut to) = (Half(&conn.stream), Half(&link.stream));
    let mut sending = pin!(send_body(&mut from, &mut conn.input, &mut to, decoder, plan, client));
    let mut back = Half(&link.stream);
    let mut answering = pin!(answer_head(&mut back, &mut link.input));
    let mut sent = false;
    loop {
        tokio::select! {
            biased;
            result = &mut sending, if !sent => {
                result?;
                sent = true;
                client.enter(Phase::Answer, Instant::now());
            }
            end = &mut answering => return Ok(Exchanged { end: end?, sent }),
            why = client.until_ended() => return Err(ended(why)),
        }
    }
}

/// Sends a body on, piece by piece.
async fn send_body(
    from: &mut (impl AsyncRead + Unpin),
    input: &mut Buffer,
    to: &mut (impl AsyncWrite + Unpin),
    decoder: &mut Decoder,
    plan: &Plan,
    client: &Client,
) -> Result<(), Lost> {
    let chunked = plan.framing == Framing::Chunked;
    let (mut total, mut out) = (0_u64, Vec::new());
    loop {
        match decoder.next(input.filled()).map_err(|broken| Lost::Refused(Refusal::BadRequest(broken.0)))? {
            Piece::Skip(count) => input.consume(count),
            Piece::Content(count) => {
                total += count as u64;
                if total > plan.body_bytes_max {
                    return Err(Lost::Refused(Refusal::BodyTooLarge));
                }
                out.clear();
                piece(&mut out, &input.filled()[..count], chunked);
                input.consume(count);
                to.write_all(&out).await.map_err(|_| Lost::Silent)?;
                client.moved();
            }
            Piece::End => {
                if chunked {
                    to.write_all(b"0\r\n\r\n").await.map_err(|_| Lost::Silent)?;
                }
                return to.flush().await.map_err(|_| Lost::Silent);
            }
            Piece::More => {
                // what was taken so far must not wait for more
                to.flush().await.map_err(|_| Lost::Silent)?;
                if input.read_from(from, PIECE_BYTES_MAX).await.unwrap_or(0) == 0 {
                    return Err(Lost::Cut("client-gone"));
                }
            }
        }
    }
}

fn piece(out: &mut Vec<u8>, content: &[u8], chunked: bool) {
    use std::io::Write as _;
    if chunked {
        // writing to a Vec cannot fail
        let _ = write!(out, "{:x}\r\n", content.len());
    }
    out.extend_from_slice(content);
    if chunked {
        out.extend_from_slice(b"\r\n");
    }
}

/// Reads the head of the answer; heads that only say that one will come are read over.
pub(crate) async fn answer_head(from: &mut (impl AsyncRead + Unpin), input: &mut Buffer) -> Result<usize, Lost> {
    loop {
        match response::status_of(input.filled()).map_err(Lost::Refused)? {
            Some((end, 101 | 200..)) => return Ok(end),
            Some((end, _)) => input.consume(end),
            None => {
                let nothing_yet = input.is_empty();
                match input.read_from(from, response::HEAD_BYTES_MAX).await {
                    Ok(count) if count > 0 => {}
                    _ if nothing_yet => return Err(Lost::Silent),
                    _ => return Err(Lost::Refused(Refusal::UpstreamBroken)),
                }
            }
        }
    }
}

/// The answer has begun: passes it on, and whatever is left of the request meanwhile.
#[expect(clippy::too_many_arguments, reason = "everything comes together here")]
async fn finish(
    worker: &Rc<Worker>,
    conn: &mut Conn,
    client: &Client,
    plan: &Plan,
    line: &Line,
    wish: Wish,
    decoder: &mut Decoder,
    mut link: Link,
    server: usize,
    end: usize,
    mut sent: bool,
) -> Result<Next, Lost> {
    conn.reply.clear();
    let mut room = head::room();
    let answer = response::parse(&link.input.filled()[..end], &mut room, plan.head_only).map_err(Lost::Refused)?;
    let (status, keeps_alive) = (answer.status, answer.keeps_alive);
    if status == 101 && !plan.websocket {
        return Err(Lost::Refused(Refusal::UpstreamBroken));
    }
    let mut body = answer.body;
    let framed = write_head(&mut conn.reply, &answer, plan, line, wish, worker.is_stopping());
    link.input.consume(end);
    if status == 101 {
        return tunnel(worker, conn, client, plan, line, link).await;
    }
    let mut bytes_out = 0;
    let own = pass_on(&mut link, &mut conn.reply, conn.stream.get_mut(), &mut body, framed.chunked, &mut bytes_out);
    // most answers are here as a whole already
    let whole = own.await?;
    if !whole {
        client.enter(Phase::Stream, Instant::now());
        let Link { stream, input, .. } = &mut link;
        let (mut from, mut to) = (Half(&conn.stream), Half(stream));
        let mut sending = pin!(send_body(&mut from, &mut conn.input, &mut to, decoder, plan, client));
        let (mut back, mut out) = (Half(stream), Half(&conn.stream));
        let reply = &mut conn.reply;
        let mut answering =
            pin!(stream_on(&mut back, input, reply, &mut out, &mut body, framed.chunked, client, &mut bytes_out));
        loop {
            tokio::select! {
                biased;
                result = &mut answering => break result?,
                result = &mut sending, if !sent => match result {
                    Ok(()) => sent = true,
                    // it has answered, and need not read the rest
                    Err(Lost::Silent) => break answering.await?,
                    Err(_) => return Err(Lost::Cut("client-gone")),
                },
                _ = client.until_ended() => return Err(Lost::Cut("cut-off")),
            }
        }
    }
    let bytes_in = match plan.framing {
        Framing::Length(length) => length,
        _ => 0,
    };
    plan.settle(worker, line, status, bytes_in, bytes_out);
    let drained = sent && body.is_end() && link.input.is_empty();
    if keeps_alive && (drained || removed(Protection::Drained)) {
        plan.upstream.give_back(server, link);
    }
    Ok(if framed.keep_alive && sent && body.is_end() { Next::Request } else { Next::Close })
}

struct Framed {
    chunked: bool,
    keep_alive: bool,
}

/// The head for the client, with how its body ends there.
fn write_head(out: &mut Vec<u8>, answer: &Answer<'_>, plan: &Plan, line: &Line, wish: Wish, stopping: bool) -> Framed {
    answer.write(out, &plan.lines, plan.security_headers, plan.is_tls);
    let (mut chunked, mut keep_alive) = (false, wish.keep_alive && !stopping);
    match (answer.body, answer.length) {
        (_, Some(length)) => {
            out.extend_from_slice(b"Content-Length: ");
            decimal(length, out);
            out.extend_from_slice(b"\r\n");
        }
        (Decoder::End, None)
            if answer.status >= 200 && answer.status != 204 && answer.status != 304 && !plan.head_only =>
        {
            out.extend_from_slice(b"Content-Length: 0\r\n");
        }
        (Decoder::End, None) => {}
        _ if wish.version == Version::Http10 => keep_alive = false,
        _ => {
            chunked = true;
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
    }
    out.extend_from_slice(b"X-Request-ID: ");
    out.extend_from_slice(line.request_id.as_bytes());
    out.extend_from_slice(b"\r\n");
    match (answer.status, keep_alive, wish.version) {
        (101, ..) => out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n"),
        (_, false, _) => out.extend_from_slice(b"Connection: close\r\n"),
        (_, true, Version::Http10) => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        _ => {}
    }
    out.extend_from_slice(b"\r\n");
    Framed { chunked, keep_alive }
}

/// Passes on what is there, in one write with the head; whether that was all.
async fn pass_on(
    link: &mut Link,
    out: &mut Vec<u8>,
    to: &mut (impl AsyncWrite + Unpin),
    body: &mut Decoder,
    chunked: bool,
    bytes_out: &mut u64,
) -> Result<bool, Lost> {
    let gathered = gather(&mut link.input, out, body, chunked, bytes_out)?;
    flush(out, to).await?;
    Ok(gathered == Gathered::End)
}

/// Why gathering stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gathered {
    /// The body has ended.
    End,
    /// It is enough to be written.
    Enough,
    /// More has to be read.
    More,
}

/// Gathers what is there.
fn gather(
    input: &mut Buffer,
    out: &mut Vec<u8>,
    body: &mut Decoder,
    chunked: bool,
    bytes_out: &mut u64,
) -> Result<Gathered, Lost> {
    loop {
        if out.len() > GATHERED_BYTES_MAX {
            return Ok(Gathered::Enough);
        }
        match body.next(input.filled()).map_err(|_| Lost::Cut("upstream-unavailable"))? {
            Piece::Skip(count) => input.consume(count),
            Piece::Content(count) => {
                piece(out, &input.filled()[..count], chunked);
                *bytes_out += count as u64;
                input.consume(count);
            }
            Piece::End => {
                if chunked {
                    out.extend_from_slice(b"0\r\n\r\n");
                }
                return Ok(Gathered::End);
            }
            Piece::More => return Ok(Gathered::More),
        }
    }
}

async fn flush(out: &mut Vec<u8>, to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Lost> {
    const GONE: Lost = Lost::Cut("client-gone");
    if !out.is_empty() {
        to.write_all(out).await.map_err(|_| GONE)?;
        to.flush().await.map_err(|_| GONE)?;
        out.clear();
    }
    Ok(())
}

/// Passes the rest of an answer on.
#[expect(clippy::too_many_arguments, reason = "two streams with what is between them")]
async fn stream_on(
    from: &mut (impl AsyncRead + Unpin),
    input: &mut Buffer,
    out: &mut Vec<u8>,
    to: &mut (impl AsyncWrite + Unpin),
    body: &mut Decoder,
    chunked: bool,
    client: &Client,
    bytes_out: &mut u64,
) -> Result<(), Lost> {
    loop {
        let gathered = gather(input, out, body, chunked, bytes_out)?;
        flush(out, to).await?;
        client.moved();
        match gathered {
            Gathered::End => return Ok(()),
            Gathered::Enough => {}
            Gathered::More => {
                let read = input.read_from(from, PIECE_BYTES_MAX).await;
                if read.map_err(|_| Lost::Cut("upstream-unavailable"))? == 0 {
                    if !body.may_end() {
                        return Err(Lost::Cut("upstream-unavailable"));
                    }
                    *body = Decoder::End;
                }
            }
        }
    }
}

/// Both directions as they come, until one side ends or the tenant may not go on.
async fn tunnel(
    worker: &Worker,
    conn: &mut Conn,
    client: &Client,
    plan: &Plan,
    line: &Line,
    mut link: Link,
) -> Result<Next, Lost> {
    const CUT: Lost = Lost::Cut("cut-off");
    client.enter(Phase::Tunnel, Instant::now());
    conn.reply.extend_from_slice(link.input.filled());
    let (own, other) = (conn.stream.get_mut(), link.stream.get_mut());
    own.write_all(&conn.reply).await.map_err(|_| CUT)?;
    own.flush().await.map_err(|_| CUT)?;
    other.write_all(conn.input.filled()).await.map_err(|_| CUT)?;
    other.flush().await.map_err(|_| CUT)?;
    conn.input.consume(conn.input.len());
    let (bytes_in, bytes_out) = tokio::select! {
        copied = tokio::io::copy_bidirectional(own, other) => copied.unwrap_or_default(),
        _ = client.until_ended() => {
            plan.settle(worker, line, 101, 0, 0);
            return Err(CUT);
        }
    };
    plan.settle(worker, line, 101, bytes_in, bytes_out);
    Ok(Next::Close)
}
