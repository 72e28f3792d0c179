//! Plans, cursors and workers that outlive or leave the transaction they were made in.

use crate::fixture::{Fixture, refusal};

/// A plan made under one tenant and run under another gives the other's rows, generic or custom.
#[tokio::test]
async fn prepared_statements_follow_the_tenant() {
    for major in tenantry_testkit::available() {
        let fixture = Fixture::new(major).await;
        let mut session = fixture.session().await;
        for mode in ["auto", "force_generic_plan", "force_custom_plan"] {
            session.sql(&format!("SET plan_cache_mode = {mode}")).await.unwrap();
            let statement = session.client.prepare("SELECT body FROM notes WHERE body LIKE $1").await.unwrap();
            session.sql("PREPARE of_sql AS SELECT DISTINCT body FROM notes").await.unwrap();
            for round in 0..12 {
                let tenant = round % 3;
                session.begin(tenant).await;
                let rows = session.client.query(&statement, &[&"%"]).await.unwrap();
                let own = format!("of tenant {tenant}");
                assert_eq!(rows.len(), tenant + 1);
                assert!(rows.iter().all(|row| row.get::<_, String>(0) == own), "{mode} {round}");
                assert_eq!(session.sql("EXECUTE of_sql").await.unwrap(), [own]);
                session.sql("COMMIT").await.unwrap();
            }
            assert_eq!(refusal(session.sql("EXECUTE of_sql").await), "tenantry: no tenant context in this transaction");
            session.sql("DEALLOCATE of_sql").await.unwrap();
        }
    }
}

/// The subselect form runs in parallel, the leader asking once; the form of the plan keeps protected tables to the
/// leader. Both give the same rows.
#[tokio::test]
async fn parallel_workers_see_what_the_leader_sees() {
    for major in tenantry_testkit::available() {
        let fixture = Fixture::new(major).await;
        let more =
            "INSERT INTO notes SELECT tenant, NULL, 'of tenant x' FROM notes, generate_series(1, 20000); ANALYZE notes";
        fixture.db.execute(more).await;
        let mut session = fixture.session().await;
        let parallel =
            "SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
             SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off";
        session.sql(parallel).await.unwrap();
        let count = "SELECT count(*) FROM notes";
        for form in ["tenantry.tenant_id()", "(SELECT tenantry.tenant_id())"] {
            fixture.db.execute(&format!("ALTER POLICY tenantry_tenant ON notes USING (tenant = {form})")).await;
            for tenant in 0..3 {
                session.begin(tenant).await;
                let plan = session.sql(&format!("EXPLAIN {count}")).await.unwrap().join("\n");
                assert_eq!(plan.contains("Gather"), form.starts_with('('), "{plan}");
                assert_eq!(session.sql(count).await.unwrap(), [(20_001 * (tenant + 1)).to_string()]);
                session.sql("COMMIT").await.unwrap();
                let token = session.stateless(tenant, 20).await;
                let put = "SELECT set_config('tenantry.context', $1, false)";
                session.client.execute(put, &[&token]).await.unwrap();
                assert_eq!(session.sql(count).await.unwrap(), [(20_001 * (tenant + 1)).to_string()]);
                session.sql("RESET tenantry.context").await.unwrap();
            }
            assert_eq!(refusal(session.sql(count).await), "tenantry: no tenant context in this transaction");
        }
    }
}

/// A cursor shows rows of tenants that its transaction entered, and of no other. WITH HOLD outlives the transaction: whoever hands the connection
/// to another tenant must CLOSE ALL, and this shows why.
#[tokio::test]
async fn a_cursor_shows_only_what_was_entered() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    session.begin(2).await;
    session.sql("DECLARE c CURSOR FOR SELECT body FROM notes").await.unwrap();
    assert_eq!(session.sql("FETCH 1 FROM c").await.unwrap(), ["of tenant 2"]);
    session.enter(1).await;
    // an index scan goes on with the tenant it began with, a filter asks anew: tenant 0 was never entered here
    let rest = session.sql("FETCH ALL FROM c").await.unwrap();
    assert!(rest.iter().all(|body| body != "of tenant 0"), "{rest:?}");
    assert_eq!(session.sees().await.unwrap(), "1x2");
    session.sql("COMMIT").await.unwrap();

    session.begin(2).await;
    session.sql("DECLARE h CURSOR WITH HOLD FOR SELECT body FROM notes; COMMIT").await.unwrap();
    session.begin(0).await;
    assert_eq!(session.sql("FETCH ALL FROM h").await.unwrap().len(), 3, "pool residue: known and documented");
    session.sql("COMMIT; CLOSE ALL").await.unwrap();
    assert!(session.sql("FETCH ALL FROM h").await.is_err());
}

/// The planner asks the function for its estimate, so nothing is even planned without a context: an empty table or
/// LIMIT 0 is no way round the refusal. A statement may be prepared before.
#[tokio::test]
async fn nothing_is_planned_without_a_context() {
    let fixture = Fixture::new(15).await;
    fixture.db.execute("DELETE FROM notes; ANALYZE notes").await;
    let mut session = fixture.session().await;
    let prepared = session.client.prepare("SELECT body FROM notes").await.unwrap();
    for query in
        ["EXPLAIN SELECT * FROM notes", "SELECT * FROM notes", "SELECT * FROM notes LIMIT 0", "DELETE FROM notes"]
    {
        assert_eq!(refusal(session.sql(query).await), "tenantry: no tenant context in this transaction", "{query}");
    }
    assert_eq!(refusal(session.client.query(&prepared, &[]).await), "tenantry: no tenant context in this transaction");
    session.begin(0).await;
    assert_eq!(session.client.query(&prepared, &[]).await.unwrap().len(), 0);
}
