//! `tenantry tenant`: the tenants of the control plane, from the shell. What may be done is the API's to say.

mod change;
mod create;
mod list;
mod show;
mod state;

use clap::Subcommand;

use super::Outcome;
use crate::api::{self, Api};
use crate::config::Settings;
use crate::errors::Failure;

const AFTER: &str = "\
A tenant is named by its slug or its id.

Examples:
  tenantry tenant create acme --name 'Acme Ltd' --plan pro
  tenantry tenant create big --isolation schema      being made, until `show` says that it is active
  tenantry tenant retry big                          after what failed was put right
  tenantry tenant list --plan pro --search acme
  tenantry tenant show acme
  tenantry tenant update acme --slug acme-uk
  tenantry tenant suspend acme --reason unpaid       its sessions end within a second; its data is kept
  tenantry tenant resume acme
  tenantry tenant delete acme                        can be restored for 30 days
  tenantry tenant restore acme

The key is in TENANTRY_API_KEY or in the file that --api-key-file names. Where no control plane runs,
`tenantry tenants` works with the tenants' file.

Exit codes: 0 done, 2 could not do its work.";

/// Work with the tenants of the control plane
#[derive(clap::Args)]
#[command(after_help = AFTER, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    api: api::Place,
}

#[derive(Subcommand)]
enum What {
    /// List tenants
    List(list::Args),
    /// Show one tenant
    Show(show::Args),
    /// Make a tenant
    Create(create::Args),
    /// Change what is given of a tenant, and nothing else
    Update(change::Args),
    /// Keep a tenant out, from now on
    Suspend(state::Suspend),
    /// Let a suspended tenant in again
    Resume(state::Of),
    /// Delete a tenant; it can be restored for 30 days
    Delete(state::Of),
    /// Take a deletion back
    Restore(state::Of),
    /// Try again to make the schema or database of a tenant that failed
    Retry(state::Of),
}

/// Does one of these.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("tenant")?;
    let api = Api::of(&args.api, &settings)?;
    let output = &settings.output;
    match args.what {
        What::List(args) => list::run(&args, &api, output).await,
        What::Show(args) => show::run(&args, &api, output).await,
        What::Create(args) => create::run(&args, &api, output).await,
        What::Update(args) => change::run(&args, &api, output).await,
        What::Suspend(args) => state::suspend(&args, &api, output).await,
        What::Resume(args) => state::step(&args, "resume", &api, output).await,
        What::Delete(args) => state::delete(&args, &api, &settings).await,
        What::Retry(args) => state::step(&args, "retry", &api, output).await,
        What::Restore(args) => state::step(&args, "restore", &api, output).await,
    }?;
    Ok(Outcome::Fine)
}
