//! H-15: a path that reads as two.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "H-15",
    title: "A path that two readers understand differently",
    severity: High,
    meaning: "Routes and policies are chosen by the path. One that the gateway reads as harmless and the application as another is checked as the first and answered as the second.",
    method: "Asks for the path without a credential, in ways that some reader resolves to it: dot segments, encoded separators, empty segments; each must be refused.",
    remedy: "Normalise the path once, refuse what has more than one reading, and pass on what was read.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene) -> Verdict {
    let mut tried = Tried::default();
    let request = &scene.request;
    let (host, bare) = (&request.a.host, request.path.trim_start_matches('/'));
    for path in [
        format!("/x/../{bare}"),
        format!("/x/%2e%2e/{bare}"),
        format!("/x/..%2f{bare}"),
        format!("/x/..;/{bare}"),
        format!("/x/..\\{bare}"),
        format!("//{bare}"),
        format!("/./{bare}"),
        format!("/%2f{bare}"),
        format!("/x%00/../{bare}"),
    ] {
        tried.add(&path, scene.get(host, &path, &[]).await?);
    }
    tried.finish()
}
