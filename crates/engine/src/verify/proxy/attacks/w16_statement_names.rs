//! W-16: one name for two statements.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "W-16",
    title: "A prepared statement is executed by another client of the same name",
    severity: Critical,
    meaning: "Drivers name their statements alike. On a shared server connection a name must be made the client's own, or one client executes what another prepared.",
    method: "As A and B, prepares other texts under the same name and executes them in turn; closes one, and executes the other; tries to make the server or the proxy forget them.",
    remedy: "Rename statements on the server connection, never give a name twice, and prepare again what is not certain to be there.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene) -> Verdict {
    let mut met = Met::default();
    let (mut a, mut b) = (scene.connect(Side::A).await?, scene.connect(Side::B).await?);
    for trick in ["SELECT 1", "DEALLOCATE verify_nothing", "DO $$BEGIN RAISE EXCEPTION USING ERRCODE = '0A000'; END$$"]
    {
        for (client, text) in [(&mut a, "SELECT 'of A'"), (&mut b, "SELECT 'of B'")] {
            let mut message = Vec::new();
            let kind = tenantry_wire::frontend::TargetKind::Statement;
            tenantry_wire::frontend::write_close(&mut message, kind, b"verify").map_err(stop)?;
            message.extend(batch("verify", text)?);
            client.say(&synced(message)).await?;
        }
        let process = met.process(scene, &mut a, Side::A).await?;
        a.query(trick).await?;
        for _ in 0..3 {
            for (client, own) in [(&mut a, "of A"), (&mut b, "of B")] {
                if client.say(&synced(execution("verify")?)).await?.value() != Some(own) {
                    met.broke(format!("after {trick}: a statement gave another answer than its own"));
                }
            }
        }
        met.next(scene, Side::B, &process, "the next client").await?;
    }
    met.finish("each name was its client's own")
}
