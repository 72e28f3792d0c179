//! What the attacks share.

pub(super) use super::Attack;
pub(super) use crate::verify::outcome::{Outcome, Stop, Verdict};
pub(super) use crate::verify::proxy::client::{Answer, Client, batch, execution, query, stop, synced};
pub(super) use crate::verify::proxy::scene::{Scene, Side};
pub(super) use crate::verify::report::Severity::{Critical, High};

/// Counts attempts, and how often the next client was on the same server process: where it never was, the attack
/// proves nothing.
#[derive(Default)]
pub(super) struct Met {
    attempts: usize,
    same: usize,
    broken: Vec<String>,
}

impl Met {
    /// After an attempt by a client on `process`: the next one, of the other side, must be itself.
    pub(super) async fn next(&mut self, scene: &Scene, side: Side, process: &str, why: &str) -> Result<(), Stop> {
        self.attempts += 1;
        match scene.next_is(side).await {
            Ok(Ok(next)) => self.same += usize::from(next == process),
            Ok(Err(seen)) => self.broken.push(format!("{why}: {seen}")),
            // the rest of somebody's answer is no answer
            Err(Stop(seen)) => self.broken.push(format!("{why}: it was not answered ({seen})")),
        }
        Ok(())
    }

    /// The control: a client is itself. One that is answered as another tenant is a breach already.
    pub(super) async fn process(&mut self, scene: &Scene, client: &mut Client, side: Side) -> Result<String, Stop> {
        match who(scene, client).await {
            Ok(answer) if !answer.errors.is_empty() => Err(Stop("the control failed: it was refused".into())),
            Ok(answer) => match scene.is(side, &answer) {
                Ok(process) => Ok(process),
                Err(seen) => {
                    self.broken.push(format!("the attacker itself asked who it is: {seen}"));
                    Ok(String::new())
                }
            },
            Err(Stop(seen)) => {
                self.broken.push(format!("the attacker itself was not answered ({seen})"));
                Ok(String::new())
            }
        }
    }

    pub(super) fn broke(&mut self, seen: impl Into<String>) {
        self.broken.push(seen.into());
    }

    pub(super) fn finish(self, what: &str) -> Verdict {
        if !self.broken.is_empty() {
            return Ok(fail(&self.broken));
        }
        if self.same == 0 {
            let why = format!("{} attempts never met the same server connection as the next client", self.attempts);
            return Ok(Outcome::Skipped(why));
        }
        Ok(Outcome::Pass(format!("{} attempts, {} on the same server connection: {what}", self.attempts, self.same)))
    }
}

/// It succeeded.
pub(super) fn fail(seen: &[String]) -> Outcome {
    let more = if seen.len() > 3 { format!(" and {} more", seen.len() - 3) } else { String::new() };
    Outcome::Fail { objects: vec!["proxy".into()], evidence: format!("{}{more}", seen[..seen.len().min(3)].join("; ")) }
}

/// Who a client is, asked twice if the first is refused: a client of the same tenant may have thrown the tenant's
/// context away, which is noticed once.
async fn who(scene: &Scene, client: &mut Client) -> Result<Answer, Stop> {
    let answer = client.query(&scene.who).await?;
    if answer.errors.is_empty() { Ok(answer) } else { client.query(&scene.who).await }
}

/// The server process of a client, which must be itself.
pub(super) async fn process_of(scene: &Scene, client: &mut Client, side: Side) -> Result<String, Stop> {
    let answer = who(scene, client).await?;
    scene.is(side, &answer).map_err(|seen| Stop(format!("the control failed: {seen}")))
}
