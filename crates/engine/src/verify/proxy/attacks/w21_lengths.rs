//! W-21: messages whose length is a lie.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "W-21",
    title: "A message with a wrong length harms more than its sender",
    severity: High,
    meaning: "A length below four, negative or huge makes a careless reader wait, take memory, or read the rest of one message as the next.",
    method: "As A, sends messages of every type with such lengths, and some that no client sends; meanwhile B works on. Only A's connection may end.",
    remedy: "Check length and type of every message before anything else, and close the connection that sent it.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene) -> Verdict {
    let mut b = scene.connect(Side::B).await?;
    process_of(scene, &mut b, Side::B).await?;
    let mut seen = Vec::new();
    let mut tried = 0;
    for length in [-1_i32, 0, 3, i32::MAX, i32::MIN] {
        for tag in *b"QPBDECSXFdcfH\0\xff" {
            let mut a = scene.connect(Side::A).await?;
            a.send(&[&[tag][..], &length.to_be_bytes(), b"SELECT 1\0"].concat()).await;
            drop(a);
            tried += 1;
            let answer = b.query(&scene.who).await?;
            seen.extend(scene.is(Side::B, &answer).err().map(|e| format!("a bystander asked who it is: {e}")));
        }
    }
    if seen.is_empty() {
        return Ok(Outcome::Pass(format!("{tried} messages: nobody else noticed")));
    }
    Ok(fail(&seen))
}
