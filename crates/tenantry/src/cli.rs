//! What can be typed: the commands and the options that all of them share.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    apply, audit, bench, check, complete, completions, database, doctor, domains, fleet, inspect, key, man, member,
    plan, plans, quota, registry, rollback, serve, signing_key, status, support, tenant, tenants, up, verify,
};
use crate::output::Format;

const AFTER: &str = "\
First steps:
  tenantry up                                        a demonstration on its own PostgreSQL, nothing to set up
  tenantry inspect --write-config tenantry.toml      what every table of your database is
  tenantry plan --out isolation                      the steps, forward and backward, with locks and time
  tenantry apply isolation                           run them online; old logins keep working
  tenantry complete                                  close the old doors
  tenantry verify                                    attack the result
  tenantry tenants import                            who the tenants are, for the proxy
  tenantry serve                                     the proxy, which carries the tenant for the application

The database is named by --database-url, TENANTRY_DATABASE_URL or DATABASE_URL. A password is better kept in the
environment: other users of a machine can read a program's arguments.

Exit codes: 0 fine, 1 findings (failed check, drift, blocked blueprint), 2 wrong usage or could not do its work.";

/// Makes an existing PostgreSQL application properly multi-tenant: row-level security, composite keys and a signed
/// tenant context, applied online, proven by attack, and reversible.
#[derive(Parser)]
#[command(name = "tenantry", version, about, after_help = AFTER, max_term_width = 100)]
#[command(arg_required_else_help = true, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command. A flag wins over the environment, that over the file, that over the default.
#[derive(Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The database: postgres://user@host:port/database or key=value pairs
    #[arg(long, global = true, env = "TENANTRY_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// The registry: what each table is [default: tenantry.toml, if it is there]
    #[arg(long, global = true, env = "TENANTRY_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How to print the result [default: human]
    #[arg(long, global = true, env = "TENANTRY_FORMAT", value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Do not ask; for scripts
    #[arg(long, short = 'y', global = true, env = "TENANTRY_YES")]
    pub(crate) yes: bool,
    /// Work with a server whose row-level security has known holes
    #[arg(long, global = true, env = "TENANTRY_ALLOW_OLD_SERVER")]
    pub(crate) allow_old_server: bool,
    /// Say more on standard error (twice: still more)
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say nothing but results and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

/// The commands, in the order they are used.
#[derive(Subcommand)]
pub(crate) enum Command {
    Up(up::Args),
    Inspect(inspect::Args),
    Check(check::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Complete(complete::Args),
    Rollback(rollback::Args),
    Status(status::Args),
    Verify(verify::Args),
    Bench(bench::Args),
    Doctor(doctor::Args),
    Serve(serve::Args),
    Tenant(tenant::Args),
    Key(key::Args),
    Plans(plans::Args),
    Quota(quota::Args),
    Member(member::Args),
    Support(support::Args),
    SigningKey(signing_key::Args),
    Database(database::Args),
    Fleet(fleet::Args),
    Tenants(tenants::Args),
    Domains(domains::Args),
    Registry(registry::Args),
    Audit(audit::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    Man(man::Args),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
