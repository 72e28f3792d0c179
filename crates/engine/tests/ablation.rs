//! Takes each protection of an isolated database away in turn: the attacks meant for it must succeed, and must fail
//! again once it is back.

#![allow(clippy::unwrap_used)]

mod isolated;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use isolated::Isolated;
use tenantry_engine::verify::{self, Logins, Quiet, Status, attacks};
use tenantry_testkit::ablation::{self, Ablation, Names};

/// Checks that no ablation of this scene can make fail, with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("P-21", "the scene's keys are uuids, which have no collation; tried on a text key in its own test"),
    ("P-37", "PostgreSQL has no right that separates LOCK TABLE: residual by nature"),
    ("P-58", "EXPLAIN has no right: residual by nature"),
    ("P-61", "the server's counters are for everybody: residual by nature"),
    ("P-64", "needs a server that loads pg_stat_statements at its start"),
    ("P-77", "LISTEN and NOTIFY have no right: residual by nature"),
    ("P-78", "advisory locks are for everybody: residual by nature"),
    ("P-84", "fails on a server below the floor only"),
    ("P-86", "fails on a server below the floor only; its floor has its own test"),
    ("P-87", "fails on a server with CVE-2024-10978 only"),
    ("P-88", "a default of the server: residual by nature"),
    ("P-89", "settings are for everybody: residual by nature"),
    ("S-09", "languages that keep memory are reported, not forbidden: residual by nature"),
];

#[tokio::test]
async fn without_its_protection_every_attack_succeeds_and_with_it_none() {
    let scene = Isolated::new(15, "ablation").await;
    let quote = |i: &tenantry_model::Ident| i.quoted();
    let names = Names {
        db: tenantry_model::Ident::new(scene.db.name()).unwrap().quoted(),
        rt: quote(&scene.blueprint.roles.runtime),
        owner: quote(&scene.blueprint.roles.owner),
        slot: quote(&scene.blueprint.roles.slots[0]),
        slot2: quote(&scene.blueprint.roles.slots[1]),
    };
    let mut wrong = String::new();
    // `ABLATION="WITH CHECK"` tries only those whose name holds the text.
    let only = std::env::var("ABLATION").unwrap_or_default();
    for a in ablation::all().iter().filter(|a| a.protection.contains(&only)) {
        for sql in Ablation::sql(a.remove, &names) {
            scene.db.execute(&sql).await;
        }
        let mut request = scene.request(a.attacks);
        if a.one_login {
            let mut one = scene.credentials.clone();
            one.logins.truncate(1);
            request.logins = Logins::Credentials(one);
        }
        let report = verify::run(&request, &Quiet).await.unwrap();
        for c in report.checks.iter().filter(|c| c.status != Status::Fail) {
            writeln!(wrong, "without `{}` {} is {:?}: {}", a.protection, c.id, c.status, c.evidence).unwrap();
        }
        for sql in Ablation::sql(a.restore, &names) {
            scene.db.execute(&sql).await;
        }
        let report = scene.verify(a.attacks).await;
        for c in report.checks.iter().filter(|c| !matches!(c.status, Status::Pass | Status::Residual)) {
            writeln!(wrong, "with `{}` back {} is {:?}: {}", a.protection, c.id, c.status, c.evidence).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_attack_is_shown_to_succeed_or_says_why_it_cannot() {
    let shown: BTreeSet<&str> = ablation::all().iter().flat_map(|a| a.attacks.iter().copied()).collect();
    let excused: BTreeSet<&str> = EXCEPTIONS.iter().map(|(id, _)| *id).collect();
    let known: BTreeSet<&str> = attacks::all().iter().map(|a| a.id).collect();
    assert_eq!(shown.intersection(&excused).collect::<Vec<_>>(), Vec::<&&str>::new(), "excused for nothing");
    assert_eq!(shown.union(&excused).copied().collect::<BTreeSet<_>>(), known);
}

#[test]
fn the_list_of_protections_is_the_golden_one() {
    let list: String =
        ablation::all().iter().map(|a| format!("{:<55} {}\n", a.protection, a.attacks.join(" "))).collect();
    insta::assert_snapshot!(list);
}
