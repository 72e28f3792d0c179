//! The corpora: files of lines, each with its verdict. What a line says is done to a gateway; nothing may pass that should
//! not, nothing may be refused that should pass, and the gateway lives on.

mod signers;
mod text;

use std::io::{Read, Write};
use std::time::Duration;

use crate::scene::{Scene, get};

pub(crate) use text::{bytes, lines};

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: bolt.example.com\r\nX-Tenant-ID: bolt\r\n\r\n";

/// What is sent behind everything, so that a connection on which all went well comes to its end.
const LAST: &str = "GET /last HTTP/1.1\r\nHost: acme.example.com\r\nConnection: close\r\n\r\n";
/// After so long nothing comes any more: only where a protection was taken away.
const SILENCE: Duration = Duration::from_secs(2);

/// The control, before and after: the gateway is there and knows who is who.
pub(crate) fn lives(scene: &Scene) {
    for (slug, key) in [("acme", "1"), ("bolt", "2")] {
        let (answer, received) = scene.get(&format!("{slug}.example.com"), "/x", &[]);
        assert_eq!((answer.status, received[0].one("x-tenant-id").as_str()), (200, key));
    }
}

/// Sends a line of the corpus of smuggling; what is wrong with what came of it.
fn smuggle(scene: &Scene, verdict: &str, text: &str) -> Result<(), String> {
    let chunked = format!("0\r\n\r\n{SMUGGLED}");
    let filled = text
        .replace("$HEAD", "POST /x HTTP/1.1\\r\\nHost: acme.example.com\\r\\n")
        .replace("$L", &SMUGGLED.len().to_string())
        .replace("$C", "$\u{1}")
        .replace("$\u{1}HUNKED", "$CHUNKED")
        .replace("$\u{1}", &chunked.len().to_string());
    let filled = filled.replace("$CHUNKED", "0\\r\\n\\r\\n$SMUGGLED");
    let filled = filled.replace("$SMUGGLED", &SMUGGLED.replace("\r\n", "\\r\\n"));
    scene.application.take();
    let mut stream = scene.client().stream;
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    // it may be refused, and the connection ended, in the middle
    let _ = stream.write_all(&[&bytes(&filled)[..], LAST.as_bytes()].concat());
    let (mut said, mut room) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut room) {
        said.extend_from_slice(&room[..count]);
    }
    let status: u16 = said.get(9..12).and_then(|s| std::str::from_utf8(s).ok()?.parse().ok()).unwrap_or_default();
    let mut received = scene.application.take();
    received.retain(|r| r.target() != "/last");
    let behind = received.iter().filter(|r| r.target() == "/smuggled").count();
    let stamped = received.iter().all(|r| {
        let of_host = if r.one("host") == "bolt.example.com" { "2" } else { "1" };
        r.all("x-tenant-id") == [of_host]
    });
    let fits = match verdict {
        // the answer may be lost with the connection
        "refused" => [0, 400, 405, 413, 417, 431].contains(&status) && received.is_empty(),
        "one" => status == 200 && received.len() == 1 && behind == 0,
        "own" => status == 200 && received.len() == 2 && behind == 1,
        other => panic!("{other} is no verdict"),
    };
    if fits && stamped { Ok(()) } else { Err(format!("{verdict} {text}\n  {status} {received:?}")) }
}

#[test]
fn h13_the_corpus_of_smuggling() {
    let scene = Scene::new();
    lives(&scene);
    let corpus: Vec<_> = lines(include_str!("corpora/smuggling.txt"))
        .map(|(verdict, rest)| (verdict, rest.split_once(": ").expect("a name").1))
        .collect();
    assert!(corpus.len() > 120, "{}", corpus.len());
    let wrong: Vec<_> = corpus.iter().filter_map(|(verdict, text)| smuggle(&scene, verdict, text).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    lives(&scene);
}

#[test]
fn h13_without_its_protections_the_corpus_gets_through() {
    use tenantry_gateway::ablation::Protection;
    for protection in [Protection::Framing, Protection::LineEnds] {
        let scene = Scene::without(Some(protection), |_| {});
        let corpus = lines(include_str!("corpora/smuggling.txt"));
        let through = corpus.filter(|(verdict, rest)| {
            let text = rest.split_once(": ").expect("a name").1;
            *verdict == "refused" && smuggle(&scene, verdict, text).is_err()
        });
        assert!(through.count() > 1, "nobody misses {protection:?}");
    }
}

#[test]
fn h06_the_corpus_of_hosts() {
    let scene = Scene::new();
    let mut wrong = Vec::new();
    for (verdict, host) in lines(include_str!("corpora/hosts.txt")) {
        scene.application.take();
        let mut client = scene.client();
        client.send([b"GET /x HTTP/1.1\r\nHost: ", &*bytes(host), b"\r\n\r\n"].concat());
        let (status, received) = (client.answer().status, scene.application.take());
        let fits = match verdict.split_once(':') {
            Some((_, key)) => {
                status == 200 && received.iter().all(|r| r.one("x-tenant-id") == key) && received.len() == 1
            }
            None => status.to_string() == verdict && received.is_empty(),
        };
        if !fits {
            wrong.push(format!("{verdict} {host}: {status} {received:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    lives(&scene);
}

#[test]
fn h03_h04_the_corpus_of_headers() {
    let scene = Scene::new();
    let mut wrong = Vec::new();
    for (verdict, text) in lines(include_str!("corpora/headers.txt")) {
        scene.application.take();
        let (mut client, line) = (scene.client(), bytes(text));
        client.send([b"GET /x HTTP/1.1\r\nHost: acme.example.com\r\n", &*line, b"\r\n\r\n"].concat());
        let (status, received) = (client.answer().status, scene.application.take());
        let is_acme = || received.len() == 1 && received[0].all("x-tenant-id") == ["1"];
        let head = received.first().map(|r| r.head.clone()).unwrap_or_default();
        let fits = match verdict {
            "gone" => status == 200 && is_acme() && !head.to_lowercase().contains("bolt"),
            "kept" => status == 200 && is_acme() && head.contains(&*String::from_utf8_lossy(&line)),
            _ => status.to_string() == verdict && received.is_empty(),
        };
        if !fits {
            wrong.push(format!("{verdict} {text}: {status} {received:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    lives(&scene);
}

#[test]
fn h18_to_h21_the_corpus_of_tokens() {
    let scene = Scene::with(|settings| settings.issuers.extend(signers::issuers()));
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (verdict, rest) in lines(include_str!("corpora/tokens.txt")) {
        let parts: Vec<_> = rest.split(" | ").collect();
        let [_, header, claims, signature, form @ ..] = &*parts else { panic!("{rest}") };
        let token = signers::token(header, claims, signature, form.first().copied().unwrap_or("$h.$c.$s"));
        let line = format!("Authorization: Bearer {token}");
        // cold, and as far as anything is remembered, warm
        for _ in 0..2 {
            let (answer, received) = scene.ask(&get("acme.example.com", "/api/x", &[&line]));
            let as_acme = received.len() == 1 && received[0].one("x-tenant-id") == "1";
            let fits = answer.status.to_string() == verdict && (as_acme == (verdict == "200")) && received.len() < 2;
            if !fits {
                wrong.push(format!("{verdict} {rest}: {}", answer.status));
            }
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 150, "{count}");
    lives(&scene);
}
