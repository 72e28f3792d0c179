//! One protected table as the attacks see it: its columns, whose rows it holds, and a row of each tenant.

use std::collections::BTreeMap;

use tenantry_blueprint::catalog::{Column, Table, TableKind};
use tenantry_blueprint::classify::{Class, Hop};
use tenantry_blueprint::file::{Binding, ProtectedTable};
use tenantry_model::{Ident, QualifiedName, TenantKey, literal};

use super::outcome::Stop;
use super::session::{Answer, Session, Wire, key};

/// One row of a tenant. Holds customers' values: never shown, only used to name the row in SQL.
#[derive(Clone)]
pub(crate) struct Sample {
    /// A condition that holds for this row only.
    pub is_it: String,
    /// Values of key columns, as SQL constants.
    pub values: BTreeMap<String, String>,
    /// How many rows the tenant has, counted up to a bound.
    pub rows: u64,
}

/// The form of an INSERT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `INSERT … SELECT`
    Select,
    /// Inside `WITH`
    With,
    /// `MERGE … WHEN NOT MATCHED`
    Merge,
    /// `ON CONFLICT DO NOTHING`
    Conflict,
}

/// Every form in which a refused row must raise an error.
pub(crate) const SHAPES: [Shape; 4] = [Shape::Select, Shape::With, Shape::Merge, Shape::Conflict];

/// A protected table.
#[derive(Clone)]
pub(crate) struct Subject {
    /// The table.
    pub table: QualifiedName,
    /// Its name in SQL.
    pub sql: String,
    /// Its class.
    pub class: Class,
    /// How rows are bound.
    pub binding: Binding,
    /// What it is a partition of.
    pub partition_of: Option<QualifiedName>,
    /// The runtime may write it.
    pub writable: bool,
    /// Partitioned itself.
    pub partitioned: bool,
    /// Columns, generated ones included.
    pub columns: Vec<Column>,
    /// The structure as the catalog has it now.
    pub(crate) structure: Table,
    /// A row of tenant A.
    pub a: Option<Sample>,
    /// A row of tenant B.
    pub b: Option<Sample>,
    /// Why there is no row of A or of B.
    pub missing: String,
    /// For a table bound by a path: the tables on it, with the last one's tenant column.
    pub path_end: Option<Ident>,
}

impl Subject {
    /// From the blueprint and the catalog; `end` is the tenant column of the table the path arrives at.
    pub(crate) fn new(protected: &ProtectedTable, structure: &Table, end: Option<Ident>) -> Self {
        Self {
            table: protected.table.clone(),
            sql: protected.table.quoted(),
            class: protected.class,
            binding: protected.binding.clone(),
            partition_of: protected.partition_of.clone(),
            writable: protected.writable,
            partitioned: structure.kind == TableKind::Partitioned || structure.partition_key.is_some(),
            columns: structure.columns.clone(),
            structure: structure.clone(),
            a: None,
            b: None,
            missing: String::new(),
            path_end: end,
        }
    }

    /// The tenant column, if it has one.
    pub(crate) fn tenant_column(&self) -> Option<&Ident> {
        match &self.binding {
            Binding::Column { column, .. } => Some(column),
            Binding::Path { .. } => None,
        }
    }

    /// The tenant column in SQL.
    pub(crate) fn tenant_sql(&self) -> Option<String> {
        self.tenant_column().map(Ident::quoted)
    }

    /// Rows without a tenant are readable by every tenant.
    pub(crate) fn null_is_shared(&self) -> bool {
        matches!(self.binding, Binding::Column { null_is_shared: true, .. })
    }

    fn path(&self) -> &[Hop] {
        match &self.binding {
            Binding::Path { path } => path,
            Binding::Column { .. } => &[],
        }
    }

    /// The first hop's columns on this table, if the reference starts here.
    pub(crate) fn hop_columns(&self) -> &[Ident] {
        match self.path().first() {
            Some(hop) if !hop.reverse => &hop.columns,
            _ => &[],
        }
    }

    /// A condition that holds for the tenant's own rows, spelled out without the policy's help.
    pub(crate) fn owned_by(&self, tenant: &TenantKey) -> String {
        match &self.binding {
            Binding::Column { column, .. } => format!("t.{} = {}", column.quoted(), key(tenant)),
            Binding::Path { path } => self.walk(path, 0, "t", tenant),
        }
    }

    /// A condition that holds for rows that are not the tenant's and not everybody's.
    pub(crate) fn foreign_to(&self, tenant: &TenantKey) -> String {
        match &self.binding {
            Binding::Column { column, .. } => {
                let null = if self.null_is_shared() { "false" } else { "true" };
                format!("CASE WHEN t.{0} IS NULL THEN {null} ELSE t.{0} <> {1} END", column.quoted(), key(tenant))
            }
            Binding::Path { .. } => {
                let set: String =
                    self.hop_columns().iter().map(|c| format!(" AND t.{} IS NOT NULL", c.quoted())).collect();
                format!("NOT ({}){set}", self.owned_by(tenant))
            }
        }
    }

    fn walk(&self, path: &[Hop], depth: usize, alias: &str, tenant: &TenantKey) -> String {
        let Some((hop, rest)) = path.split_first() else {
            return match &self.path_end {
                Some(column) => format!("{alias}.{} = {}", column.quoted(), key(tenant)),
                None => "false".into(),
            };
        };
        let next = format!("p{depth}");
        let on: Vec<String> = hop
            .columns
            .iter()
            .zip(&hop.referenced_columns)
            .map(|(from, to)| format!("{next}.{} = {alias}.{}", to.quoted(), from.quoted()))
            .collect();
        format!(
            "EXISTS (SELECT 1 FROM {} {next} WHERE {} AND {})",
            hop.references.quoted(),
            on.join(" AND "),
            self.walk(rest, depth + 1, &next, tenant)
        )
    }

    /// Columns an INSERT names.
    fn insertable(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| !c.generated)
    }

    /// Columns whose values name a row or bind it: primary key, first hop, plain unique indexes, foreign keys.
    fn key_columns(&self) -> Vec<&Column> {
        let s = &self.structure;
        let mut names: Vec<&Ident> = s.primary_key.iter().flat_map(|k| &k.columns).collect();
        names.extend(
            s.indexes.iter().filter(|i| i.unique).flat_map(|i| i.keys.iter().filter_map(|k| k.column.as_ref())),
        );
        names.extend(s.foreign_keys.iter().flat_map(|f| &f.columns));
        names.extend(self.hop_columns());
        names.extend(self.tenant_column());
        self.columns.iter().filter(|c| names.contains(&&c.name)).collect()
    }

    /// Fetches a row that the session sees and for which `owned` holds.
    pub(crate) async fn sample(&self, session: &Session, owned: &str, rows_max: u64) -> Result<Option<Sample>, Stop> {
        let columns = self.key_columns();
        let list: Vec<String> = columns.iter().map(|c| format!("t.{}::pg_catalog.text", c.name.quoted())).collect();
        let sql = format!(
            "SELECT {}t.ctid::pg_catalog.text, t.tableoid::pg_catalog.text FROM {} t WHERE {owned} LIMIT 1",
            list.iter().map(|c| format!("{c}, ")).collect::<String>(),
            self.sql
        );
        let Some(row) = session.client().query_opt(&sql, &[]).await? else { return Ok(None) };
        let mut values = BTreeMap::new();
        for (n, column) in columns.iter().enumerate() {
            if let Some(text) = row.get::<_, Option<String>>(n) {
                values.insert(column.name.as_str().to_owned(), literal(&text));
            }
        }
        let primary = self.structure.primary_key.as_ref().map(|k| k.columns.as_slice()).unwrap_or_default();
        let is_it = if primary.is_empty() || primary.iter().any(|c| !values.contains_key(c.as_str())) {
            // Names the row's place: good for the moments an attack takes.
            let (ctid, oid): (String, String) = (row.get(columns.len()), row.get(columns.len() + 1));
            format!("t.ctid = {} AND t.tableoid = {oid}", literal(&ctid))
        } else {
            let parts: Vec<String> =
                primary.iter().map(|c| format!("t.{} = {}", c.quoted(), values[c.as_str()])).collect();
            parts.join(" AND ")
        };
        let count =
            format!("SELECT count(*) FROM (SELECT 1 FROM {} t WHERE {owned} LIMIT {}) x", self.sql, rows_max + 1);
        let rows = match session.say(&count, Wire::Simple).await? {
            Answer::Done { first: Some(n), .. } => n.parse().unwrap_or(u64::MAX),
            _ => u64::MAX,
        };
        Ok(Some(Sample { is_it, values, rows }))
    }

    /// An INSERT that copies A's row, with fresh values where something is unique and with `set` on top.
    /// Constraints are checked after policies, so that a constraint's refusal shows that the policy agreed.
    pub(crate) fn copy_row(&self, set: &[(Ident, String)], shape: Shape) -> Option<String> {
        let sample = self.a.as_ref()?;
        let table = &self.sql;
        let columns: Vec<(String, String)> =
            self.insertable().map(|c| (c.name.quoted(), self.copied(c, set))).collect();
        let names = columns.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(", ");
        let values = columns.iter().map(|(n, v)| format!("{v} AS {n}")).collect::<Vec<_>>().join(", ");
        let source = format!("SELECT {values} FROM {table} t WHERE {}", sample.is_it);
        let into = format!("INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE");
        Some(match shape {
            Shape::Select => format!("{into} {source}"),
            Shape::With => format!("WITH w AS ({into} {source} RETURNING 1) SELECT * FROM w"),
            Shape::Conflict => format!("{into} {source} ON CONFLICT DO NOTHING"),
            Shape::Merge => {
                let from: Vec<String> = columns.iter().map(|(n, _)| format!("s.{n}")).collect();
                format!(
                    "MERGE INTO {table} m USING ({source}) s ON false WHEN NOT MATCHED THEN \
                     INSERT ({names}) OVERRIDING SYSTEM VALUE VALUES ({})",
                    from.join(", ")
                )
            }
        })
    }

    /// Asks for a row with these values: as tenant A it finds A's own only.
    pub(crate) fn having(&self, set: &[(Ident, String)]) -> String {
        let cast = |c: &Ident, v: &str| {
            let kind = self.structure.column(c.as_str()).map_or("text", |column| column.data_type.as_str());
            format!("t.{} = CAST({v} AS {kind})", c.quoted())
        };
        let all: Vec<String> = set.iter().map(|(c, v)| cast(c, v)).collect();
        format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", self.sql, all.join(" AND "))
    }

    fn copied(&self, column: &Column, set: &[(Ident, String)]) -> String {
        let own = format!("t.{}", column.name.quoted());
        match set.iter().find(|(name, _)| *name == column.name) {
            Some((_, value)) => format!("CAST({value} AS {})", column.data_type),
            None if self.is_fresh(&column.name) => fresh(&column.data_type).unwrap_or(own),
            None => own,
        }
    }

    /// An INSERT of a row that holds nothing but a tenant. Every column is named, so that no default draws a number
    /// from a sequence, which a rollback would not give back; policies come before NOT NULL.
    pub(crate) fn bare_row(&self, tenant: &str) -> Option<String> {
        let column = self.tenant_column()?;
        let (names, values): (Vec<String>, Vec<&str>) =
            self.insertable().map(|c| (c.name.quoted(), if c.name == *column { tenant } else { "NULL" })).unzip();
        Some(format!(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})",
            self.sql,
            names.join(", "),
            values.join(", ")
        ))
    }

    /// A column of a unique index that neither binds the row nor refers to another.
    fn is_fresh(&self, name: &Ident) -> bool {
        let s = &self.structure;
        let unique = s.primary_key.iter().chain(&s.uniques).any(|k| k.columns.contains(name))
            || s.indexes.iter().any(|i| i.unique && i.keys.iter().any(|k| k.column.as_ref() == Some(name)));
        let refers = s.foreign_keys.iter().any(|f| f.columns.contains(name));
        unique && !refers && self.tenant_column() != Some(name) && !self.hop_columns().contains(name)
    }

    /// What binds a row to B: the tenant column, or the first hop of B's row.
    pub(crate) fn bound_to_b(&self, b: &TenantKey) -> Option<Vec<(Ident, String)>> {
        match self.tenant_column() {
            Some(column) => Some(vec![(column.clone(), key(b))]),
            None => {
                let sample = self.b.as_ref()?;
                let set: Option<Vec<_>> = self
                    .hop_columns()
                    .iter()
                    .map(|c| Some((c.clone(), sample.values.get(c.as_str())?.clone())))
                    .collect();
                set.filter(|s| !s.is_empty())
            }
        }
    }

    /// A column that can be set to itself without touching a key; the tenant column or any other if need be.
    pub(crate) fn idle_column(&self) -> Option<String> {
        let key: Vec<&Ident> = self.key_columns().iter().map(|c| &c.name).collect();
        let plain = |c: &&Column| !c.generated && c.identity != Some('a');
        self.columns
            .iter()
            .filter(plain)
            .find(|c| !key.contains(&&c.name))
            .or_else(|| self.columns.iter().find(plain))
            .map(|c| c.name.quoted())
    }
}

/// An expression that gives a value nobody else has, for the types of which that can be said.
fn fresh(data_type: &str) -> Option<String> {
    let random = "pg_catalog.md5(pg_catalog.random()::pg_catalog.text)";
    Some(match data_type {
        "uuid" => "pg_catalog.gen_random_uuid()".into(),
        "text" | "character varying" => random.into(),
        "smallint" => "(-1 - pg_catalog.floor(pg_catalog.random() * 32000))::pg_catalog.int2".into(),
        "integer" | "bigint" => {
            format!("(-1 - pg_catalog.floor(pg_catalog.random() * 2000000000))::{data_type}")
        }
        t => {
            let length: usize = t.strip_prefix("character varying(")?.strip_suffix(')')?.parse().ok()?;
            format!("pg_catalog.left({random}, {length})")
        }
    })
}
