//! H-13: a request inside a request.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "H-13",
    title: "A request is smuggled inside another",
    severity: Critical,
    meaning: "Where gateway and application end a request at two places, the rest of it becomes a request of its own, which nobody has checked, or the beginning of another client's.",
    method: "Sends requests whose end is told in two ways, unclearly, or in lines that end oddly; each must be refused, and the connection closed.",
    remedy: "Refuse whatever could end at two places, and close the connection.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene) -> Verdict {
    let mut tried = Tried::default();
    let request = &scene.request;
    let own = scene.credential(&request.a);
    let head = format!("POST {} HTTP/1.1\r\nHost: {}\r\n{own}\r\n", request.path, request.a.host);
    for (what, lines) in [
        ("a length beside chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("chunks beside a length", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
        ("two lengths", "Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello"),
        ("a list of lengths", "Content-Length: 0, 5\r\n\r\nhello"),
        ("a length with a sign", "Content-Length: +5\r\n\r\nhello"),
        ("another coding", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ("two codings", "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"),
        ("a blank before the colon", "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        ("a folded coding", "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
        ("a line that ends with LF", "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("a line that ends with CR", "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("a chunk with a sign", "Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n"),
    ] {
        tried.add(what, scene.send(&format!("{head}{lines}")).await?);
    }
    tried.finish()
}
