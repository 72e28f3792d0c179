//! `tenantry tenants import`: the tenants that the application's own table lists.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tenantry_edge::directory::TenantState;
use tenantry_edge::directory::file::{DirectoryFile, FORMAT, TenantEntry};
use tenantry_edge::directory::slug::is_slug;
use tenantry_engine::journal;
use tenantry_model::{Class, Ident, KeyKind, QualifiedName, TenantKey};
use tenantry_pg::{Target, connect};

use crate::config::Settings;
use crate::config::directory::Stored;
use crate::errors::Failure;

/// Columns that are taken for the slug where none is named.
const SLUG_COLUMNS: &[&str] = &["slug", "handle", "subdomain"];
/// More tenants than this are not held in a file.
const TENANTS_MAX: usize = 1_000_000;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Column of the tenant table with the tenant's name for logins [default: slug, handle or subdomain, if there is one]
    #[arg(long, value_name = "COLUMN")]
    slug: Option<String>,
}

/// What an import came to.
pub(crate) struct Imported {
    added: usize,
    known: usize,
    gone: usize,
    without_slug: usize,
}

/// Reads the table and adds what is new.
pub(super) async fn run(args: &Args, stored: &Stored, settings: &Settings) -> Result<(), Failure> {
    let imported = import(&settings.target()?, args.slug.as_deref(), stored).await?;
    let Imported { added, known, gone, without_slug } = imported;
    if !settings.output.is_human() {
        return settings.output.json(&json!({
            "format": 1, "file": stored.path(), "added": added, "known": known, "gone": gone, "without_slug": without_slug,
        }));
    }
    settings.output.text(&format!("{added} tenants added, {known} known already: {}\n", stored.path().display()))?;
    if without_slug > 0 {
        settings.output.say(&format!(
            "{without_slug} have no slug (lower-case letters, digits and `-`, at most 63, nobody else's): they log in by their key"
        ));
    }
    if gone > 0 {
        settings
            .output
            .say(&format!("{gone} of the file are not in the table any more; they stay until you take them out"));
    }
    Ok(())
}

/// The same for whoever has a target: what stands in the file already is kept, credentials and limits too.
pub(crate) async fn import(target: &Target, slug: Option<&str>, stored: &Stored) -> Result<Imported, Failure> {
    let (kind, rows) = read(target, slug).await?;
    stored.change_or_make(
        || DirectoryFile { format: FORMAT, key_kind: kind, plans: BTreeMap::new(), tenants: Vec::new() },
        |file| merge(file, kind, rows, stored),
    )
}

fn merge(
    file: &mut DirectoryFile,
    kind: KeyKind,
    rows: Vec<(String, Option<String>)>,
    stored: &Stored,
) -> Result<Imported, Failure> {
    if file.key_kind != kind {
        return Err(Failure::caller(format!(
            "{} lists keys of type {:?}, and the tenant column is {kind:?}",
            stored.path().display(),
            file.key_kind
        ))
        .code("directory-file")
        .remedy("use another file for this database"));
    }
    let at: BTreeMap<String, usize> = file.tenants.iter().enumerate().map(|(at, t)| (t.key.clone(), at)).collect();
    let mut slugs: BTreeSet<String> = file.tenants.iter().filter_map(|t| t.slug.clone()).collect();
    let keys: BTreeSet<String> = rows.iter().map(|(key, _)| key.to_ascii_lowercase()).collect();
    let gone = file.tenants.iter().filter(|t| !keys.contains(&t.key.to_ascii_lowercase())).count();
    let mut imported = Imported { added: 0, known: 0, gone, without_slug: 0 };
    for (key, name) in rows {
        let known = at.get(&key).copied();
        if known.is_some_and(|at| file.tenants[at].slug.is_some()) {
            imported.known += 1;
            continue;
        }
        let reads_as_key = |name: &String| {
            *name != key && (keys.contains(name) || kind != KeyKind::Text && TenantKey::parse(kind, name).is_ok())
        };
        let slug = name.filter(|n| is_slug(n) && !reads_as_key(n)).filter(|n| slugs.insert(n.clone()));
        imported.without_slug += usize::from(slug.is_none());
        match known {
            Some(at) => {
                imported.known += 1;
                file.tenants[at].slug = slug;
            }
            None => {
                imported.added += 1;
                file.tenants.push(TenantEntry {
                    key,
                    slug,
                    plan: None,
                    state: TenantState::Active,
                    isolation: Default::default(),
                    weight: None,
                    limits: Default::default(),
                    credentials: Vec::new(),
                    domains: Vec::new(),
                    domain_claims: Vec::new(),
                });
            }
        }
    }
    Ok(imported)
}

/// Keys and names of the tenant table.
async fn read(target: &Target, slug: Option<&str>) -> Result<(KeyKind, Vec<(String, Option<String>)>), Failure> {
    let client = connect(target).await?;
    let journal = journal::read(&*client).await?.ok_or_else(|| {
        Failure::new(Class::Conflict, format!("database {} is not isolated", target.database()))
            .code("wrong-state")
            .remedy("run `tenantry apply` first: it says which table lists the tenants")
    })?;
    let root = &journal.blueprint.root;
    let (Some(table), Some(key)) = (&root.table, root.key.first()) else {
        return Err(Failure::caller("there is no tenant table: tenancy is only a column here")
            .remedy("write the tenants' file by hand; docs/reference/directory.md shows how"));
    };
    let slug = slug_column(&client, table, slug).await?;
    let name = slug.map_or_else(|| "NULL".to_owned(), |column| column.quoted());
    let sql = format!(
        "SELECT {key}::pg_catalog.text, {name}::pg_catalog.text FROM {} ORDER BY {key} LIMIT {}",
        table.quoted(),
        TENANTS_MAX + 1,
        key = key.quoted()
    );
    let refused = |e: tenantry_pg::tokio_postgres::Error| {
        let why = tenantry_pg::in_plain_words(&e);
        Failure::new(tenantry_pg::class_of(&e), format!("cannot read the tenant table {table}: {why}"))
            .remedy("connect as a superuser or a role with BYPASSRLS: everybody else sees one tenant")
    };
    // an error instead of a part of the table, for a login that is not above the policies
    client.batch_execute("SET row_security = off").await.map_err(refused)?;
    let rows = client.query(&sql, &[]).await.map_err(refused)?;
    client.close().await;
    if rows.len() > TENANTS_MAX {
        return Err(Failure::caller(format!("the tenant table {table} has more than {TENANTS_MAX} rows"))
            .remedy("a file is not the place for so many tenants"));
    }
    let rows = rows.iter().map(|row| (row.get(0), row.get::<_, Option<String>>(1)));
    Ok((journal.blueprint.key_kind, rows.map(|(key, name)| (key, name.map(|n| n.to_ascii_lowercase()))).collect()))
}

async fn slug_column(
    client: &tenantry_pg::Client,
    table: &QualifiedName,
    named: Option<&str>,
) -> Result<Option<Ident>, Failure> {
    let sql = "SELECT attname::text FROM pg_catalog.pg_attribute \
               WHERE attrelid = $1::text::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped";
    let failed = |e| Failure::new(Class::Unavailable, format!("cannot read the columns of {table}")).because(e);
    let rows = client.query(sql, &[&table.quoted()]).await.map_err(failed)?;
    let columns: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let found = match named {
        Some(named) if columns.iter().any(|c| c == named) => Some(named),
        Some(named) => {
            return Err(Failure::caller(format!("table {table} has no column `{named}`"))
                .remedy(format!("its columns are {}", columns.join(", "))));
        }
        None => SLUG_COLUMNS.iter().copied().find(|name| columns.iter().any(|c| c == name)),
    };
    found.map(|name| Ident::new(name).map_err(|e| Failure::bug("use a column's name").because(e))).transpose()
}
