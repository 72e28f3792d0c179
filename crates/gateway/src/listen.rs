//! Opening the doors: sockets, threads, and their end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tenantry_trace::Exporter;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::acme::{Keeper, StoreError};
use crate::answers::Answers;
use crate::client::Peer;
use crate::h1;
use crate::metrics::Observer;
use crate::protect::rate::Limiters;
use crate::settings::Settings;
use crate::stream::Stream;
use crate::worker::{Order, Shared, Worker};

/// Most threads.
pub(crate) const WORKERS_MAX: usize = 64;

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket cannot be opened.
    #[error("cannot listen on {at}")]
    Listen {
        /// Where.
        at: SocketAddr,
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
    /// Certificates cannot be kept.
    #[error("certificates cannot be kept")]
    Certificates {
        /// Why.
        #[source]
        source: StoreError,
    },
    /// A route leads to an application that is not there.
    #[error("route `{0}` leads to no upstream")]
    Route(String),
}

impl StartError {
    /// The class of the failure.
    pub fn class(&self) -> tenantry_model::Class {
        match self {
            Self::Listen { .. } | Self::Thread { .. } => tenantry_model::Class::Unavailable,
            Self::Workers(_) | Self::Route(_) | Self::Certificates { .. } => tenantry_model::Class::Caller,
        }
    }
}

/// A running gateway. Dropping it stops it at once; [`Gateway::stop`] lets requests end.
pub struct Gateway {
    addresses: Vec<SocketAddr>,
    orders: Vec<mpsc::UnboundedSender<Order>>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
    directory: tenantry_edge::directory::Directory,
    _keeper: Option<Keeper>,
}

impl Gateway {
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
    fn start_each(mut settings: Settings, begin: impl Fn() + Clone + Send + 'static) -> Result<Self, StartError> {
        let workers = settings.workers;
        if workers == 0 || workers > WORKERS_MAX {
            return Err(StartError::Workers(workers));
        }
        check(&mut settings)?;
        let mut doors = Vec::new();
        for address in settings.listen.iter().chain(&settings.redirect) {
            let at = |source| StartError::Listen { at: *address, source };
            let listener = TcpListener::bind(address).map_err(at)?;
            listener.set_nonblocking(true).map_err(at)?;
            doors.push(listener);
        }
        let addresses = doors.iter().filter_map(|l| l.local_addr().ok()).collect();
        let keeper = settings.acme.clone().map(|acme| Keeper::start(acme, settings.directory.clone()));
        let keeper = keeper.transpose().map_err(|source| StartError::Certificates { source })?;
        let shared = Shared::new(&settings);
        follow_traces(&shared, &settings).map_err(|source| StartError::Thread { source })?;
        let directory = settings.directory.clone();
        if let Some(answers) = &settings.answers {
            let answers = Answers::start(answers, directory.clone()).map_err(|source| StartError::Thread { source })?;
            // nobody else has set it: the gateway begins here
            let _ = shared.answers.set(answers);
        }
        let settings = Arc::new(settings);
        let (mut orders, mut threads) = (Vec::new(), Vec::new());
        for index in 0..workers {
            let failed = |source| StartError::Thread { source };
            let doors = doors.iter().map(TcpListener::try_clone).collect::<io::Result<Vec<_>>>().map_err(failed)?;
            let (settings, shared, begin) = (Arc::clone(&settings), Arc::clone(&shared), begin.clone());
            let (sender, receiver) = mpsc::unbounded_channel();
            let (made, is_made) = std::sync::mpsc::sync_channel(1);
            let thread = std::thread::Builder::new().name(format!("gateway-{index}")).spawn(move || {
                begin();
                // it cannot be made elsewhere: its tasks never change threads
                let built = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
                let runtime = match built {
                    Ok(runtime) => runtime,
                    // whoever starts us waits for it
                    Err(error) => return drop(made.send(Err(error))),
                };
                let _ = made.send(Ok(()));
                // a task of its own: what is waited for here is asked again whenever any task was woken
                let _ = runtime.block_on(runtime.spawn_local(async move {
                    // here, because it has tasks of its own that watch servers
                    run(Worker::new(index, settings, shared), doors, receiver).await;
                }));
                // checks of keys may still run
                runtime.shutdown_background();
            });
            threads.push(thread.map_err(failed)?);
            is_made.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into())).map_err(failed)?;
            orders.push(sender);
        }
        Ok(Self { addresses, orders, threads, shared, directory, _keeper: keeper })
    }

    /// Addresses that are listened on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What looks at the gateway while it runs.
    pub fn observer(&self) -> Observer {
        Observer { shared: Arc::clone(&self.shared), directory: self.directory.clone() }
    }

    /// Takes new settings for whatever can change while running. Addresses and the number of threads stay.
    pub fn reload(&self, mut settings: Settings) -> Result<(), StartError> {
        check(&mut settings)?;
        settings.workers = self.orders.len();
        follow_traces(&self.shared, &settings).map_err(|source| StartError::Thread { source })?;
        self.shared.limiters.store(Arc::new(Limiters::new(&settings.rates)));
        let settings = Arc::new(settings);
        for orders in &self.orders {
            // a thread that has ended needs none
            let _ = orders.send(Order::Reload(Arc::clone(&settings)));
        }
        Ok(())
    }

    /// Takes no more clients, lets requests end within the configured time, and comes back.
    pub fn stop(mut self) {
        self.orders.iter().for_each(|orders| drop(orders.send(Order::Stop)));
        for thread in self.threads.drain(..) {
            // a panic was logged where it happened
            let _ = thread.join();
        }
        // no thread that serves holds it any more
        if let Some(exporter) = self.shared.exporter.swap(None).and_then(Arc::into_inner) {
            exporter.finish();
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.orders.iter().for_each(|orders| drop(orders.send(Order::Stop)));
    }
}

/// Tells the collector that the settings name, with a new thread if it is another than before.
fn follow_traces(shared: &Shared, settings: &Settings) -> io::Result<()> {
    let wanted = settings.traces.as_ref().map(|traces| &traces.exporter);
    let known = shared.exporter.load();
    match (&*known, wanted) {
        (None, None) => {}
        (Some(known), Some(wanted)) if known.is_of(wanted) => {}
        (_, None) => shared.exporter.store(None),
        (_, Some(wanted)) => shared.exporter.store(Some(Arc::new(Exporter::start(wanted.clone())?))),
    }
    Ok(())
}

/// What must hold between the parts.
fn check(settings: &mut Settings) -> Result<(), StartError> {
    if let Some(route) = settings.routes.iter().find(|r| r.upstream >= settings.upstreams.len()) {
        return Err(StartError::Route(route.name.clone()));
    }
    // the longest beginning counts
    settings.routes.sort_by_key(|route| std::cmp::Reverse(route.path.trim_end_matches('/').len()));
    Ok(())
}

async fn run(worker: Rc<Worker>, doors: Vec<TcpListener>, mut orders: mpsc::UnboundedReceiver<Order>) {
    tokio::task::spawn_local(Rc::clone(&worker).tick());
    let mut open = Vec::new();
    let own = worker.settings().listen.len();
    for (number, listener) in doors.into_iter().enumerate() {
        let redirects = number >= own;
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => open.push(tokio::task::spawn_local(accept(Rc::clone(&worker), listener, redirects))),
            Err(error) => tracing::error!("cannot listen: {error}"),
        }
    }
    worker.shared.ready.fetch_add(1, Ordering::Relaxed);
    while let Some(order) = orders.recv().await {
        let stop = matches!(order, Order::Stop);
        worker.obey(order);
        if stop {
            break;
        }
    }
    worker.shared.ready.fetch_sub(1, Ordering::Relaxed);
    open.iter().for_each(tokio::task::JoinHandle::abort);
    drain(&worker).await;
}

/// Waits until the last client has left, or the time for that is over.
async fn drain(worker: &Rc<Worker>) {
    let until = Instant::now() + worker.settings().times.drain_within;
    let mut told = false;
    while worker.clients() > 0 {
        if Instant::now() > until {
            if told {
                return;
            }
            worker.end_all();
            told = true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn accept(worker: Rc<Worker>, listener: tokio::net::TcpListener, redirects: bool) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // without it answers wait for acknowledgements
                let _ = stream.set_nodelay(true);
                tokio::task::spawn_local(greet(Rc::clone(&worker), stream, address, redirects));
            }
            Err(error) => {
                // too many open files, mostly: it gets better when clients leave
                tracing::error!("cannot accept a connection: {error}; raise the limit of open files");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// TLS, if that is spoken here, and then requests.
async fn greet(worker: Rc<Worker>, stream: TcpStream, address: SocketAddr, redirects: bool) {
    let settings = worker.settings();
    // an IPv4 address that came over an IPv6 socket is an IPv4 address
    let address = address.ip().to_canonical();
    let mut peer =
        Peer { address, text: address.to_string().into(), is_tls: false, is_redirected: redirects, server_name: None };
    let Some(config) = settings.tls.as_ref().filter(|_| !redirects) else {
        drop(settings);
        return h1::serve(worker, Stream::Tcp(stream), peer).await;
    };
    let accepting = tokio_rustls::TlsAcceptor::from(Arc::clone(config)).accept(stream);
    let Ok(Ok(stream)) = tokio::time::timeout(settings.times.head_within, accepting).await else { return };
    drop(settings);
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() == Some(crate::tls::ACME_PROTOCOL) {
        // the authority has seen what it wanted to see
        return;
    }
    peer.is_tls = true;
    peer.server_name = session.server_name().map(|name| name.to_ascii_lowercase().trim_end_matches('.').into());
    h1::serve(worker, Stream::Other(Box::new(stream)), peer).await;
}
