//! H-24: a credential that was checked for another.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "H-24",
    title: "A credential that was good once is good for another tenant",
    severity: Critical,
    meaning: "Checks are remembered. Where the memory knows the credential and not the tenant, the second request with it is not checked against the host.",
    method: "Uses A's credential on A's host, then at once on B's, several times in turn; those on B's must be refused, and changed credentials too.",
    remedy: "Remember whose a credential is, and compare it with the tenant of each request.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene) -> Verdict {
    let mut tried = Tried::default();
    let request = &scene.request;
    let own = scene.credential(&request.a);
    for _ in 0..5 {
        if !let_in(scene.get(&request.a.host, &request.path, &[&own]).await?) {
            return Ok(Outcome::Skipped("A is not let in any more: a limit, maybe".into()));
        }
        tried.add("A's credential, just used, on B's host", scene.get(&request.b.host, &request.path, &[&own]).await?);
    }
    let shorter = &own[..own.len() - 1];
    tried.add("a credential without its end", scene.get(&request.a.host, &request.path, &[shorter]).await?);
    let both = scene.credential(&request.b);
    tried.add("two credentials", scene.get(&request.a.host, &request.path, &[&own, &both]).await?);
    tried.add("an empty credential", scene.get(&request.a.host, &request.path, &["Authorization: Bearer "]).await?);
    tried.finish()
}
