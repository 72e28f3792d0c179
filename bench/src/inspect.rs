//! Reading the catalog of a database with many tables.

use std::time::Instant;

use tenantry_engine::bench::{Options, Report, Scratch, Series};
use tenantry_engine::inspect;
use tenantry_pg::{Target, connect};

/// Tables made in one transaction: each takes locks.
const TABLES_AT_ONCE: u32 = 200;

/// Makes a database of so many tables, each with foreign keys and indexes, and reads its catalog.
pub(crate) async fn run(target: &Target, options: &Options, tables: u32) -> anyhow::Result<Report> {
    let scratch = Scratch::create(target, options).await?;
    let measured = measure(&scratch, options, tables).await;
    scratch.drop().await?;
    measured
}

async fn measure(scratch: &Scratch, options: &Options, tables: u32) -> anyhow::Result<Report> {
    scratch
        .execute("make the root", "CREATE TABLE workspaces (id uuid PRIMARY KEY, name text NOT NULL UNIQUE)")
        .await?;
    for first in (0..tables).step_by(TABLES_AT_ONCE as usize) {
        let one = |n: u32| {
            format!(
                "CREATE TABLE t{n} (id uuid PRIMARY KEY, workspace_id uuid NOT NULL REFERENCES workspaces, name text NOT NULL,
                   parent_id uuid REFERENCES t{n}, status text, created_at timestamptz, updated_at timestamptz, UNIQUE (workspace_id, name));
                 CREATE INDEX ON t{n} (workspace_id); CREATE INDEX ON t{n} (created_at);"
            )
        };
        let sql: String = (first..tables.min(first + TABLES_AT_ONCE)).map(one).collect();
        scratch.execute("make tables", &sql).await?;
    }
    let client = connect(scratch.target()).await?;
    let (mut best, mut found) = (f64::MAX, 0);
    for _ in 0..options.rounds {
        let start = Instant::now();
        found = inspect::read(&client).await?.tables.len();
        best = best.min(start.elapsed().as_secs_f64());
    }
    let version = client.query_one("SELECT current_setting('server_version')", &[]).await?.get(0);
    client.close().await;
    Ok(Report {
        format: 1,
        title: "Reading the catalog".into(),
        server_version: version,
        clock: "wall",
        data: format!("{found} tables, best of {}", options.rounds),
        series: vec![Series::new("inspect", format!("{found} tables"), &[("read", best * 1e6)])],
    })
}
