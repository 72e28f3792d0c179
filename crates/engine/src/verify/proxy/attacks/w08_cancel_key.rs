//! W-08: cancelling what another does.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "W-08",
    title: "A cancel key works for another client",
    severity: High,
    meaning: "A cancel request carries a number and a secret and no password. If a key leads to a server connection instead of a client, it cancels whoever works there next.",
    method: "As B, runs a statement of half a second; meanwhile sends cancel requests with A's key, with B's number and wrong secrets, and with the number of the server process. B's statement must end by itself. The control: B's own key cancels it.",
    remedy: "Give each client a random key of its own and translate it; compare secrets in constant time; hold a server connection back while a request is on its way to it.",
    run: |scene| Box::pin(run(scene)),
};

async fn cancel(scene: &Scene, process: i32, secret: &[u8]) -> Result<(), Stop> {
    let mut out = Vec::new();
    tenantry_wire::frontend::write_cancel(&mut out, process, secret).map_err(stop)?;
    let mut client = Client::open(&scene.request).await?;
    client.send(&out).await;
    client.message().await.map(drop)
}

async fn run(scene: &Scene) -> Verdict {
    let sleep = query("SELECT pg_catalog.pg_sleep(0.5), 'done'")?;
    let (mut a, mut b) = (scene.connect(Side::A).await?, scene.connect(Side::B).await?);
    let process = process_of(scene, &mut a, Side::A).await?.parse().unwrap_or_default();
    process_of(scene, &mut b, Side::B).await?;
    let mut wrong = vec![(a.process, a.secret.clone()), (b.process, a.secret.clone()), (process, a.secret.clone())];
    wrong.extend([(b.process, vec![0; 4]), (b.process, vec![0; 32]), (i32::MAX, b.secret.clone())]);
    let mut seen = Vec::new();
    for (process, secret) in &wrong {
        b.send(&sleep).await;
        cancel(scene, *process, secret).await?;
        if !b.answer().await?.errors.is_empty() {
            seen.push("a key of another client cancelled it".to_owned());
        }
    }
    if !seen.is_empty() {
        return Ok(fail(&seen));
    }
    b.send(&query("SELECT pg_catalog.pg_sleep(5)")?).await;
    let (process, secret) = (b.process, b.secret.clone());
    let mut asks = tokio::time::interval(std::time::Duration::from_millis(50));
    let answer = loop {
        // again and again, since the first may come before the statement has begun
        tokio::select! {
            answer = b.answer() => break answer?,
            _ = asks.tick() => {}
        }
        cancel(scene, process, &secret).await?;
    };
    match answer.errors.as_slice() {
        [code] if code == "57014" => Ok(Outcome::Pass(format!("{} wrong keys: nothing was cancelled", wrong.len()))),
        _ => Ok(Outcome::Skipped("the right key cancels nothing either".into())),
    }
}
