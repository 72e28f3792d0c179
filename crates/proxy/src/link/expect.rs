//! What a server connection still has to answer.

use std::rc::Rc;

use tenantry_wire::backend::{self, TransactionStatus};

use crate::statements::Statement;

/// The kinds of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A simple query: anything, up to ReadyForQuery.
    Query,
    /// A function call: its result, then ReadyForQuery.
    Function,
    /// ReadyForQuery.
    Sync,
    /// ParseComplete.
    Parse,
    /// BindComplete.
    Bind,
    /// ParameterDescription, then RowDescription or NoData.
    DescribeStatement,
    /// RowDescription or NoData.
    DescribePortal,
    /// Rows, then CommandComplete, PortalSuspended or EmptyQueryResponse.
    Execute,
    /// CloseComplete.
    Close,
    /// Nothing: an answer that we give ourselves when its turn comes. ParseComplete.
    OwnParse,
    /// The same, CloseComplete.
    OwnClose,
    /// The same, CommandComplete and ReadyForQuery.
    OwnReply,
    /// Nothing: the client has ended copy data here.
    CopyEnd,
}

/// One answer to come.
#[derive(Clone, Debug)]
pub(crate) struct Expect {
    pub(crate) kind: Kind,
    /// We asked, not the client: the answer is not passed on.
    pub(crate) own: bool,
    /// It belongs to the change of context.
    pub(crate) context: bool,
    /// The statement that a Parse prepares under its server name.
    pub(crate) statement: Option<Rc<Statement>>,
    /// The command ends with the transaction, whatever it is called when it is done.
    pub(crate) harmless: bool,
    /// The setting that the command gives the session.
    pub(crate) sets: Option<(Box<str>, Box<str>)>,
    /// The client's name for the statement that this prepares.
    pub(crate) client_name: Option<Rc<[u8]>>,
    /// The client has this name already: an error is what is to come.
    pub(crate) twice: Option<Rc<[u8]>>,
    /// What [`Kind::OwnReply`] says was done.
    pub(crate) command: &'static str,
}

impl Expect {
    /// An answer for the client.
    pub(crate) fn client(kind: Kind) -> Self {
        Self {
            kind,
            own: false,
            context: false,
            statement: None,
            harmless: false,
            sets: None,
            client_name: None,
            twice: None,
            command: "",
        }
    }

    /// An answer for ourselves.
    pub(crate) fn own(kind: Kind) -> Self {
        Self { own: true, ..Self::client(kind) }
    }

    /// Part of a change of context.
    pub(crate) fn context(kind: Kind) -> Self {
        Self { context: true, ..Self::own(kind) }
    }

    /// A Parse of this statement.
    pub(crate) fn parse(statement: Rc<Statement>, own: bool) -> Self {
        Self { own, statement: Some(statement), ..Self::client(Kind::Parse) }
    }

    /// A command that is answered here.
    pub(crate) fn reply(command: &'static str) -> Self {
        Self { command, ..Self::client(Kind::OwnReply) }
    }

    /// Whether the answer is ours to give.
    pub(crate) fn is_ours_to_give(&self) -> bool {
        matches!(self.kind, Kind::OwnParse | Kind::OwnClose | Kind::OwnReply | Kind::CopyEnd)
    }

    /// Gives an answer that is ours to give.
    pub(crate) fn give(&self, status: TransactionStatus, out: &mut Vec<u8>) {
        match self.kind {
            Kind::OwnParse => backend::write_parse_complete(out),
            Kind::OwnClose => backend::write_close_complete(out),
            Kind::OwnReply => {
                // the names of commands hold no zero byte
                let _ = backend::write_command_complete(out, self.command);
                backend::write_ready_for_query(out, status);
            }
            _ => {}
        }
    }

    /// Whether ReadyForQuery ends it.
    pub(crate) fn ends_with_ready(&self) -> bool {
        matches!(self.kind, Kind::Query | Kind::Function | Kind::Sync)
    }
}
