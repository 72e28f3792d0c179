//! H-02: two places name two tenants.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "H-02",
    title: "A credential of one tenant is taken on the host of another",
    severity: Critical,
    meaning: "Where two places disagree and one wins silently, the other was not checked: a user of one tenant works in another.",
    method: "Sends each side's credential to the other side's host name, alone and with the own name in a header; each must be refused.",
    remedy: "Compare all places that name a tenant, and refuse two that differ.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene) -> Verdict {
    let mut tried = Tried::default();
    let request = &scene.request;
    for (own, other) in [(&request.a, &request.b), (&request.b, &request.a)] {
        let credential = scene.credential(own);
        let name = own.host.split('.').next().unwrap_or_default();
        let header = format!("X-Tenant-ID: {name}");
        tried.add("a credential on another's host", scene.get(&other.host, &request.path, &[&credential]).await?);
        tried.add("the same with the own name in a header", scene.get(&other.host, &request.path, &[&credential, &header]).await?);
        let forwarded = format!("X-Forwarded-Host: {}", own.host);
        tried.add("the same with the own host forwarded", scene.get(&other.host, &request.path, &[&credential, &forwarded]).await?);
    }
    tried.finish()
}
