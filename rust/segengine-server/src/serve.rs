//! A server: sockets, one single-threaded runtime for each core, and an orderly end.
//!
//! Impressions are answered on the thread that read them, without a hand-over; whatever takes long goes to threads of
//! its own. Settings are explicit where the defaults of the stack are unsafe (see `stack`).

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use segengine::engine::Engine;
use segengine::{Error, ErrorKind, Result, limits};
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;

use crate::admission::Admission;
use crate::front::{Front, Shared};
use crate::health::HealthChecks;
use crate::policy::{Door, Policies};
use crate::{listen, v1};

/// How long no call must have been in flight for a stopping server to end: longer than a call is on its way.
const QUIET: Duration = Duration::from_millis(500);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// `host:port`; port 0 is a free one.
    pub listen: String,
    /// A unix socket to serve as well, readable by this user only.
    pub unix: Option<PathBuf>,
    /// Runtimes, each on its own thread; 0 is one for each core.
    pub runtimes: usize,
    /// Calls in flight from which on further ones are refused.
    pub in_flight: usize,
    /// How long running calls may take when the server stops.
    pub grace: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        let (listen, grace) = ("127.0.0.1:50051".to_owned(), Duration::from_secs(10));
        Self { listen, unix: None, runtimes: 0, in_flight: limits::CALLS_IN_FLIGHT, grace }
    }
}

/// A server that listens; dropping it stops it.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    unix: Option<PathBuf>,
    engine: Mutex<Option<Engine>>,
}

/// Serves an open engine.
///
/// # Errors
/// As [`Server::start`].
pub fn serve(engine: &Engine, options: &ServeOptions) -> Result<Server> {
    let server = Server::start(options)?;
    server.mount(engine);
    Ok(server)
}

impl Server {
    /// Claims the address and listens. Until [`Self::mount`], the health check says `NOT_SERVING` and every other call
    /// is `UNAVAILABLE`.
    ///
    /// # Errors
    /// `FailedPrecondition` naming the port that is in use, or the address that is not loopback; `Internal` for a method
    /// without a policy.
    pub fn start(options: &ServeOptions) -> Result<Self> {
        let policies = Policies::read(v1::FILE_DESCRIPTOR_SET)?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let runtimes = if options.runtimes == 0 { cores } else { options.runtimes };
        let (address, listeners) = listen::claim(listen::address(&options.listen)?, runtimes)?;
        let shared = Shared::new(policies, options.in_flight);
        let front = Front::new(Arc::clone(&shared), standard_services(&shared)?, Door::Socket);
        let (stop, stopped) = watch::channel(false);
        let mut unix = options.unix.as_deref().map(claim_unix).transpose()?;
        let mut threads = Vec::new();
        for (number, listener) in listeners.into_iter().enumerate() {
            let worker = Worker {
                front: front.of_runtime(),
                stopped: stopped.clone(),
                grace: options.grace,
                listener,
                unix: unix.take(),
            };
            threads.push(worker.start(number)?);
        }
        tracing::info!(%address, runtimes, "listening");
        let (threads, engine) = (Mutex::new(threads), Mutex::new(None));
        Ok(Self { address, shared, stop, threads, unix: options.unix.clone(), engine })
    }

    /// Answers from this engine from now on.
    pub fn mount(&self, engine: &Engine) {
        self.shared.mount(engine);
        // Whoever is refused the directory reads there whom to ask; a server works without it.
        let _ = engine.say_target(Some(&self.target()));
        *self.engine.lock() = Some(engine.clone());
        tracing::info!(generation = engine.generation().0, "serving");
    }

    /// `host:port`, as clients take it.
    #[must_use]
    pub fn target(&self) -> String {
        self.address.to_string()
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more calls and lets the running ones end, at most for the grace; returns at once. Twice is fine.
    pub fn stop(&self) {
        if self.stop.send_replace(true) {
            return;
        }
        self.shared.stop();
        if let Some(engine) = self.engine.lock().take() {
            let _ = engine.say_target(None);
        }
        tracing::info!("stopping");
    }

    /// Waits until the server has stopped.
    pub fn wait(&self) {
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            // A thread that panicked has ended, which is what is waited for.
            let _ = thread.join();
        }
        if let Some(path) = &self.unix {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        self.wait();
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Health alone: in process nobody asks for descriptors, whose tables take a megabyte.
pub(crate) fn health_service(shared: &Arc<Shared>) -> Routes {
    Routes::new(HealthChecks::server(shared))
}

/// Health and reflection.
fn standard_services(shared: &Arc<Shared>) -> Result<Routes> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let failed = |error| Error::internal(format!("the descriptors cannot be served: {error}"));
    Ok(health_service(shared)
        .add_service(reflection().build_v1().map_err(failed)?)
        .add_service(reflection().build_v1alpha().map_err(failed)?))
}

/// The settings of the stack.
///
/// At most 256 streams of a connection; a silent peer is asked after 30 s and left after 10 more; a connection is told to
/// go (`GOAWAY`) after ten minutes, so that load balancers spread anew, while its running streams go on: an upload may
/// take hours. Headers are bounded, and resets that cost us work are counted by h2.
fn stack() -> tonic::transport::Server {
    tonic::transport::Server::builder()
        .max_concurrent_streams(256)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .http2_max_header_list_size(16 << 10)
        .http2_max_pending_accept_reset_streams(Some(20))
        .http2_max_local_error_reset_streams(Some(1_024))
        .max_connection_age(Duration::from_mins(10))
}

/// Binds a unix socket; a file left by a server that is gone gives way, one that answers does not.
fn claim_unix(path: &std::path::Path) -> Result<std::os::unix::net::UnixListener> {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
    use std::os::unix::net::{UnixListener, UnixStream};
    let refused = |error: std::io::Error| {
        let message = format!("{}: cannot listen: {error}", path.display());
        Error::new(ErrorKind::FailedPrecondition, message).field("unix").caused_by(error)
    };
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_socket && UnixStream::connect(path).is_err() {
        std::fs::remove_file(path).map_err(refused)?;
    }
    let listener = UnixListener::bind(path).map_err(refused)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    Ok(listener)
}

/// What one thread serves.
struct Worker {
    front: Front,
    stopped: watch::Receiver<bool>,
    grace: Duration,
    listener: TcpListener,
    unix: Option<std::os::unix::net::UnixListener>,
}

impl Worker {
    fn start(self, number: usize) -> Result<JoinHandle<()>> {
        let failed = |error| Error::storage("starting a thread of the server", error);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(crate::grpc::WORK_THREADS)
            .thread_name(format!("segengine-work-{number}"))
            .build()
            .map_err(failed)?;
        let grace = self.grace;
        let run = move || {
            if let Err(error) = runtime.block_on(self.run()) {
                tracing::error!(%error, "a listener failed");
            }
            // Work that was begun may be at its commit: it is let end, for as long again as the calls were.
            runtime.shutdown_timeout(grace);
        };
        std::thread::Builder::new().name(format!("segengine-serve-{number}")).spawn(run).map_err(failed)
    }

    async fn run(self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Self { front, stopped, grace, listener, unix } = self;
        let admission = Arc::clone(&front.shared().admission);
        let tcp = TcpIncoming::from(tokio::net::TcpListener::from_std(listener)?).with_nodelay(Some(true));
        let over_tcp = stack().serve_with_incoming_shutdown(front.clone(), tcp, told(stopped.clone()));
        let unix = unix.map(UnixListener::from_std).transpose()?;
        let over_unix = async {
            match unix {
                Some(unix) => {
                    let incoming = UnixListenerStream::new(unix);
                    stack().serve_with_incoming_shutdown(front, incoming, told(stopped.clone())).await
                }
                None => Ok(()),
            }
        };
        let patience = async {
            told(stopped.clone()).await;
            drained(&admission, grace).await;
        };
        tokio::select! {
            ended = async { tokio::try_join!(over_tcp, over_unix) } => ended.map(|_| ()).map_err(Into::into),
            () = patience => Ok(()),
        }
    }
}

/// Ends when no call has been in flight for a while, or the grace is over. A connection without a call is not waited
/// for: its client may be asleep, and would hold the end up for the whole grace.
async fn drained(admission: &Admission, grace: Duration) {
    let (mut left, mut idle) = (grace, Duration::ZERO);
    while !left.is_zero() && idle < QUIET {
        let look = LOOK.min(left);
        tokio::time::sleep(look).await;
        left = left.saturating_sub(look);
        idle = if admission.in_flight() == 0 { idle + look } else { Duration::ZERO };
    }
}

/// Ends when the server is told to stop, or is gone.
async fn told(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
