//! `tenantry tenants key`: API keys of a tenant. The key is printed once; the file keeps what checks it.

use secrecy::zeroize::Zeroizing;
use serde_json::json;
use tenantry_edge::directory::file::CredentialEntry;
use tenantry_wire::scram::{CANDIDATES_MAX, ITERATIONS_MIN, Verifier};

use super::{find, name_of};
use crate::config::directory::Stored;
use crate::errors::Failure;
use crate::output::Output;

/// Bytes of a key's public name.
const ID_BYTES: usize = 6;
/// Bytes of its secret: nobody guesses it, not even against the verifier.
const SECRET_BYTES: usize = 32;
/// Bytes of a salt, as PostgreSQL's.
const SALT_BYTES: usize = 16;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The tenant, by slug or key
    #[arg(value_name = "TENANT")]
    tenant: String,
    /// From when on the new key is refused, like 2027-01-31T12:00:00Z [default: never]
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// Take this key back instead of making one: its name, between `tnt_live_` and the secret
    #[arg(long, value_name = "ID", conflicts_with = "expires_at")]
    revoke: Option<String>,
}

/// Makes a key, or takes one back.
pub(super) fn run(args: &Args, stored: &Stored, output: &Output) -> Result<(), Failure> {
    match &args.revoke {
        Some(id) => revoke(args, id, stored, output),
        None => make(args, stored, output),
    }
}

/// Makes a key for a tenant of the file and gives it.
pub(crate) fn make_for(stored: &Stored, tenant: &str, expires_at: Option<&str>) -> Result<Made, Failure> {
    let (id, secret) = (random_hex::<ID_BYTES>()?, random_hex::<SECRET_BYTES>()?);
    let key = Zeroizing::new(format!("tnt_live_{}_{}", *id, *secret));
    let tenant = stored.change(|file| {
        let tenant = find(file, stored, tenant)?;
        if tenant.credentials.len() >= CANDIDATES_MAX {
            return Err(Failure::caller(format!("tenant `{}` has {CANDIDATES_MAX} keys already", name_of(tenant)))
                .remedy("take one back with --revoke ID; `tenantry tenants list` shows them"));
        }
        // a client is told one salt before it says which key it has, so all keys of a tenant share it
        let known = tenant.credentials.first().and_then(|c| Verifier::parse(&c.verifier).ok());
        let (salt, iterations) = match known {
            Some(verifier) => (verifier.salt().to_vec(), verifier.iterations()),
            None => (random::<SALT_BYTES>()?.to_vec(), ITERATIONS_MIN),
        };
        let verifier = Verifier::from_password(key.as_bytes(), &salt, iterations)
            .map_err(|e| Failure::bug("make a verifier").because(e))?;
        tenant.credentials.push(CredentialEntry {
            id: id.to_string(),
            verifier: verifier.to_text().to_string(),
            expires_at: expires_at.map(str::to_owned),
        });
        Ok(name_of(tenant).to_owned())
    })?;
    Ok(Made { tenant, id: id.to_string(), key })
}

/// A new key.
pub(crate) struct Made {
    /// Whose.
    pub(crate) tenant: String,
    /// Its public name.
    pub(crate) id: String,
    /// The key itself.
    pub(crate) key: Zeroizing<String>,
}

fn make(args: &Args, stored: &Stored, output: &Output) -> Result<(), Failure> {
    let made = make_for(stored, &args.tenant, args.expires_at.as_deref())?;
    output.say(&format!(
        "a key of tenant {}: it is shown this once; its name is {}, and {} keeps only what checks it",
        made.tenant,
        made.id,
        stored.path().display()
    ));
    if output.is_human() {
        return output.text(&format!("{}\n", *made.key));
    }
    let document =
        json!({ "format": 1, "tenant": made.tenant, "id": made.id, "key": *made.key, "expires_at": args.expires_at });
    output.json(&document)
}

fn revoke(args: &Args, id: &str, stored: &Stored, output: &Output) -> Result<(), Failure> {
    let tenant = stored.change(|file| {
        let tenant = find(file, stored, &args.tenant)?;
        let before = tenant.credentials.len();
        tenant.credentials.retain(|c| c.id != id);
        if tenant.credentials.len() == before {
            return Err(Failure::caller(format!("tenant `{}` has no key named `{id}`", name_of(tenant)))
                .remedy("`tenantry tenants list` shows the names of keys; the secret is no part of the name"));
        }
        Ok(name_of(tenant).to_owned())
    })?;
    if output.is_human() {
        return output.text(&format!("key {id} of tenant {tenant} is taken back\n"));
    }
    output.json(&json!({ "format": 1, "tenant": tenant, "id": id, "revoked": true }))
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Failure> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut()).map_err(|e| Failure::bug(format!("draw random numbers: {e}")))?;
    Ok(bytes)
}

pub(crate) fn random_hex<const N: usize>() -> Result<Zeroizing<String>, Failure> {
    Ok(Zeroizing::new(random::<N>()?.iter().map(|b| format!("{b:02x}")).collect()))
}
