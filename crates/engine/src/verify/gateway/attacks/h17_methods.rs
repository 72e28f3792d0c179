//! H-17: a method goes around.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "H-17",
    title: "A method goes around the credential",
    severity: Medium,
    meaning: "Where a check is bound to some methods, another one, or one that is said to stand for another, is not checked.",
    method: "Asks without a credential by every method, and with headers that name another method; each must be refused.",
    remedy: "Check every method alike, end TRACE and CONNECT at the gateway, and pass on no header that names a method.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene) -> Verdict {
    let mut tried = Tried::default();
    let request = &scene.request;
    let (host, path) = (&request.a.host, &request.path);
    for method in ["HEAD", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "get", "TRACE", "TRACK", "CONNECT"] {
        let text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        tried.add(method, scene.send(&text).await?);
    }
    for line in ["X-HTTP-Method-Override: OPTIONS", "X-Original-URL: /", "X-Rewrite-URL: /"] {
        tried.add(line, scene.get(host, path, &[line]).await?);
    }
    tried.finish()
}
