//! What is said to a server on our own account: the context of the tenant and the settings of the client.

use std::rc::Rc;

use tenantry_edge::admission::Admitted;
use tenantry_model::token::TokenError;
use tenantry_wire::frontend::{self, TargetKind};

use super::{Expect, Held, Kind, Link};
use crate::ablation::{Protection, removed};
use crate::context::{Hold, Signer};
use crate::parameters::Parameters;
use crate::statements::Statement;
use crate::text::Opening;

/// How a change of context goes before the client's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Nothing has to change.
    Nothing,
    /// In the same implicit transaction: if it is refused, the server passes over what follows.
    Joined,
    /// In a transaction of its own, which has to be seen to succeed before the client's messages are sent. For
    /// everything that must be the first or the only statement of its transaction.
    Alone,
}

/// Whose context and settings a transaction needs.
pub(crate) struct Want<'a> {
    /// `None`: nobody's context.
    pub(crate) tenant: Option<&'a Admitted>,
    /// The client is of that tenant itself and sends what it likes, so it could read the texts of statements that
    /// others have prepared here. A backend that works for all tenants shares them with all.
    pub(crate) alone: bool,
    /// The client's settings.
    pub(crate) parameters: &'a Rc<Parameters>,
}

/// The type text.
pub(super) const TEXT: u32 = 25;
/// Types of the arguments of the typed `tenantry.hold`: int2, int8 four times, bytea.
const TYPED: [u32; 6] = [21, 20, 20, 20, 20, 17];
/// How all arguments are written: as text, or as the server keeps them.
pub(super) const AS_TEXT: &[i16] = &[];
const BINARY: &[i16] = &[1];

impl Link {
    /// Writes what must come before the client's first message. Gives how; [`Entry::Alone`] means that nothing of
    /// the client may follow until the answer is there.
    pub(crate) fn enter(
        &mut self,
        want: &Want<'_>,
        first: Opening,
        signer: Option<&Signer>,
    ) -> Result<Entry, TokenError> {
        if let Some(signer) = signer.filter(|_| self.standby) {
            return self.enter_on_standby(want, signer);
        }
        let held = Held::of(want.tenant);
        let dirty = self.dirty && !self.kept && !removed(Protection::Residue);
        let same_parameters = Rc::ptr_eq(want.parameters, &self.parameters);
        let context = signer.is_some() && (self.held != held || dirty);
        let reset = dirty || !self.parameters.is_covered_by(want.parameters);
        if !context && !reset && same_parameters {
            return Ok(Entry::Nothing);
        }
        if signer.is_some() && (context || reset) && self.defaults_to_read_only() {
            // a former client's setting, under which nothing can be held
            self.write_query("SET default_transaction_read_only = off");
        }
        if want.alone && context && !removed(Protection::OthersTexts) {
            self.close_others(&held);
        }
        let mut together = false;
        match (signer, context || reset) {
            (Some(_), true) if removed(Protection::Context) => {}
            (Some(signer), true) => together = self.write_context(want, signer)?,
            (None, true) => self.write_statement("RESET ALL", &[], AS_TEXT, &[]),
            _ => {}
        }
        let shows = self.parameters.shows_another_than(want.parameters);
        if context || reset {
            self.parameters = Rc::clone(if together { want.parameters } else { &self.base });
            self.dirty = false;
        }
        self.write_parameters(want.parameters);
        self.held = held;
        let joined = first == Opening::Rows && (!shows || removed(Protection::OwnSettings));
        self.entered_inside = joined;
        if joined {
            return Ok(Entry::Joined);
        }
        self.write_sync();
        Ok(Entry::Alone)
    }

    /// Closes statements that were prepared for anybody else.
    fn close_others(&mut self, held: &Held) {
        for number in self.prepared.take_others(held) {
            let name = Statement::name_of(number);
            if frontend::write_close(self.out.tail(), TargetKind::Statement, name.as_bytes()).is_ok() {
                self.expect.push_back(Expect::own(Kind::Close));
            }
        }
    }

    /// Takes the tenant's context, and with it the client's settings where that can be one statement: whether it was.
    fn write_context(&mut self, want: &Want<'_>, signer: &Signer) -> Result<bool, TokenError> {
        let base = Rc::clone(&self.base);
        let settings = base.changes_to(want.parameters);
        // the server reads all arguments before the call gives it back the encoding that these are in
        let together = settings.iter().all(|(_, value)| value.is_ascii());
        let settings = if together { settings } else { Vec::new() };
        let Some(tenant) = want.tenant else {
            self.write_calls(Some("tenantry.release()"), &[], AS_TEXT, &[], &settings);
            return Ok(together);
        };
        self.counter += 1;
        let session = self.session_no.unwrap_or_default();
        match signer.hold(tenant, session, self.counter)? {
            Hold::Typed(token) => {
                let values: [&[u8]; 6] = [
                    &token.kid.to_be_bytes(),
                    &token.hi.to_be_bytes(),
                    &token.lo.to_be_bytes(),
                    &token.expires_at.to_be_bytes(),
                    &token.counter.to_be_bytes(),
                    &token.mac,
                ];
                self.write_calls(Some("tenantry.hold($1, $2, $3, $4, $5, $6)"), &TYPED, BINARY, &values, &settings);
            }
            Hold::Text(token) => {
                self.write_calls(Some("tenantry.hold($1)"), &[TEXT], AS_TEXT, &[token.as_bytes()], &settings);
            }
        }
        Ok(together)
    }

    /// A call, if any, and behind it, in the same statement, settings: what a SELECT lists is worked out from the left.
    fn write_calls(
        &mut self,
        call: Option<&str>,
        types: &[u32],
        formats: &[i16],
        values: &[&[u8]],
        settings: &[(&str, &str)],
    ) {
        let mut calls: Vec<_> = call.map(str::to_owned).into_iter().collect();
        let (mut types, mut values) = (types.to_vec(), values.to_vec());
        for (name, value) in settings {
            let at = values.len();
            calls.push(format!("pg_catalog.set_config(${}, ${}, false)", at + 1, at + 2));
            types.extend([TEXT, TEXT]);
            values.extend([name.as_bytes(), value.as_bytes()]);
        }
        self.write_statement(&format!("SELECT {}", calls.join(", ")), &types, formats, &values);
    }

    /// Enters a context for the transaction that is open, before the client's next message. Behind it a Sync is
    /// needed before a simple query: without one the server would pass over the query if the context is refused, and
    /// nobody would be answered.
    pub(crate) fn enter_inside(
        &mut self,
        tenant: &Admitted,
        signer: &Signer,
        before_query: bool,
    ) -> Result<(), TokenError> {
        if self.cannot_write() {
            self.write_setting(tenant, signer, true, before_query)?;
            self.unsure();
            return Ok(());
        }
        self.counter += 1;
        let token = signer.enter(tenant, self.session_no.unwrap_or_default(), self.counter)?;
        self.inline_refusals = true;
        // what this tenant leaves on the connection belongs to nobody in our books: whoever comes next enters anew
        self.unsure();
        self.write_statement("SELECT tenantry.enter($1)", &[TEXT], AS_TEXT, &[token.as_bytes()]);
        if before_query {
            self.write_sync();
        }
        self.unsynced = !before_query;
        Ok(())
    }

    /// Brings the connection's settings to those of the client.
    pub(super) fn write_parameters(&mut self, wanted: &Rc<Parameters>) {
        let changes = self.parameters.changes_to(wanted);
        if !changes.is_empty() {
            self.write_calls(None, &[], AS_TEXT, &[], &changes);
        }
        self.parameters = Rc::clone(wanted);
    }

    /// A statement of our own, unnamed: it cannot be mistaken for one that a client prepared.
    pub(super) fn write_statement(&mut self, query: &str, types: &[u32], formats: &[i16], values: &[&[u8]]) {
        let mut declared = Vec::with_capacity(2 + 4 * types.len());
        // there are as many as settings at most
        declared.extend(u16::try_from(types.len()).unwrap_or(u16::MAX).to_be_bytes());
        types.iter().for_each(|oid| declared.extend(oid.to_be_bytes()));
        let values: Vec<Option<&[u8]>> = values.iter().copied().map(Some).collect();
        let out = self.out.tail();
        // nothing of ours holds a zero byte or is too long; what a client gave was checked when it came
        let written = frontend::write_parse(out, b"", query.as_bytes(), &declared)
            .and_then(|()| frontend::write_bind(out, b"", b"", formats, &values, &[]))
            .and_then(|()| frontend::write_execute(out, b"", 0));
        if written.is_err() {
            self.doom("a statement of ours could not be written");
        }
        self.expect.extend([Kind::Parse, Kind::Bind, Kind::Execute].map(Expect::context));
    }

    /// A Sync of our own.
    pub(crate) fn write_sync(&mut self) {
        frontend::write_sync(self.out.tail());
        self.expect.push_back(Expect::own(Kind::Sync));
    }

    /// A simple query of our own.
    pub(crate) fn write_query(&mut self, query: &str) {
        if frontend::write_query(self.out.tail(), query.as_bytes()).is_err() {
            self.doom("a query of ours could not be written");
        }
        self.expect.push_back(Expect::own(Kind::Query));
    }
}
