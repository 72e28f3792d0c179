//! C-03: one statement, many spellings.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "C-03",
    title: "A spelling of SET gets past",
    severity: High,
    meaning: "Unicode escapes, quoted and mixed-case names, comments inside tokens and dollar quotes spell the same SET in ways a filter does not know.",
    method: "As A, writes the tenant settings in a dozen spellings, and then reads B's rows.",
    remedy: "Let the policies ask the signed context: `tenantry apply`; do not rely on filters of SQL text.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let mut tally = Tally::default();
    let changes: Vec<String> = {
        let b = key(&stage.b);
        let mut all = vec![
            format!("SET \"app\".\"tenant_id\" = {b}"),
            format!("SET APP.Tenant_ID TO {b}"),
            format!("SET U&\"\\0061pp\".tenant_id = {b}"),
            format!("SET/**/app.tenant_id/* /* */ */={b}"),
            format!("SELECT U&\"\\0073et_config\"('app.tenant_id', {b}, true)"),
            format!("SELECT pg_catalog.\"set_config\"($$app.tenant_id$$, {b}, true)"),
            format!("SET LOCAL tenantry.context TO {b}"),
            format!("SET LOCAL TENANTRY.\"context\" = {b}"),
            "SET LOCAL tenantry.context TO DEFAULT".to_owned(),
            "SET LOCAL tenantry.context = 'entered'".to_owned(),
        ];
        all.push(format!("SET LOCAL tenantry.context = {}", literal(&format!("entered:{}", stage.b))));
        all
    };
    without_effect(stage, &mut tally, &changes, "a spelling of SET").await?;
    Ok(tally.finish("table", "tenant B's rows stay out of sight"))
}
