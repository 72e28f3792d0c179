//! `tenantry key`: API keys of a tenant. A key is printed once, alone on standard output, and kept nowhere.

use clap::{Subcommand, ValueEnum};
use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_control::access::{ApiKey, Role};

use super::Outcome;
use crate::api::{self, Api, Page};
use crate::config::Settings;
use crate::errors::Failure;
use crate::output::{Output, Rows};

const AFTER: &str = "\
A tenant is named by its slug or its id, a key by what stands between `tnt_live_` and its secret.

Examples:
  tenantry key create acme --name backend --role author > acme.key
  tenantry key list acme
  tenantry key rotate acme 4f1c09a2b7de --overlap 86400 > acme.key     the old one counts for another day
  tenantry key revoke acme 4f1c09a2b7de

A key of a tenant is also its password at the proxy. The caller's key is in TENANTRY_API_KEY or in the file that
--api-key-file names.

Exit codes: 0 done, 2 could not do its work.";

/// Work with the API keys of a tenant
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
    /// List the keys of a tenant, never their secrets
    List {
        /// The tenant, by slug or id
        #[arg(value_name = "TENANT")]
        tenant: String,
    },
    /// Make a key and print it, once
    Create {
        /// The tenant, by slug or id
        #[arg(value_name = "TENANT")]
        tenant: String,
        /// What people call it
        #[arg(long)]
        name: String,
        /// What it may do
        #[arg(long, value_enum, default_value_t = Of::Author)]
        role: Of,
        /// From when on it is refused, like 2027-01-31T12:00:00Z [default: never]
        #[arg(long, value_name = "TIME")]
        expires_at: Option<jiff::Timestamp>,
    },
    /// Make a key in place of another and print it, once
    Rotate {
        /// The tenant, by slug or id
        #[arg(value_name = "TENANT")]
        tenant: String,
        /// The key to replace
        #[arg(value_name = "KEY")]
        key: String,
        /// Seconds for which the old one still counts
        #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
        overlap: u32,
    },
    /// Take a key back, at once
    Revoke {
        /// The tenant, by slug or id
        #[arg(value_name = "TENANT")]
        tenant: String,
        /// The key
        #[arg(value_name = "KEY")]
        key: String,
    },
}

/// Roles that a key or a member of a tenant can have.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Of {
    /// Everything of the tenant
    Admin,
    /// Name, slug and contact; reads keys and audit
    WorkspaceManager,
    /// Uses quotas
    Author,
    /// Reads
    Viewer,
}

impl Of {
    /// The role of the API.
    pub(super) fn role(self) -> Role {
        match self {
            Self::Admin => Role::Admin,
            Self::WorkspaceManager => Role::WorkspaceManager,
            Self::Author => Role::Author,
            Self::Viewer => Role::Viewer,
        }
    }
}

/// A key that was just made.
#[derive(Deserialize)]
struct Made {
    key: String,
    #[serde(flatten)]
    shown: ApiKey,
}

/// Does one of these.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("key")?;
    let api = Api::of(&args.api, &settings)?;
    let output = &settings.output;
    match args.what {
        What::List { tenant } => list(&tenant, &api, output).await,
        What::Create { tenant, name, role, expires_at } => {
            let request = json!({ "name": name, "role": role.role(), "expiresAt": expires_at });
            let path = format!("{}/keys", api.place(&tenant).await?);
            made(&path, &request, &api, output).await
        }
        What::Rotate { tenant, key, overlap } => {
            let path = format!("{}/keys/{}/rotate", api.place(&tenant).await?, api::encoded(&key));
            made(&path, &json!({ "overlapSeconds": overlap }), &api, output).await
        }
        What::Revoke { tenant, key } => {
            let path = format!("{}/keys/{}", api.place(&tenant).await?, api::encoded(&key));
            api.call::<Value>(Method::DELETE, &path, None::<&()>, None).await?;
            if output.is_human() {
                output.text(&format!("key {key} of {tenant} is taken back\n"))
            } else {
                output.json(&json!({ "format": 1, "tenant": tenant, "revoked": key }))
            }
        }
    }?;
    Ok(Outcome::Fine)
}

async fn made(path: &str, request: &Value, api: &Api, output: &Output) -> Result<(), Failure> {
    let made: Made = api.post(path, request).await?;
    if !output.is_human() {
        return output.json(&json!({ "format": 1, "key": made.key, "id": made.shown.id,
            "role": made.shown.role, "expiresAt": made.shown.expires_at }));
    }
    // the key alone goes to standard output, so that it can go into a file
    output.say(&format!("key {} of role {}, shown this once:", made.shown.id, made.shown.role));
    output.text(&format!("{}\n", made.key))
}

async fn list(tenant: &str, api: &Api, output: &Output) -> Result<(), Failure> {
    let keys: Page<ApiKey> = api.get(&format!("{}/keys", api.place(tenant).await?)).await?.value;
    if !output.is_human() {
        return output.json(&json!({ "format": 1, "keys": keys.items }));
    }
    let mut rows = Rows::new(&["key", "name", "role", "state", "expires", "last used", "made by"]);
    let now = jiff::Timestamp::now();
    let time = |at: Option<jiff::Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.strftime("%F %R").to_string());
    for key in &keys.items {
        let state = match (key.revoked_at, key.expires_at) {
            (Some(_), _) => "taken back",
            (None, Some(at)) if at <= now => "expired",
            _ => "counts",
        };
        rows.row([
            key.id.clone(),
            key.name.clone(),
            key.role.clone(),
            state.to_owned(),
            time(key.expires_at),
            time(key.last_used_at),
            key.created_by.clone(),
        ]);
    }
    output.text(&format!("{}{} keys of {tenant}\n", rows.text(), keys.items.len()))
}
