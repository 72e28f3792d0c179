//! What the signed context costs by the call, for every kind of key.

use std::time::{SystemTime, UNIX_EPOCH};

use tenantry_blueprint::context::{ADD_KEY, Options as Install, install};
use tenantry_model::token::{ContextKey, SessionClaims, StatelessClaims};
use tenantry_model::{Ident, KeyKind, TenantKey};
use tenantry_pg::tokio_postgres::types::{ToSql, Type};
use tenantry_pg::{Client, Session as Settings, Target, connect_with};

use super::lane::quiet;
use super::{Clock, Error, Observer, Options, Report, Scratch, Series};

/// Calls of a reading function per sample.
const READS: i64 = 20_000;
/// Tokens entered per sample.
const ENTERS: i64 = 1_000;
/// Tokens held per sample, each in a statement of its own, as a pooler sends them.
const HOLDS: i64 = 200;

/// Measures the functions of the context on a scratch database.
pub async fn context(target: &Target, options: &Options, observer: &dyn Observer) -> Result<Report, Error> {
    let scratch = Scratch::create(target, options).await?;
    let measured = measure(scratch.target(), options, observer).await;
    let dropped = scratch.drop().await;
    let report = measured?;
    dropped?;
    Ok(report)
}

async fn measure(target: &Target, options: &Options, observer: &dyn Observer) -> Result<Report, Error> {
    let who = target.to_string();
    let client = connect_with(target, &Settings::plain()).await.map_err(|source| Error::Connect { who, source })?;
    let keeper = Ident::composed("", target.database(), "_tenantry");
    let sql = |doing: &'static str| Error::sql(doing);
    client.batch_execute(&format!("CREATE ROLE {}", keeper.quoted())).await.map_err(sql("make a role"))?;
    let mut series = Vec::new();
    let keys = [
        ("uuid", TenantKey::Uuid(uuid::Uuid::from_u128(0x0a1b_2c3d_4e5f_4a6b_8c7d_9e0f_1a2b_3c4d))),
        ("integer", TenantKey::Integer(42)),
        ("bigint", TenantKey::Bigint(1 << 40)),
        ("text of 8 bytes", TenantKey::Text("acme-inc".into())),
        ("text of 25 bytes", TenantKey::Text("cm3x7y9k20000v8l4h1r5q2wz".into())),
        ("text of 64 bytes", TenantKey::Text("0123456789abcdef".repeat(4))),
    ];
    for (name, key) in keys {
        observer.now(&format!("the context with {name} keys"));
        let made = install(&Install { key: key.kind(), scope: None, keeper: &keeper, callers: &[], readers: &[] });
        let all = |statements: &[String]| format!("BEGIN; {}; COMMIT", statements.join(";\n"));
        client.batch_execute(&all(&made.up)).await.map_err(sql("install the context"))?;
        series.push(one(&client, name, &key, options.rounds).await?);
        client.batch_execute(&all(&made.down)).await.map_err(sql("remove the context"))?;
    }
    let clock = Clock::of(&client).await?;
    let version =
        client.query_one("SELECT current_setting('server_version')", &[]).await.map_err(sql("ask for the version"))?;
    Ok(Report {
        format: 1,
        title: "The signed context by the call: reading it, against a plain setting; entering it; holding it, beyond SELECT 1".into(),
        server_version: version.get(0),
        clock: clock.name(),
        data: format!("{READS} reads, {ENTERS} tokens entered and {HOLDS} held a sample, lower decile of {}", options.rounds),
        series,
    })
}

/// One kind of key: every form in turn.
async fn one(client: &Client, name: &str, key: &TenantKey, rounds: u32) -> Result<Series, Error> {
    let signer = ContextKey::new(1, [7; 32])?;
    let pads = signer.pads();
    client.execute(ADD_KEY, &[&1i16, &&pads.ipad[..], &&pads.opad[..]]).await.map_err(Error::sql("store a key"))?;
    let bound =
        client.query_one("SELECT tenantry.bind_session(), pg_backend_pid()", &[]).await.map_err(Error::sql("bind"))?;
    let (session_no, backend_pid): (i64, i32) = (bound.get(0), bound.get(1));
    let clock = Clock::of(client).await?;
    let (kind, function) = (key.kind().sql_type(), key.kind().context_function());
    let reads = |call: &str| format!("SELECT count({call}) FROM generate_series(1, {READS})");
    let mut counter = 0;
    let mut samples: [Vec<f64>; 8] = Default::default();
    for _ in 0..rounds {
        let claims =
            |counter| SessionClaims { tenant: key.clone(), scope: None, expires_at: now() + 60, counter, session_no };
        client.batch_execute("BEGIN").await.map_err(Error::sql("begin"))?;
        let set = "SELECT set_config('bench.tenant', $1, true)";
        client.execute(set, &[&key.to_string()]).await.map_err(Error::sql("set"))?;
        samples[0].push(time(client, &clock, &reads("1"), None, READS).await?);
        samples[1].push(
            time(client, &clock, &reads(&format!("current_setting('bench.tenant', true)::{kind}")), None, READS)
                .await?,
        );

        let tokens: Result<Vec<String>, _> = (1..=ENTERS).map(|n| signer.sign_session(&claims(counter + n))).collect();
        counter += ENTERS;
        let enter = "SELECT count(tenantry.enter(t)) FROM unnest($1::text[]) AS t";
        samples[4].push(time(client, &clock, enter, Some(&tokens?), ENTERS).await?);
        if key.kind() != KeyKind::Text {
            let typed: Result<Vec<_>, _> = (1..=ENTERS).map(|n| signer.sign_typed(&claims(counter + n))).collect();
            counter += ENTERS;
            let calls: Vec<String> = typed?
                .iter()
                .map(|t| {
                    let mac: String = t.mac.iter().map(|b| format!("{b:02x}")).collect();
                    format!("{}|{}|{}|{}|{mac}", t.hi, t.lo, t.expires_at, t.counter)
                })
                .collect();
            client
                .batch_execute(
                    "CREATE TEMP TABLE typed (hi int8, lo int8, exp int8, ctr int8, mac bytea) ON COMMIT DROP",
                )
                .await
                .map_err(Error::sql("keep tokens"))?;
            let keep = "INSERT INTO typed SELECT f[1]::int8, f[2]::int8, f[3]::int8, f[4]::int8, decode(f[5], 'hex') FROM unnest($1::text[]) AS t, string_to_array(t, '|') AS f";
            client.execute(keep, &[&calls]).await.map_err(Error::sql("keep tokens"))?;
            let enter = "SELECT count(tenantry.enter(1::smallint, hi, lo, exp, ctr, mac)) FROM typed";
            samples[5].push(time(client, &clock, enter, None, ENTERS).await?);
        }
        samples[2].push(time(client, &clock, &reads(&format!("tenantry.{function}()")), None, READS).await?);

        let stateless = signer.sign_stateless(&StatelessClaims {
            tenant: key.clone(),
            scope: None,
            expires_at: now() + 25,
            backend_pid,
        })?;
        client
            .execute("SELECT set_config('tenantry.context', $1, true)", &[&stateless])
            .await
            .map_err(Error::sql("set"))?;
        samples[3].push(time(client, &clock, &reads(&format!("tenantry.{function}()")), None, READS).await?);
        client.batch_execute("ROLLBACK").await.map_err(Error::sql("roll back"))?;

        samples[6].push(alone(client, &clock, None).await?);
        let said: Vec<SessionClaims> = (1..=HOLDS).map(|n| claims(counter + n)).collect();
        counter += HOLDS;
        samples[7].push(alone(client, &clock, Some((&signer, &said))).await?);
    }
    let mut times = samples.map(|mut s| quiet(&mut s));
    let loop_cost = times[0];
    times[1..4].iter_mut().for_each(|m| *m = (*m - loop_cost).max(0.0));
    let mut named =
        vec![("plain setting", times[1]), ("memory", times[2]), ("stateless", times[3]), ("enter token", times[4])];
    if key.kind() != KeyKind::Text {
        named.push(("enter typed", times[5]));
    }
    named.push(("hold alone", (times[7] - times[6]).max(0.0)));
    Ok(Series::new(name, "", &named))
}

/// Microseconds of one call.
async fn time(
    client: &Client,
    clock: &Clock,
    sql: &str,
    tokens: Option<&Vec<String>>,
    calls: i64,
) -> Result<f64, Error> {
    let statement = client.prepare(sql).await.map_err(Error::sql(sql))?;
    let before = clock.nanoseconds().unwrap_or_default();
    let done = match tokens {
        Some(tokens) => client.query_one(&statement, &[tokens]).await,
        None => client.query_one(&statement, &[]).await,
    };
    done.map_err(Error::sql(sql))?;
    Ok(clock.nanoseconds().unwrap_or_default().saturating_sub(before) as f64 / calls as f64 / 1000.0)
}

/// Microseconds of `hold` in the form in which a pooler sends it (parsed, bound and executed once, typed where the key
/// can be), or of `SELECT 1` in that form.
async fn alone(client: &Client, clock: &Clock, tokens: Option<(&ContextKey, &[SessionClaims])>) -> Result<f64, Error> {
    let mut taken = 0;
    for n in 0..HOLDS as usize {
        let Some((signer, claims)) = tokens else {
            let before = clock.nanoseconds().unwrap_or_default();
            client.query_typed("SELECT 1", &[]).await.map_err(Error::sql("SELECT 1"))?;
            taken += clock.nanoseconds().unwrap_or_default().saturating_sub(before);
            continue;
        };
        let (text, typed) = (signer.sign_hold(&claims[n])?, signer.sign_hold_typed(&claims[n]));
        let before = clock.nanoseconds().unwrap_or_default();
        let held = match &typed {
            Ok(t) => {
                let (mac, call) = (&t.mac[..], "SELECT tenantry.hold($1, $2, $3, $4, $5, $6)");
                let parameters: [(&(dyn ToSql + Sync), Type); 6] = [
                    (&t.kid, Type::INT2),
                    (&t.hi, Type::INT8),
                    (&t.lo, Type::INT8),
                    (&t.expires_at, Type::INT8),
                    (&t.counter, Type::INT8),
                    (&mac, Type::BYTEA),
                ];
                client.query_typed(call, &parameters).await
            }
            Err(_) => client.query_typed("SELECT tenantry.hold($1)", &[(&text, Type::TEXT)]).await,
        };
        held.map_err(Error::sql("hold a tenant"))?;
        taken += clock.nanoseconds().unwrap_or_default().saturating_sub(before);
    }
    Ok(taken as f64 / HOLDS as f64 / 1000.0)
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}
