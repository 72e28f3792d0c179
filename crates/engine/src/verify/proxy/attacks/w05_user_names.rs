//! W-05: a user name that reads as two tenants.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "W-05",
    title: "A user name with a second tenant in it is understood somehow",
    severity: High,
    meaning: "The tenant is part of the user name. A parser that takes the first or the last part, folds case or trims lets one tenant in as another.",
    method: "Logs in with A's password under B's name, and under names made of A's and B's with separators, case, spaces and empty parts; nobody may come in as anybody but A.",
    remedy: "Read user names by one exact grammar, refuse everything else, and check the password against the very tenant that was read.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene) -> Verdict {
    scene.connect(Side::A).await?;
    let (a, b) = (scene.login(Side::A), scene.login(Side::B));
    let tail = b.user.rsplit(['.', '+', '@', '/']).next().unwrap_or_default();
    let names = [
        b.user.clone(),
        b.user.to_uppercase(),
        format!("{} ", b.user),
        format!(" {}", b.user),
        format!("{}.{tail}", a.user),
        format!("{}+{tail}", a.user),
        format!("{}@{tail}", a.user),
        format!("{}/../{tail}", a.user),
        format!("{}.", a.user),
        format!("{}.{}", b.user, a.user),
        format!("{}%00", a.user),
        String::new(),
        "postgres".into(),
    ];
    let mut seen = Vec::new();
    for name in &names {
        let login = crate::verify::proxy::Login { user: name.clone(), password: a.password.clone() };
        if let Ok(mut client) = Client::log_in(&scene.request, &login, &[]).await? {
            let answer = client.query(&scene.who).await?;
            if scene.is(Side::A, &answer).is_err() || *name == b.user {
                seen.push(format!("{} was let in", name.escape_default()));
            }
        }
    }
    if seen.is_empty() {
        return Ok(Outcome::Pass(format!("{} names: nobody came in as another", names.len())));
    }
    Ok(fail(&seen))
}
