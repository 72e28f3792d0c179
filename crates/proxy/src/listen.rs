//! Opening the doors: sockets, threads, and their end.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::{Notify, mpsc};

use crate::cancel::WORKERS_MAX;
use crate::observe::Observer;
use crate::settings::Settings;
use crate::startup;
use crate::stream::Stream;
use crate::worker::{Order, Worker};

/// Why the proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket cannot be opened.
    #[error("cannot listen on {at}")]
    Listen {
        /// Where.
        at: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Too many or too few threads.
    #[error("{0} workers were asked for; 1 to {WORKERS_MAX} are possible")]
    Workers(usize),
    /// A database has fewer logins than there are threads.
    #[error("database `{database}` has {slots} logins for {workers} workers: each worker needs one at least")]
    Slots {
        /// Which.
        database: String,
        /// How many it has.
        slots: usize,
        /// How many threads there are.
        workers: usize,
    },
}

impl StartError {
    /// The class of the failure.
    pub fn class(&self) -> tenantry_model::Class {
        match self {
            Self::Listen { .. } | Self::Thread { .. } => tenantry_model::Class::Unavailable,
            Self::Workers(_) | Self::Slots { .. } => tenantry_model::Class::Caller,
        }
    }
}

/// A running proxy. Dropping it stops it at once; [`Proxy::stop`] lets transactions end.
pub struct Proxy {
    addresses: Vec<SocketAddr>,
    orders: Vec<mpsc::UnboundedSender<Order>>,
    threads: Vec<JoinHandle<()>>,
    reload_asked: Arc<Notify>,
    socket: Option<PathBuf>,
}

impl Proxy {
    /// Opens the doors and starts the threads. When this returns, clients are served.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        Self::start_each(settings, || {})
    }

    /// The same without one of its protections.
    #[cfg(feature = "ablation")]
    pub fn start_without(
        settings: Settings,
        protection: Option<crate::ablation::Protection>,
    ) -> Result<Self, StartError> {
        Self::start_each(settings, move || crate::ablation::remove(protection))
    }

    /// `begin` is called first on each thread.
    fn start_each(settings: Settings, begin: impl Fn() + Clone + Send + 'static) -> Result<Self, StartError> {
        let workers = settings.workers;
        if workers == 0 || workers > WORKERS_MAX {
            return Err(StartError::Workers(workers));
        }
        if let Some(short) = settings.databases.iter().find(|d| d.slots.len() < workers) {
            let (database, slots) = (short.name.to_string(), short.slots.len());
            return Err(StartError::Slots { database, slots, workers });
        }
        let mut tcp = Vec::new();
        for address in &settings.listen {
            let at = |source| StartError::Listen { at: address.to_string(), source };
            let listener = TcpListener::bind(address).map_err(at)?;
            listener.set_nonblocking(true).map_err(at)?;
            tcp.push(listener);
        }
        let addresses: Vec<SocketAddr> = tcp.iter().filter_map(|l| l.local_addr().ok()).collect();
        let port = addresses.first().map_or(6432, SocketAddr::port);
        let socket = settings.socket_folder.as_ref().map(|folder| folder.join(format!(".s.PGSQL.{port}")));
        let unix = socket.as_deref().map(open_socket).transpose()?;

        let settings = Arc::new(settings);
        let (orders, receivers): (Vec<_>, Vec<_>) = (0..workers).map(|_| mpsc::unbounded_channel()).unzip();
        let reload_asked = Arc::new(Notify::new());
        let mut threads = Vec::new();
        for (index, receiver) in receivers.into_iter().enumerate() {
            let failed = |source| StartError::Thread { source };
            let tcp = tcp.iter().map(TcpListener::try_clone).collect::<io::Result<Vec<_>>>().map_err(failed)?;
            let unix = unix.as_ref().map(UnixListener::try_clone).transpose().map_err(failed)?;
            let (settings, others, begin) = (Arc::clone(&settings), orders.clone(), begin.clone());
            let asked = Arc::clone(&reload_asked);
            let (made, is_made) = std::sync::mpsc::sync_channel(1);
            let thread = std::thread::Builder::new().name(format!("proxy-{index}")).spawn(move || {
                begin();
                // it cannot be made elsewhere: its tasks never change threads
                let built = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
                let runtime = match built {
                    Ok(runtime) => runtime,
                    // whoever starts us waits for it
                    Err(error) => return drop(made.send(Err(error))),
                };
                let _ = made.send(Ok(()));
                let worker = Worker::new(index, settings, others, asked);
                // a task of its own: what is waited for here is asked again whenever any task was woken
                let _ = runtime.block_on(runtime.spawn_local(run(worker, tcp, unix, receiver)));
            });
            threads.push(thread.map_err(failed)?);
            is_made.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into())).map_err(failed)?;
        }
        Ok(Self { addresses, orders, threads, reload_asked, socket })
    }

    /// Addresses that are listened on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Waits until an operator asks in the console for the files to be read again.
    pub async fn reload_asked(&self) {
        self.reload_asked.notified().await;
    }

    /// What looks at the proxy while it runs.
    pub fn observer(&self) -> Observer {
        Observer::new(self.orders.clone())
    }

    /// Takes new settings for whatever can change while running: roles, limits, presets, databases. Addresses and the
    /// number of threads stay.
    pub fn reload(&self, settings: Settings) {
        let settings = Arc::new(Settings { workers: self.orders.len(), ..settings });
        for orders in &self.orders {
            // a thread that has ended needs none
            let _ = orders.send(Order::Reload(Arc::clone(&settings)));
        }
    }

    /// Takes no more clients, lets open transactions end within the configured time, and comes back.
    pub fn stop(mut self) {
        self.orders.iter().for_each(|orders| {
            // a thread that has ended needs no order
            let _ = orders.send(Order::Stop);
        });
        for thread in self.threads.drain(..) {
            // a panic was logged where it happened
            let _ = thread.join();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        for orders in &self.orders {
            let _ = orders.send(Order::Stop);
        }
        if let Some(socket) = &self.socket {
            let _ = std::fs::remove_file(socket);
        }
    }
}

/// A Unix socket, in place of one that a crash left behind.
fn open_socket(path: &Path) -> Result<UnixListener, StartError> {
    let at = |source| StartError::Listen { at: path.display().to_string(), source };
    if std::os::unix::net::UnixStream::connect(path).is_err() {
        // nobody answers: it was left behind, or is not there
        let _ = std::fs::remove_file(path);
    }
    let listener = UnixListener::bind(path).map_err(at)?;
    listener.set_nonblocking(true).map_err(at)?;
    // as PostgreSQL: the login decides, not the file
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).map_err(at)?;
    Ok(listener)
}

async fn run(
    worker: Rc<Worker>,
    tcp: Vec<TcpListener>,
    unix: Option<UnixListener>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    worker.pools().iter().for_each(|pool| pool.warm());
    tokio::task::spawn_local(Rc::clone(&worker).tick());
    let mut doors = Vec::new();
    for listener in tcp {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => doors.push(tokio::task::spawn_local(accept_tcp(Rc::clone(&worker), listener))),
            Err(error) => tracing::error!("cannot listen: {error}"),
        }
    }
    if let Some(listener) = unix {
        match tokio::net::UnixListener::from_std(listener) {
            Ok(listener) => doors.push(tokio::task::spawn_local(accept_unix(Rc::clone(&worker), listener))),
            Err(error) => tracing::error!("cannot listen: {error}"),
        }
    }
    while let Some(order) = orders.recv().await {
        let stop = matches!(order, Order::Stop);
        worker.obey(order);
        if stop {
            break;
        }
    }
    doors.iter().for_each(tokio::task::JoinHandle::abort);
    // clients that are let to finish may still cancel, and operators still look
    let obedient = Rc::clone(&worker);
    tokio::task::spawn_local(async move {
        while let Some(order) = orders.recv().await {
            obedient.obey(order);
        }
    });
    drain(&worker).await;
}

/// Waits until the last client has left, or the time for that is over.
async fn drain(worker: &Rc<Worker>) {
    let until = Instant::now() + worker.settings().drain_within;
    let mut told = false;
    while !worker.clients.borrow().is_empty() {
        if Instant::now() > until {
            if told {
                return;
            }
            worker.end_all();
            told = true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        poll_fn(|_| std::task::Poll::Ready(())).await;
    }
}

async fn accept_tcp(worker: Rc<Worker>, listener: tokio::net::TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // without it answers wait for acknowledgements
                let _ = stream.set_nodelay(true);
                startup::spawn(&worker, Stream::Tcp(stream), Some(address.ip()));
            }
            Err(error) => out_of_sockets(&error).await,
        }
    }
}

async fn accept_unix(worker: Rc<Worker>, listener: tokio::net::UnixListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => startup::spawn(&worker, Stream::Unix(stream), None),
            Err(error) => out_of_sockets(&error).await,
        }
    }
}

/// Too many open files, mostly: it gets better when clients leave.
async fn out_of_sockets(error: &io::Error) {
    tracing::error!("cannot accept a connection: {error}; raise the limit of open files");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
}
