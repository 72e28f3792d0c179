//! Everything an attack may lean on, gathered once before the first.

use std::sync::Arc;

use tenantry_blueprint::catalog::{Catalog, Index};
use tenantry_blueprint::classify::{Class, Classification};
use tenantry_blueprint::file::Blueprint;
use tenantry_blueprint::registry::Registry;
use tenantry_model::{QualifiedName, TenantKey, literal};
use tenantry_pg::{Client, Target};

use super::Error;
use super::outcome::Stop;
use super::request::Limits;
use super::session::{Session, Shared};
use super::subject::Subject;

/// The scene of the attacks.
pub(crate) struct Stage {
    /// The admin's connection: reads the catalog, never attacks.
    pub admin: Client,
    /// The structure as it is now.
    pub catalog: Catalog,
    /// What each table is, by the rules and the registry.
    pub classification: Classification,
    /// What apply did.
    pub blueprint: Blueprint,
    /// What was decided.
    pub registry: Registry,
    /// Bounds.
    pub limits: Limits,
    /// Tenant A: the attacker.
    pub a: TenantKey,
    /// Tenant B: the victim.
    pub b: TenantKey,
    /// A session for A.
    pub as_a: Session,
    /// A session of another login, for B.
    pub as_b: Session,
    /// Runtime logins.
    pub logins: Vec<Target>,
    /// What sessions share.
    pub shared: Arc<Shared>,
    /// Protected tables, partitions included.
    pub subjects: Vec<Subject>,
}

impl Stage {
    /// Protected tables that the application names itself: no partitions.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Subject> {
        self.subjects.iter().filter(|s| s.partition_of.is_none())
    }

    /// Tables the runtime may write.
    pub(crate) fn writable(&self) -> impl Iterator<Item = &Subject> {
        self.tables().filter(|s| s.writable)
    }

    /// A subject by name.
    pub(crate) fn subject(&self, table: &QualifiedName) -> Option<&Subject> {
        self.subjects.iter().find(|s| &s.table == table)
    }

    /// Why a unique index may span tenants: the registry says so, the blueprint kept it with a reason, or its values say nothing because they cannot be
    /// guessed (a single uuid).
    pub(crate) fn global_unique(&self, table: &Subject, index: &Index) -> Option<String> {
        let entry = self.registry.table(&table.table).and_then(|t| t.global_uniques.get(index.name.as_str()));
        if let Some(reason) = entry {
            return Some(reason.clone());
        }
        let parent = table.partition_of.as_ref().unwrap_or(&table.table);
        if let Some(reason) = self.blueprint.kept_global(parent, &index.name) {
            return Some(reason.to_owned());
        }
        if table.class == Class::Root {
            return Some("it names the tenant itself".to_owned());
        }
        let columns = index.plain_columns()?;
        let unguessable = columns.iter().any(|c| {
            table.structure.column(c.as_str()).is_some_and(|c| c.data_type == "uuid")
                && table.tenant_column() != Some(c)
        });
        unguessable.then(|| "its values are random (uuid)".to_owned())
    }

    /// A new connection of the n-th login.
    pub(crate) async fn fresh(&self, n: usize) -> Result<Session, Stop> {
        let target = &self.logins[n % self.logins.len()];
        Ok(Session::open(target, self.shared.clone(), &self.limits).await?)
    }

    /// Names of the logins used, as an SQL list.
    pub(crate) fn login_list(&self) -> String {
        self.logins.iter().map(|l| literal(l.user())).collect::<Vec<_>>().join(", ")
    }

    /// Names of the protected relations, as an SQL list of `regclass` constants.
    pub(crate) fn subject_list(&self) -> String {
        self.subjects.iter().map(|s| format!("{}::pg_catalog.regclass", literal(&s.sql))).collect::<Vec<_>>().join(", ")
    }

    /// Looks something up in the catalog as the admin. Every column must be text or NULL.
    pub(crate) async fn look(&self, sql: &str) -> Result<Vec<Vec<String>>, Stop> {
        let rows = self.admin.query(sql, &[]).await?;
        Ok(rows
            .iter()
            .map(|r| (0..r.len()).map(|n| r.get::<_, Option<String>>(n).unwrap_or_default()).collect())
            .collect())
    }

    /// The same in one column.
    pub(crate) async fn list(&self, sql: &str) -> Result<Vec<String>, Stop> {
        Ok(self.look(sql).await?.into_iter().filter_map(|mut r| (!r.is_empty()).then(|| r.remove(0))).collect())
    }

    /// Ends what is open on the two sessions, and replaces one that is gone.
    pub(super) async fn revive(&mut self) -> Result<(), Stop> {
        if self.as_a.is_lost() || self.as_a.end().await.is_err() {
            self.as_a = self.fresh(0).await?;
        }
        if self.as_b.is_lost() || self.as_b.end().await.is_err() {
            self.as_b = self.fresh(self.logins.len() - 1).await?;
        }
        Ok(())
    }

    /// Fetches a row of each tenant from every table.
    pub(super) async fn fill(&mut self) -> Result<(), Error> {
        let broken = |s: &Stop| Error::Context { reason: s.0.clone() };
        self.as_a.begin(Some(&self.a)).await.map_err(|s| broken(&s))?;
        self.as_b.begin(Some(&self.b)).await.map_err(|s| broken(&s))?;
        for n in 0..self.subjects.len() {
            if self.subjects[n].partition_of.is_some() {
                continue;
            }
            let subject = &self.subjects[n];
            let mut missing = String::new();
            let mut found = [None, None];
            for (place, (session, tenant)) in found.iter_mut().zip([(&self.as_a, &self.a), (&self.as_b, &self.b)]) {
                session.client().batch_execute("SAVEPOINT sample").await.map_err(Error::sql("look for rows"))?;
                match subject.sample(session, &subject.owned_by(tenant), self.limits.rows_max).await {
                    Ok(sample) => *place = sample,
                    Err(Stop(why)) => missing = why,
                }
                session
                    .client()
                    .batch_execute("ROLLBACK TO SAVEPOINT sample")
                    .await
                    .map_err(Error::sql("look for rows"))?;
            }
            let [a, b] = found;
            if missing.is_empty() {
                missing = match (&a, &b) {
                    (None, None) => "neither tenant has a row",
                    (None, _) => "tenant A has no row",
                    (_, None) => "tenant B has no row",
                    _ => "",
                }
                .into();
            }
            let subject = &mut self.subjects[n];
            (subject.a, subject.b, subject.missing) = (a, b, missing);
        }
        self.as_a.end().await.map_err(|s| broken(&s))?;
        self.as_b.end().await.map_err(|s| broken(&s))?;
        Ok(())
    }
}
