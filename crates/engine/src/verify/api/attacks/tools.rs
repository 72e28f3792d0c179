//! What attacks on the API share.

pub(super) use super::super::document::Operation;
pub(super) use super::super::scene::{NOBODY, Scene};
pub(super) use super::super::{Answer, Tampering};
pub(super) use super::Attack;
pub(super) use crate::verify::outcome::{Outcome, Stop, Verdict};
pub(super) use crate::verify::report::Severity::{Critical, High, Medium};
pub(super) use crate::verify::tally::Tally;

/// Whether it was done.
pub(super) fn is_done(answer: &Answer) -> bool {
    (200..300).contains(&answer.status)
}

/// Whether the body was refused before anything else was looked at.
pub(super) fn does_not_fit(answer: &Answer) -> bool {
    [400, 413, 415, 422].contains(&answer.status)
}

/// An answer without what differs from request to request.
pub(super) fn comparable(answer: &Answer) -> (u16, Vec<String>, serde_json::Value) {
    let changes = ["date", "x-request-id", "content-length"];
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(n, _)| !changes.contains(&n.as_str()))
        .map(|(n, v)| format!("{n}: {v}"))
        .collect();
    headers.sort();
    let mut body = answer.body.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("requestId");
    }
    (answer.status, headers, body)
}

/// Does something to the audit log, which has to be found.
pub(super) async fn tampered(scene: &Scene<'_>, how: &[(Tampering, &'static str)]) -> Verdict {
    let Some(log) = scene.log else {
        return Ok(Outcome::Skipped(
            "name the audit log's database by --database-url and its key by --audit-key".into(),
        ));
    };
    let mut tally = Tally::default();
    for (how, what) in how {
        match log.tamper(*how).await.map_err(Stop)? {
            None => tally.left(what, "too few entries are sealed"),
            Some(found) => {
                tally.tried();
                if found == 0 {
                    tally.broke(what, "nothing was found");
                }
            }
        }
    }
    Ok(tally.finish("way", "found, and taken back"))
}
