//! What most attacks need.

pub(super) use super::super::outcome::{Attack, Outcome, Stop, Verdict};
pub(super) use super::super::report::Severity::{Critical, High, Low, Medium};
pub(super) use super::super::session::{Answer, Session, WIRES, Wire, key};
pub(super) use super::super::stage::Stage;
pub(super) use super::super::subject::{SHAPES, Sample, Shape, Subject};
pub(super) use super::super::tally::{Tally, names};
pub(super) use tenantry_model::literal;

use tenantry_blueprint::catalog::Policy;
use tenantry_blueprint::file::Binding;

/// A row of A and a row of B, or a note why the table is left out.
pub(super) fn both<'a>(table: &'a Subject, tally: &mut Tally) -> Option<(&'a Sample, &'a Sample)> {
    match (&table.a, &table.b) {
        (Some(a), Some(b)) => Some((a, b)),
        _ => {
            tally.left(&table.table, table.missing.clone());
            None
        }
    }
}

/// A row of A, or a note why the table is left out.
pub(super) fn own<'a>(table: &'a Subject, tally: &mut Tally) -> Option<&'a Sample> {
    if table.a.is_none() {
        let why = if table.missing == "neither tenant has a row" { "tenant A has no row" } else { &table.missing };
        tally.left(&table.table, why);
    }
    table.a.as_ref()
}

/// True if a policy's expression asks for the tenant of the context (or, along a path, walks to it).
pub(super) fn is_bound(table: &Subject, expression: Option<&str>) -> bool {
    let Some(expression) = expression else { return false };
    match &table.binding {
        Binding::Column { column, .. } => {
            // the server prints a name plain if it can, else quoted
            let names_it = [column.to_string(), column.quoted()].iter().any(|name| expression.contains(name));
            names_it && expression.contains("tenantry.tenant_id")
        }
        Binding::Path { .. } => expression.contains("SELECT"),
    }
}

/// True if nobody gets past a restrictive policy by its list of roles: it is for everybody, or it names every role that
/// a permissive policy lets in. Only the keeper may be left out: it cannot log in, and its look-ups run before a
/// tenant is known.
pub(super) fn holds_everybody(stage: &Stage, table: &Subject, policy: &Policy) -> bool {
    let keeper = stage.blueprint.roles.keeper.as_str();
    let named = |role: &String| policy.roles.contains(role) || role == keeper;
    let mut permissive = table.structure.policies.iter().filter(|p| p.permissive);
    policy.roles.iter().any(|r| r == "public") || permissive.all(|p| p.roles.iter().all(named))
}

/// True if a restrictive policy that holds everybody binds this command to the tenant.
pub(super) fn binds(stage: &Stage, table: &Subject, policy: &Policy, command: char) -> bool {
    let reads = matches!(command, 'r' | 'w' | 'd');
    let writes = matches!(command, 'a' | 'w');
    !policy.permissive
        && (policy.command == '*' || policy.command == command)
        && holds_everybody(stage, table, policy)
        && (!reads || is_bound(table, policy.using.as_deref()))
        && (!writes || is_bound(table, policy.check.as_deref().or(policy.using.as_deref())))
}

/// The four commands a policy can be for.
pub(super) const COMMANDS: [(char, &str); 4] = [('r', "SELECT"), ('a', "INSERT"), ('w', "UPDATE"), ('d', "DELETE")];

/// Whether an INSERT that should be refused went through: the row landed at B, or only a constraint stopped it
/// (constraints are checked after policies).
pub(super) async fn landed(
    stage: &Stage,
    table: &Subject,
    sql: &str,
    wire: Wire,
) -> Result<Option<&'static str>, Stop> {
    let look = format!(
        "SELECT 1 FROM {} t WHERE {} AND pg_catalog.age(t.xmin) <= 0 LIMIT 1",
        table.sql,
        table.owned_by(&stage.b)
    );
    let (answer, seen) = stage.as_a.attempt_then(sql, wire, &stage.b, &look).await?;
    Ok(match seen {
        Some(seen) if answer.rows() > 0 && seen.rows() > 0 => Some("tenant B has a row that tenant A wrote"),
        _ if answer.is_constraint() => Some("no policy refused the row, only a constraint did"),
        _ => None,
    })
}

/// As A, in a transaction with A's context: says each of `changes`, and then looks for rows of others in every table.
/// `what` names the changes in the evidence.
pub(super) async fn without_effect(
    stage: &Stage,
    tally: &mut Tally,
    changes: &[String],
    what: &str,
) -> Result<(), Stop> {
    for table in stage.tables() {
        let Some((a, _)) = both(table, tally) else { continue };
        let own = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, a.is_it);
        let foreign = format!("SELECT 1 FROM {} t WHERE {} LIMIT 1", table.sql, table.foreign_to(&stage.a));
        stage.as_a.begin(Some(&stage.a)).await?;
        if stage.as_a.attempt(&own, Wire::Simple).await?.rows() == 0 {
            tally.left(&table.table, "tenant A cannot read its own row");
            stage.as_a.end().await?;
            continue;
        }
        tally.tried();
        for change in changes {
            stage.as_a.client().batch_execute("SAVEPOINT change").await?;
            tally.attempt();
            let answer = stage.as_a.say(change, Wire::Simple).await?;
            if matches!(answer, Answer::Refused { .. }) {
                stage.as_a.client().batch_execute("ROLLBACK TO SAVEPOINT change").await?;
            }
            if stage.as_a.attempt(&foreign, Wire::Simple).await?.rows() > 0 {
                tally.broke(&table.table, format!("tenant B's rows are visible after {what}"));
            }
            stage.as_a.client().batch_execute("ROLLBACK TO SAVEPOINT change").await?;
        }
        stage.as_a.end().await?;
    }
    Ok(())
}

/// As A, leaves something behind on a connection, then hands the connection to B: once as it is, once after the
/// DISCARD ALL that a pooler is to send, once by `tenantry.hold`, which cleans by itself. `look` finds a row while it
/// is there; `what` names it in the evidence.
pub(super) async fn survives(stage: &Stage, leave: &str, look: &str, what: &str) -> Verdict {
    let session = stage.fresh(0).await?;
    if !stage.tables().any(|t| t.a.is_some()) {
        session.close().await;
        return Ok(Outcome::Skipped("no protected table with a row of tenant A".into()));
    }
    let left = async || -> Result<(), Stop> {
        session.begin(Some(&stage.a)).await?;
        session.say(leave, Wire::Simple).await?;
        session.say("COMMIT", Wire::Simple).await?;
        session.end().await
    };
    left().await?;
    session.begin(Some(&stage.b)).await?;
    let kept = session.say(look, Wire::Simple).await?;
    session.end().await?;
    session.say("DISCARD ALL", Wire::Simple).await?;
    let after = session.say(look, Wire::Simple).await?;
    session.bind().await?;
    left().await?;
    // a refusal is the word to close the connection, which a pooler then does
    let held = match session.say(&session.hold_sql(&stage.b), Wire::Simple).await? {
        Answer::Done { .. } => session.say(look, Wire::Simple).await?.rows(),
        Answer::Refused { .. } => 0,
    };
    session.close().await;
    let failed = |evidence| Ok(Outcome::Fail { objects: vec!["connection".into()], evidence });
    match (kept.rows(), after.rows(), held) {
        (_, 1.., _) => failed(format!("{what} survives DISCARD ALL")),
        (_, _, 1..) => failed(format!("{what} is still there when tenantry.hold has given the connection to tenant B")),
        (0, ..) => Ok(Outcome::Pass(format!("{what} does not survive the transaction"))),
        _ => Ok(Outcome::Residual(format!(
            "{what} stays on the connection until DISCARD ALL or tenantry.hold: a pooler must send one between tenants"
        ))),
    }
}

/// Privileges on the protected tables that no runtime login may have.
pub(super) async fn with_privilege(stage: &Stage, privilege: &str) -> Result<Vec<String>, Stop> {
    let privilege = literal(privilege);
    stage
        .list(&format!(
            "SELECT DISTINCT c.oid::regclass::text FROM pg_class c, pg_roles r \
             WHERE c.oid IN ({}) AND r.rolname IN ({}) AND has_table_privilege(r.oid, c.oid, {privilege}) ORDER BY 1",
            stage.subject_list(),
            stage.login_list()
        ))
        .await
}

/// A view in the runtime's reach.
pub(super) struct View {
    /// As the server prints it.
    pub name: String,
    /// For SQL.
    pub sql: String,
    /// It runs with the reader's rights.
    pub invoker: bool,
    /// Its owner is a superuser, has BYPASSRLS, or owns a protected table that is not forced.
    pub owner_unbound: bool,
}

/// A condition: a runtime login can read the relation.
pub(super) fn readable(stage: &Stage, oid: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM pg_roles r, pg_class rc WHERE rc.oid = {oid} AND r.rolname IN ({}) \
         AND (has_table_privilege(r.oid, rc.oid, 'SELECT') OR has_any_column_privilege(r.oid, rc.oid, 'SELECT')) \
         AND has_schema_privilege(r.oid, rc.relnamespace, 'USAGE'))",
        stage.login_list()
    )
}

/// Views (`v`) or materialized views (`m`) in the runtime's reach that read a protected table, directly or
/// through other views.
pub(super) async fn readable_views(stage: &Stage, kind: char) -> Result<Vec<View>, Stop> {
    let rows = stage
        .look(&format!(
            "WITH RECURSIVE d(top, oid) AS ( \
               SELECT c.oid, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.relkind = '{kind}' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tenantry') AND {} \
               UNION SELECT d.top, p.refobjid FROM d JOIN pg_rewrite w ON w.ev_class = d.oid \
               JOIN pg_depend p ON p.classid = 'pg_rewrite'::regclass AND p.objid = w.oid \
               AND p.refclassid = 'pg_class'::regclass AND p.refobjid <> d.oid) \
             SELECT c.oid::regclass::text, quote_ident(n.nspname) || '.' || quote_ident(c.relname), \
               coalesce(c.reloptions::text ~* 'security_invoker=(true|on|1|yes)', false)::text, \
               (o.rolsuper OR o.rolbypassrls OR EXISTS (SELECT 1 FROM pg_class s WHERE s.oid IN ({subjects}) \
                 AND NOT s.relforcerowsecurity AND pg_has_role(o.oid, s.relowner, 'USAGE')))::text \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner \
             WHERE EXISTS (SELECT 1 FROM d WHERE d.top = c.oid AND d.oid IN ({subjects})) ORDER BY 1",
            readable(stage, "c.oid"),
            subjects = stage.subject_list()
        ))
        .await?;
    Ok(rows
        .into_iter()
        .map(|r| View { name: r[0].clone(), sql: r[1].clone(), invoker: r[2] == "true", owner_unbound: r[3] == "true" })
        .collect())
}

/// A restrictive policy asks, for each new and changed row, whether the parent is one its tenant may see: a foreign key
/// that cannot hold the tenant is guarded by it.
pub(super) fn guarded(table: &Subject, fk: &tenantry_blueprint::catalog::ForeignKey) -> bool {
    ["insert", "update"].iter().all(|word| {
        let name = tenantry_model::Ident::composed("tenantry_", &format!("{word}_{}", fk.name), "");
        table
            .structure
            .policies
            .iter()
            .any(|p| p.name == name && !p.permissive && p.check.as_ref().is_some_and(|c| c.contains("tenantry_parent")))
    })
}

/// Whether a foreign key keeps both rows in one tenant: its columns hold the tenant of both sides. `None` where a
/// side has no tenant column, so that no key could (the policy along the path is what binds such rows).
pub(super) fn carries_tenant(
    table: &Subject,
    parent: &Subject,
    fk: &tenantry_blueprint::catalog::ForeignKey,
) -> Option<bool> {
    let (here, there) = (table.tenant_column()?, parent.tenant_column()?);
    let pair = fk.columns.iter().zip(&fk.referenced_columns).any(|(from, to)| from == here && to == there);
    Some(pair)
}

/// True if deleting the parent changes the child.
pub(super) fn acts(fk: &tenantry_blueprint::catalog::ForeignKey) -> bool {
    use tenantry_blueprint::catalog::Action::{Cascade, SetDefault, SetNull};
    matches!(fk.on_delete, Cascade | SetNull | SetDefault)
}

/// A unique key that names its tenant: it holds the tenant column, or the reference that binds the row to it.
pub(super) fn names_tenant(table: &Subject, columns: &[tenantry_model::Ident]) -> bool {
    let bound = table.tenant_column().is_some_and(|c| columns.contains(c));
    let hop = table.hop_columns();
    bound || (!hop.is_empty() && hop.iter().all(|c| columns.contains(c)))
}

/// A unique key that holds a reference to another protected row: equal values cannot belong to two tenants, and a
/// stranger would have to know that row's key to ask.
pub(super) fn within_owner(stage: &Stage, table: &Subject, columns: &[tenantry_model::Ident]) -> bool {
    let scoped = |to| stage.subject(to).is_some_and(|p| p.class != tenantry_blueprint::classify::Class::Root);
    let by_key = table.structure.foreign_keys.iter().any(|f| {
        scoped(&f.references) && f.columns.iter().all(|c| columns.contains(c) || Some(c) == table.tenant_column())
    });
    // References that the application keeps without declaring them.
    let by_path = stage
        .classification
        .verdict(&table.table)
        .and_then(|v| v.path.first())
        .is_some_and(|hop| !hop.reverse && hop.columns.iter().all(|c| columns.contains(c)));
    !names_tenant(table, columns) && (by_key || by_path)
}

/// The index behind the primary key. A key that stays on the id alone says no more than a sequence does (P-51).
pub(super) fn is_primary(table: &Subject, index: &tenantry_blueprint::catalog::Index) -> bool {
    table.structure.primary_key.as_ref().is_some_and(|k| k.name == index.name)
}
