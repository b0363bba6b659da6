//! Keys, servers and clients for the tests.

use axum::Router;
use network::client::{ClientOptions, HttpClient, Retries, Timeouts};
use network::endpoint::{Endpoint, PlainHttp};
use network::server::{ServeOptions, ServerHandle, bind, serve};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use types::SecretKey;

/// The key number `n`.
pub(crate) fn key(n: u8) -> Arc<SecretKey> {
    Arc::new(SecretKey::from_seed(&[n; 32]))
}

/// Serves on a free port.
pub(crate) async fn start(router: Router, options: ServeOptions) -> ServerHandle {
    let listener = bind("127.0.0.1:0").await.expect("loopback has a free port");
    serve(listener, router, options).expect("the listener has an address")
}

/// Serves plain HTTP on a free port.
pub(crate) async fn plain(router: Router) -> ServerHandle {
    start(router, ServeOptions::default()).await
}

/// A client of a plain server, which repeats without long pauses.
pub(crate) fn client_of(server: &ServerHandle) -> HttpClient {
    client_at(&format!("http://{}", server.address()), ClientOptions::default())
}

/// A client of `url`, which repeats without long pauses.
pub(crate) fn client_at(url: &str, options: ClientOptions) -> HttpClient {
    let endpoint = Endpoint::parse(url, PlainHttp::LoopbackOnly).expect("a test's address");
    let pause = Duration::from_millis(1);
    let retries = Retries { pause, pause_max: pause, ..options.retries };
    HttpClient::new(endpoint, ClientOptions { retries, ..options })
}

/// A client that gives up soon, for servers that hang.
pub(crate) fn hasty(url: &str) -> HttpClient {
    let soon = Duration::from_millis(200);
    let timeouts = Timeouts { head: soon, idle: soon, ..Timeouts::default() };
    client_at(url, ClientOptions { timeouts, retries: Retries::NONE, ..ClientOptions::default() })
}

/// What must come to its end, fails the test where it does not.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), work).await.expect("it ends within a minute")
}

/// A server in raw bytes: it reads a request's head, sends the next of `answers` and closes (or
/// holds the connection open, after the last). Gives its address.
pub(crate) async fn raw(answers: &'static [&'static str], keep: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        let mut held = Vec::new();
        for (at, answer) in (1..).zip(answers) {
            let (mut stream, _) = listener.accept().await.expect("a client comes");
            read_head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.expect("the client reads");
            if keep && at == answers.len() {
                held.push(stream);
            }
        }
        if keep {
            std::future::pending::<()>().await;
        }
    });
    format!("http://{address}")
}

/// Reads until the empty line, and not much further.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a whole head comes"));
    }
    String::from_utf8(head).expect("a head is ASCII")
}
