//! The control plane beside the demonstration: a database of its own on the same server, and the operator's key in a
//! file, so that the next run finds both.

use std::net::SocketAddr;
use std::path::PathBuf;

use tenantry_control::{Control, Settings};
use tenantry_model::{Class, Ident};
use tenantry_pg::{class_of, connect, in_plain_words, tokio_postgres};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::demo::Demo;
use super::place::Place;
use crate::config::control::secret;
use crate::config::webhooks::{self, WebhookSection};
use crate::errors::Failure;
use crate::output::Output;
use crate::output::files::{self, Readers};

/// Its database.
const DATABASE: &str = "tenantry_control";
/// The file with the operator's key.
const KEY_FILE: &str = "operator.key";
/// The file with its secret.
const SECRET_FILE: &str = "control.secret";

/// A control plane that runs.
pub(super) struct ControlPlane {
    /// Where its API is.
    pub(super) at: SocketAddr,
    key_file: PathBuf,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), std::io::Error>>,
}

impl ControlPlane {
    /// Starts it, or nothing where the administrator may not make databases and roles.
    pub(super) async fn open_if_possible(place: &Place, demo: &Demo, output: &Output) -> Option<Self> {
        match Self::open(place, demo, output).await {
            Ok(control) => Some(control),
            Err(failure) => {
                output.say(&format!("the control plane is left out: {failure}"));
                None
            }
        }
    }

    async fn open(place: &Place, demo: &Demo, output: &Output) -> Result<Self, Failure> {
        make_database(place).await?;
        let listener = match TcpListener::bind(("127.0.0.1", 8090)).await {
            Ok(listener) => listener,
            Err(_) => {
                output.say("port 8090 is taken, so the control plane listens on another");
                let free = TcpListener::bind(("127.0.0.1", 0)).await;
                free.map_err(|e| Failure::new(Class::Unavailable, "cannot listen for the control plane").because(e))?
            }
        };
        let at = listener.local_addr().map_err(|e| Failure::bug("ask for the address").because(e))?;
        let owner = place.admin.with_database(DATABASE);
        let secret = secret(&demo.folder.join(SECRET_FILE))?;
        let settings = Settings {
            application: demo.quota_login().await?,
            webhooks: webhooks::build(&WebhookSection::default())?,
            ..Settings::new(owner, secret)
        };
        let control = Control::start(settings).await;
        let control = control.map_err(|e| Failure::new(e.class(), "the control plane cannot start").because(e))?;
        let key_file = demo.folder.join(KEY_FILE);
        if let Some(key) = control.first_key() {
            files::write(&key_file, &format!("{key}\n"), Readers::Owner)?;
        }
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(control.serve(listener, async move {
            // a sender that is gone says the same
            let _ = stopped.await;
        }));
        Ok(Self { at, key_file, stop, task })
    }

    /// For people: where it is.
    pub(super) fn describe(&self) -> String {
        format!("control     http://{}, the operator's key in {}\n", self.at, self.key_file.display())
    }

    /// For people: what to try.
    pub(super) fn command(&self) -> String {
        let key = format!("-H \"Authorization: Bearer $(cat {})\"", self.key_file.display());
        format!(
            "  curl {key} -H 'Content-Type: application/json' -d '{{\"name\": \"Acme\", \"slug\": \"acme\"}}' http://{}/api/tenants\n",
            self.at
        )
    }

    /// Answers what was begun, and ends.
    pub(super) async fn close(self) {
        let _ = self.stop.send(());
        // a panic was logged where it happened
        let _ = self.task.await;
    }
}

async fn make_database(place: &Place) -> Result<(), Failure> {
    let failed = |e: tokio_postgres::Error| {
        Failure::new(class_of(&e), format!("cannot make the database {DATABASE}: {}", in_plain_words(&e)))
    };
    let client = connect(&place.admin).await?;
    let sql = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
    if !client.query_one(sql, &[&DATABASE]).await.map_err(failed)?.get::<_, bool>(0) {
        let name = Ident::new(DATABASE).map_err(|e| Failure::bug("use the database's name").because(e))?;
        let sql = format!("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", name.quoted());
        client.batch_execute(&sql).await.map_err(failed)?;
    }
    client.close().await;
    Ok(())
}
