//! H-28: fields in a body that are not the client's to set.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "H-28",
    title: "A body sets what is not the client's to set",
    severity: Critical,
    meaning: "Where a body is read into the object it becomes, whoever sends one more field sets the tenant, the owner, the role or the price.",
    method: "Sends to every route with a body one that fits, with one more field of ours at a time (tenantId, tenant_id, workspaceId, id, status, createdBy, version and their kin); each must be refused with the field's name.",
    remedy: "Read bodies into types of their own that know what may be sent, and refuse the rest.",
    run: |scene| Box::pin(run(scene)),
};

const OURS: [&str; 16] = [
    "tenantId", "tenant_id", "workspaceId", "workspace_id", "id", "key", "status", "createdBy", "created_by", "version",
    "path", "permissions", "isAdmin", "deletedAt", "secretHash", "__proto__",
];

async fn run(scene: &Scene<'_>) -> Verdict {
    let (a, b) = (&scene.request.a, &scene.request.b);
    let mut tally = Tally::default();
    for operation in &scene.operations {
        let Some(fits) = scene.body(operation) else { continue };
        let known = scene.known(operation);
        let path = operation.at(&a.tenant, NOBODY);
        tally.tried();
        for field in OURS.iter().filter(|f| !known.iter().any(|k| k == *f)) {
            tally.attempt();
            let mut body = fits.clone();
            body[*field] = serde_json::json!(b.tenant);
            let answer = scene.as_side(a, &operation.method, &path, Some(body)).await?;
            if answer.status == 403 {
                tally.left(operation.name(), "its key may not do this at all");
                break;
            }
            if answer.status == 400 && !answer.body.to_string().contains(field) {
                tally.left(format!("{} ({field})", operation.name()), "the body made from the document does not fit");
            } else if answer.status != 400 {
                tally.broke(operation.name(), format!("a body with `{field}` is answered {}", answer.status));
            }
        }
    }
    Ok(tally.finish("route", "refused with the field's name"))
}
