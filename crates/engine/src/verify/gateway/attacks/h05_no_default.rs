//! H-05: a tenant by default.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "H-05",
    title: "A host that names no tenant gets one by default",
    severity: High,
    meaning: "A default tenant receives the requests of everybody whose own could not be found: of strangers, and of customers under a mistyped name.",
    method: "Asks under hosts that are nobody's, in addresses, and without a host, with no credential; each must be refused.",
    remedy: "Answer 400 or 404 where no tenant is found; never fall back.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene) -> Verdict {
    let mut tried = Tried::default();
    let request = &scene.request;
    let domain = request.a.host.split_once('.').map_or("example.com", |(_, rest)| rest);
    let hosts = ["127.0.0.1".to_owned(), "[::1]".into(), "localhost".into(), domain.into(), format!("www.{domain}")];
    let unknown = [format!("tenantry-verify-nobody.{domain}"), format!("x.{}", request.a.host), format!("{}.invalid", request.a.host)];
    for host in hosts.iter().chain(&unknown) {
        tried.add(host, scene.get(host, &request.path, &[]).await?);
    }
    tried.add("no host", scene.send(&format!("GET {} HTTP/1.1\r\nConnection: close\r\n\r\n", request.path)).await?);
    tried.add("no host in HTTP/1.0", scene.send(&format!("GET {} HTTP/1.0\r\n\r\n", request.path)).await?);
    tried.finish()
}
