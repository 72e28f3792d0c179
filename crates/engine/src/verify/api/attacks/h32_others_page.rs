//! H-32: a page token of somebody else.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "H-32",
    title: "A page token of one tenant goes on for another",
    severity: High,
    meaning: "A token that says where to go on, and not for whom, shows another's list to whoever finds it in a log or a link.",
    method: "Takes a page token of each list with A's key; uses it with B's key on the same list, changed in its last place, and without its end; each must be refused.",
    remedy: "Sign tokens together with the caller and the filters they were made for.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene<'_>) -> Verdict {
    let (a, b) = (&scene.request.a, &scene.request.b);
    let mut tally = Tally::default();
    for operation in scene.operations.iter().filter(|o| o.method == "GET" && o.query.iter().any(|q| q == "pageToken")) {
        let own = operation.at(&a.tenant, NOBODY);
        let page = scene.as_side(a, "GET", &format!("{own}?pageSize=1"), None).await?;
        let Some(token) = page.body["nextPageToken"].as_str() else {
            tally.left(operation.name(), "A sees less than two entries");
            continue;
        };
        tally.tried();
        let end = if token.ends_with('A') { "B" } else { "A" };
        let changed = format!("{}{end}", &token[..token.len() - 1]);
        let foreign = operation.at(&b.tenant, NOBODY);
        for (side, path, token, what) in [
            (b, &foreign, token, "A's token used by B"),
            (a, &own, &changed, "a token with another end"),
            (a, &own, &token[..token.len() / 2], "half a token"),
        ] {
            tally.attempt();
            let path = format!("{path}?pageSize=1&pageToken={token}");
            if is_done(&scene.as_side(side, "GET", &path, None).await?) {
                tally.broke(operation.name(), format!("{what} goes on"));
            }
        }
    }
    Ok(tally.finish("list", "a token goes on for whoever it was made for"))
}
