//! A journal that somebody damaged: refused, and repaired from the blueprint it came from.

use tenantry_engine::apply::{self, Error, Silent};
use tenantry_engine::journal::JournalError;
use tenantry_testkit::{dump, dump_roles, postgres};

use crate::support::{self, blueprint, options};

const DAMAGES: [&str; 9] = [
    "DELETE FROM tenantry.journal_step WHERE n = 3",
    "UPDATE tenantry.journal_step SET state = 'pending' WHERE n = 3",
    "UPDATE tenantry.journal_step SET id = 'else' WHERE n = 3",
    "UPDATE tenantry.journal_step SET progress = '{\"progress\": 5}' WHERE n = 5",
    "UPDATE tenantry.journal SET blueprint = jsonb_set(blueprint, '{steps,3,up,0}', '\"DROP TABLE public.note\"')",
    "UPDATE tenantry.journal SET blueprint = '{}'",
    "ALTER TABLE tenantry.journal DROP COLUMN state",
    "DROP TABLE tenantry.journal_step",
    "DROP TABLE tenantry.journal CASCADE",
];

#[tokio::test]
async fn every_damage_is_refused_and_can_be_rolled_back_with_the_blueprint() {
    let db = postgres(15).database("journal").await;
    db.execute(support::SCHEMA).await;
    let before = (dump(&db), dump_roles(&db));
    let blueprint = blueprint(&db).await;
    let target = db.target();
    for damage in DAMAGES {
        let (_folder, mut options) = options();
        apply::apply(&target, &blueprint, &options, &Silent).await.unwrap();
        db.execute(damage).await;
        for error in [
            apply::status(&target).await.unwrap_err(),
            apply::apply(&target, &blueprint, &options, &Silent).await.unwrap_err(),
            apply::complete(&target, &options, &Silent).await.unwrap_err(),
            apply::rollback(&target, &options, &Silent).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::Journal(JournalError::Damaged { .. })), "{damage}: {error}");
            assert!(error.to_string().contains("tenantry rollback DIR"), "{error}");
        }
        options.blueprint = Some(blueprint.clone());
        apply::rollback(&target, &options, &Silent).await.unwrap_or_else(|e| panic!("{damage}: {e}"));
        assert_eq!((dump(&db), dump_roles(&db)), before, "{damage}");
    }
}

#[tokio::test]
async fn default_privileges_do_not_open_the_journal() {
    let db = postgres(15).database("private").await;
    db.execute(support::SCHEMA).await;
    let app = db.login("app", "").await;
    let grant = format!("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO \"{}\"", db.role("app"));
    db.execute(&grant).await;
    let (_folder, options) = options();
    apply::apply(&db.target(), &blueprint(&db).await, &options, &Silent).await.unwrap();
    let client = tenantry_pg::connect(&app).await.unwrap();
    let sql = "SELECT has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE')
               FROM pg_class c WHERE c.relname = 'journal'";
    assert!(!client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0));
    client.close().await;
    apply::rollback(&db.target(), &options, &Silent).await.unwrap();
}
