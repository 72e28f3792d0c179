//! Whose transaction it is, where the client says so by its statements.

use tenantry_edge::admission::{Admitted, Claim};

use super::Session;
use crate::ablation::{Protection, removed};
use crate::context;
use crate::identify::naming::{self, Naming};
use crate::link::Link;
use crate::refusal::Refusal;
use crate::startup::at_home;

impl Session {
    /// Reads what the messages that have come say.
    pub(super) fn naming_of_input(&self) -> Naming {
        naming::of_messages(self.input.unread(), &self.settings().presets, |name| {
            self.statements.get(name).map(|statement| &*statement.key.query)
        })
    }

    /// Admits whom the client named.
    pub(super) fn admit(&self, naming: Naming) -> Result<Admitted, Refusal> {
        let directory = &self.pool.database.directory;
        let admitted = match naming {
            Naming::Nobody => return Err(Refusal::new("42501", "tenantry: no tenant is named")),
            Naming::Several => {
                return Err(Refusal::new("42501", "tenantry: one message names several tenants")
                    .hint("Send one message for each tenant's transaction."));
            }
            Naming::Tenant(name) => directory.admit(&Claim::SlugOrKey(&name))?,
            Naming::Token(token) => {
                let keys = self.pool.database.pass_keys.as_ref();
                let pass = keys
                    .and_then(|keys| keys.check(&token, context::now()).ok())
                    .ok_or_else(|| Refusal::new("42501", "tenantry: the token is invalid or expired"))?;
                directory.admit(&Claim::Token(&pass))?
            }
        };
        at_home(admitted)
    }

    /// The tenant is named by a statement inside a transaction that began without one, or once more in one that has
    /// one: then it must be the same, since the context would stay the former's.
    pub(super) fn name_within(&mut self, naming: Naming, link: &mut Link, before_query: bool) -> Result<(), Refusal> {
        if naming == Naming::Nobody {
            return Ok(());
        }
        let admitted = self.admit(naming)?;
        if self.named && removed(Protection::OneTenant) {
            return Ok(());
        }
        if self.named {
            let is_same = |a: &Admitted| a.number() == admitted.number() && a.scope() == admitted.scope();
            return match &self.current {
                Some(current) if is_same(current) => Ok(()),
                _ => {
                    Err(Refusal::fatal("42501", "tenantry: a transaction has one tenant, and this one names a second")
                        .hint("End the transaction first; name the tenant in the first statement of the next."))
                }
            };
        }
        let Some(signer) = &self.pool.signer else { return Ok(()) };
        link.enter_inside(&admitted, signer, before_query).map_err(|error| Refusal::context(&error.to_string()))?;
        self.unnamed_here = false;
        self.current = Some(admitted);
        self.named = true;
        Ok(())
    }

    /// A transaction goes on for longer than its context is good for.
    pub(super) fn renew(&mut self, before_query: bool, link: &mut Link) -> Result<(), Refusal> {
        if let (Some(tenant), Some(signer)) = (&self.current, &self.pool.signer) {
            link.renew(tenant, signer, before_query).map_err(|error| Refusal::context(&error.to_string()))?;
            self.unnamed_here = false;
        }
        Ok(())
    }
}
