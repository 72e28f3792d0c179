//! Resources that are counted, as the attacks on them see them: what is counted for tenant A, and what is there.

use tenantry_blueprint::file::CountedResource;

use super::tools::*;

/// A resource with a row of tenant A in its table.
pub(super) struct Counted<'a> {
    pub(super) resource: &'a CountedResource,
    pub(super) table: &'a Subject,
}

/// Every resource that the attacks can be tried on; the others are left with the reason.
pub(super) fn counted<'a>(stage: &'a Stage, tally: &mut Tally) -> Vec<Counted<'a>> {
    let mut out = Vec::new();
    for resource in &stage.blueprint.resources {
        match stage.writable().find(|t| t.table == resource.table) {
            None => tally.left(&resource.name, "the runtime may not write its table"),
            Some(table) if table.a.is_none() => tally.left(&resource.name, "tenant A has no row"),
            Some(table) => out.push(Counted { resource, table }),
        }
    }
    out
}

impl Counted<'_> {
    pub(super) fn name(&self) -> &str {
        &self.resource.name
    }

    /// Small enough to count its rows at every turn.
    pub(super) fn can_be_counted(&self, stage: &Stage) -> bool {
        self.resource.measure != "monthly" && self.table.a.as_ref().is_some_and(|a| a.rows <= stage.limits.rows_max)
    }

    /// What is counted for the tenant of the transaction.
    pub(super) async fn used(&self, session: &Session) -> Result<i64, Stop> {
        let sql = format!("SELECT used FROM tenantry.quota_mine() WHERE resource = {}", literal(self.name()));
        session.number(&sql).await
    }

    /// What is left to the tenant of the transaction; -1 without a limit.
    pub(super) async fn remaining(&self, session: &Session) -> Result<i64, Stop> {
        let sql = format!(
            "SELECT COALESCE(remaining, -1) FROM tenantry.quota_mine() WHERE resource = {}",
            literal(self.name())
        );
        session.number(&sql).await
    }

    /// What is there of tenant A, as A sees it: an expression.
    pub(super) fn there(&self, stage: &Stage) -> String {
        let units = match &self.resource.column {
            Some(column) => format!("sum(GREATEST(tenantry_row.{}, 0))", column.quoted()),
            None => "count(*)".to_owned(),
        };
        let condition = self.resource.condition.as_ref().map_or_else(String::new, |c| format!(" AND ({c})"));
        format!(
            "(SELECT COALESCE({units}, 0)::pg_catalog.int8 FROM {} AS tenantry_row WHERE tenantry_row.{} = {}{condition})",
            self.table.sql,
            self.resource.tenant.quoted(),
            key(&stage.a)
        )
    }

    /// What is counted and what is there, of one moment.
    pub(super) async fn books(&self, stage: &Stage, session: &Session) -> Result<(i64, i64), Stop> {
        let sql = format!(
            "SELECT (SELECT used FROM tenantry.quota_mine() WHERE resource = {}), {}",
            literal(self.name()),
            self.there(stage)
        );
        let row = session.client().query_one(&sql, &[]).await?;
        Ok((row.get(0), row.get(1)))
    }

    /// An INSERT that copies a row of A, of a kind that counts where that can be said.
    pub(super) fn one_more(&self, shape: Shape) -> Option<String> {
        let soft = self.resource.soft.as_ref();
        let set: Vec<_> = soft.map(|s| (s.column.clone(), s.back.clone())).into_iter().collect();
        self.table.copy_row(&set, shape)
    }
}
