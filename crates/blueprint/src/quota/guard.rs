//! The guard of one resource: the function behind its triggers, the count of a tenant's rows, and the first count of
//! all. The texts are static, so that the server keeps their plans; names and values come in quoted.

use tenantry_model::{Ident, KeyKind, QualifiedName, literal};

/// How a resource is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Rows that are there.
    Rows,
    /// The sum of a column over the rows that are there; values below zero count as zero.
    Sum(Ident),
    /// Rows that came in this month (UTC), whether they are still there or not.
    Monthly,
}

impl Measure {
    /// Its word in the registry and in `tenantry.quota_resource`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Sum(_) => "sum",
            Self::Monthly => "monthly",
        }
    }
}

/// What is counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// Name of the resource.
    pub resource: String,
    /// The table.
    pub table: QualifiedName,
    /// Its tenant column.
    pub tenant: Ident,
    /// Type of the tenant key, which the column's values are brought to.
    pub key: KeyKind,
    /// How it is measured.
    pub measure: Measure,
    /// A condition over `tenantry_row`: rows for which it does not hold are not counted.
    pub condition: Option<String>,
}

/// Every event a resource is guarded at, with the word in the trigger's name.
const ROW_EVENTS: [(&str, &str); 3] = [
    ("insert", "AFTER INSERT ON {} REFERENCING NEW TABLE AS tenantry_new"),
    ("update", "AFTER UPDATE ON {} REFERENCING OLD TABLE AS tenantry_old NEW TABLE AS tenantry_new"),
    ("delete", "AFTER DELETE ON {} REFERENCING OLD TABLE AS tenantry_old"),
];

/// Names of the triggers of a resource on a relation, by the word of its measure.
pub fn names(resource: &str, measure: &str, holds_rows: bool) -> Vec<Ident> {
    let events = ROW_EVENTS.iter().map(|(word, _)| *word);
    let all = events.chain(holds_rows.then_some("truncate"));
    all.filter(|w| measure != Measure::Monthly.word() || *w == "insert").map(|w| trigger(resource, w)).collect()
}

fn trigger(resource: &str, word: &str) -> Ident {
    Ident::composed("tenantry_quota_", resource, &format!("_{word}"))
}

impl Guard {
    /// The function behind the triggers.
    pub fn function(&self) -> QualifiedName {
        self.named("quota_guard_")
    }

    /// The function that counts a tenant's rows.
    pub fn count_signature(&self) -> String {
        format!("{}({})", self.named("quota_count_").quoted(), self.key.sql_type())
    }

    fn named(&self, prefix: &str) -> QualifiedName {
        QualifiedName::new(Ident::composed("tenantry", "", ""), Ident::composed(prefix, &self.resource, ""))
    }

    /// Names of the triggers on a relation. Only one that holds rows is told of TRUNCATE: that of a parent fires the
    /// triggers of all its partitions.
    pub fn triggers(&self, holds_rows: bool) -> Vec<Ident> {
        names(&self.resource, self.measure.word(), holds_rows)
    }

    fn trigger(&self, word: &str) -> Ident {
        trigger(&self.resource, word)
    }

    /// Makes the triggers of a relation. They go on the table and on each partition: a statement fires only those of
    /// the relation that it names.
    pub fn create_triggers(&self, relation: &QualifiedName, holds_rows: bool) -> Vec<String> {
        let wanted = self.triggers(holds_rows);
        let truncate = ("truncate", "BEFORE TRUNCATE ON {}");
        let events = ROW_EVENTS.iter().chain([&truncate]).filter(|(word, _)| wanted.contains(&self.trigger(word)));
        events
            .map(|(word, when)| {
                format!(
                    "CREATE OR REPLACE TRIGGER {} {} FOR EACH STATEMENT EXECUTE FUNCTION {}()",
                    self.trigger(word).quoted(),
                    when.replace("{}", &relation.quoted()),
                    self.function().quoted()
                )
            })
            .collect()
    }

    /// Units of one row.
    fn units(&self) -> String {
        match &self.measure {
            Measure::Rows | Measure::Monthly => "1".to_owned(),
            Measure::Sum(column) => format!("greatest(tenantry_row.{}, 0)", column.quoted()),
        }
    }

    /// The tenant of one row.
    fn tenant(&self) -> String {
        format!("tenantry_row.{}::{}", self.tenant.quoted(), self.key.sql_type())
    }

    /// Rows that count.
    fn counted(&self) -> String {
        let there = format!("tenantry_row.{} IS NOT NULL", self.tenant.quoted());
        self.condition.as_ref().map_or_else(|| there.clone(), |c| format!("{there} AND ({c})"))
    }

    /// Tenants and units of the rows of a relation.
    fn per_tenant(&self, relation: &str, sign: &str) -> String {
        format!(
            "SELECT {} AS tenant, sum({sign}{})::numeric AS units FROM {relation} AS tenantry_row WHERE {} GROUP BY 1",
            self.tenant(),
            self.units(),
            self.counted()
        )
    }

    /// Body of the trigger function. Tenants are charged in the order of their keys, so that statements about several
    /// of them never wait in a circle.
    pub fn body(&self) -> String {
        let period = match self.measure {
            Measure::Monthly => "tenantry.quota_period('monthly')",
            Measure::Rows | Measure::Sum(_) => "'-infinity'",
        };
        let charge = format!(
            "PERFORM tenantry.quota_charge({}, changed.tenant, {period}, changed.units)",
            literal(&self.resource)
        );
        let each = |source: &str| format!("    FOR changed IN {source} LOOP\n      {charge};\n    END LOOP;\n");
        let charged = format!("HAVING sum({}) <> 0 ORDER BY 1", self.units());
        let (new, old) = (self.per_tenant("tenantry_new", ""), self.per_tenant("tenantry_old", "-"));
        let mut body = format!(
            "DECLARE\n  changed record;\nBEGIN\n  IF TG_OP = 'INSERT' THEN\n{}",
            each(&format!("{new} {charged}"))
        );
        if self.measure != Measure::Monthly {
            let both = format!(
                "SELECT c.tenant, sum(c.units) AS units FROM ({new} UNION ALL {old}) c GROUP BY 1 HAVING sum(c.units) <> 0 ORDER BY 1"
            );
            body.push_str(&format!("  ELSIF TG_OP = 'UPDATE' THEN\n{}", each(&both)));
            body.push_str(&format!("  ELSIF TG_OP = 'DELETE' THEN\n{}", each(&format!("{old} {charged}"))));
            // the server holds everybody else off the relation by now
            let gone = self.per_tenant("ONLY %s", "-");
            let gone = gone.replacen("%s", "\u{1}", 1).replace('%', "%%").replacen('\u{1}', "%s", 1);
            body.push_str(&format!(
                "  ELSE\n    FOR changed IN EXECUTE format({}, TG_RELID::regclass) LOOP\n      {charge};\n    END LOOP;\n",
                literal(&format!("{gone} {}", charged.replace('%', "%%")))
            ));
        }
        body.push_str("  END IF;\n  RETURN NULL;\nEND");
        body
    }

    /// Counts one tenant's rows. The column stands as it is, so that its index answers.
    pub fn count_body(&self) -> String {
        format!(
            "SELECT coalesce(sum({}), 0)::numeric FROM {} AS tenantry_row WHERE {} AND tenantry_row.{} = $1",
            self.units(),
            self.table.quoted(),
            self.counted(),
            self.tenant.quoted()
        )
    }

    /// The first count of all tenants, with writers going on: the guards stand and only write down, so the snapshot of
    /// this statement sees a row if and only if it sees its note.
    pub fn seed(&self) -> Vec<String> {
        let resource = literal(&self.resource);
        let mut out = Vec::new();
        if self.measure != Measure::Monthly {
            out.push(format!(
                "INSERT INTO tenantry.quota (tenant, resource, used) \
                 SELECT coalesce(c.tenant, d.tenant), {resource}, coalesce(c.units, 0) - coalesce(d.units, 0) \
                 FROM ({}) c FULL JOIN (SELECT n.tenant, sum(n.units) AS units FROM tenantry.quota_delta n WHERE n.resource = {resource} GROUP BY 1) d \
                 ON d.tenant = c.tenant ON CONFLICT (tenant, resource) DO UPDATE SET used = EXCLUDED.used",
                self.per_tenant(&self.table.quoted(), "")
            ));
        }
        out.push(format!("UPDATE tenantry.quota_resource SET seeded = true WHERE resource = {resource}"));
        out
    }

    /// Makes the resource known.
    pub fn declare(&self) -> String {
        format!(
            "INSERT INTO tenantry.quota_resource (resource, relation, measure) VALUES ({}, {}, {})",
            literal(&self.resource),
            literal(&self.table.to_string()),
            literal(self.measure.word())
        )
    }

    /// Forgets the resource and everything counted of it.
    pub fn forget(&self) -> Vec<String> {
        let resource = literal(&self.resource);
        ["quota_reservation", "quota_shard", "quota_delta", "quota", "quota_resource"]
            .iter()
            .map(|table| format!("DELETE FROM tenantry.{table} WHERE resource = {resource}"))
            .collect()
    }
}
