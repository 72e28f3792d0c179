//! W-15: several batches in one write.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "W-15",
    title: "A server connection is given away before all answers have come",
    severity: Critical,
    meaning: "A client sends several batches at once. A proxy that lets go of the server connection at the first ReadyForQuery gives the answers to the others to somebody else.",
    method: "As A, sends batches and simple queries in one write, while B does the same; every answer must be its own, in order.",
    remedy: "Keep the server connection until everything that was asked on it is answered.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene) -> Verdict {
    let (mut a, mut b) = (scene.connect(Side::A).await?, scene.connect(Side::B).await?);
    let mut seen = Vec::new();
    let mut answers = 0;
    for _ in 0..10 {
        let mut all = Vec::new();
        for _ in 0..3 {
            all.extend(synced(batch("", &scene.who)?));
            all.extend(query(&scene.who)?);
        }
        a.send(&all).await;
        b.send(&all).await;
        for _ in 0..6 {
            for (client, side) in [(&mut a, Side::A), (&mut b, Side::B)] {
                let answer = client.answer().await?;
                answers += 1;
                seen.extend(scene.is(side, &answer).err());
            }
        }
    }
    if seen.is_empty() {
        return Ok(Outcome::Pass(format!("{answers} answers: each went to who asked")));
    }
    Ok(fail(&seen))
}
