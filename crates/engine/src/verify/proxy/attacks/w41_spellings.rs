//! W-41: SQL that would change the tenant, in spellings a filter misses.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "W-41",
    title: "Some spelling of SQL changes the tenant the proxy admitted",
    severity: Critical,
    meaning: "What a proxy reads of a text can differ from what the server reads. If the tenant depends on it, one spelling is enough.",
    method: "As A, tries to become B with SET, set_config, comments, dynamic SQL, ends of transactions and DISCARD, alone, in transactions and several in one message; asks the database who it is after each.",
    remedy: "Let no text decide: the context has to be one that SQL cannot write, entered by the proxy before the client's statement.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene) -> Verdict {
    let name = scene.login(Side::B).user.rsplit('.').next().unwrap_or_default().replace('\'', "''");
    let mut texts = Vec::new();
    for setting in ["app.tenant_id", "app.current_tenant", "tenantry.tenant", "tenantry.context"] {
        texts.extend([
            format!("SET {setting} = '{name}'"),
            format!("SET LOCAL {setting} = '{name}'"),
            format!("SELECT pg_catalog.set_config('{setting}', '{name}', false)"),
            format!("SELECT U&\"\\0073et_config\"('{setting}', '{name}', false)"),
            format!("DO $$BEGIN EXECUTE 'se'||'t {setting}=''{name}'''; END$$"),
            format!("COMMIT; SET {setting} = '{name}'"),
        ]);
    }
    texts.push(format!("/*tenant='{name}'*/ SELECT 1"));
    let ends = ["COMMIT", "ROLLBACK AND CHAIN", "RESET ALL", "DISCARD ALL", "RESET ROLE", "SET ROLE NONE"];
    texts.extend(ends.map(String::from));
    let mut seen = Vec::new();
    for text in &texts {
        let mut a = scene.connect(Side::A).await?;
        process_of(scene, &mut a, Side::A).await?;
        for sql in [text.as_str(), "BEGIN", text.as_str(), "ROLLBACK"] {
            a.query(sql).await?;
            let answer = a.query(&scene.who).await?;
            // no tenant is a refusal; another tenant is a breach
            let somebody = answer.rows.first().is_some_and(|row| !row[0].is_empty());
            if somebody && scene.is(Side::A, &answer).is_err() {
                seen.push(format!("{text}: it became another tenant"));
            }
        }
    }
    if seen.is_empty() {
        return Ok(Outcome::Pass(format!("{} texts: nobody became another tenant", texts.len())));
    }
    Ok(fail(&seen))
}
