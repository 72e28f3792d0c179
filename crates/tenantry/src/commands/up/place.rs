//! Where the demonstration runs: a server of our own, or the one that was given.

use std::path::PathBuf;

use secrecy::ExposeSecret;
use tenantry_embedded::{Embedded, Options, data_directory};
use tenantry_model::Class;
use tenantry_pg::Target;

use crate::config::Settings;
use crate::errors::Failure;

/// The server.
pub(super) struct Place {
    embedded: Option<Embedded>,
    /// Its administrator, in the database to connect to first.
    pub(super) admin: Target,
}

impl Place {
    /// Starts our own server if none was given.
    pub(super) async fn start(settings: &Settings, binaries: Option<PathBuf>) -> Result<Self, Failure> {
        if let Some(admin) = settings.target_if_named()? {
            return Ok(Self { embedded: None, admin });
        }
        let progress = settings.output.progress(0);
        progress.now("starting PostgreSQL");
        let embedded = Embedded::start(Options { binaries, ..Options::default() }).await?;
        progress.finish();
        let password = embedded.password().expose_secret();
        let admin = Target::new(&embedded.host(), embedded.port(), embedded.user(), Some(password), "postgres");
        settings.output.say(&format!("PostgreSQL {} runs in {}", embedded.version(), embedded.folder().display()));
        Ok(Self { embedded: Some(embedded), admin })
    }

    /// The folder for blueprint, credentials and reports: beside the server's, one for each server.
    pub(super) fn folder(&self) -> PathBuf {
        let data = data_directory();
        let base = data.parent().map_or(data.clone(), PathBuf::from);
        if self.embedded.is_some() {
            return base.join("demo");
        }
        let name: String = format!("demo-{}-{}", self.admin.host(), self.admin.port())
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
            .collect();
        base.join(name)
    }

    /// For people: address and, for our own server, its log.
    pub(super) fn describe(&self) -> String {
        match &self.embedded {
            Some(e) => format!("127.0.0.1:{} and {}, log {}", e.port(), e.host(), e.log().display()),
            None => self.admin.to_string(),
        }
    }

    /// Fails if our own server has ended.
    pub(super) fn check_alive(&mut self) -> Result<(), Failure> {
        let Some(embedded) = &mut self.embedded else { return Ok(()) };
        if embedded.is_alive() {
            return Ok(());
        }
        let log = embedded.log();
        Err(Failure::new(Class::Unavailable, "the server has ended")
            .remedy(format!("its last words are in {}; run `tenantry up` again", log.display())))
    }

    /// Stops our own server; the given one goes on.
    pub(super) async fn stop(self) {
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}
