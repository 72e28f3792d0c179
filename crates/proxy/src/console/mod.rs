//! The operator's console: database `tenantry`, for logins with `admin = true`.
//!
//! It speaks the simple protocol, one command a query, and answers as PgBouncer's console does where the columns mean
//! the same, so that its exporters read it. It shows no SQL, no keys and no passwords, and what it changes is only who
//! may go on: it changes no file.

mod act;
mod clients;
mod command;
mod config;
mod databases;
mod lists;
mod pools;
mod servers;
mod stats;
mod table;
mod tenants;
mod version;

use std::rc::Rc;

use tenantry_wire::backend::{self, TransactionStatus};
use tenantry_wire::frontend;
use tenantry_wire::tag::frontend as tag;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::observe::{Observer, Question};
use crate::refusal::Refusal;
use crate::stream::Stream;
use crate::worker::Worker;

use command::{Command, Show};
use table::Table;

/// The database's name. None of those that are served may have it.
pub const DATABASE: &str = "tenantry";

/// Longest message.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Settings that drivers want to be told.
const TOLD: &[(&str, &str)] = &[
    ("server_version", concat!("18.0 (tenantry ", env!("CARGO_PKG_VERSION"), ")")),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO, MDY"),
    ("TimeZone", "UTC"),
    ("integer_datetimes", "on"),
    ("standard_conforming_strings", "on"),
];

/// One operator.
pub(crate) struct Console {
    stream: Stream,
    input: Vec<u8>,
    worker: Rc<Worker>,
}

/// Why the conversation ends.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

impl Console {
    /// `early` are bytes that came behind the login.
    pub(crate) fn new(stream: Stream, early: Vec<u8>, worker: Rc<Worker>) -> Self {
        Self { stream, input: early, worker }
    }

    /// Answers until the operator leaves.
    pub(crate) async fn run(mut self) {
        let mut out = Vec::new();
        for (name, value) in TOLD {
            // none of them holds a zero byte
            let _ = backend::write_parameter_status(&mut out, name, value);
        }
        backend::write_ready_for_query(&mut out, TransactionStatus::Idle);
        if self.send(&out).await.is_ok() {
            while self.step().await.is_ok() {}
        }
        let _ = self.stream.shutdown().await;
    }

    async fn send(&mut self, out: &[u8]) -> Result<(), Over> {
        self.stream.write_all(out).await?;
        Ok(self.stream.flush().await?)
    }

    async fn step(&mut self) -> Result<(), Over> {
        let (kind, body) = self.message().await?;
        let mut out = Vec::new();
        match kind {
            tag::TERMINATE => return Err(Over),
            tag::QUERY => match frontend::query(&body).ok().and_then(|text| std::str::from_utf8(text).ok()) {
                Some(text) => self.answer(text, &mut out).await,
                None => Refusal::new("08P01", "tenantry: the command is no text").write(&mut out),
            },
            tag::SYNC => {}
            tag::PARSE => {
                Refusal::new("0A000", "tenantry: the console speaks the simple protocol only")
                    .hint("Send commands without parameters and without preparing them.")
                    .write(&mut out);
                self.send(&out).await?;
                while self.message().await?.0 != tag::SYNC {}
                out.clear();
            }
            // what follows a refused Parse, or belongs to nothing
            _ => return Ok(()),
        }
        backend::write_ready_for_query(&mut out, TransactionStatus::Idle);
        self.send(&out).await
    }

    async fn message(&mut self) -> Result<(u8, Vec<u8>), Over> {
        loop {
            match frontend::header(&self.input) {
                Ok(Some(header)) if header.len > MESSAGE_BYTES_MAX => return Err(Over),
                Ok(Some(header)) if self.input.len() >= header.len => {
                    let body = self.input[5..header.len].to_vec();
                    self.input.drain(..header.len);
                    return Ok((header.tag, body));
                }
                Ok(_) => {}
                Err(_) => return Err(Over),
            }
            let mut chunk = [0; 1024];
            let count = self.stream.read(&mut chunk).await?;
            if count == 0 {
                return Err(Over);
            }
            self.input.extend_from_slice(&chunk[..count]);
        }
    }

    async fn answer(&self, text: &str, out: &mut Vec<u8>) {
        match Command::parse(text) {
            Err(refusal) => refusal.write(out),
            Ok(Command::Nothing) => backend::write_empty_query(out),
            Ok(Command::Show(what)) => self.show(what).await.write(out),
            Ok(Command::Act(act)) => match act::run(&act, &self.worker) {
                Ok(word) => {
                    // the words hold no zero byte
                    let _ = backend::write_command_complete(out, word);
                }
                Err(refusal) => refusal.write(out),
            },
        }
    }

    async fn show(&self, what: Show) -> Table {
        let question = Question { clients: what == Show::Clients, servers: what == Show::Servers };
        let seen = || Observer::new(self.worker.others.clone());
        match what {
            Show::Tenants => tenants::table(&self.worker),
            Show::Pools => pools::table(&seen().ask(question).await),
            Show::Clients => clients::table(seen().ask(question).await),
            Show::Servers => servers::table(seen().ask(question).await),
            Show::Stats => stats::table(&seen().ask(question).await),
            Show::Databases => databases::table(&seen().ask(question).await),
            Show::Lists => lists::table(&seen().ask(Question { clients: false, servers: false }).await),
            Show::Config => config::table(&self.worker.settings()),
            Show::Version => version::table(),
        }
    }
}
