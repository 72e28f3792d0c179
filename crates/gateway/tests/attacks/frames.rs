//! H-07, H-13, H-42 over HTTP/2: frames that are written by hand, in the style of h2spec, and floods of them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::application::Received;
use crate::corpora::bytes;
use crate::scene::Scene;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const GET: &str = ":method=GET;:scheme=http;:path=/x;:authority=acme.example.com";
const POST: &str = ":method=POST;:scheme=http;:path=/x;:authority=acme.example.com";
/// The letters of the frame types, in their order.
const TYPES: &str = "DHPRSUIGWC";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
/// Nobody has to wait longer to learn that nothing comes.
const SILENCE: Duration = Duration::from_secs(5);

/// How a connection went on.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    /// An answer, with the beginning of its block.
    Answer(Vec<u8>),
    /// A stream was reset, with this code.
    Reset(u32),
    /// The connection was ended, with this code if one was told.
    End(Option<u32>),
    Silence,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A block of fields, none of them indexed or compressed.
fn block(fields: &str) -> Vec<u8> {
    let text = fields.strip_prefix("@P").map_or_else(|| fields.replacen('@', GET, 1), |rest| format!("{POST}{rest}"));
    // the first `@` counts only where it stands first
    let text = if fields.starts_with('@') { text } else { fields.to_owned() };
    let mut out = Vec::new();
    for field in text.split(';') {
        // an empty name begins with the sign
        let at = field[1..].find('=').map_or(0, |at| at + 1);
        let (name, value) = (&field[..at], &field[at + 1..]);
        out.push(0);
        for part in [bytes(name), bytes(value)] {
            // lengths from 127 on take more bytes
            match u8::try_from(part.len()) {
                Ok(short) if short < 127 => out.push(short),
                _ => {
                    let mut rest = part.len() - 127;
                    out.push(127);
                    while rest >= 128 {
                        out.push(u8::try_from(rest % 128).unwrap() | 128);
                        rest /= 128;
                    }
                    out.push(u8::try_from(rest).unwrap());
                }
            }
            out.extend(part);
        }
    }
    out
}

fn payload(text: &str) -> Vec<u8> {
    if let Some(count) = text.strip_prefix('*') {
        return vec![0; count.parse().unwrap()];
    }
    let hex = |digits: &str| -> Vec<u8> {
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
        (0..digits.len()).step_by(2).map(byte).collect()
    };
    let Some((front, rest)) = text.split_once('{') else { return hex(text) };
    let (fields, behind) = rest.rsplit_once('}').expect("the end of a block");
    [hex(front), block(fields), hex(behind)].concat()
}

/// The frames of a line of the corpus.
fn frames(text: &str) -> Vec<u8> {
    if let Some(raw) = text.strip_prefix("raw,") {
        return bytes(raw);
    }
    let mut out = [PREFACE, &frame(4, 0, 0, &[])].concat();
    // blanks stand in values too: a frame begins behind one, with its type and a comma
    let (mut parts, mut depth): (Vec<String>, usize) = (vec![String::new()], 0);
    for sign in text.chars() {
        match sign {
            ' ' if depth == 0 => parts.push(String::new()),
            sign => {
                depth = depth + usize::from(sign == '{') - usize::from(sign == '}');
                parts.last_mut().unwrap().push(sign);
            }
        }
    }
    for part in &parts {
        let (times, part) = match part.split_once('x') {
            Some((count, rest)) if count.parse::<usize>().is_ok() && rest.contains(',') => {
                (count.parse().unwrap(), rest)
            }
            _ => (1, part.as_str()),
        };
        let fields: Vec<_> = part.splitn(4, ',').collect();
        let [kind, flags, stream, content] = fields[..] else { panic!("{part} is no frame") };
        let known = TYPES.find(kind).map(|at| u8::try_from(at).unwrap());
        let kind = known.unwrap_or_else(|| kind.parse().expect("a type"));
        let flags = u8::from_str_radix(flags, 16).expect("flags");
        let one = frame(kind, flags, stream.parse().expect("a stream"), &payload(content));
        (0..times).for_each(|_| out.extend(&one));
    }
    out
}

fn next(stream: &mut TcpStream) -> std::io::Result<(u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload)?;
    Ok((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
}

fn code(payload: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(payload[at..at + 4].try_into().unwrap())
}

/// Sends, and reads until something was decided.
fn send(scene: &Scene, all: &[u8]) -> (Came, Vec<Received>) {
    scene.application.take();
    let mut stream = TcpStream::connect(scene.gateway.addresses()[0]).unwrap();
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    // it may be ended in the middle
    let _ = stream.write_all(all);
    let came = loop {
        match next(&mut stream) {
            Ok((HEADERS, _, block)) => break Came::Answer(block),
            Ok((RST_STREAM, _, payload)) => break Came::Reset(code(&payload, 0)),
            Ok((GOAWAY, _, payload)) if code(&payload, 4) != 0 => break Came::End(Some(code(&payload, 4))),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                break Came::Silence;
            }
            Err(_) => break Came::End(None),
        }
    };
    (came, scene.application.take())
}

fn fits(verdict: &str, came: &Came, received: &[Received]) -> bool {
    let (kind, codes) = verdict.split_once(':').unwrap_or((verdict, ""));
    let codes: Vec<u32> = codes.split(',').filter_map(|c| u32::from_str_radix(c, 16).ok()).collect();
    let ended = |came: &Came| match came {
        Came::End(None) => true,
        Came::End(Some(code)) => codes.contains(code),
        _ => false,
    };
    // 200 has a number of its own in the table of fields
    let is_fine = |block: &[u8]| block.first() == Some(&0x88);
    match (kind, came) {
        ("pass", Came::Answer(block)) => {
            let acme =
                |r: &Received| r.all("x-tenant-id") == ["1"] && !r.head.contains("bolt") && !r.head.contains("forged");
            is_fine(block) && received.len() == 1 && acme(&received[0])
        }
        ("answered", Came::Answer(block)) => !is_fine(block) && received.is_empty(),
        ("lenient", Came::Silence) => received.is_empty(),
        ("conn", came) => ended(came) && received.is_empty(),
        ("stream", Came::Reset(code)) => codes.contains(code) && received.is_empty(),
        // what cannot be a request at all may be told so
        ("stream", Came::Answer(block)) => block.first() == Some(&0x8c) && received.is_empty(),
        ("stream", came) => ended(came) && received.is_empty(),
        _ => false,
    }
}

#[test]
fn h07_h13_the_corpus_of_http2() {
    let scene = Scene::new();
    let corpus: Vec<_> = crate::corpora::lines(include_str!("corpora/http2.txt")).collect();
    let mut wrong = Vec::new();
    for (verdict, rest) in &corpus {
        let (name, text) = rest.split_once(": ").expect("a name");
        let (came, received) = send(&scene, &frames(text));
        if !fits(verdict, &came, &received) {
            wrong.push(format!("{verdict} {name}: {came:?} {received:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(corpus.len() > 100, "{}", corpus.len());
    crate::corpora::lives(&scene);
}

/// A stream that was opened for a web socket, and the first bytes of its answer.
fn open_socket(scene: &Scene, fields: &str) -> (TcpStream, Vec<u8>) {
    let connect = ":method=CONNECT;:protocol=websocket;:scheme=http;:authority=acme.example.com";
    let block = block(&format!("{connect};{fields};sec-websocket-version=13"));
    let mut stream = TcpStream::connect(scene.gateway.addresses()[0]).unwrap();
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    stream.write_all(&[PREFACE, &frame(4, 0, 0, &[]), &frame(1, 4, 1, &block)].concat()).unwrap();
    loop {
        match next(&mut stream).expect("an answer") {
            (HEADERS, _, block) => return (stream, block),
            (RST_STREAM | GOAWAY, _, payload) => panic!("{payload:?}"),
            _ => {}
        }
    }
}

#[test]
fn h33_a_web_socket_over_http2_passes_and_ends_with_its_tenant() {
    let scene = Scene::new();
    let (mut stream, answer) = open_socket(&scene, ":path=/socket;sec-websocket-key=eA\\x3d\\x3d");
    assert_eq!(answer[0], 0x88, "a CONNECT is answered with 200");
    let data = |stream: &mut TcpStream| loop {
        match next(stream) {
            Ok((0, 1, payload)) => return Some(payload),
            Ok((RST_STREAM | GOAWAY, ..)) | Err(_) => return None,
            Ok(_) => {}
        }
    };
    for text in [b"hello", b"again"] {
        stream.write_all(&frame(0, 0, 1, text)).unwrap();
        assert_eq!(data(&mut stream).unwrap(), text);
    }
    let received = scene.application.take();
    let one = |name: &str| received[0].one(name);
    assert!(received[0].head.starts_with("GET /socket HTTP/1.1\r\n"), "{received:?}");
    assert_eq!([one("x-tenant-id"), one("upgrade"), one("sec-websocket-version")], ["1", "websocket", "13"]);
    assert_ne!(one("sec-websocket-key"), "eA==", "the handshake is the gateway's own");
    assert_eq!(scene.directory_requests("acme"), 1);
    scene.suspend(&["acme"]);
    while data(&mut stream).is_some_and(|rest| !rest.is_empty()) {}
    let begin = std::time::Instant::now();
    while scene.directory_requests("acme") > 0 {
        assert!(begin.elapsed() < SILENCE, "it is still counted");
        std::thread::yield_now();
    }
}

#[test]
fn h33_what_is_no_web_socket_opens_nothing() {
    let scene = Scene::new();
    for (fields, why) in [
        (":path=/x", "an application that answers as if nothing had been asked"),
        (":path=/liar", "one that has not seen the key"),
        (":path=/socket;origin=https://evil.com", "a page of another site"),
        (":path=/socket;x-tenant-id=bolt", "a tenant that is not the host's"),
        (":path=/api/socket", "no credential"),
    ] {
        let (mut stream, answer) = open_socket(&scene, fields);
        assert_ne!(answer[0], 0x88, "{why}");
        let _ = stream.write_all(&frame(0, 0, 1, b"GET /smuggled HTTP/1.1\r\nHost: bolt.example.com\r\n\r\n"));
        assert!(!scene.saw("/smuggled"), "{why}");
    }
}

#[test]
fn h42_floods_end_their_own_connection_only() {
    let scene = Scene::new();
    let begin = [PREFACE, &frame(4, 0, 0, &[])].concat();
    let odd = |number: u32| number * 2 + 1;
    let request = block("@");
    // opened and reset at once (CVE-2023-44487)
    let resets: Vec<u8> =
        (0..2_000).flat_map(|n| [frame(1, 5, odd(n), &request), frame(3, 0, odd(n), &[0, 0, 0, 8])].concat()).collect();
    // made to be reset by the gateway (CVE-2025-8671)
    let made =
        (0..2_000).flat_map(|n| [frame(1, 4, odd(n), &request), frame(8, 0, odd(n), &[0; 4])].concat()).collect();
    // settings, and pings, to be acknowledged
    let settings: Vec<u8> = (0..20_000).flat_map(|_| frame(4, 0, 0, &[0, 3, 0, 0, 0, 100])).collect();
    for (why, flood) in [("rapid reset", resets), ("made reset", made), ("settings", settings)] {
        let mut stream = TcpStream::connect(scene.gateway.addresses()[0]).unwrap();
        stream.set_read_timeout(Some(SILENCE)).unwrap();
        let _ = stream.write_all(&[&begin[..], &flood].concat());
        // others are served meanwhile
        crate::corpora::lives(&scene);
        drop(stream);
        assert!(scene.directory_requests("acme") < 200, "{why}");
    }
    crate::corpora::lives(&scene);
}
