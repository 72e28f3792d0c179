//! Evidence for docs/adr/0009: a text key in eight sequences against a number that a small table turns into the key.

use tenantry_blueprint::context::{Options as Install, install};
use tenantry_engine::bench::{Clock, Options, Report, Scratch, Series};
use tenantry_model::{Ident, KeyKind};
use tenantry_pg::{Client, Session, Target, connect_with};

const CALLS: i64 = 5_000;

/// The way not taken: the session's memory holds a number, the key stands in a table.
const BY_NUMBER: &str = "
CREATE TABLE tenantry.text_key (no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL UNIQUE);
INSERT INTO tenantry.text_key (key) SELECT 'cm' || left(md5(n::text), 23) FROM generate_series(1, 10000) AS n;
ANALYZE tenantry.text_key;
CREATE FUNCTION tenantry.key_by_number() RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $$
DECLARE
  number pg_catalog.int8;
  found_key pg_catalog.text;
BEGIN
  IF (CASE WHEN pg_catalog.current_setting('tenantry.context', true) OPERATOR(pg_catalog.=) 'entered'
           THEN pg_catalog.int8send(pg_catalog.currval('tenantry.m_xact')) OPERATOR(pg_catalog.=) pg_catalog.timestamptz_send(CURRENT_TIMESTAMP) END) THEN
    number := pg_catalog.currval('tenantry.m_t1');
    SELECT t.key INTO found_key FROM tenantry.text_key AS t WHERE t.no OPERATOR(pg_catalog.=) number;
    RETURN found_key;
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION tenantry.keep_by_number(wanted text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  number bigint;
BEGIN
  SELECT t.no INTO number FROM tenantry.text_key AS t WHERE t.key = wanted;
  PERFORM setval('tenantry.m_t1', number);
END $$;
CREATE FUNCTION tenantry.keep_cells(hex text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM setval('tenantry.m_len', length(hex) / 2), setval('tenantry.m_t1', ('x' || rpad(substr(hex, 1, 16), 16, '0'))::bit(64)::bigint),
    CASE WHEN length(hex) > 16 THEN setval('tenantry.m_t2', ('x' || rpad(substr(hex, 17, 16), 16, '0'))::bit(64)::bigint) END,
    CASE WHEN length(hex) > 32 THEN setval('tenantry.m_t3', ('x' || rpad(substr(hex, 33, 16), 16, '0'))::bit(64)::bigint) END,
    CASE WHEN length(hex) > 48 THEN setval('tenantry.m_t4', ('x' || rpad(substr(hex, 49, 16), 16, '0'))::bit(64)::bigint) END;
END $$;";

/// Measures both ways for a key of 25 bytes, the size of a cuid.
pub(crate) async fn run(target: &Target, options: &Options) -> anyhow::Result<Report> {
    let scratch = Scratch::create(target, options).await?;
    let measured = measure(scratch.target(), options.rounds).await;
    scratch.drop().await?;
    measured
}

async fn measure(target: &Target, rounds: u32) -> anyhow::Result<Report> {
    let client = connect_with(target, &Session::plain()).await?;
    let keeper = Ident::composed("", target.database(), "_tenantry");
    client.batch_execute(&format!("CREATE ROLE {}", keeper.quoted())).await?;
    let made = install(&Install { key: KeyKind::Text, scope: None, keeper: &keeper, callers: &[], readers: &[] });
    client.batch_execute(&format!("BEGIN; {}; COMMIT", made.up.join(";\n"))).await?;
    client.batch_execute(BY_NUMBER).await?;
    let clock = Clock::of(&client).await?;
    let key = "'cm' || left(md5('77'), 23)";
    let lanes = [
        (
            "read, cells",
            format!("SELECT tenantry.keep_cells(encode(convert_to({key}, 'UTF8'), 'hex'))"),
            "tenantry.tenant_id_text()",
        ),
        ("read, number", format!("SELECT tenantry.keep_by_number({key})"), "tenantry.key_by_number()"),
        (
            "keep, cells",
            "SELECT 1".to_owned(),
            "tenantry.keep_cells(encode(convert_to('cm' || left(md5(n::text), 23), 'UTF8'), 'hex'))",
        ),
        ("keep, number", "SELECT 1".to_owned(), "tenantry.keep_by_number('cm' || left(md5(n::text), 23))"),
    ];
    let mut samples: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds {
        for ((_, prepare, call), samples) in lanes.iter().zip(&mut samples) {
            client.batch_execute("BEGIN; SELECT set_config('tenantry.context', 'entered', true), setval('tenantry.m_xact', ('x' || encode(timestamptz_send(now()), 'hex'))::bit(64)::bigint)").await?;
            client.batch_execute(prepare).await?;
            samples.push(time(&client, &clock, call).await?);
            client.batch_execute("ROLLBACK").await?;
        }
    }
    let mut times = samples.iter_mut().map(|s| {
        s.sort_by(f64::total_cmp);
        s[s.len() / 10]
    });
    let mut next = || times.next().unwrap_or_default();
    let (read, keep) = ([("cells", next()), ("number", next())], [("cells", next()), ("number", next())]);
    let version = client.query_one("SELECT current_setting('server_version')", &[]).await?.get(0);
    client.close().await;
    Ok(Report {
        format: 1,
        title: "A text key of 25 bytes in the session's memory: eight bytes a sequence, or a number and a table".into(),
        server_version: version,
        clock: clock.name(),
        data: format!("{CALLS} calls a sample, 10000 keys"),
        series: vec![Series::new("read by a policy", "", &read), Series::new("keep by enter", "", &keep)],
    })
}

async fn time(client: &Client, clock: &Clock, call: &str) -> anyhow::Result<f64> {
    let statement = client.prepare(&format!("SELECT count({call}) FROM generate_series(1, {CALLS}) AS n")).await?;
    let before = clock.nanoseconds().unwrap_or_default();
    client.query_one(&statement, &[]).await?;
    Ok((clock.nanoseconds().unwrap_or_default() - before) as f64 / CALLS as f64 / 1000.0)
}
