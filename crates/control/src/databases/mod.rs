//! Databases of the application in which tenants can live: what they take, how many, and from what template. Their
//! logins stand in the configuration, under the same name, and never here.
//!
//! A database that is drained gets no new tenant; those that live there stay. One in which tenants live is not removed.

pub(crate) mod http;
pub(crate) mod store;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tenantry_model::Ident;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Code, Error};
use crate::work::Workshop;

/// Databases made ahead, at most; the table's constraint says the same.
pub const WARM_MAX: i32 = 50;

/// How a tenant's data is kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Rows of shared tables, behind row-level security.
    Shared,
    /// A schema of its own, with a login of its own.
    Schema,
    /// A database of its own, with a login of its own.
    Database,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Shared, Self::Schema, Self::Database];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Schema => "schema",
            Self::Database => "database",
        }
    }

    /// The strategy of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// A registered database.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    /// Its id.
    pub id: Uuid,
    /// Its name; the configuration has its login under the same.
    pub name: String,
    /// Strategies it takes.
    pub strategies: Vec<Strategy>,
    /// Most tenants; none for no bound.
    pub capacity: Option<i32>,
    /// No new tenants come here.
    pub drained: bool,
    /// The schema that tenants of strategy `schema` get a copy of.
    pub template_schema: Option<String>,
    /// The database that tenants of strategy `database` get a copy of.
    pub template_database: Option<String>,
    /// Databases that are made ahead.
    pub warm: i32,
    /// Tenants that live here.
    pub tenants: i64,
    /// Databases that are ready for a tenant.
    pub warm_ready: i64,
    /// Where it is: `user@host:port/database`, if this control plane has the login.
    pub connection: Option<String>,
    #[serde(skip)]
    pub(crate) version: i64,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Database {
    /// With where it is, as far as this process knows.
    pub(crate) fn known_to(mut self, shop: &Workshop) -> Self {
        self.connection = shop.application(&self.name).ok().map(|a| a.target.to_string());
        self
    }
}

/// Checks what a database is registered with.
fn check(d: &Database) -> Result<(), Error> {
    let name = d.name.as_bytes();
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if !(1..=63).contains(&name.len()) || !plain(&name[0]) || !name.iter().all(|b| plain(b) || b"-_".contains(b)) {
        return Err(Error::field(
            "name",
            "give 1 to 63 lower-case letters, digits, `-` and `_`, a letter or digit first",
        ));
    }
    if d.strategies.is_empty() {
        return Err(Error::field("strategies", "give one or more of shared, schema and database"));
    }
    if d.capacity.is_some_and(|c| c < 0) {
        return Err(Error::field("capacity", "give 0 or more, or null for no bound"));
    }
    if !(0..=WARM_MAX).contains(&d.warm) {
        return Err(Error::field("warm", format!("give 0 to {WARM_MAX}")));
    }
    for (field, name, strategy) in [
        ("templateSchema", &d.template_schema, Strategy::Schema),
        ("templateDatabase", &d.template_database, Strategy::Database),
    ] {
        match name {
            None if d.strategies.contains(&strategy) => {
                let what = format!("the strategy `{}` needs it: a tenant gets a copy of it", strategy.as_str());
                return Err(Error::field(field, what));
            }
            Some(name)
                if Ident::new(name.clone()).is_err() || name.starts_with("pg_") || name == "information_schema" =>
            {
                return Err(Error::field(field, "give the name of a schema or database of the application"));
            }
            _ => {}
        }
    }
    if d.warm > 0 && d.template_database.is_none() {
        return Err(Error::field("warm", "databases are made ahead from `templateDatabase`: name it"));
    }
    Ok(())
}

/// A template must be left alone while it is copied, so it is not where the login lives.
fn check_template(d: &Database, shop: &Workshop) -> Result<(), Error> {
    let home = shop.application(&d.name).ok().map(|a| a.target.database());
    if d.template_database.is_some() && d.template_database.as_deref() == home {
        let what = "it is the database of the login itself, and nobody may be connected to a template: name another";
        return Err(Error::field("templateDatabase", what));
    }
    Ok(())
}

/// No database takes another tenant of this strategy.
pub(crate) fn no_room(strategy: Strategy) -> Error {
    let detail = format!(
        "no registered database takes another tenant of strategy `{}`: register one, raise a capacity, or end a drain \
         (/api/databases)",
        strategy.as_str()
    );
    Error::new(Code::StrategyUnavailable, detail)
}
