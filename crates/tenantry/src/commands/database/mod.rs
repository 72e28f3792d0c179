//! `tenantry database`: the databases in which tenants can live, as the control plane has them.

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};
use tenantry_control::Database;
use tenantry_model::Class;

use super::Outcome;
use crate::api::{self, Answer, Api, Page};
use crate::config::Settings;
use crate::errors::Failure;
use crate::output::{Output, Rows};

const AFTER: &str = "\
A database is named by the name under which [control.databases] has its login.

Examples:
  tenantry database add main --strategies shared,schema --template-schema public --capacity 500
  tenantry database add silo --strategies database --template-database app_template --warm 3
  tenantry database list
  tenantry database set main --drained true          no new tenant comes here
  tenantry database remove main                      registered no more; the database itself is left alone

Exit codes: 0 done, 2 could not do its work.";

/// Work with the databases in which tenants can live
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
    /// List them, with how many tenants live there
    List,
    /// Register one
    Add {
        /// As in [control.databases.NAME]
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        more: More,
    },
    /// Change what is given of one, and nothing else
    Set {
        /// The database
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        more: More,
    },
    /// Register one no more
    Remove {
        /// The database
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// What can be said of a database.
#[derive(clap::Args)]
struct More {
    /// What it takes
    #[arg(long, value_delimiter = ',', value_parser = ["shared", "schema", "database"])]
    strategies: Vec<String>,
    /// Most tenants [default: no bound]
    #[arg(long, value_name = "N")]
    capacity: Option<u32>,
    /// Whether new tenants are kept away
    #[arg(long, value_name = "BOOL")]
    drained: Option<bool>,
    /// The schema that tenants of strategy `schema` get a copy of
    #[arg(long, value_name = "SCHEMA")]
    template_schema: Option<String>,
    /// The database that tenants of strategy `database` get a copy of
    #[arg(long, value_name = "DATABASE")]
    template_database: Option<String>,
    /// Databases to be made ahead
    #[arg(long, value_name = "N")]
    warm: Option<u32>,
}

impl More {
    fn request(&self) -> Value {
        let mut request = json!({});
        if !self.strategies.is_empty() {
            request["strategies"] = json!(self.strategies);
        }
        for (field, value) in [
            ("capacity", json!(self.capacity)),
            ("drained", json!(self.drained)),
            ("templateSchema", json!(self.template_schema)),
            ("templateDatabase", json!(self.template_database)),
            ("warm", json!(self.warm)),
        ] {
            if !value.is_null() {
                request[field] = value;
            }
        }
        request
    }
}

/// Does one of these.
pub(crate) async fn run(args: Args, settings: Settings) -> Result<Outcome, Failure> {
    settings.output.only_human_or_json("database")?;
    let api = Api::of(&args.api, &settings)?;
    let output = &settings.output;
    match args.what {
        What::List => list(&all(&api).await?, output),
        What::Add { name, more } => {
            let mut request = more.request();
            request["name"] = json!(name);
            if more.strategies.is_empty() {
                return Err(Failure::caller("no strategy is given").remedy("name one or more by --strategies"));
            }
            list(&[api.post("/api/databases", &request).await?], output)
        }
        What::Set { name, more } => {
            let request = more.request();
            if request == json!({}) {
                return Err(Failure::caller("nothing to change was given")
                    .remedy("`tenantry database set --help` lists what can be"));
            }
            let (path, now) = find(&api, &name).await?;
            let changed: Answer<Database> =
                api.call(Method::PATCH, &path, Some(&request), now.version.as_deref()).await?;
            list(&[changed.value], output)
        }
        What::Remove { name } => {
            let (path, now) = find(&api, &name).await?;
            api.call::<Value>(Method::DELETE, &path, None::<&()>, now.version.as_deref()).await?;
            match output.is_human() {
                true => output.text(&format!("{name} is registered no more\n")),
                false => output.json(&json!({ "format": 1, "removed": name })),
            }
        }
    }?;
    Ok(Outcome::Fine)
}

async fn all(api: &Api) -> Result<Vec<Database>, Failure> {
    Ok(api.get::<Page<Database>>("/api/databases").await?.value.items)
}

/// The database of this name, with its path and version.
async fn find(api: &Api, name: &str) -> Result<(String, Answer<Database>), Failure> {
    let found = all(api).await?.into_iter().find(|d| d.name == name).ok_or_else(|| {
        Failure::new(Class::Missing, format!("no database `{name}` is registered"))
            .code("not-found")
            .remedy("`tenantry database list` shows those that are")
    })?;
    let path = format!("/api/databases/{}", found.id);
    let now = api.get(&path).await?;
    Ok((path, now))
}

fn list(databases: &[Database], output: &Output) -> Result<(), Failure> {
    if !output.is_human() {
        return output.json(&json!({ "format": 1, "databases": databases }));
    }
    let mut rows = Rows::new(&["name", "strategies", "tenants", "capacity", "state", "warm", "templates", "place"]);
    for d in databases {
        let strategies: Vec<&str> = d.strategies.iter().map(|s| s.as_str()).collect();
        let templates: Vec<&str> =
            [&d.template_schema, &d.template_database].into_iter().flatten().map(String::as_str).collect();
        rows.row([
            d.name.clone(),
            strategies.join(","),
            d.tenants.to_string(),
            d.capacity.map_or_else(|| "-".to_owned(), |n| n.to_string()),
            if d.drained { "drained" } else { "open" }.to_owned(),
            format!("{}/{}", d.warm_ready, d.warm),
            templates.join(","),
            d.connection.clone().unwrap_or_else(|| "no login".to_owned()),
        ]);
    }
    output.text(&rows.text())
}
