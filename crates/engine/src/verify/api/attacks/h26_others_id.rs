//! H-26: another tenant's id in the path.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "H-26",
    title: "Another tenant's id in the path is served",
    severity: Critical,
    meaning: "The most common hole of APIs: who is let in names somebody else's object, and nobody asks whose it is.",
    method: "Calls every route inside a tenant with A's key and B's id, with a body that fits; each must be answered 404. Then B's tenant must be as it was.",
    remedy: "Decide by the credential and the path together, before anything is read; a tenant out of reach does not exist.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene<'_>) -> Verdict {
    let (a, b) = (&scene.request.a, &scene.request.b);
    let mut tally = Tally::default();
    let place = format!("/api/tenants/{}", b.tenant);
    let before = scene.as_side(b, "GET", &place, None).await?;
    for operation in scene.inside() {
        let path = operation.at(&b.tenant, NOBODY);
        for path in [path.clone(), path.replacen("/api/tenants/", "/api/workspaces/", 1)] {
            tally.attempt();
            let answer = scene.as_side(a, &operation.method, &path, scene.body(operation)).await?;
            match answer.status {
                404 => {}
                _ if does_not_fit(&answer) => {
                    tally.left(operation.name(), "the body made from the document does not fit");
                    continue;
                }
                status => tally.broke(operation.name(), format!("answered {status} with B's id")),
            }
        }
        tally.tried();
    }
    let after = scene.as_side(b, "GET", &place, None).await?;
    if comparable(&before) != comparable(&after) {
        tally.broke("GET /api/tenants/{id}", "B's tenant is not as it was");
    }
    Ok(tally.finish("route", "404 with B's id"))
}
