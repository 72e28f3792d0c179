//! The administrator of a managed service: makes roles and owns the tables, and is no superuser.

use tenantry_engine::apply::{self, Silent};
use tenantry_testkit::{available, dump, dump_roles, postgres};

use crate::support::{self, blueprint, options};

#[tokio::test]
async fn works_without_superuser_on_every_version() {
    for major in available() {
        let db = postgres(major).database("managed").await;
        let admin = db.login("admin", "CREATEROLE").await;
        let role = db.role("admin");
        db.execute(&format!(
            "ALTER DATABASE \"{}\" OWNER TO \"{role}\"; ALTER SCHEMA public OWNER TO \"{role}\"",
            db.name()
        ))
        .await;
        let client = tenantry_pg::connect_with(&admin, &tenantry_pg::Session::plain()).await.unwrap();
        client.batch_execute(support::SCHEMA).await.unwrap();
        client.close().await;
        let before = (dump(&db), dump_roles(&db));
        let (_folder, options) = options();
        let mut blueprint = blueprint(&db).await;
        let roles = blueprint.roles.clone();
        for member in [&roles.keeper, &roles.owner] {
            blueprint.steps[0].up.push(format!("GRANT {} TO CURRENT_USER", member.quoted()));
        }
        // at the end of complete the administrator lets go of what it needed to build with
        let last = blueprint.steps.last_mut().unwrap();
        last.up.push(format!("REVOKE {} FROM CURRENT_USER", roles.keeper.quoted()));
        last.down.insert(0, format!("GRANT {} TO CURRENT_USER", roles.keeper.quoted()));
        let ok = |what: &'static str| move |e: apply::Error| -> apply::Outcome { panic!("{major}, {what}: {e}") };
        apply::apply(&admin, &blueprint, &options, &Silent).await.unwrap_or_else(ok("apply"));
        apply::complete(&admin, &options, &Silent).await.unwrap_or_else(ok("complete"));
        assert_eq!(apply::status(&admin).await.unwrap().steps_done, 10);
        apply::rollback(&admin, &options, &Silent).await.unwrap_or_else(ok("rollback"));
        assert_eq!((dump(&db), dump_roles(&db)), before, "{major}");
    }
}
