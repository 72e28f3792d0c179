//! W-13: a client that goes away in the middle of its answer.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "W-13",
    title: "Rows of a client that left go to the next",
    severity: Critical,
    meaning: "A client goes away while its rows are still coming. Whoever gets its server connection before they are read to the end gets them.",
    method: "As A, asks for many rows, in a transaction and outside, reads some bytes and closes the connection; as B at once asks who it is. Many times, after other numbers of bytes.",
    remedy: "Read the answers of a client that left up to ReadyForQuery and roll back, or close the server connection.",
    run: |scene| Box::pin(run(scene)),
};

/// How often.
const ROUNDS: usize = 60;

async fn run(scene: &Scene) -> Verdict {
    let mut met = Met::default();
    let rows = "SELECT repeat('verify_mark', 100) FROM generate_series(1, 2000)";
    for round in 0..ROUNDS {
        let mut a = scene.connect(Side::A).await?;
        let process = met.process(scene, &mut a, Side::A).await?;
        let asked = match round % 3 {
            0 => query(rows)?,
            1 => query(&format!("BEGIN; {rows}"))?,
            _ => synced(batch("", rows)?),
        };
        a.send(&asked).await;
        let mut some = vec![0; 1 + round * 37];
        if tokio::io::AsyncReadExt::read_exact(&mut a.stream, &mut some).await.is_err() {
            met.broke("the rows asked for did not come");
        }
        drop(a);
        met.next(scene, Side::B, &process, "the next client").await?;
    }
    met.finish("the next client had its own answer")
}
