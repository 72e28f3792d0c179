//! Contexts where nothing can be written: on a hot standby, and in READ ONLY transactions that were begun before their
//! tenant was named.
//!
//! There a signed token stands in the setting `tenantry.context`. It is bound to the server's process and good for half a
//! minute, so it is renewed before later statements. A rollback would bring a former tenant's token back, which may still
//! be good: so on a standby a change of tenants is always a transaction of its own, and leaves nothing of the former.

use std::time::Instant;

use tenantry_edge::admission::Admitted;
use tenantry_model::token::TokenError;
use tenantry_wire::backend::TransactionStatus;
use tenantry_wire::frontend;

use super::write::{AS_TEXT, TEXT};
use super::{Entry, Expect, Held, Kind, Link, Want};
use crate::context::{STATELESS_RENEWED_AFTER, Signer};

impl Link {
    /// Writes what must come before the client's first message on a standby.
    pub(super) fn enter_on_standby(&mut self, want: &Want<'_>, signer: &Signer) -> Result<Entry, TokenError> {
        let held = Held::of(want.tenant);
        let changed = self.held != held || self.dirty || !self.parameters.is_covered_by(want.parameters);
        let renewed = changed || self.is_stale();
        if !(changed || renewed && want.tenant.is_some()) && self.parameters == *want.parameters {
            return Ok(Entry::Nothing);
        }
        if changed {
            self.write_discard();
        }
        if let Some(tenant) = want.tenant.filter(|_| renewed) {
            self.write_token(tenant, signer, false)?;
        }
        self.write_parameters(want.parameters);
        self.held = held;
        self.entered_inside = false;
        self.write_sync();
        Ok(Entry::Alone)
    }

    /// Enters a context for the transaction that is open and for nothing else.
    pub(super) fn write_setting(
        &mut self,
        tenant: &Admitted,
        signer: &Signer,
        local: bool,
        before_query: bool,
    ) -> Result<(), TokenError> {
        self.inline_refusals = true;
        self.write_token(tenant, signer, local)?;
        if before_query {
            self.write_sync();
        }
        self.unsynced = !before_query;
        Ok(())
    }

    /// Renews the context of the transaction that is open, before the client's next message.
    pub(crate) fn renew(&mut self, tenant: &Admitted, signer: &Signer, before_query: bool) -> Result<(), TokenError> {
        // what was set before the transaction is renewed for what comes after it, too
        let local = !self.holds_a_tenant();
        self.entered_inside |= !local;
        self.write_setting(tenant, signer, local, before_query)
    }

    fn holds_a_tenant(&self) -> bool {
        matches!(self.held, Held::Tenant(..))
    }

    fn write_token(&mut self, tenant: &Admitted, signer: &Signer, local: bool) -> Result<(), TokenError> {
        let token = signer.stateless(tenant, self.process)?;
        let query = format!("SELECT pg_catalog.set_config('tenantry.context', $1, {local})");
        self.write_statement(&query, &[TEXT], AS_TEXT, &[token.as_bytes()]);
        self.stateless_until = Some(Instant::now() + STATELESS_RENEWED_AFTER);
        Ok(())
    }

    /// What `tenantry.hold` cleans elsewhere.
    fn write_discard(&mut self) {
        if frontend::write_query(self.out.tail(), b"DISCARD ALL").is_err() {
            self.doom("a query of ours could not be written");
        }
        // if it fails, the connection is as good as one that did not take the context
        self.expect.push_back(Expect { context: true, ..Expect::own(Kind::Query) });
        self.prepared = crate::statements::Prepared::default();
        self.parameters = std::rc::Rc::clone(&self.base);
        self.dirty = false;
        self.stateless_until = None;
    }

    /// What was entered for the transaction alone went with it.
    pub(crate) fn transaction_ended(&mut self) {
        self.read_only = false;
        if !self.standby || !self.holds_a_tenant() {
            self.stateless_until = None;
        }
    }

    /// Whether the context has to be renewed before the next statement.
    pub(crate) fn is_stale(&self) -> bool {
        self.stateless_until.is_some_and(|until| Instant::now() >= until)
    }

    /// Whether it has to be, and can be now: the transaction is open and the server waits.
    pub(crate) fn can_be_renewed(&self) -> bool {
        self.is_stale()
            && self.status == TransactionStatus::InTransaction
            && self.expect.is_empty()
            && !self.unsynced
            && !self.copy_in
    }

    /// Whether `tenantry.enter` would be refused, as far as is known.
    pub(super) fn cannot_write(&self) -> bool {
        self.standby || self.read_only || self.defaults_to_read_only()
    }

    /// Whether the settings of the client that has it, or had it last, make transactions READ ONLY.
    pub(super) fn defaults_to_read_only(&self) -> bool {
        let on = |value: &str| {
            let value = value.to_ascii_lowercase();
            // as the server reads booleans: any beginning that is no other's
            value == "1" || value == "on" || ["true", "yes"].iter().any(|w| !value.is_empty() && w.starts_with(&*value))
        };
        self.parameters.get("default_transaction_read_only").is_some_and(on)
    }
}
