//! `tenantry tenants`: the directory file, as long as no control plane publishes the tenants.
//!
//! Each command reads the whole file, changes one thing, checks the whole, and puts it in place at once; a proxy that
//! follows the file sees the old list or the new one. TOML stays TOML and JSON stays JSON, comments of TOML are not kept.

pub(crate) mod import;
pub(crate) mod key;
mod list;
mod state;

use std::path::PathBuf;

use clap::Subcommand;
use tenantry_edge::directory::TenantState;
use tenantry_edge::directory::file::{DirectoryFile, TenantEntry, json_schema};

use super::Outcome;
use crate::config::directory::{FILE_DEFAULT, Stored};
use crate::config::{RegistryFile, Settings};
use crate::errors::Failure;

const AFTER: &str = "\
Examples:
  tenantry tenants import                            makes tenants.json from the tenant table of the database
  tenantry tenants list
  tenantry tenants key acme                          prints a new API key of tenant acme, once
  tenantry tenants key acme --revoke 4f1c09a2b7de    takes one back, by the name between `tnt_live_` and the secret
  tenantry tenants suspend acme                      its sessions end; its data is kept
  tenantry tenants schema > directory.schema.json    for editors

A proxy that runs sees every change within a second.

Exit codes: 0 done, 2 could not do its work.";

/// Work with the tenants' file (tenants.json): who there is, and what proves it
#[derive(clap::Args)]
#[command(after_help = AFTER, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
    /// The tenants' file [default: the one that the configuration names for gateway or proxy, else tenants.json]
    #[arg(long, global = true, env = "TENANTRY_DIRECTORY", value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum What {
    /// List the tenants of the file
    List,
    /// Read the tenants from the root table of the isolated database into the file
    Import(import::Args),
    /// Make an API key of a tenant and print it, once
    Key(key::Args),
    /// Keep a tenant out, from now on
    Suspend(state::Args),
    /// Let a suspended tenant in again
    Resume(state::Args),
    /// Print the JSON Schema of the file
    Schema,
}

/// Does one of these.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("tenants")?;
    if let What::Schema = args.what {
        settings.output.json(&json_schema())?;
        return Ok(Outcome::Fine);
    }
    let stored = Stored::at(match args.file {
        Some(file) => file,
        None => configured(&settings.registry)?,
    });
    match args.what {
        What::List => list::run(&stored, &settings.output),
        What::Import(import) => import::run(&import, &stored, &settings).await,
        What::Key(key) => key::run(&key, &stored, &settings.output),
        What::Suspend(of) => state::run(&of, &stored, TenantState::Suspended, &settings.output),
        What::Resume(of) => state::run(&of, &stored, TenantState::Active, &settings.output),
        What::Schema => return Ok(Outcome::Fine),
    }?;
    Ok(Outcome::Fine)
}

/// The file that the gateway or the proxy's databases name, if they name one; otherwise the default place.
pub(super) fn configured(registry: &RegistryFile) -> Result<PathBuf, Failure> {
    let base = registry.path().parent().map(PathBuf::from).unwrap_or_default();
    let databases = registry.content.proxy.as_ref().and_then(|p| p.get("databases")?.as_object());
    let named = databases.into_iter().flatten().filter_map(|(_, d)| d.get("directory")?.as_str());
    let gateway = registry.content.gateway.as_ref().and_then(|g| g.get("tenants")?.as_str());
    let mut named: Vec<PathBuf> = named.chain(gateway).map(|file| base.join(file)).collect();
    named.sort();
    named.dedup();
    match named.as_slice() {
        [] => Ok(PathBuf::from(FILE_DEFAULT)),
        [one] => Ok(one.clone()),
        [..] => Err(Failure::caller("the configuration names several tenants' files")
            .code("directory-file")
            .remedy("say which with --file")),
    }
}

/// The tenant of this slug or key.
pub(super) fn find<'a>(
    file: &'a mut DirectoryFile,
    stored: &Stored,
    name: &str,
) -> Result<&'a mut TenantEntry, Failure> {
    let by_slug = file.tenants.iter().position(|t| t.slug.as_deref() == Some(name));
    let at = by_slug.or_else(|| file.tenants.iter().position(|t| t.key == name)).ok_or_else(|| {
        Failure::new(tenantry_model::Class::Missing, format!("{} lists no tenant `{name}`", stored.path().display()))
            .remedy("`tenantry tenants list` shows slugs and keys; `tenantry tenants import` adds new ones")
    })?;
    Ok(&mut file.tenants[at])
}

/// What a tenant is called: its slug, or its key where it has none.
pub(super) fn name_of(tenant: &TenantEntry) -> &str {
    tenant.slug.as_deref().unwrap_or(&tenant.key)
}
