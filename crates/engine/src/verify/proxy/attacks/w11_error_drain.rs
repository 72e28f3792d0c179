//! W-11: answers out of step after an error.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "W-11",
    title: "After an error the answers of one client go to another",
    severity: Critical,
    meaning: "After an error the server passes over everything up to Sync. A proxy that counts other answers than the server gives is one answer off from then on, and hands one client the rows of another.",
    method: "As A, sends batches with an error and with messages behind it that must be passed over; then asks who it is, and so does B on the same server connection.",
    remedy: "Hold every answer against what was asked, and close a connection on which anything else comes.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene) -> Verdict {
    let mut met = Met::default();
    let mut a = scene.connect(Side::A).await?;
    for round in 0..10 {
        let process = met.process(scene, &mut a, Side::A).await?;
        let failing = batch("", "SELECT 1/0")?;
        let behind = match round % 3 {
            0 => query("SELECT 'verify_mark'")?,
            1 => batch("verify", "SELECT 'verify_mark'")?,
            _ => Vec::new(),
        };
        let answer = a.say(&synced([failing, behind].concat())).await?;
        if answer.errors.len() != 1 || !answer.rows.is_empty() || answer.ready != Some(b'I') {
            met.broke("the batch was not answered with one error and one ReadyForQuery");
        }
        let own = a.query(&scene.who).await?;
        if let Err(seen) = scene.is(Side::A, &own) {
            met.broke(format!("the same client asked who it is: {seen}"));
        }
        met.next(scene, Side::B, &process, "the next client").await?;
    }
    met.finish("every answer went to who asked")
}
