//! Attacks on a database that was isolated by the real plan, apply and complete; and what they leave behind.

#![allow(clippy::unwrap_used)]

mod isolated;

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use isolated::{Isolated, not_passed};
use tenantry_engine::report;
use tenantry_engine::verify::{self, Event, Logins, Observer, Quiet, Request, Status};
use tenantry_testkit::{Database, available, dump, dump_roles, pg_dump_for, postgres};

#[tokio::test]
async fn an_isolated_database_withstands_every_attack_and_stays_as_it_was() {
    let scene = Isolated::new(15, "withstands").await;
    let before = state(&scene.db);
    let result = scene.verify(&[]).await;
    assert_same(&before, &state(&scene.db));
    assert_eq!(result.failed, 0, "{}", not_passed(&result));
    let statuses: String = result.checks.iter().map(|c| format!("{} {}\n", c.id, c.status.as_str())).collect();
    insta::assert_snapshot!(statuses);

    // Values of customers are in no form of the report.
    for text in [report::json(&result), report::html(&result), report::sarif(&result), report::junit(&result)] {
        for value in ["secret of", "@Workspace", "about T1"] {
            assert!(!text.contains(value), "{value}");
        }
    }
}

#[tokio::test]
async fn on_every_version_only_the_servers_own_errors_are_left() {
    // Errors of PostgreSQL itself in releases below the floor; nothing of ours.
    const OF_THE_SERVER: [&str; 6] = ["P-47", "P-48", "P-54", "P-84", "P-85", "P-86"];
    for major in available().into_iter().filter(|m| *m != 15) {
        let scene = Isolated::new(major, "version").await;
        let result = scene.verify(&[]).await;
        let ours = |c: &&verify::Check| c.status == Status::Fail && !OF_THE_SERVER.contains(&c.id.as_str());
        assert_eq!(result.checks.iter().find(ours), None, "PostgreSQL {major}");
        let skipped: Vec<_> = result.checks.iter().filter(|c| c.status == Status::Skipped).collect();
        assert!(skipped.is_empty(), "PostgreSQL {major}: {skipped:#?}");
    }
}

#[tokio::test]
async fn a_tenant_column_under_which_two_texts_are_equal_is_found() {
    let scene = Isolated::new(15, "collation").await;
    // The column's type cannot change under its policy; a look-alike takes its place.
    scene
        .db
        .execute(
            "CREATE COLLATION public.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
             ALTER TABLE public.project RENAME COLUMN workspace_id TO old_id;
             ALTER TABLE public.project ADD COLUMN workspace_id text COLLATE public.any_case;
             GRANT SELECT ON public.project TO PUBLIC",
        )
        .await;
    let result = scene.verify(&["P-21"]).await;
    let check = result.check("P-21").unwrap();
    assert_eq!((check.status, check.evidence.as_str()), (Status::Fail, "public.project: nondeterministic collation"));
}

#[tokio::test]
async fn the_page_of_a_blueprint_holds_every_table_and_every_step() {
    let scene = Isolated::new(15, "page").await;
    let client = scene.db.connect().await;
    let catalog = tenantry_engine::inspect::read(&client).await.unwrap();
    client.close().await;
    let classification = tenantry_blueprint::classify::classify(&catalog, &scene.registry);
    let page = report::plan_html(&scene.blueprint, &classification);
    assert!(
        scene.blueprint.tables.iter().filter(|t| t.partition_of.is_none()).all(|t| page.contains(&t.table.to_string()))
    );
    assert!(scene.blueprint.steps.iter().all(|s| page.contains(&format!("<code>{}</code>", s.id))));
    assert!(!page.contains("https://") && !page.contains("http://"), "one file, nothing from outside");
    if let Some(folder) = std::env::var_os("TENANTRY_REPORTS") {
        std::fs::write(std::path::Path::new(&folder).join("plan.html"), page).unwrap();
    }
}

#[tokio::test]
async fn temporary_logins_and_keys_do_the_same_and_are_gone_afterwards() {
    let scene = Isolated::new(15, "temporary").await;
    let before = state(&scene.db);
    let request = Request { logins: Logins::Temporary, ..scene.request(&["P-08", "P-10", "P-62", "C-12"]) };
    let result = verify::run(&request, &Quiet).await.unwrap();
    assert_eq!((result.passed, result.failed), (4, 0), "{}", not_passed(&result));
    assert_same(&before, &state(&scene.db));
}

#[tokio::test]
async fn an_application_with_one_login_of_the_runtime_group_is_attacked_under_it() {
    let scene = Isolated::new(15, "app").await;
    let login = &scene.credentials.logins[2];
    let app = scene.db.target().with_login(&login.user, &login.password);
    let request = Request { logins: Logins::App(Box::new(app)), ..scene.request(&["P-08", "P-62"]) };
    let result = verify::run(&request, &Quiet).await.unwrap();
    assert_eq!(result.check("P-08").unwrap().status, Status::Pass);
    assert_eq!(result.check("P-62").unwrap().status, Status::Fail, "all tenants share the login");

    let stranger = scene.db.login("stranger", "").await;
    let request = Request { logins: Logins::App(Box::new(stranger)), ..scene.request(&["P-08"]) };
    let error = verify::run(&request, &Quiet).await.unwrap_err().to_string();
    assert!(error.contains("not a member of the runtime group"), "{error}");
}

#[tokio::test]
async fn a_killed_run_holds_nothing_and_the_next_removes_what_it_made() {
    let scene = Isolated::new(15, "killed").await;
    let before = state(&scene.db);
    let (mut child, _output) = attacker(&scene);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_ne!(before.roles, state(&scene.db).roles, "the killed run had made logins");

    // The server notices that the client is gone when it next turns to it; until then the run counts as alive.
    let deadline = Instant::now() + Duration::from_secs(30);
    let request = Request { logins: Logins::Temporary, ..scene.request(&["P-08"]) };
    let result = loop {
        match verify::run(&request, &Quiet).await {
            Err(verify::Error::Busy { .. }) if Instant::now() < deadline => tokio::task::yield_now().await,
            other => break other.unwrap(),
        }
    };
    assert_eq!(result.passed, 1);
    assert_same(&before, &state(&scene.db));
}

#[tokio::test]
async fn an_interrupted_run_removes_what_it_made_and_says_so() {
    let scene = Isolated::new(15, "interrupted").await;
    let before = state(&scene.db);
    let (mut child, _output) = attacker(&scene);
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success());
    assert!(!child.wait().unwrap().success(), "an interrupted run is an error");
    assert_same(&before, &state(&scene.db));
}

/// This test's own binary, as another process, in the middle of its attacks with temporary logins.
/// Its output must be kept, or it would die of writing it.
fn attacker(scene: &Isolated) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "attack_until_killed", "--nocapture"])
        .env(
            "VERIFY_CHILD",
            scene.db.target().libpq_env().iter().map(|(k, v)| format!("{k}={v}\n")).collect::<String>(),
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|l| l.is_ok_and(|l| l.contains("attacking P-11"))), "the child began");
    (child, lines)
}

/// The child of the tests above; nothing without its order.
#[tokio::test]
async fn attack_until_killed() {
    let Ok(order) = std::env::var("VERIFY_CHILD") else { return };
    let value = |name: &str| order.lines().find_map(|l| l.strip_prefix(&format!("{name}="))).unwrap_or_default();
    let port = value("PGPORT").parse().unwrap();
    let password = Some(value("PGPASSWORD")).filter(|p| !p.is_empty());
    let target = tenantry_pg::Target::new(value("PGHOST"), port, value("PGUSER"), password, value("PGDATABASE"));
    struct Say;
    impl Observer for Say {
        fn event(&self, event: Event<'_>) {
            if let Event::Begin { id, .. } = event {
                println!("attacking {id}");
            }
        }
    }
    verify::run(&Request::new(target), &Say).await.unwrap();
}

#[tokio::test]
async fn two_runs_at_once_and_orders_that_cannot_be_carried_out() {
    let scene = Isolated::new(15, "orders").await;
    let wrong = |request: Request| async move { verify::run(&request, &Quiet).await.unwrap_err() };

    let error = wrong(scene.request(&["P-999"])).await;
    assert!(error.to_string().contains("there is no check `P-999`"), "{error}");
    let error = wrong(Request { tenants: Some(("a".into(), "b".into())), ..scene.request(&[]) }).await;
    assert!(error.to_string().contains("`a` is no tenant key"), "{error}");

    let empty = postgres(15).database("plain").await;
    let error = wrong(Request::new(empty.target())).await;
    assert!(error.to_string().contains("tenantry apply"), "{error}");

    let first = scene.db.connect().await;
    first.batch_execute("SELECT pg_advisory_lock(8387231335834609273)").await.unwrap();
    let error = wrong(scene.request(&["P-08"])).await;
    assert!(matches!(error, verify::Error::Busy { .. }), "{error}");
    first.close().await;
}

#[tokio::test]
async fn what_the_registry_accepts_is_residual_and_what_takes_too_long_is_skipped() {
    let mut scene = Isolated::new(15, "accepted").await;
    scene.db.execute("ALTER TABLE public.project NO FORCE ROW LEVEL SECURITY").await;
    let accept = tenantry_blueprint::registry::AcceptEntry {
        id: "P-03".into(),
        object: "public.project".into(),
        reason: "the nightly report".into(),
    };
    scene.registry.accept.push(accept);
    let result = scene.verify(&["P-03"]).await;
    let check = result.check("P-03").unwrap();
    assert_eq!((check.status, check.objects.as_slice()), (Status::Residual, &["public.project".to_owned()][..]));
    assert!(check.evidence.contains("the nightly report"));

    let mut request = scene.request(&["P-08", "P-10"]);
    request.limits.total = Duration::ZERO;
    let result = verify::run(&request, &Quiet).await.unwrap();
    assert_eq!((result.passed, result.skipped), (0, 2), "a check that was not made is no pass");
}

#[tokio::test]
async fn progress_is_told_check_by_check() {
    #[derive(Default)]
    struct Log(Mutex<Vec<String>>);
    impl Observer for Log {
        fn event(&self, event: Event<'_>) {
            self.0.lock().unwrap().push(match event {
                Event::Started { checks } => format!("{checks} checks"),
                Event::Begin { id, .. } => format!("begin {id}"),
                Event::End { id, status } => format!("end {id} {}", status.as_str()),
            });
        }
    }
    let scene = Isolated::new(15, "progress").await;
    let log = Log::default();
    verify::run(&scene.request(&["P-06", "P-86"]), &log).await.unwrap();
    assert_eq!(log.0.into_inner().unwrap(), ["2 checks", "begin P-06", "end P-06 pass", "begin P-86", "end P-86 pass"]);
}

/// Schema, rows and roles as text. Left out: the sequences of schema tenantry, which number sessions and carry
/// contexts; they never go back, by design, and belong to nobody.
fn state(db: &Database) -> State {
    let output = Command::new(pg_dump_for(db).join("pg_dump"))
        .arg("--data-only")
        .envs(db.target().libpq_env())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let keep = |line: &&str| {
        !line.contains("setval('tenantry.") && !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")
    };
    let data = String::from_utf8(output.stdout).unwrap();
    let data = data.lines().filter(keep).map(str::to_owned).collect();
    let lines = |text: String| text.lines().map(str::to_owned).collect();
    State { schema: lines(dump(db)), data, roles: lines(dump_roles(db)) }
}

/// A database as text.
struct State {
    schema: Vec<String>,
    data: Vec<String>,
    roles: Vec<String>,
}

/// Lines that are in one and not in the other, so that a failure can be read.
fn assert_same(before: &State, after: &State) {
    for (before, after) in [(&before.schema, &after.schema), (&before.data, &after.data), (&before.roles, &after.roles)]
    {
        let missing = |a: &[String], b: &[String]| a.iter().filter(|l| !b.contains(l)).cloned().collect::<Vec<_>>();
        let (gone, new) = (missing(before, after), missing(after, before));
        assert!(before == after, "verify left something behind\ngone: {gone:#?}\nnew: {new:#?}");
    }
}
