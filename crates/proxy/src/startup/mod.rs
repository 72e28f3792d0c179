//! From an accepted connection to a client at work: TLS, the startup message, who it is, what it is told.
//!
//! Nothing of a database is touched before a client has proven who it is. Everything here has a bound: bytes, steps
//! and time.

mod authenticate;
mod greet;
mod reader;

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use tenantry_edge::admission::{Admitted, Claim};
use tenantry_edge::limit::Occupancy;
use tenantry_wire::backend;
use tenantry_wire::certificate;
use tenantry_wire::frontend::{ProtocolVersion, Startup, StartupMessage};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

use crate::cancel;
use crate::client::{Client, SECRET_BYTES};
use crate::console::{self, Console};
use crate::identify::user::User;
use crate::parameters::Asked;
use crate::pool::Pool;
use crate::refusal::Refusal;
use crate::session::{Session, Start};
use crate::settings::{self, ClientTls, LoginSettings};
use crate::stream::Stream;
use crate::worker::{Order, Worker};

use authenticate::{Proof, Proven};
use reader::Reader;

/// What clients of PostgreSQL call its protocol in TLS.
const ALPN: &[u8] = b"postgresql";
/// Requests for encryption before the startup message.
const REQUESTS_MAX: usize = 3;

/// Serves a new connection, on the side.
pub(crate) fn spawn(worker: &Rc<Worker>, stream: Stream, address: Option<IpAddr>) {
    let worker = Rc::clone(worker);
    tokio::task::spawn_local(async move {
        let within = worker.settings().login_within;
        // boxed, because logging in needs far more room than being logged in
        let login = Box::pin(tokio::time::timeout(within, log_in(Rc::clone(&worker), stream, address)));
        let Ok(Some(entered)) = login.await else { return };
        // a task of its own, so that the room of the login is given back
        match entered {
            Login::Client(session) => tokio::task::spawn_local(Entered { session: Some(session), worker }.run()),
            Login::Operator(console) => tokio::task::spawn_local(console.run()),
        };
    });
}

/// Who has logged in.
enum Login {
    /// A client, with its place among the clients of the worker.
    Client((Box<Session>, usize)),
    /// An operator.
    Operator(Console),
}

/// A client that has entered, and its place among the clients of the worker.
struct Entered {
    session: Option<(Box<Session>, usize)>,
    worker: Rc<Worker>,
}

impl Entered {
    async fn run(mut self) {
        if let Some((session, place)) = self.session.take() {
            let _place = Place { worker: &self.worker, place };
            session.run().await;
        }
    }
}

/// Takes the client out of the list however it ends.
struct Place<'a> {
    worker: &'a Worker,
    place: usize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.worker.clients.borrow_mut().try_remove(self.place);
    }
}

/// `None`: the client was told why not, or is gone.
async fn log_in(worker: Rc<Worker>, stream: Stream, address: Option<IpAddr>) -> Option<Login> {
    let mut door =
        Door { reader: Reader::new(stream), user: String::new(), end_point: None, names: Vec::new(), worker, address };
    match door.enter().await {
        Ok(session) => session,
        Err(Stop::Refused(refusal)) => {
            let from = address.map_or_else(|| "the Unix socket".to_owned(), |a| a.to_string());
            // quoted as a literal, so that no name can write a line of its own
            tracing::info!(code = refusal.code, "login of {:?} from {from} refused: {}", door.user, refusal.message);
            let mut out = Vec::new();
            Refusal { fatal: true, ..refusal }.write(&mut out);
            // a client that does not listen is closed anyway
            let _ = door.reader.stream.write_all(&out).await;
            let _ = door.reader.stream.flush().await;
            let _ = door.reader.stream.shutdown().await;
            None
        }
        Err(Stop::Gone) => None,
    }
}

/// Why a login does not go on.
pub(super) enum Stop {
    /// The client is told.
    Refused(Refusal),
    /// There is nobody to tell, or nothing to say.
    Gone,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<std::io::Error> for Stop {
    fn from(_: std::io::Error) -> Self {
        Self::Gone
    }
}

struct Door {
    reader: Reader,
    /// Who it says it is, for the log.
    user: String,
    /// Our certificate's hash, where the client came by TLS.
    end_point: Option<Vec<u8>>,
    /// Names in the certificate that the client has shown.
    names: Vec<String>,
    worker: Rc<Worker>,
    address: Option<IpAddr>,
}

impl Door {
    async fn enter(&mut self) -> Result<Option<Login>, Stop> {
        let Some(message) = self.startup().await? else { return Ok(None) };
        let settings = self.worker.settings();
        let is_local = self.address.is_none();
        if settings.tls.as_ref().is_some_and(|tls| tls.required) && !self.reader.stream.is_tls() && !is_local {
            return Err(Refusal::fatal("28000", "tenantry: this server takes connections with TLS only")
                .hint("Connect with sslmode=require or better.")
                .into());
        }
        self.negotiate(&message).await?;
        if let Some(name) = message.duplicate() {
            return Err(Refusal::violation(format_args!("\"{name}\" is given twice")).into());
        }
        let one = |name: &str| message.values(name).next().map(str::to_owned);
        let user = one("user").ok_or_else(|| Refusal::fatal("28000", "tenantry: no user name was given"))?;
        self.user.clone_from(&user);
        let database = one("database").unwrap_or_else(|| user.clone());
        let asked = Asked::read(&message.parameters, &settings.parameters).map_err(Refusal::from)?;
        let find = |name: &str| settings.logins.iter().find(|l| l.name == name).cloned();
        let who = User::read(&user, settings.separator, |name| find(name).is_some())?;
        let named = match (who.tenant, asked.tenant.as_deref()) {
            (Some(a), Some(b)) if a != b => {
                return Err(Refusal::fatal("28000", "tenantry: the tenants named do not agree").into());
            }
            (a, b) => a.or(b).map(str::to_owned),
        };
        let login = find(who.role);
        let pool = self.worker.pool(&database);
        let is_console = database == console::DATABASE;
        let may =
            |login: &LoginSettings| is_console || login.databases.is_empty() || login.databases.contains(&database);
        let login = login.filter(|login| may(login));

        // whatever is wrong is said only after the password: a stranger learns nothing
        let facts = match (&pool, &named) {
            (Some(pool), Some(name)) => pool.database.directory.find(name),
            _ => None,
        };
        let proof = Proof {
            login: login.as_deref(),
            tenant: named.as_deref().map(|name| (name, facts.as_deref())),
            pass_keys: pool.as_ref().and_then(|p| p.database.pass_keys.as_ref()),
            names: self.names.clone(),
            by_token: asked.auth.as_deref() == Some("token"),
        };
        let proven = self.authenticate(&user, proof).await?;
        if is_console {
            return self.operator(login.as_deref()).map(Some);
        }
        let (Some(login), Some(pool)) = (login, pool) else {
            return Err(Refusal::fatal("3D000", "tenantry: there is no such database here")
                .hint("The proxy's [[proxy.databases]] lists those that are served.")
                .into());
        };
        let fixed = admitted(&pool, named.as_deref(), &proven)?;
        Ok(self.start(message.version, login, pool, fixed, asked).await?.map(Login::Client))
    }

    /// Lets an operator in, who has proven who it is.
    fn operator(&mut self, login: Option<&LoginSettings>) -> Result<Login, Stop> {
        if !login.is_some_and(|login| login.admin) {
            return Err(Refusal::fatal("42501", "tenantry: the console is for operators")
                .hint("Give the login admin = true in [proxy.logins].")
                .into());
        }
        let (stream, early) = self.reader.take();
        Ok(Login::Operator(Console::new(stream, early, Rc::clone(&self.worker))))
    }

    /// Speaks TLS from here on. Gives what both agreed to speak inside.
    async fn encrypt(&mut self, tls: &ClientTls) -> Result<Option<Vec<u8>>, Stop> {
        let plain = self.reader.take_stream();
        let stream = TlsAcceptor::from(tls.config.clone()).accept(plain).await?;
        let connection = stream.get_ref().1;
        let inside = connection.alpn_protocol().map(<[u8]>::to_vec);
        // rustls has verified it against our authorities
        let shown = connection.peer_certificates().and_then(<[_]>::first);
        self.names = shown.map(|certificate| certificate::names(certificate)).unwrap_or_default();
        self.reader = Reader::new(Stream::Tls(Box::new(stream)));
        self.end_point.clone_from(&tls.end_point);
        Ok(inside)
    }

    /// A client may begin with TLS itself. It must say that it means PostgreSQL, or somebody could lead a browser here.
    async fn directly_encrypted(&mut self) -> Result<(), Stop> {
        if !self.reader.begins_with_tls().await? {
            return Ok(());
        }
        let Some(tls) = self.worker.settings().tls.clone() else { return Err(Stop::Gone) };
        if self.encrypt(&tls).await?.as_deref() == Some(ALPN) {
            return Ok(());
        }
        Err(Refusal::fatal("08P01", "tenantry: direct TLS needs ALPN \"postgresql\"").into())
    }

    /// Requests for encryption and cancellation, up to the startup message.
    async fn startup(&mut self) -> Result<Option<StartupMessage>, Stop> {
        self.directly_encrypted().await?;
        for _ in 0..REQUESTS_MAX {
            match self.reader.startup().await? {
                Startup::Ssl => match self.worker.settings().tls.clone() {
                    Some(tls) if !self.reader.stream.is_tls() => {
                        // bytes that came before TLS must not count as said inside it
                        self.reader.nothing_more()?;
                        self.reader.stream.write_all(b"S").await?;
                        self.encrypt(&tls).await?;
                    }
                    _ => self.reader.stream.write_all(b"N").await?,
                },
                Startup::Gss => self.reader.stream.write_all(b"N").await?,
                Startup::Cancel { pid, secret } => {
                    if let Some((worker, place)) = cancel::place_of(pid)
                        && let Some(orders) = self.worker.others.get(worker)
                    {
                        // a worker that has ended has nothing to cancel
                        let _ = orders.send(Order::Cancel { place, secret: secret.to_vec() });
                    }
                    return Ok(None);
                }
                Startup::Start(message) => return Ok(Some(message)),
            }
        }
        Err(Refusal::violation("too many requests for encryption").into())
    }

    /// Agrees on the version of the protocol, as the server does.
    async fn negotiate(&mut self, message: &StartupMessage) -> Result<(), Stop> {
        if message.version.major != ProtocolVersion::V3_0.major {
            return Err(Refusal::fatal(
                "0A000",
                format!("tenantry: protocol {}.{} is not supported", message.version.major, message.version.minor),
            )
            .hint("Supported are 3.0 and 3.2.")
            .into());
        }
        if message.values("replication").any(|value| !matches!(value, "false" | "off" | "no" | "0")) {
            return Err(Refusal::fatal("08P01", "tenantry: replication does not go through the proxy").into());
        }
        let unknown: Vec<&str> = message.protocol_options().collect();
        if message.version.minor > ProtocolVersion::V3_2.minor || !unknown.is_empty() {
            let newest = message.version.minor.min(ProtocolVersion::V3_2.minor);
            let mut out = Vec::new();
            backend::write_negotiate_protocol_version(&mut out, u32::from(newest), &unknown)
                .map_err(Refusal::violation)?;
            self.reader.stream.write_all(&out).await?;
        }
        Ok(())
    }

    /// Everything is proven: makes the client, tells it what it needs to know, and gives it its session.
    async fn start(
        &mut self,
        version: ProtocolVersion,
        login: std::sync::Arc<LoginSettings>,
        pool: Rc<Pool>,
        fixed: Option<Admitted>,
        asked: Asked,
    ) -> Result<Option<(Box<Session>, usize)>, Stop> {
        let worker = Rc::clone(&self.worker);
        let connection = match &fixed {
            Some(tenant) => Some(
                Occupancy::try_connection(tenant)
                    .map_err(|over| Refusal::fatal(over.sqlstate(), over.to_string()).hint(over.hint()))?,
            ),
            None => None,
        };
        if worker.is_stopping() {
            return Err(Refusal::shutting_down().into());
        }
        let welcome = greet::welcome(&pool).await?;
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)
            .map_err(|_| Refusal::fatal("58000", "tenantry: the system gives no random numbers"))?;
        let secret_length = if version.minor >= ProtocolVersion::V3_2.minor { SECRET_BYTES } else { 4 };
        let name: Rc<str> = login.name.as_str().into();
        let client = Client::new(
            secret,
            secret_length,
            Rc::clone(&name),
            Rc::from(&*pool.database.name),
            self.address,
            Instant::now(),
        );
        client.tenant.borrow_mut().clone_from(&fixed);
        let place = {
            let mut clients = worker.clients.borrow_mut();
            if clients.len() >= worker.settings().clients_max.min(cancel::PLACES_MAX) {
                return Err(Refusal::fatal("53300", "tenantry: too many clients are connected").into());
            }
            clients.insert(Rc::clone(&client))
        };
        let parameters = worker.parameters.intern(asked.parameters);
        let key = cancel::key_of(worker.index, place);
        let greeting = greet::greeting(&welcome, &parameters, key, &client.secret[..secret_length])?;
        if let Err(error) = self.reader.stream.write_all(&greeting).await {
            worker.clients.borrow_mut().try_remove(place);
            return Err(error.into());
        }
        let _ = self.reader.stream.flush().await;
        let (stream, early) = self.reader.take();
        let login = Rc::new(settings::Login { mode: login.mode, name });
        let session = Session::new(Start { worker, client, pool, login, stream, fixed, connection, parameters, early });
        Ok(Some((Box::new(session), place)))
    }
}

/// The tenant this login is fixed to.
fn admitted(pool: &Pool, named: Option<&str>, proven: &Proven) -> Result<Option<Admitted>, Refusal> {
    let mut claims = Vec::new();
    if let Some(name) = named {
        claims.push(Claim::SlugOrKey(name));
    }
    if let Proven::Pass(pass) = proven {
        claims.push(Claim::Token(pass));
    }
    if claims.is_empty() {
        return Ok(None);
    }
    at_home(pool.database.directory.admit_all(&claims)?).map(Some)
}

/// Whoever has a place of its own is not at home in shared tables: its rows would lie where nobody looks for them.
pub(crate) fn at_home(admitted: Admitted) -> Result<Admitted, Refusal> {
    if admitted.facts().isolation.is_shared() { Ok(admitted) } else { Err(Refusal::lives_elsewhere()) }
}
