//! H-06: a host that reads as two.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "H-06",
    title: "A host that two readers understand differently",
    severity: Critical,
    meaning: "Gateway, cache and application each read the host. One that reads as A to the one and as B to the other is checked as A and answered as B.",
    method: "Sends A's credential with hosts made of both names, twice, in the request line, with user information, blanks and empty labels; each must be refused.",
    remedy: "Read the host by one exact grammar, once, and pass on the form that was read.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene) -> Verdict {
    let mut tried = Tried::default();
    let request = &scene.request;
    let (a, b, path) = (&request.a.host, &request.b.host, &request.path);
    let own = scene.credential(&request.a);
    for host in [
        format!("{a}@{b}"),
        format!("{b}@{a}"),
        format!("{a}, {b}"),
        format!("{a} {b}"),
        format!("{a}:80@{b}"),
        format!("{a}/"),
        format!(".{a}"),
        a.replacen('.', "..", 1),
        a.replacen('.', "%2e", 1),
    ] {
        tried.add(&host, scene.get(&host, path, &[&own]).await?);
    }
    for (what, head) in [
        ("two hosts", format!("GET {path} HTTP/1.1\r\nHost: {a}\r\nHost: {b}\r\n")),
        ("a host in the request line", format!("GET http://{b}{path} HTTP/1.1\r\nHost: {a}\r\n")),
        ("a folded host", format!("GET {path} HTTP/1.1\r\nX: y\r\n Host: {b}\r\nHost: {a}\r\n")),
        ("a blank before the colon", format!("GET {path} HTTP/1.1\r\nHost : {b}\r\nHost: {a}\r\n")),
    ] {
        tried.add(what, scene.send(&format!("{head}{own}\r\nConnection: close\r\n\r\n")).await?);
    }
    tried.finish()
}
