//! Every step of a blueprint for a nasty schema: forward, back, forward, and at the end all back; the dump of the
//! schema is compared byte for byte at every turn.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;
use std::fmt::Write;

use support::{Log, options};
use tenantry_blueprint::file::{Blueprint, Phase, Run, Step};
use tenantry_blueprint::registry::Registry;
use tenantry_blueprint::{classify, plan, survey};
use tenantry_engine::{apply, inspect};
use tenantry_pg::{Client, in_plain_words};
use tenantry_testkit::{Database, dump, dump_roles, postgres};

const SCHEMA: &str = include_str!("fixtures/hard.sql");
const DECISIONS: &str = include_str!("fixtures/hard.toml");

/// A database with the nasty schema.
async fn nasty(major: u32, hint: &str) -> Database {
    let db = postgres(major).database(hint).await;
    for role in ["app", "reader"] {
        db.login(role, "").await;
    }
    db.execute(&named(&db, SCHEMA)).await;
    db
}

fn named(db: &Database, text: &str) -> String {
    text.replace("{app}", &db.role("app")).replace("{reader}", &db.role("reader"))
}

async fn planned(db: &Database) -> Blueprint {
    let client = db.connect().await;
    let catalog = inspect::read(&client).await.unwrap();
    let registry = Registry::parse(&named(db, DECISIONS)).unwrap();
    let classification = classify::classify(&catalog, &registry);
    let blueprint = plan::plan(&catalog, &classification, &registry, &plan::Options::default());
    let mut open = String::new();
    for f in blueprint.blocking() {
        writeln!(open, "{} {}: {} {}", f.id, f.object, f.message, f.remedy).unwrap();
    }
    let probes = survey::probes(&catalog, &classification, &registry);
    for f in tenantry_engine::survey::run(&client, &probes).await.unwrap().iter().filter(|f| f.blocks) {
        writeln!(open, "{} {}: {}", f.id, f.object, f.message).unwrap();
    }
    assert!(open.is_empty(), "open questions:\n{open}");
    client.close().await;
    blueprint
}

/// Runs a step's statements as the engine would, without its journal.
async fn run(client: &Client, step: &Step, back: bool) {
    let statements = if back { &step.down } else { &step.up };
    let alone = match step.run {
        Run::ConcurrentIndex { .. } => true,
        Run::ConcurrentIndexBack { .. } => back,
        _ => false,
    };
    if !alone {
        client.batch_execute("BEGIN").await.unwrap();
    }
    for sql in statements {
        let sql = sql.replace("$1", "'(0,0)'").replace("$2", "'(4294967294,0)'");
        let sql = if matches!(step.run, Run::Backfill { .. }) { sql } else { statement(step, statements, &sql) };
        if let Err(e) = client.batch_execute(&sql).await {
            panic!("{} ({}): {}\n{sql}", step.id, if back { "back" } else { "forward" }, in_plain_words(&e));
        }
    }
    if !alone {
        client.batch_execute("RESET ROLE; COMMIT").await.unwrap();
    }
}

/// The statement as it is: only a backfill has places for a range of pages.
fn statement(_: &Step, statements: &[String], replaced: &str) -> String {
    let original = |s: &&String| s.replace("$1", "'(0,0)'").replace("$2", "'(4294967294,0)'") == replaced;
    statements.iter().find(original).cloned().unwrap_or_default()
}

fn same(what: &str, before: &str, after: &str) {
    let only = |a: &str, b: &str, sign: char| {
        let lines: Vec<&str> = b.lines().collect();
        a.lines().filter(|l| !lines.contains(l)).map(|l| format!("{sign}{l}\n")).collect::<String>()
    };
    assert!(before == after, "{what}: the dumps differ:\n{}{}", only(before, after, '-'), only(after, before, '+'));
}

async fn every_step(major: u32) {
    let db = nasty(major, "steps").await;
    let blueprint = planned(&db).await;
    let client = db.connect().await;
    let (before, roles) = (dump(&db), dump_roles(&db));
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for step in &blueprint.steps {
        // A check of existing rows has no way back of its own; the roles and the schema go last, with the journal.
        if step.down.is_empty() || step.kind == "schema-context" || step.kind == "roles" {
            run(&client, step, false).await;
            continue;
        }
        // Every step goes there and back; the first few of a kind, and all about partitions, are looked at.
        let nth = seen.entry(&step.kind).or_default();
        *nth += 1;
        let look = *nth <= 1 || step.id.contains("public.event") && *nth < 5;
        let look = look && step.kind != "complete-revoke"; // rights that are back stand behind ours, until ours go
        // NOT NULL was reached by way of a CHECK, which does not come back only to be dropped; a key that joins those of
        // partitions takes them along; and a foreign key that is back is checked by a step of its own.
        let of_several = ["not-null", "complete-foreign-keys"].contains(&step.kind.as_str());
        let exact = look && !of_several && !step.title.ends_with("joined from its partitions");
        let here = exact.then(|| dump(&db));
        run(&client, step, false).await;
        let there = look.then(|| dump(&db));
        run(&client, step, true).await;
        if let Some(here) = here {
            same(&format!("{} and back", step.id), &here, &dump(&db));
        }
        run(&client, step, false).await;
        if let Some(there) = there {
            same(&format!("{} again", step.id), &there, &dump(&db));
        }
    }
    for step in blueprint.steps.iter().rev() {
        if step.kind == "roles" {
            client.batch_execute("DROP SCHEMA tenantry").await.unwrap();
        }
        run(&client, step, true).await;
    }
    same("all steps and back", &before, &dump(&db));
    same("all roles and back", &roles, &dump_roles(&db));
}

#[tokio::test]
async fn every_step_goes_back_and_forth() {
    every_step(15).await;
}

#[tokio::test]
async fn the_runner_gives_back_the_nasty_schema() {
    let db = nasty(15, "nasty").await;
    let blueprint = planned(&db).await;
    let before = (dump(&db), dump_roles(&db));
    let (_folder, options) = options();
    let log = Log::default();
    let told = |e: apply::Error| panic!("{e}");
    apply::apply(&db.target(), &blueprint, &options, &log).await.unwrap_or_else(told);
    assert_eq!(blueprint.steps.last().unwrap().phase, Phase::Complete);
    apply::complete(&db.target(), &options, &log).await.unwrap_or_else(told);
    let outcome = apply::rollback(&db.target(), &options, &log).await.unwrap_or_else(told);
    assert_eq!(outcome.skipped, Vec::<String>::new());
    same("the schema", &before.0, &dump(&db));
    same("the roles", &before.1, &dump_roles(&db));
}

/// An administrator as managed services have it: no superuser, but may make roles, and owns the database and the tables.
#[tokio::test]
async fn an_administrator_without_superuser_can_do_it_all() {
    for major in tenantry_testkit::available() {
        let db = postgres(major).database("managed").await;
        let admin = db.login("admin", "CREATEROLE").await;
        db.login("app", "").await;
        db.execute(&format!(
            "ALTER DATABASE \"{}\" OWNER TO \"{}\"; ALTER SCHEMA public OWNER TO \"{1}\"",
            db.name(),
            db.role("admin")
        ))
        .await;
        let client = tenantry_pg::connect(&admin).await.unwrap();
        client.batch_execute("SET search_path = public").await.unwrap();
        client.batch_execute(support::SCHEMA).await.unwrap();
        let own = format!(
            "CREATE VIEW public.bodies AS SELECT body FROM public.note;
             CREATE FUNCTION public.count_notes() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT count(*) FROM public.note';
             GRANT SELECT ON public.note TO \"{}\"",
            db.role("app")
        );
        client.batch_execute(&own).await.unwrap();
        let before = (dump(&db), dump_roles(&db));

        let catalog = inspect::read(&client).await.unwrap();
        let registry = Registry::parse("format = 1\n[root]\ntable = \"public.team\"\n[roles]\nslots = 2\n[[lookups]]\nname = \"login\"\ntable = \"public.member\"\nmatch = [\"email\"]\nreturns = [\"team_id\"]\nreason = \"login\"\n[tables.\"public.note\"]\nclass = \"indirect\"\npath = [\"member_id -> public.member(id)\"]\n[tables.\"public.member\"]\nclass = \"direct\"\ncolumn = \"team_id\"\n").unwrap();
        let classification = classify::classify(&catalog, &registry);
        let blueprint = plan::plan(&catalog, &classification, &registry, &plan::Options::default());
        let open: Vec<_> = blueprint.blocking().collect();
        assert!(open.is_empty(), "{open:?}");
        let (_folder, mut options) = options();
        options.allow_old_server = true;
        options.lock_out_old_logins = true;
        let told = |e: apply::Error| panic!("PostgreSQL {major}: {e}");
        apply::apply(&admin, &blueprint, &options, &Log::default()).await.unwrap_or_else(told);
        apply::complete(&admin, &options, &Log::default()).await.unwrap_or_else(told);

        // The look-up works without a tenant, and nothing else does.
        let logins = tenantry_engine::credentials::Credentials::read(&options.credentials).unwrap();
        let slot = &logins.logins[0];
        let slot = tenantry_pg::connect(&admin.with_login(&slot.user, &slot.password)).await.unwrap();
        let found = slot.query("SELECT * FROM tenantry.lookup_login('m7@example.org')", &[]).await.unwrap();
        assert_eq!(found[0].get::<_, i32>(0), 3, "PostgreSQL {major}");
        let refused = slot.query("SELECT FROM public.member", &[]).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501");
        slot.close().await;
        // The old owner cannot even look any more.
        let refused = client.query("SELECT FROM public.note", &[]).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501", "PostgreSQL {major}");

        let outcome = apply::rollback(&admin, &options, &Log::default()).await.unwrap_or_else(told);
        assert_eq!(outcome.skipped, Vec::<String>::new(), "PostgreSQL {major}");
        client.close().await;
        same("the schema", &before.0, &dump(&db));
        same("the roles", &before.1, &dump_roles(&db));
    }
}
