//! L-19: a role does what the table does not give it.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "L-19",
    title: "A role does more than the table of roles gives it",
    severity: Critical,
    meaning: "What a route needs stands in its code. One that asks for too little, or for nothing, makes every reader an administrator.",
    method: "For each key of A with a lesser role, and for A's own, calls every route whose `x-permission` in the document is not the role's by the table, on A's own tenant, with a body that fits; each must be answered 403. A route that says no permission fails.",
    remedy: "Let every route ask for one permission of the closed table, and say which in the document.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene<'_>) -> Verdict {
    let a = &scene.request.a;
    let mut tally = Tally::default();
    for operation in scene.operations.iter().filter(|o| o.permission.is_none()) {
        tally.broke(operation.name(), "the document does not say what it needs");
    }
    if scene.request.lesser.is_empty() {
        tally.left("all routes", "no key with a lesser role was given");
    }
    for lesser in &scene.request.lesser {
        let refused = |o: &&Operation| o.permission.as_ref().is_some_and(|p| !lesser.permissions.contains(p));
        for operation in scene.operations.iter().filter(refused) {
            let path = operation.at(&a.tenant, NOBODY);
            let answer = scene.with_key(&lesser.key, &operation.method, &path, scene.body(operation)).await?;
            if does_not_fit(&answer) {
                tally.left(operation.name(), "the body made from the document does not fit");
                continue;
            }
            tally.tried();
            if answer.status != 403 {
                tally.broke(operation.name(), format!("answered {} to {}", answer.status, lesser.role));
            }
        }
    }
    Ok(tally.finish("route of a role", "403 without the permission"))
}
