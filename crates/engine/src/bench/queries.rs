//! The workspace-scoped queries of an application, before isolation, after, and written by hand.

use tenantry_model::token::ContextKey;
use tenantry_pg::Target;
use tenantry_pg::tokio_postgres::types::ToSql;

use super::data::{self, Sample};
use super::lane::{Lane, Session, race};
use super::{Error, Observer, Options, Report, Scratch, Series};

/// A query; `{t.…}` is where a hand-written predicate on the tenant of table `…` stands.
struct Query {
    name: &'static str,
    sql: &'static str,
    /// `$1` is the id of one of the tenant's segments.
    by_id: bool,
}

const QUERIES: &[Query] = &[
    Query {
        name: "list by status",
        sql: "SELECT id, name, status, updated_at FROM segments AS s WHERE status = 'Running' {s} ORDER BY updated_at DESC LIMIT 50",
        by_id: false,
    },
    Query {
        name: "count by status",
        sql: "SELECT count(*) FROM segments AS s WHERE status = 'Running' {s}",
        by_id: false,
    },
    Query { name: "point look-up", sql: "SELECT name, status FROM segments AS s WHERE id = $1 {s}", by_id: true },
    Query {
        name: "join of 2, latest 50",
        sql: "SELECT o.id, o.total, c.name FROM orders AS o JOIN customers AS c ON c.id = o.customer_id WHERE true {o} {c} ORDER BY o.created_at DESC LIMIT 50",
        by_id: false,
    },
    Query {
        name: "join of 3, sum",
        sql: "SELECT count(*), sum(i.price * i.quantity) FROM order_items AS i JOIN orders AS o ON o.id = i.order_id JOIN customers AS c ON c.id = o.customer_id WHERE o.total < 100 {i} {o} {c}",
        by_id: false,
    },
    Query {
        name: "insert",
        sql: "INSERT INTO segments ({column} name, status, definition) VALUES ({value} 'bench', 'Running', 'x')",
        by_id: false,
    },
    Query { name: "update by id", sql: "UPDATE segments AS s SET name = 'bench' WHERE id = $1 {s}", by_id: true },
];

/// Whether the query names the tenant itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tenant {
    Written,
    Left,
}

fn text(query: &Query, tenant: Tenant, sample: &Sample) -> String {
    let key = tenantry_model::literal(&sample.key.to_string());
    let mut sql = query.sql.to_owned();
    for alias in ["s", "o", "c", "i"] {
        let predicate = match tenant {
            Tenant::Written => format!("AND {alias}.workspace_id = {key}"),
            Tenant::Left => String::new(),
        };
        sql = sql.replace(&format!("{{{alias}}}"), &predicate);
    }
    let (column, value) = match tenant {
        Tenant::Written => ("workspace_id,".to_owned(), format!("{key},")),
        Tenant::Left => (String::new(), String::new()),
    };
    sql.replace("{column}", &column).replace("{value}", &value)
}

/// Measures on a scratch database: made, isolated by the real plan and apply, measured, dropped.
pub async fn scratch(target: &Target, options: &Options, observer: &dyn Observer) -> Result<Report, Error> {
    let scratch = Scratch::create(target, options).await?;
    let measured = measure(&scratch, options, observer).await;
    let dropped = scratch.drop().await;
    let report = measured?;
    dropped?;
    Ok(report)
}

async fn measure(scratch: &Scratch, options: &Options, observer: &dyn Observer) -> Result<Report, Error> {
    data::fill(scratch, options, observer).await?;
    let credentials = scratch.isolate(options, observer).await?;
    data::copies(scratch, observer).await?;

    let admin = scratch.target();
    let login = credentials.logins.first().ok_or_else(|| Error::Nothing("apply made no runtime login".into()))?;
    let runtime = admin.with_login(&login.user, &login.password);
    let by_hand = Session::open(admin, "public").await?;
    let isolated = Session::open(&runtime, "public")
        .await?
        .bind(ContextKey::from_hex(credentials.signing_key.kid, &credentials.signing_key.key)?)
        .await?;
    let tenant_index = Session::open(admin, "tenant_index").await?;
    let pk_only = Session::open(admin, "pk_only").await?;
    let version = by_hand.client.query_one("SELECT current_setting('server_version')", &[]).await;
    let version: String = version.map_err(Error::sql("ask for the version"))?.get(0);

    let mut series = Vec::new();
    for sample in data::samples(&by_hand.client).await? {
        for query in QUERIES {
            observer.now(&format!("{}, {}", query.name, sample.label));
            let lane = |variant, session, tenant| Lane { variant, session, sql: text(query, tenant, &sample) };
            let lanes = [
                lane("by hand", &by_hand, Tenant::Written),
                lane("isolated", &isolated, Tenant::Left),
                lane("isolated + WHERE", &isolated, Tenant::Written),
                lane("tenant index", &tenant_index, Tenant::Written),
                lane("pk only", &pk_only, Tenant::Written),
            ];
            let parameters: &[&(dyn ToSql + Sync)] = if query.by_id { &[&sample.row] } else { &[] };
            let times = race(&lanes, &sample.key, parameters, options.rounds).await?;
            let named: Vec<(&str, f64)> = lanes.iter().map(|l| l.variant).zip(times).collect();
            series.push(Series::new(query.name, &sample.label, &named));
        }
    }
    Ok(Report {
        format: 1,
        title: "Queries of one tenant: written by hand on the isolated tables (the limit), isolated, and before".into(),
        server_version: version,
        clock: by_hand.clock.name(),
        data: format!("{} rows, {} tenants of Zipf's sizes", options.rows, options.tenants),
        series,
    })
}
