//! H-01: a header decides whose request it is.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "H-01",
    title: "A tenant header decides whose request it is",
    severity: Critical,
    meaning: "A header is what anybody can write. Where it decides the tenant, whoever is let in anywhere is let in everywhere.",
    method: "Sends A's credential with B's name in every header that names tenants, and the headers alone; each must be refused.",
    remedy: "Take the tenant from the credential or the host; let a header count only beside a proof of the same tenant.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene) -> Verdict {
    let mut tried = Tried::default();
    let request = &scene.request;
    let own = scene.credential(&request.a);
    let other = request.b.host.split('.').next().unwrap_or_default();
    for name in ["X-Tenant-ID", "X-Workspace-Id", "X-Tenant", "x-tenant-id"] {
        let line = format!("{name}: {other}");
        tried.add(&format!("A's credential with {name} of B"), scene.get(&request.a.host, &request.path, &[&own, &line]).await?);
        tried.add(&format!("{name} alone"), scene.get(&request.b.host, &request.path, &[&line]).await?);
    }
    tried.finish()
}
