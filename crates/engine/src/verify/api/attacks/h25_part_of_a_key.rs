//! H-25: a credential that is none, or only nearly one.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "H-25",
    title: "Somebody without a whole key is let in",
    severity: Critical,
    meaning: "A route that forgets to ask is open to everybody. A key that is looked for by its beginning, or by a pattern, is a key of a few characters.",
    method: "Asks every route without a credential, and with A's key shortened, changed in its last place, in capitals, as a pattern, twice, as Basic, and in the query; all must be answered 401.",
    remedy: "Ask for the credential before anything else, in one place for all routes; compare the digest of the whole key.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene<'_>) -> Verdict {
    let a = &scene.request.a;
    let mut tally = Tally::default();
    let mut last = a.key.clone();
    let end = if last.ends_with('0') { '1' } else { '0' };
    last.pop();
    let shorter = last.clone();
    last.push(end);
    let pattern = format!("{}%", &a.key[..a.key.len().min(12)]);
    let wrong = [
        format!("Bearer {shorter}"),
        format!("Bearer {last}"),
        format!("Bearer {}", a.key.to_uppercase()),
        format!("Bearer {pattern}"),
        "Bearer ".to_owned(),
        "Bearer null".to_owned(),
        format!("Basic {}", a.key),
        a.key.clone(),
    ];
    for operation in &scene.operations {
        tally.tried();
        let path = operation.at(&a.tenant, NOBODY);
        let mut ask = async |headers: &[(&str, &str)], path: &str, what: &str| {
            tally.attempt();
            let answer = scene.send(&operation.method, path, headers, scene.body(operation)).await?;
            if answer.status != 401 {
                tally.broke(operation.name(), format!("{what} is answered {}", answer.status));
            }
            Ok::<_, Stop>(())
        };
        ask(&[], &path, "no credential").await?;
        ask(&[], &format!("{path}?access_token={0}&api_key={0}&key={0}", a.key), "a key in the query").await?;
        for credential in &wrong {
            ask(&[("authorization", credential)], &path, "a credential that is none").await?;
        }
        let whole = format!("Bearer {}", a.key);
        ask(&[("authorization", &whole), ("authorization", &whole)], &path, "a credential twice").await?;
    }
    Ok(tally.finish("route", "401 for whoever has no whole key"))
}
