//! Signing in: by tokens of the issuers that the settings name, and in which of three ways the control plane is used.
//!
//! There is no password and no cookie here: an issuer says who somebody is ([`token`]), `users` and `members` say what
//! he may do. A sign-in is a row (`session`), so that it stands in the log once and can be ended. Nobody becomes a user
//! because an issuer knows him.

pub(crate) mod http;
mod local;
pub(crate) mod store;
pub(crate) mod token;

use std::sync::Arc;

use tenantry_issuer::IssuerSettings;

use crate::db::{Db, Scope};
use crate::error::{Code, Error};
use crate::ids::TenantId;

pub(crate) use local::is_from_here;

/// How the control plane is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Requests name a tenant, or their credential does.
    #[default]
    MultiTenant,
    /// There is this tenant, by its slug, and no other; no request names it.
    SingleTenant(String),
    /// Whoever is on this machine is the operator. For trying things out: it serves on the loopback alone.
    Anonymous,
}

/// Who may sign in, and how.
#[derive(Clone, Debug, Default)]
pub struct SignIn {
    /// The way of use.
    pub mode: Mode,
    /// Whose tokens count; none if there are only API keys.
    pub issuers: Vec<Arc<IssuerSettings>>,
}

impl SignIn {
    /// The one tenant there is, in a control plane for one.
    pub(crate) async fn only_tenant(&self, db: &Db) -> Result<Option<TenantId>, Error> {
        let Mode::SingleTenant(slug) = &self.mode else { return Ok(None) };
        let tx = db.read(Scope::Platform, "authentication").await?;
        let found = store::tenant_of_slug(&tx, slug).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// Whether a tenant of this slug may be made: in a control plane for one tenant, that one.
    pub(crate) fn may_make(&self, slug: &str) -> Result<(), Error> {
        match &self.mode {
            Mode::SingleTenant(only) if only != slug => {
                let detail = format!("this control plane is for the one tenant `{only}`");
                Err(Error::new(Code::StateConflict, detail))
            }
            _ => Ok(()),
        }
    }

    /// The issuer of an invitation: the one named, or the only one there is.
    pub(crate) fn issuer(&self, named: Option<&str>) -> Result<&str, Error> {
        let found = match named {
            Some(named) => self.issuers.iter().find(|i| **i.name() == *named),
            None if self.issuers.len() == 1 => self.issuers.first(),
            None => None,
        };
        found.map(|i| &**i.name()).ok_or_else(|| {
            Error::field("issuer", "name one of the issuers in [control.issuers], as it stands in `iss`, to the letter")
        })
    }
}
