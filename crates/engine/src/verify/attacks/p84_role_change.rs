//! P-84: policies after a change of membership.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "P-84",
    title: "A kept plan outlives a change of rights",
    severity: Critical,
    meaning: "CVE-2026-14666: old servers kept the policies of a plan made before the login's memberships changed. Policies for everybody (TO PUBLIC) do not depend on memberships.",
    method: "Reads that every tenant policy is for everybody, so that no change of membership can change which apply, and the server's release. Memberships are not changed by this check.",
    remedy: "Install the newest minor release; make the restrictive policy TO PUBLIC; close pooled connections after a change of rights.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let old = super::p86_version_floor::is_below(stage.catalog.server_version_num);
    for table in &stage.subjects {
        tally.tried();
        let by_role = table.structure.policies.iter().any(|p| !p.permissive && !p.roles.iter().any(|r| r == "public"));
        if old && by_role {
            tally.broke(&table.table, "its policies depend on memberships, on a server that forgets their changes");
        }
    }
    tally.note(if old { "the server is below the floor (P-86)" } else { "the server has the correction" });
    Ok(tally.finish("table", "its policies do not depend on a kept plan"))
}
