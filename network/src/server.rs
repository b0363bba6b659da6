//! The HTTP/1.1 server: an axum router behind sockets that can be drained or cut.

mod files;
mod leftover;
mod pace;
mod pages;
mod severable;

pub use files::raise_open_files;
pub use pages::forgo_huge_pages;

use crate::api::Problem;
use crate::socket::Socket;
use axum::Router;
use axum::extract::ConnectInfo;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use leftover::Leftover;
pub use pace::WritePace;
use rustls::ServerConfig;
use severable::Severable;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody listens there.
    #[error(
        "{0} is in use: another program listens there, perhaps an earlier run of this one; stop \
         it, or choose another address with --listen"
    )]
    InUse(String),
    /// The system refuses.
    #[error(
        "cannot listen on {address} ({reason}); an address of this machine with a free port is \
         needed, for example 127.0.0.1:7700"
    )]
    Refused {
        /// Where.
        address: String,
        /// What the system says.
        reason: String,
    },
}

/// How many connections may wait until they are accepted: of clients that all come back at once, whoever finds no room waits a second
/// until it tries again. The system may allow fewer.
const BACKLOG: u32 = 4_096;

/// Listens on `address`, for example `127.0.0.1:7700`; port 0 takes any free one.
pub async fn bind(address: &str) -> Result<TcpListener, BindError> {
    listen(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(address.to_owned()),
        _ => BindError::Refused { address: address.to_owned(), reason: error.to_string() },
    })
}

async fn listen(address: &str) -> io::Result<TcpListener> {
    let mut refused = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in lookup_host(address).await? {
        match listen_at(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server that was just stopped may listen there again.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// How a server behaves.
#[derive(Clone)]
pub struct ServeOptions {
    /// The node's own key, for TLS 1.3 ([`tls::server_config`](crate::tls::server_config)); nothing for plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// How many connections are served at a time; more wait.
    pub connections_max: usize,
    /// For a handshake, for a request's head, and for a silent connection between two requests.
    pub head_timeout: Duration,
    /// How slowly a peer may read what is sent to it.
    pub write_pace: WritePace,
    /// How long [`ServerHandle::shutdown`] waits for requests that are being answered.
    pub grace: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            tls: None,
            connections_max: 4096,
            head_timeout: Duration::from_secs(30),
            write_pace: WritePace::default(),
            grace: Duration::from_secs(10),
        }
    }
}

/// A running server. Dropping it cuts every connection, as [`kill`](Self::kill) does.
#[must_use = "dropping the handle stops the server"]
pub struct ServerHandle {
    address: SocketAddr,
    grace: Duration,
    stop: CancellationToken,
    kill: CancellationToken,
    tasks: TaskTracker,
    router: Arc<RwLock<Router>>,
}

impl ServerHandle {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers every further request with `router`, those on open connections too.
    pub fn lead_to(&self, router: Router) {
        *self.router.write().unwrap_or_else(PoisonError::into_inner) = complete(router);
    }

    /// Stops listening, lets requests that are being answered finish (for the grace at most), then cuts
    /// what is left: upgraded streams too, so close those first where that matters.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        // What is left after the grace is cut.
        let _ = timeout(self.grace, self.tasks.wait()).await;
        self.kill();
        self.tasks.wait().await;
    }

    /// Cuts the listener and every connection at once, upgraded streams included; handlers stop where they are.
    pub fn kill(&self) {
        self.stop.cancel();
        self.kill.cancel();
    }

    /// Cancelled once it listens no more.
    pub(crate) fn ending(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Waits until the listener and every connection are gone; the port is free then.
    pub async fn closed(&self) {
        self.tasks.wait().await;
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Serves `router` on `listener` until the handle says otherwise.
///
/// Paths and methods that the router does not know are answered with problems. Every request carries
/// its peer's address as [`ConnectInfo<SocketAddr>`].
///
/// # Errors
/// Where the listener has no address.
pub fn serve(
    listener: TcpListener,
    router: Router,
    options: ServeOptions,
) -> io::Result<ServerHandle> {
    let handle = ServerHandle {
        address: listener.local_addr()?,
        grace: options.grace,
        stop: CancellationToken::new(),
        kill: CancellationToken::new(),
        tasks: TaskTracker::new(),
        router: Arc::new(RwLock::new(complete(router))),
    };
    let server = Arc::new(Server {
        router: handle.router.clone(),
        seats: Arc::new(Semaphore::new(options.connections_max)),
        options,
        stop: handle.stop.clone(),
        kill: handle.kill.clone(),
    });
    let tasks = handle.tasks.clone();
    handle.tasks.spawn(server.accept(listener, tasks));
    handle.tasks.close();
    Ok(handle)
}

/// With answers for everything that it does not know.
fn complete(router: Router) -> Router {
    router.fallback(no_such_path).method_not_allowed_fallback(no_such_method)
}

async fn no_such_path(uri: http::Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no_such_path", format!("there is no {} here", uri.path()))
}

async fn no_such_method(method: http::Method, uri: http::Uri) -> Problem {
    let detail = format!("{} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "no_such_method", detail)
}

struct Server {
    router: Arc<RwLock<Router>>,
    options: ServeOptions,
    seats: Arc<Semaphore>,
    stop: CancellationToken,
    kill: CancellationToken,
}

impl Server {
    async fn accept(self: Arc<Self>, listener: TcpListener, tasks: TaskTracker) {
        loop {
            let next = async {
                let seat = Arc::clone(&self.seats).acquire_owned().await;
                (seat.expect("the seats are never closed"), listener.accept().await)
            };
            let (seat, accepted) = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                next = next => next,
            };
            match accepted {
                Ok((tcp, peer)) => {
                    let server = Arc::clone(&self);
                    tasks.spawn(async move {
                        let kill = server.kill.clone();
                        kill.run_until_cancelled(server.attend(tcp, peer, seat)).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn attend(&self, tcp: TcpStream, peer: SocketAddr, seat: OwnedSemaphorePermit) {
        let socket = match timeout(self.options.head_timeout, self.open(tcp)).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => return tracing::debug!(%peer, %error, "no handshake"),
            Err(_) => return tracing::debug!(%peer, "the handshake took too long"),
        };
        let socket = Severable::new(socket, &self.kill, self.options.write_pace, seat);
        let router = self.router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let router = router.read().unwrap_or_else(PoisonError::into_inner).clone();
            async move {
                let (mut request, rest) = Leftover::watch(request);
                request.extensions_mut().insert(ConnectInfo(peer));
                let response = router.oneshot(request).await;
                rest.drain().await;
                response
            }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.options.head_timeout);
        let connection = builder.serve_connection(TokioIo::new(socket), service).with_upgrades();
        let mut connection = pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%peer, %error, "a connection broke");
        }
    }

    async fn open(&self, tcp: TcpStream) -> io::Result<Socket> {
        tcp.set_nodelay(true)?;
        match &self.options.tls {
            None => Ok(Socket::Plain(tcp)),
            Some(config) => {
                let tls = TlsAcceptor::from(Arc::clone(config)).accept(tcp).await?;
                Ok(Socket::Tls(Box::new(tls.into())))
            }
        }
    }
}
