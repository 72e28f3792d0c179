//! `tenantry member`: who belongs to a tenant, and who is invited, over the control plane's API.

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};
use tenantry_control::{Invitation, Membership};

use super::Outcome;
use super::key::Of;
use crate::api::{self, Api, Page};
use crate::config::Settings;
use crate::errors::Failure;
use crate::output::{Output, Rows};

const AFTER: &str = "\
A tenant is named by its slug or its id, a member by the user's id.

Examples:
  tenantry member list acme
  tenantry member add acme 8f14e45f --role author                 the subject (`sub`) of the issuer's tokens
  tenantry member invite acme ada@example.com --role admin        taken by signing in with that verified address
  tenantry member role acme 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d viewer
  tenantry member remove acme 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d

Where several issuers are configured, --issuer names one. The caller's key is in TENANTRY_API_KEY or in the file that
--api-key-file names.

Exit codes: 0 done, 2 could not do its work.";

/// Work with the members of a tenant
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
    /// List members and open invitations
    List {
        /// The tenant, by slug or id
        #[arg(value_name = "TENANT")]
        tenant: String,
    },
    /// Add somebody whose subject is known
    Add {
        /// The tenant, by slug or id
        #[arg(value_name = "TENANT")]
        tenant: String,
        /// What the issuer calls him: `sub` of his tokens
        #[arg(value_name = "SUBJECT")]
        subject: String,
        /// What he may do
        #[arg(long, value_enum, default_value_t = Of::Author)]
        role: Of,
        /// Who says who he is: `iss` of his tokens
        #[arg(long, value_name = "ISSUER")]
        issuer: Option<String>,
    },
    /// Invite an address; nothing is sent
    Invite {
        /// The tenant, by slug or id
        #[arg(value_name = "TENANT")]
        tenant: String,
        /// The address
        #[arg(value_name = "EMAIL")]
        email: String,
        /// What he will be
        #[arg(long, value_enum, default_value_t = Of::Author)]
        role: Of,
        /// Where he has to sign in
        #[arg(long, value_name = "ISSUER")]
        issuer: Option<String>,
        /// Days for which it counts
        #[arg(long, value_name = "DAYS", default_value_t = 7)]
        days: i64,
    },
    /// Give a member another role
    Role {
        /// The tenant, by slug or id
        #[arg(value_name = "TENANT")]
        tenant: String,
        /// The user's id
        #[arg(value_name = "USER")]
        user: String,
        /// The role
        #[arg(value_enum)]
        role: Of,
    },
    /// End a membership, at once
    Remove {
        /// The tenant, by slug or id
        #[arg(value_name = "TENANT")]
        tenant: String,
        /// The user's id
        #[arg(value_name = "USER")]
        user: String,
    },
}

/// Does one of these.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("member")?;
    let api = Api::of(&args.api, &settings)?;
    let output = &settings.output;
    match args.what {
        What::List { tenant } => list(&tenant, &api, output).await,
        What::Add { tenant, subject, role, issuer } => {
            let request = json!({ "subject": subject, "role": role.role(), "issuer": issuer });
            let path = format!("{}/members", api.place(&tenant).await?);
            shown(&api.post(&path, &request).await?, &tenant, output)
        }
        What::Invite { tenant, email, role, issuer, days } => {
            let request = json!({ "email": email, "role": role.role(), "issuer": issuer, "days": days });
            let path = format!("{}/invitations", api.place(&tenant).await?);
            let made: Invitation = api.post(&path, &request).await?;
            if output.is_human() {
                let until = made.expires_at.strftime("%F %R");
                output.text(&format!("{} may join {tenant} as {} until {until}\n", made.email, made.role))
            } else {
                output.json(&json!({ "format": 1, "invitation": made }))
            }
        }
        What::Role { tenant, user, role } => {
            let path = format!("{}/members/{}", api.place(&tenant).await?, api::encoded(&user));
            let before = api.get::<Membership>(&path).await?;
            let request = json!({ "role": role.role() });
            let after = api.call(Method::PATCH, &path, Some(&request), before.version.as_deref()).await?;
            shown(&after.value, &tenant, output)
        }
        What::Remove { tenant, user } => {
            let path = format!("{}/members/{}", api.place(&tenant).await?, api::encoded(&user));
            api.call::<Value>(Method::DELETE, &path, None::<&()>, None).await?;
            if output.is_human() {
                output.text(&format!("{user} belongs to {tenant} no longer\n"))
            } else {
                output.json(&json!({ "format": 1, "tenant": tenant, "removed": user }))
            }
        }
    }?;
    Ok(Outcome::Fine)
}

fn shown(member: &Membership, tenant: &str, output: &Output) -> Result<(), Failure> {
    if output.is_human() {
        return output.text(&format!("{} belongs to {tenant} as {}\n", member.user_id, member.role));
    }
    output.json(&json!({ "format": 1, "member": member }))
}

async fn list(tenant: &str, api: &Api, output: &Output) -> Result<(), Failure> {
    let place = api.place(tenant).await?;
    let members: Vec<Membership> = api.list(&format!("{place}/members"), "", usize::MAX).await?;
    let invited: Page<Invitation> = api.get(&format!("{place}/invitations")).await?.value;
    if !output.is_human() {
        return output.json(&json!({ "format": 1, "members": members, "invitations": invited.items }));
    }
    let mut rows = Rows::new(&["user", "name", "role", "state", "last signed in"]);
    for member in &members {
        let name = member.name.clone().or(member.email.clone()).unwrap_or_else(|| member.subject.clone());
        let last = member.last_login_at.map_or_else(|| "-".to_owned(), |at| at.strftime("%F %R").to_string());
        rows.row([member.user_id.to_string(), name, member.role.clone(), member.status.clone(), last]);
    }
    for invitation in &invited.items {
        let until = format!("invited until {}", invitation.expires_at.strftime("%F"));
        rows.row(["-".to_owned(), invitation.email.clone(), invitation.role.clone(), until, "-".to_owned()]);
    }
    let count = members.len();
    output.text(&format!("{}{count} members of {tenant}, {} invited\n", rows.text(), invited.items.len()))
}
