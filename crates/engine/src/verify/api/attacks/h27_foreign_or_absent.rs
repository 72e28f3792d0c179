//! H-27: whether something of another tenant's exists.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "H-27",
    title: "The answer tells whether another tenant's object exists",
    severity: High,
    meaning: "A 403 for what is there and a 404 for what is not, another text, another header: each lets whoever asks find out who the others are.",
    method: "Calls every route inside a tenant with A's key, once with B's id and once with an id of nobody, with a body that fits and with one that does not; status, headers and text must be the same.",
    remedy: "Give one answer for absent and not-yours, and look at the body in the same place for both.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene<'_>) -> Verdict {
    let (a, b) = (&scene.request.a, &scene.request.b);
    let mut tally = Tally::default();
    for operation in scene.inside() {
        tally.tried();
        let fits = scene.body(operation);
        for body in [fits.clone(), fits.map(|_| serde_json::json!({ "verify": 1 }))] {
            tally.attempt();
            let headers = [("authorization", &*format!("Bearer {}", a.key)), ("if-match", "\"1\"")];
            let (foreign, absent) = (operation.at(&b.tenant, NOBODY), operation.at(NOBODY, NOBODY));
            let foreign = scene.send(&operation.method, &foreign, &headers, body.clone()).await?;
            let absent = scene.send(&operation.method, &absent, &headers, body).await?;
            if comparable(&foreign) != comparable(&absent) {
                let (one, other) = (foreign.status, absent.status);
                tally.broke(operation.name(), format!("B's id is answered otherwise than nobody's ({one}, {other})"));
            }
        }
    }
    Ok(tally.finish("route", "the same answer for B's id and nobody's"))
}
