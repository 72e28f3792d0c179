//! `tenantry signing-key`: the keys that sign tenant contexts in the application's database. A new one is printed once,
//! or written into the credentials file that proxy and gateway read.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use hyper::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_control::SigningKey;
use tenantry_engine::credentials::{self, Credentials};

use super::Outcome;
use crate::api::{self, Api, Page};
use crate::config::Settings;
use crate::errors::Failure;
use crate::output::{Output, Rows};

const AFTER: &str = "\
Examples:
  tenantry signing-key list
  tenantry signing-key rotate --credentials isolation/credentials.json      and reload the proxy within the overlap
  tenantry signing-key rotate --overlap 0 > new.key                         the keys before count no longer
  tenantry signing-key revoke 1

Whoever has such a key can be any tenant in the application's database. The control plane needs `keeper_url` in
[control.database]. The caller's key is in TENANTRY_API_KEY or in the file that --api-key-file names.

Exit codes: 0 done, 2 could not do its work.";

/// Work with the keys that sign tenant contexts
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
    /// List the keys, never their secrets
    List,
    /// Make a new key and let the others end
    Rotate {
        /// Seconds for which the keys before still count
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
        overlap: u32,
        /// Put the new key into this credentials file instead of printing it
        #[arg(long, value_name = "FILE")]
        credentials: Option<PathBuf>,
    },
    /// Take a key back, at once
    Revoke {
        /// Its number
        #[arg(value_name = "KID")]
        kid: i16,
    },
}

/// A key that was just made.
#[derive(Deserialize)]
struct Made {
    kid: i16,
    key: SecretString,
    replaced: Vec<i16>,
}

/// Does one of these.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("signing-key")?;
    let output = &settings.output;
    match args.what {
        What::List => list(&Api::of(&args.api, &settings)?, output).await,
        What::Rotate { overlap, credentials } => {
            // a file that cannot take the key is found before there is one
            let file = credentials.map(|path| Credentials::read(&path).map(|c| (path, c))).transpose()?;
            let api = Api::of(&args.api, &settings)?;
            let made: Made = api.post("/api/signing-keys/rotate", &json!({ "overlapSeconds": overlap })).await?;
            match file {
                Some((path, content)) => keep(&path, content, &made, output),
                None => print(&made, output),
            }
        }
        What::Revoke { kid } => {
            let api = Api::of(&args.api, &settings)?;
            api.call::<Value>(Method::DELETE, &format!("/api/signing-keys/{kid}"), None::<&()>, None).await?;
            if output.is_human() {
                output.text(&format!("signing key {kid} is taken back\n"))
            } else {
                output.json(&json!({ "format": 1, "revoked": kid }))
            }
        }
    }?;
    Ok(Outcome::Fine)
}

fn keep(path: &Path, mut content: Credentials, made: &Made, output: &Output) -> Result<(), Failure> {
    content.signing_key = credentials::SigningKey { kid: made.kid, key: made.key.expose_secret().to_owned() };
    if let Err(error) = content.write(path) {
        // the key is shown this once: it must not be lost with the file
        output.say("the new key could not be written into the file; here it is, this once:");
        print(made, output)?;
        return Err(error.into());
    }
    if output.is_human() {
        let ends = numbers(&made.replaced);
        return output.text(&format!(
            "signing key {} stands in {}; {ends} end with the overlap. Let proxy and gateway read the file again.\n",
            made.kid,
            path.display()
        ));
    }
    output.json(&json!({ "format": 1, "kid": made.kid, "replaced": made.replaced, "credentials": path }))
}

fn print(made: &Made, output: &Output) -> Result<(), Failure> {
    let key = made.key.expose_secret();
    if !output.is_human() {
        return output.json(&json!({ "format": 1, "kid": made.kid, "key": key, "replaced": made.replaced }));
    }
    // the key alone goes to standard output, so that it can go into a file
    output.say(&format!(
        "signing key {}, shown this once; {} end with the overlap:",
        made.kid,
        numbers(&made.replaced)
    ));
    output.text(&format!("{key}\n"))
}

fn numbers(kids: &[i16]) -> String {
    if kids.is_empty() {
        return "no others".to_owned();
    }
    kids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

async fn list(api: &Api, output: &Output) -> Result<(), Failure> {
    let keys: Page<SigningKey> = api.get("/api/signing-keys").await?.value;
    if !output.is_human() {
        return output.json(&json!({ "format": 1, "keys": keys.items }));
    }
    let mut rows = Rows::new(&["kid", "state", "until"]);
    for key in &keys.items {
        let until = key.not_after.map_or_else(|| "-".to_owned(), |at| at.strftime("%F %R").to_string());
        rows.row([key.kid.to_string(), if key.counts { "counts" } else { "over" }.to_owned(), until]);
    }
    output.text(&format!("{}{} signing keys\n", rows.text(), keys.items.len()))
}
