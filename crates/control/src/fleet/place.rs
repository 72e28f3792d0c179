//! A migration in one place: the application's SQL and the note of its version, in one transaction.

use tenantry_model::{Ident, literal};
use tenantry_pg::{Client, in_plain_words};

use crate::databases::Database;
use crate::error::{Code, Error};
use crate::placing::place::{TEMPLATE_MARK, database_version, extension_schemas, schema_version, template_lock};
use crate::placing::{Placement, mark, named, version_in};
use crate::work::Application;
use crate::work::hands::{enter, failed, open};
use crate::work::moment::moment;

/// Migrates a tenant's place, unless it is of this version already.
pub(super) async fn tenant(application: &Application, p: &Placement, version: &str, sql: &str) -> Result<(), Error> {
    let holder = open(application, p.tenant.0).await?;
    let comment = literal(&mark(p.tenant, Some(version)));
    if let Some(name) = &p.own_database {
        let name = named(Some(name))?;
        let client = enter(application, name.as_str()).await?;
        let said =
            "SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database WHERE datname = $1";
        if !is_of(&client, said, &name, p, version).await? {
            let before = "SET LOCAL search_path TO DEFAULT".to_owned();
            let after = format!("COMMENT ON DATABASE {} IS {comment}", name.quoted());
            run(&client, &before, sql, &after).await?;
        }
        client.close().await;
    } else {
        let (name, owner) = (named(p.schema.as_ref())?, named(p.owner.as_ref())?);
        let said =
            "SELECT pg_catalog.obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace WHERE nspname = $1";
        if !is_of(&holder, said, &name, p, version).await? {
            let mut path = vec![name.quoted()];
            path.extend(extension_schemas(&holder, name.as_str()).await?.iter().map(Ident::quoted));
            // as the owner of this place alone: what is wrong in the script is wrong here, and nowhere else
            let before = format!("SET LOCAL ROLE {}; SET LOCAL search_path TO {}", owner.quoted(), path.join(", "));
            let after = format!("COMMENT ON SCHEMA {} IS {comment}", name.quoted());
            run(&holder, &before, sql, &after).await?;
        }
    }
    holder.close().await;
    Ok(())
}

/// Whether the place is of this version. A place that does not say that it is the tenant's is left alone.
async fn is_of(client: &Client, said: &str, name: &Ident, p: &Placement, version: &str) -> Result<bool, Error> {
    let row = client.query_opt(said, &[&name.as_str()]).await.map_err(failed("read the version of the place"))?;
    let text: Option<String> = row.and_then(|r| r.get(0));
    let known = text.and_then(|t| version_in(&t, p.tenant)).ok_or_else(|| {
        Error::new(Code::StateConflict, format!("{name} is gone, or does not say that it is this tenant's"))
    })?;
    Ok(known.as_deref() == Some(version))
}

/// Migrates the templates of a database.
pub(super) async fn templates(application: &Application, d: &Database, version: &str, sql: &str) -> Result<(), Error> {
    let comment = literal(&format!("{TEMPLATE_MARK}{version}"));
    let holder = open(application, d.id).await?;
    if let Some(template) = &d.template_schema
        && schema_version(&holder, template).await?.as_deref() != Some(version)
    {
        let name = named(Some(template))?.quoted();
        let lock = literal(&template_lock(template));
        let before = format!(
            "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended({lock}, 0)); \
             SET LOCAL search_path TO {name}"
        );
        run(&holder, &before, sql, &format!("COMMENT ON SCHEMA {name} IS {comment}")).await?;
    }
    if let Some(template) = &d.template_database
        && database_version(&holder, template).await?.as_deref() != Some(version)
    {
        let client = enter(application, template).await?;
        let after = format!("COMMENT ON DATABASE {} IS {comment}", named(Some(template))?.quoted());
        let done = run(&client, "SET LOCAL search_path TO DEFAULT", sql, &after).await;
        // nobody can copy it while somebody is in it
        client.close().await;
        done?;
    }
    holder.close().await;
    Ok(())
}

async fn run(client: &Client, before: &str, sql: &str, after: &str) -> Result<(), Error> {
    client.batch_execute(&format!("BEGIN; {before}")).await.map_err(failed("begin in the place"))?;
    let number = "SELECT pg_catalog.pg_current_xact_id()::text";
    let begun: String = client.query_one(number, &[]).await.map_err(failed("number the transaction"))?.get(0);
    moment().await;
    client.batch_execute(sql).await.map_err(|e| {
        // what the script says of rows is not for our log: the message and its code are
        let known = failed("run the migration")(e);
        Error::new(known.code, "the migration's SQL fails in this place").because_text(cause(&known))
    })?;
    let same = client.query_one(number, &[]).await.map(|r| r.get::<_, String>(0) == begun);
    if !same.map_err(failed("number the transaction"))? {
        let detail = "the migration's SQL ends its transaction: leave COMMIT and ROLLBACK out";
        return Err(Error::new(Code::StateConflict, detail));
    }
    client.batch_execute(&format!("RESET ROLE; {after}")).await.map_err(failed("note the version"))?;
    moment().await;
    client.batch_execute("COMMIT").await.map_err(|e| {
        Error::new(Code::StateConflict, "the migration cannot be made last in this place")
            .because_text(in_plain_words(&e))
    })
}

fn cause(error: &Error) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}
