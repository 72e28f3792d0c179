//! H-30: one's own tenant in the path, and a part of another's.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "H-30",
    title: "A part of another tenant is reached through one's own",
    severity: Critical,
    meaning: "The tenant of the path is checked, and the part below it is looked for by its id alone: whoever knows the id has it.",
    method: "Looks up ids of B's keys, members and other lists with B's key, and uses them with A's key below A's id; each must be answered as an id of nobody is.",
    remedy: "Look for a part by its tenant and its id together, in the same statement.",
    run: |scene| Box::pin(run(scene)),
};

async fn run(scene: &Scene<'_>) -> Verdict {
    let (a, b) = (&scene.request.a, &scene.request.b);
    let mut tally = Tally::default();
    for operation in scene.inside() {
        let name = operation.name();
        // an operation on a part, or on what a part can do: `/keys/{key}` and `/keys/{key}/rotate`
        let Some(collection) = operation.collection() else { continue };
        let Some(part) = scene.entry_of(b, collection).await? else {
            tally.left(name, "B has nothing there");
            continue;
        };
        tally.tried();
        let headers = [("authorization", &*format!("Bearer {}", a.key)), ("if-match", "\"1\"")];
        let ask = async |part: &str| {
            let path = operation.at(&a.tenant, part);
            scene.send(&operation.method, &path, &headers, scene.body(operation)).await
        };
        let (foreign, absent) = (ask(&part).await?, ask(&NOBODY[..part.len().min(NOBODY.len())]).await?);
        if is_done(&foreign) || foreign.status != absent.status {
            tally.broke(name, format!("B's part is answered {}, nobody's {}", foreign.status, absent.status));
        }
    }
    Ok(tally.finish("route", "B's part below A is as one of nobody"))
}
