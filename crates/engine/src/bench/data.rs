//! Generated data: tenants of Zipf's sizes, a table that is listed and counted, three that are joined.

use tenantry_model::TenantKey;
use tenantry_pg::Client;

use super::{Error, Observer, Options, Scratch};

/// Makes and fills the tables in schema `public`, with primary keys and foreign keys only.
pub(super) async fn fill(scratch: &Scratch, options: &Options, observer: &dyn Observer) -> Result<(), Error> {
    observer.now("filling the scratch database");
    let (tenants, rows) = (options.tenants.max(1), options.rows.max(1_000));
    let (customers, orders) = (rows / 4, rows / 2);
    // the rank of a row's tenant: its density falls as 1 / rank
    let rank = format!("1 + least({tenants} - 1, floor(power({tenants}::float8, random()) - 1)::int)");
    let sql = format!(
        "SELECT setseed(0.5);
         CREATE TABLE workspaces (id uuid PRIMARY KEY, name text NOT NULL);
         INSERT INTO workspaces SELECT md5('workspace ' || n)::uuid, 'Workspace ' || n FROM generate_series(1, {tenants}) AS n;
         CREATE TABLE segments (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), workspace_id uuid NOT NULL REFERENCES workspaces,
           name text NOT NULL, status text NOT NULL, definition text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now());
         INSERT INTO segments (id, workspace_id, name, status, definition, updated_at)
           SELECT md5('segment ' || n)::uuid, md5('workspace ' || {rank})::uuid, 'Segment ' || n,
             (ARRAY['Running', 'Running', 'NotStarted', 'Paused', 'Archived'])[1 + floor(random() * 5)::int],
             repeat('x', 120), now() - random() * interval '400 days'
           FROM generate_series(1, {rows}) AS n;
         CREATE TABLE customers (id uuid PRIMARY KEY, workspace_id uuid NOT NULL REFERENCES workspaces, name text NOT NULL);
         INSERT INTO customers SELECT md5('customer ' || n)::uuid, md5('workspace ' || {rank})::uuid, 'Customer ' || n
           FROM generate_series(1, {customers}) AS n;
         CREATE TABLE orders (id uuid PRIMARY KEY, workspace_id uuid NOT NULL REFERENCES workspaces,
           customer_id uuid NOT NULL REFERENCES customers, total int NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
         INSERT INTO orders SELECT md5('order ' || o.n)::uuid, c.workspace_id, c.id, o.n % 1000, now() - random() * interval '400 days'
           FROM (SELECT n, md5('customer ' || 1 + floor(random() * {customers})::int)::uuid AS customer FROM generate_series(1, {orders}) AS n) AS o
           JOIN customers AS c ON c.id = o.customer;
         CREATE TABLE order_items (id uuid PRIMARY KEY, workspace_id uuid NOT NULL REFERENCES workspaces,
           order_id uuid NOT NULL REFERENCES orders, quantity int NOT NULL, price int NOT NULL);
         INSERT INTO order_items SELECT md5('item ' || i.n)::uuid, o.workspace_id, o.id, 1 + i.n % 5, i.n % 1000
           FROM (SELECT n, md5('order ' || 1 + floor(random() * {orders})::int)::uuid AS parent FROM generate_series(1, {rows}) AS n) AS i
           JOIN orders AS o ON o.id = i.parent;"
    );
    scratch.execute("fill the scratch database", &sql).await?;
    scratch.execute("analyze the scratch database", "VACUUM ANALYZE").await
}

/// Copies of the tables as an application has them before: with primary keys only, and with one index on the tenant.
pub(super) async fn copies(scratch: &Scratch, observer: &dyn Observer) -> Result<(), Error> {
    observer.now("copying the tables as they were");
    for schema in ["pk_only", "tenant_index"] {
        let mut sql = format!("CREATE SCHEMA {schema};");
        for table in ["workspaces", "segments", "customers", "orders", "order_items"] {
            sql.push_str(&format!(
                "CREATE TABLE {schema}.{table} (LIKE public.{table}); INSERT INTO {schema}.{table} SELECT * FROM public.{table};
                 ALTER TABLE {schema}.{table} ADD PRIMARY KEY (id);"
            ));
            if table != "workspaces" {
                sql.push_str(&format!(
                    "ALTER TABLE {schema}.{table} ADD FOREIGN KEY (workspace_id) REFERENCES {schema}.workspaces;"
                ));
                if schema == "tenant_index" {
                    sql.push_str(&format!("CREATE INDEX ON {schema}.{table} (workspace_id);"));
                }
            }
        }
        sql.push_str(&format!(
            "ALTER TABLE {schema}.segments ALTER id SET DEFAULT gen_random_uuid(), ALTER updated_at SET DEFAULT now();"
        ));
        scratch.execute("copy the tables", &sql).await?;
    }
    scratch.execute("analyze the scratch database", "VACUUM ANALYZE").await
}

/// A tenant to measure with.
pub(super) struct Sample {
    pub(super) label: String,
    pub(super) key: TenantKey,
    /// One of its segments.
    pub(super) row: uuid::Uuid,
}

/// The whale, one of the middle and a small one.
pub(super) async fn samples(client: &Client) -> Result<Vec<Sample>, Error> {
    let sizes = "SELECT workspace_id, count(*), min(id::text)::uuid FROM public.segments GROUP BY 1 ORDER BY 2 DESC, 1";
    let rows = client.query(sizes, &[]).await.map_err(Error::sql("look for tenants"))?;
    let middle = (rows.len() as f64).sqrt() as usize;
    let mut chosen = vec![("whale", 0), ("mid", middle), ("small", rows.len() / 2)];
    chosen.dedup_by_key(|(_, at)| *at);
    Ok(chosen
        .into_iter()
        .filter_map(|(name, at)| rows.get(at).map(|row| (name, row)))
        .map(|(name, row)| Sample {
            label: format!("{name} ({} rows)", row.get::<_, i64>(1)),
            key: TenantKey::Uuid(row.get(0)),
            row: row.get(2),
        })
        .collect())
}
