//! `tenantry domains`: host names of the tenants' own, and the proof that they are.
//!
//! A name is claimed, then proven by a TXT record that only its owner can write, and only then does the gateway serve
//! it. A record holds what was made for this one claim, so nobody's old record proves anything for another, and a name
//! that was released needs a new claim and a new record, also from the tenant that had it.

mod check;
mod claim;
mod list;
mod prove;
mod records;
mod release;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Subcommand;
use jiff::{SignedDuration, Timestamp};
use tenantry_edge::directory::domain;
use tenantry_edge::directory::file::{DirectoryFile, DomainClaim};
use tenantry_model::Class;

use super::Outcome;
use super::tenants::{configured, name_of};
use crate::config::Settings;
use crate::config::directory::Stored;
use crate::errors::Failure;

/// Label in front of a domain whose record proves it.
pub(crate) const LABEL: &str = "_tenantry-challenge";
/// For so long after a claim its record counts.
const CLAIM_HOURS: i64 = 7 * 24;

const AFTER: &str = "\
Examples:
  tenantry domains claim acme shop.acme.com          prints the TXT record that acme has to set
  tenantry domains prove acme shop.acme.com          looks for it; from then on the gateway serves the name
  tenantry domains list
  tenantry domains check                             which records are still there
  tenantry domains release acme shop.acme.com        whoever wants it next proves it again

Exit codes: 0 done, 1 not proven, or no longer, 2 could not do its work.";

/// Give tenants host names of their own, once DNS proves that they are
#[derive(clap::Args)]
#[command(after_help = AFTER, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
    /// The tenants' file [default: the one that the configuration names for gateway or proxy, else tenants.json]
    #[arg(long, global = true, env = "TENANTRY_DIRECTORY", value_name = "FILE")]
    file: Option<PathBuf>,
    /// A name server to ask instead of the system's
    #[arg(long, global = true, env = "TENANTRY_RESOLVER", value_name = "ADDRESS:PORT")]
    resolver: Option<SocketAddr>,
}

#[derive(Subcommand)]
enum What {
    /// Say that a host name is a tenant's, and print the TXT record that proves it
    Claim(Of),
    /// Look for the record; if it is there the name is the tenant's
    Prove(Of),
    /// Take a name, or a claim, from a tenant
    Release(Of),
    /// List all names and claims
    List,
    /// Look whether the records of proven names are still there
    Check,
}

#[derive(clap::Args)]
struct Of {
    /// The tenant, by slug or key
    #[arg(value_name = "TENANT")]
    tenant: String,
    /// The host name; other scripts may be written as they are
    #[arg(value_name = "DOMAIN")]
    domain: String,
}

impl Of {
    /// The host name in its one way.
    fn domain(&self) -> Result<String, Failure> {
        domain::typed(&self.domain).ok_or_else(|| {
            Failure::caller(format!("`{}` is no host name that a tenant could have", self.domain))
                .code("domain-refused")
                .remedy("write a full name such as shop.example.com, without scheme, port and wildcard")
        })
    }
}

/// Does one of these.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("domains")?;
    let stored = Stored::at(match args.file {
        Some(file) => file,
        None => configured(&settings.registry)?,
    });
    match args.what {
        What::Claim(of) => claim::run(&of, &stored, &settings),
        What::Prove(of) => prove::run(&of, &stored, args.resolver, &settings.output).await,
        What::Release(of) => release::run(&of, &stored, &settings.output),
        What::List => list::run(&stored, &settings.output),
        What::Check => check::run(&stored, args.resolver, &settings.output).await,
    }
}

/// Where the record of a domain stands.
fn record_name(domain: &str) -> String {
    format!("{LABEL}.{domain}")
}

/// Whether a claim's record came too late.
fn is_expired(claim: &DomainClaim, now: Timestamp) -> bool {
    let claimed = claim.claimed_at.parse::<Timestamp>();
    claimed.is_ok_and(|at| now.duration_since(at) > SignedDuration::from_hours(CLAIM_HOURS))
}

/// Fails if another tenant has the domain.
fn must_be_free(file: &DirectoryFile, domain: &str, key: &str) -> Result<(), Failure> {
    let other = file.tenants.iter().find(|t| t.key != key && t.domains.iter().any(|d| d == domain));
    match other {
        None => Ok(()),
        Some(other) => Err(Failure::new(Class::Conflict, format!("`{domain}` is tenant `{}`'s", name_of(other)))
            .code("domain-refused")
            .remedy(format!("`tenantry domains release {} {domain}` takes it back first", name_of(other)))),
    }
}

fn now() -> Timestamp {
    // a second is enough, and reads better
    Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default()
}
