//! The second level: what one unit of a tenant must not do to another, as P-08, P-09 and P-10 do between tenants.
//!
//! A table is attacked with two units of one tenant that both have rows in it. Its objects are named
//! `schema.table / scope`, so that the registry can accept them on their own. Without a second level there is nothing
//! to do and nothing to say.

use tenantry_model::{Ident, TenantKey};

use super::tools::*;

/// A table with rows of two units of one tenant.
struct Split {
    /// The table, with a row of the first unit in the place of tenant A's and one of the second in the place of B's.
    table: Subject,
    column: Ident,
    tenant: TenantKey,
    units: [TenantKey; 2],
}

impl Split {
    fn object(&self) -> String {
        object(&self.table)
    }

    /// A condition that holds for rows of a unit.
    fn of(&self, unit: usize) -> String {
        format!("t.{} = {}", self.column.quoted(), key(&self.units[unit]))
    }

    /// BEGIN as the first unit.
    async fn begin(&self, session: &Session) -> Result<(), Stop> {
        session.begin(None).await?;
        self.enter(session).await
    }

    async fn enter(&self, session: &Session) -> Result<(), Stop> {
        session.enter_unit(&self.tenant, &self.units[0]).await
    }

    /// Whether a row that should be refused arrived where `place` holds, or only a constraint stopped it.
    async fn landed(
        &self,
        session: &Session,
        sql: &str,
        wire: Wire,
        place: &str,
    ) -> Result<Option<&'static str>, Stop> {
        let look = format!("SELECT 1 FROM {} t WHERE {place} AND pg_catalog.age(t.xmin) <= 0 LIMIT 1", self.table.sql);
        let (answer, seen) = session.attempt_then(sql, wire, &self.tenant, &look).await?;
        self.enter(session).await?;
        Ok(match seen {
            Some(seen) if answer.rows() > 0 && seen.rows() > 0 => Some("a row of one unit is now another's"),
            _ if answer.is_constraint() => Some("no policy refused the row for another unit, only a constraint did"),
            _ => None,
        })
    }
}

fn object(table: &Subject) -> String {
    format!("{} / scope", table.table)
}

/// P-10 between units: reading.
pub(super) async fn read(stage: &Stage, tally: &mut Tally) -> Result<(), Stop> {
    let session = &stage.as_a;
    for split in splits(stage, stage.tables(), tally).await? {
        let name = &split.table.sql;
        split.begin(session).await?;
        let own = format!("SELECT 1 FROM {name} t WHERE {} LIMIT 1", split.of(0));
        if session.attempt(&own, Wire::Simple).await?.rows() == 0 {
            tally.left(split.object(), "a unit cannot read its own row");
            session.end().await?;
            continue;
        }
        tally.tried();
        let theirs = split.table.b.as_ref().map(|row| row.is_it.clone()).unwrap_or_default();
        let (other, column, unit) = (split.of(1), split.column.quoted(), key(&split.units[0]));
        for condition in [theirs, other, format!("t.{column} <> {unit}")] {
            for sql in [
                format!("SELECT 1 FROM {name} t WHERE {condition} LIMIT 1"),
                format!("SELECT 1 FROM (SELECT * FROM {name} OFFSET 0) t WHERE {condition} LIMIT 1"),
                format!("SELECT 1 FROM {name} t WHERE {condition} LIMIT 1 FOR UPDATE"),
            ] {
                for wire in WIRES {
                    tally.attempt();
                    if session.attempt(&sql, wire).await?.rows() > 0 {
                        tally.broke(split.object(), "rows of one unit are visible to another unit of the tenant");
                    }
                }
            }
        }
        session.end().await?;
    }
    Ok(())
}

/// P-08 between units: writing for another, or for the whole tenant.
pub(super) async fn write(stage: &Stage, tally: &mut Tally) -> Result<(), Stop> {
    let session = &stage.as_a;
    for split in splits(stage, stage.writable(), tally).await? {
        split.begin(session).await?;
        let control = split.table.copy_row(&[], Shape::Select).unwrap_or_default();
        let control = session.attempt(&control, Wire::Simple).await?;
        if control.rows() == 0 && !control.is_constraint() {
            tally.left(split.object(), format!("a unit cannot insert a copy of its own row: {}", control.code()));
            session.end().await?;
            continue;
        }
        tally.tried();
        let column = split.column.quoted();
        for (value, place) in [(key(&split.units[1]), split.of(1)), ("NULL".into(), format!("t.{column} IS NULL"))] {
            for shape in SHAPES {
                let Some(sql) = split.table.copy_row(&[(split.column.clone(), value.clone())], shape) else { continue };
                for wire in WIRES {
                    tally.attempt();
                    if let Some(seen) = split.landed(session, &sql, wire, &place).await? {
                        tally.broke(split.object(), seen);
                    }
                }
            }
        }
        session.end().await?;
    }
    Ok(())
}

/// P-09 between units: giving rows away, and taking those of another unit or of the whole tenant.
pub(super) async fn move_rows(stage: &Stage, tally: &mut Tally) -> Result<(), Stop> {
    let session = &stage.as_a;
    for split in splits(stage, stage.writable(), tally).await? {
        let (Some(a), Some(b)) = (&split.table.a, &split.table.b) else { continue };
        let (name, column) = (&split.table.sql, split.column.quoted());
        let (mine, theirs) = (&a.is_it, &b.is_it);
        let (own, other) = (key(&split.units[0]), key(&split.units[1]));
        split.begin(session).await?;
        let control = format!("UPDATE {name} t SET {column} = t.{column} WHERE {mine}");
        let control = session.attempt(&control, Wire::Simple).await?;
        if control.rows() == 0 {
            tally.left(split.object(), format!("a unit cannot update its own row: {}", control.code()));
            session.end().await?;
            continue;
        }
        tally.tried();
        for (value, place) in [(other.as_str(), split.of(1)), ("NULL", format!("t.{column} IS NULL"))] {
            let mut away = vec![
                format!("UPDATE {name} t SET {column} = {value} WHERE {mine}"),
                format!(
                    "MERGE INTO {name} t USING (SELECT 1) x ON {mine} WHEN MATCHED THEN UPDATE SET {column} = {value}"
                ),
            ];
            if a.rows <= stage.limits.rows_max {
                away.push(format!("UPDATE {name} SET {column} = {value}"));
            }
            for sql in &away {
                for wire in WIRES {
                    tally.attempt();
                    if let Some(seen) = split.landed(session, sql, wire, &place).await? {
                        tally.broke(split.object(), seen);
                    }
                }
            }
        }
        let whole = format!("t.{column} IS NULL AND {}", split.table.owned_by(&split.tenant));
        for condition in [theirs, &split.of(1), &whole] {
            for sql in [
                format!("UPDATE {name} t SET {column} = {own} WHERE {condition}"),
                format!("DELETE FROM {name} t WHERE {condition}"),
            ] {
                for wire in WIRES {
                    tally.attempt();
                    let answer = session.attempt(&sql, wire).await?;
                    if answer.rows() > 0 || answer.is_constraint() {
                        tally.broke(split.object(), "a unit took or deleted a row that is not its own");
                    }
                }
            }
        }
        session.end().await?;
    }
    Ok(())
}

/// The tables with a second level, each with two units of tenant A or, failing that, of B.
async fn splits<'s>(
    stage: &Stage,
    tables: impl Iterator<Item = &'s Subject>,
    tally: &mut Tally,
) -> Result<Vec<Split>, Stop> {
    let Some(kind) = stage.blueprint.scope_kind else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for table in tables {
        let planned = stage.blueprint.tables.iter().find(|t| t.table == table.table);
        let Some(column) = planned.and_then(|t| t.scope_column.clone()) else { continue };
        let mut split = None;
        for tenant in [&stage.a, &stage.b] {
            let units = two(stage, table, &column, tenant, kind).await?;
            if let (Some(units), None) = (units, &split) {
                split = Some(fill(stage, table, &column, tenant, units).await?);
            }
        }
        match split {
            Some(split) => found.push(split),
            None => tally.left(object(table), "no tenant of this run has rows of two units"),
        }
    }
    Ok(found)
}

/// Two units of which the tenant has rows.
async fn two(
    stage: &Stage,
    table: &Subject,
    column: &Ident,
    tenant: &TenantKey,
    kind: tenantry_model::KeyKind,
) -> Result<Option<[TenantKey; 2]>, Stop> {
    let mut units: Vec<TenantKey> = Vec::new();
    stage.as_a.begin(Some(tenant)).await?;
    for _ in 0..2 {
        let not = units.iter().map(|u| format!(" AND t.{} <> {}", column.quoted(), key(u))).collect::<String>();
        let sql = format!(
            "SELECT t.{0}::pg_catalog.text FROM {1} t WHERE {2} AND t.{0} IS NOT NULL{not} LIMIT 1",
            column.quoted(),
            table.sql,
            table.owned_by(tenant)
        );
        if let Answer::Done { first: Some(unit), .. } = stage.as_a.attempt(&sql, Wire::Simple).await? {
            units.extend(TenantKey::parse(kind, &unit).ok());
        }
    }
    stage.as_a.end().await?;
    Ok(<[TenantKey; 2]>::try_from(units).ok())
}

/// A row of each.
async fn fill(
    stage: &Stage,
    table: &Subject,
    column: &Ident,
    tenant: &TenantKey,
    units: [TenantKey; 2],
) -> Result<Split, Stop> {
    let mut split = Split { table: table.clone(), column: column.clone(), tenant: tenant.clone(), units };
    stage.as_a.begin(Some(tenant)).await?;
    let owned = |unit| format!("{} AND {}", table.owned_by(tenant), split.of(unit));
    let a = table.sample(&stage.as_a, &owned(0), stage.limits.rows_max).await?;
    let b = table.sample(&stage.as_a, &owned(1), stage.limits.rows_max).await?;
    stage.as_a.end().await?;
    (split.table.a, split.table.b) = (a, b);
    Ok(split)
}
