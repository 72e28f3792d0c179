//! One variant of one query on one connection, and the loop that runs all variants in turn.

use std::time::{SystemTime, UNIX_EPOCH};

use tenantry_model::TenantKey;
use tenantry_model::token::{ContextKey, SessionClaims};
use tenantry_pg::tokio_postgres::types::ToSql;
use tenantry_pg::{Client, Session as Settings, Target, connect_with};

use super::{Clock, Error};

/// A batch runs about this long: enough for the clock, and less than the time slice of what else runs here.
const BATCH_NANOSECONDS: u64 = 1_000_000;
/// Most executions of a batch.
const BATCH_MAX: u64 = 50;
/// Batches of one turn.
const BATCHES: u32 = 4;
/// Executions before measuring: caches fill, and the server settles on a plan after five.
const WARM_UP: u32 = 7;
/// Life of a context token, in seconds.
const TOKEN_SECONDS: i64 = 60;

/// A connection, its clock, and the right to enter tenants if it is a runtime one.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) clock: Clock,
    signer: Option<Signer>,
    read_only: bool,
}

struct Signer {
    key: ContextKey,
    session_no: i64,
    counter: std::cell::Cell<i64>,
}

impl Session {
    /// A connection that sees the tables of a schema first.
    pub(super) async fn open(target: &Target, schema: &str) -> Result<Self, Error> {
        let settings = Settings::plain().with("search_path", schema).with("jit", "off");
        let who = target.to_string();
        let client = connect_with(target, &settings).await.map_err(|source| Error::Connect { who, source })?;
        let clock = Clock::of(&client).await?;
        Ok(Self { client, clock, signer: None, read_only: false })
    }

    /// Binds it, so that it can enter tenants.
    pub(super) async fn bind(mut self, key: ContextKey) -> Result<Self, Error> {
        let row = self
            .client
            .query_one("SELECT tenantry.bind_session()", &[])
            .await
            .map_err(Error::sql("bind the session"))?;
        self.signer = Some(Signer { key, session_no: row.get(0), counter: 0.into() });
        Ok(self)
    }

    /// From now on its transactions write nothing.
    pub(super) fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// BEGIN, and enter the tenant if this is a runtime connection.
    pub(super) async fn begin(&self, tenant: &TenantKey) -> Result<(), Error> {
        self.client.batch_execute("BEGIN").await.map_err(Error::sql("begin"))?;
        if let Some(signer) = &self.signer {
            signer.counter.set(signer.counter.get() + 1);
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let token = signer.key.sign_session(&SessionClaims {
                tenant: tenant.clone(),
                scope: None,
                expires_at: since as i64 + TOKEN_SECONDS,
                counter: signer.counter.get(),
                session_no: signer.session_no,
            })?;
            let enter = self.client.execute("SELECT tenantry.enter($1::text)", &[&token]).await;
            enter.map_err(Error::sql("enter the tenant"))?;
        }
        if self.read_only {
            let close = self.client.batch_execute("SET TRANSACTION READ ONLY").await;
            close.map_err(Error::sql("make the transaction read-only"))?;
        }
        Ok(())
    }

    /// Nothing of a batch stays.
    pub(super) async fn end(&self) -> Result<(), Error> {
        self.client.batch_execute("ROLLBACK").await.map_err(Error::sql("roll back"))
    }
}

/// One variant of a query.
pub(super) struct Lane<'a> {
    pub(super) variant: &'static str,
    pub(super) session: &'a Session,
    pub(super) sql: String,
}

/// Runs every lane in turn and gives the [`quiet`] microseconds of one execution for each.
pub(super) async fn race(
    lanes: &[Lane<'_>],
    tenant: &TenantKey,
    parameters: &[&(dyn ToSql + Sync)],
    rounds: u32,
) -> Result<Vec<f64>, Error> {
    let mut runners = Vec::new();
    for lane in lanes {
        let (client, doing) = (&lane.session.client, format!("run `{}` ({})", lane.sql, lane.variant));
        let statement = client.prepare(&lane.sql).await.map_err(Error::sql(doing.clone()))?;
        lane.session.begin(tenant).await?;
        for _ in 0..WARM_UP {
            client.query(&statement, parameters).await.map_err(Error::sql(doing.clone()))?;
        }
        let once = batch(lane.session, &statement, parameters, 1, &doing).await?;
        lane.session.end().await?;
        runners.push((statement, doing, (BATCH_NANOSECONDS / once.max(1)).clamp(1, BATCH_MAX)));
    }
    let mut samples: Vec<Vec<f64>> = vec![Vec::new(); lanes.len()];
    for round in 0..rounds as usize {
        for at in 0..lanes.len() {
            // each round begins with another lane
            let at = (at + round) % lanes.len();
            let (statement, doing, times) = &runners[at];
            lanes[at].session.begin(tenant).await?;
            for _ in 0..BATCHES {
                let taken = batch(lanes[at].session, statement, parameters, *times, doing).await?;
                samples[at].push(taken as f64 / *times as f64 / 1000.0);
            }
            lanes[at].session.end().await?;
        }
    }
    Ok(samples.iter_mut().map(|s| quiet(s)).collect())
}

async fn batch(
    session: &Session,
    statement: &tenantry_pg::tokio_postgres::Statement,
    parameters: &[&(dyn ToSql + Sync)],
    times: u64,
    doing: &str,
) -> Result<u64, Error> {
    let before = session.clock.nanoseconds().unwrap_or_default();
    for _ in 0..times {
        session.client.query(statement, parameters).await.map_err(Error::sql(doing))?;
    }
    Ok(session.clock.nanoseconds().unwrap_or_default().saturating_sub(before))
}

/// The lower decile: other work on the machine only ever adds time, and here it adds it to whole batches.
pub(super) fn quiet(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 10).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_tenth_of_the_samples_is_quicker() {
        let mut samples: Vec<f64> = (0..20).rev().map(f64::from).collect();
        assert_eq!(super::quiet(&mut samples), 2.0);
        assert_eq!(super::quiet(&mut [2.0]), 2.0);
        assert_eq!(super::quiet(&mut []), 0.0);
    }
}
