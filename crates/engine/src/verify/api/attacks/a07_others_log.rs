//! another tenant's audit log.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "A-07",
    title: "A tenant reads another's audit log, or finds the other in its own",
    severity: High,
    meaning: "A log tells who works where, from which address, on what. Lists with filters are where the tenant is forgotten.",
    method: "Reads B's log with A's key, by path and by filter; then reads all of A's own log and looks for B's id in it.",
    remedy: "Let the tenant of the path alone decide what is listed, and write what is tried against a tenant into no other tenant's log.",
    run: |scene| Box::pin(run(scene)),
};

/// Pages of A's own log that are read.
const PAGES_MAX: usize = 50;

async fn run(scene: &Scene<'_>) -> Verdict {
    let (a, b) = (&scene.request.a, &scene.request.b);
    let mut tally = Tally::default();
    let own = format!("/api/tenants/{}/audit", a.tenant);
    let first = scene.as_side(a, "GET", &own, None).await?;
    if !is_done(&first) {
        return Ok(Outcome::Skipped(format!("A's own log is answered {}", first.status)));
    }
    tally.tried();
    let foreign = scene.as_side(a, "GET", &format!("/api/tenants/{}/audit", b.tenant), None).await?;
    if is_done(&foreign) {
        tally.broke("GET /api/tenants/{id}/audit", "B's log was given to A");
    }
    for filter in ["tenantId", "tenant", "tenant_id", "workspaceId"] {
        tally.attempt();
        let answer = scene.as_side(a, "GET", &format!("{own}?{filter}={}", b.tenant), None).await?;
        if answer.body.to_string().contains(&format!("\"tenantId\":\"{}\"", b.tenant)) {
            tally.broke("GET /api/tenants/{id}/audit", format!("the filter {filter} chose the tenant"));
        }
    }
    let mut page = first;
    for _ in 0..PAGES_MAX {
        tally.attempt();
        let items = page.body["items"].as_array().cloned().unwrap_or_default();
        let is_foreign = |e: &serde_json::Value| e["tenantId"] != *a.tenant || e.to_string().contains(&b.tenant);
        if items.iter().any(is_foreign) {
            tally.broke("GET /api/tenants/{id}/audit", "an entry of A's log is not A's, or names B");
        }
        let Some(token) = page.body["nextPageToken"].as_str() else { break };
        page = scene.as_side(a, "GET", &format!("{own}?pageToken={token}"), None).await?;
    }
    Ok(tally.finish("log", "A's own, and no other"))
}
