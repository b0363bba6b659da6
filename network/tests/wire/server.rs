//! What a server does with bad requests, with its end, and with a port that is taken.

use super::support::{client_of, plain, soon, start};
use axum::Router;
use axum::routing::{get, put};
use bytes::Bytes;
use http::StatusCode;
use network::api::Problem;
use network::client::ClientError;
use network::extract::RawBody;
use network::server::{BindError, ServeOptions, WritePace, bind};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

/// Says when it is dropped.
struct Grave(mpsc::UnboundedSender<()>);

impl Drop for Grave {
    fn drop(&mut self) {
        // Nobody may be listening any more.
        let _ = self.0.send(());
    }
}

/// A route that never answers, with a sign that a request is in it, and one that it was dropped.
fn hanging() -> (Router, Arc<Notify>, mpsc::UnboundedReceiver<()>) {
    let (dead, graves) = mpsc::unbounded_channel();
    let entered = Arc::new(Notify::new());
    let inside = Arc::clone(&entered);
    let route = get(async move || {
        let _grave = Grave(dead);
        inside.notify_one();
        pending::<()>().await;
    });
    (Router::new().route("/hang", route), entered, graves)
}

#[tokio::test]
async fn a_killed_server_stops_its_handlers_and_frees_its_port() {
    let (router, entered, mut graves) = hanging();
    let server = plain(router).await;
    let call = tokio::spawn(client_of(&server).get("/hang").once().send());
    soon(entered.notified()).await;
    server.kill();
    let error = soon(call).await.unwrap().err().expect("the request was cut");
    assert!(matches!(error, ClientError::Broken { .. }), "{error}");
    assert_eq!(soon(graves.recv()).await, Some(()), "the handler is dropped");
    soon(server.closed()).await;
    bind(&server.address().to_string()).await.expect("the port is free again");
}

#[tokio::test]
async fn a_server_that_shuts_down_finishes_what_it_began() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, exit) = (Arc::clone(&entered), Arc::clone(&leave));
    let route = get(async move || {
        inside.notify_one();
        exit.notified().await;
        "finished"
    });
    let options = ServeOptions { grace: Duration::from_mins(1), ..ServeOptions::default() };
    let server = start(Router::new().route("/slow", route), options).await;
    let call = tokio::spawn(client_of(&server).get("/slow").once().read_bytes(100));
    soon(entered.notified()).await;
    let (address, port) = (server.address(), server.address().to_string());
    let shutdown = tokio::spawn(async move { server.shutdown().await });
    soon(async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    leave.notify_one();
    assert_eq!(soon(call).await.unwrap().unwrap(), Bytes::from("finished"));
    soon(shutdown).await.unwrap();
    bind(&port).await.expect("the port is free again");
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever() {
    let (router, entered, mut graves) = hanging();
    let options = ServeOptions { grace: Duration::from_millis(20), ..ServeOptions::default() };
    let server = start(router, options).await;
    let call = tokio::spawn(client_of(&server).get("/hang").once().send());
    soon(entered.notified()).await;
    soon(server.shutdown()).await;
    assert!(soon(call).await.unwrap().is_err());
    assert_eq!(soon(graves.recv()).await, Some(()));
}

#[tokio::test]
async fn a_taken_port_is_named_with_the_remedy() {
    let server = plain(Router::new()).await;
    let address = server.address().to_string();
    let refused = bind(&address).await.unwrap_err();
    assert!(matches!(&refused, BindError::InUse(named) if *named == address));
    let text = refused.to_string();
    assert!(text.contains(&address) && text.contains("--listen"), "{text}");
    let refused = bind("nonsense").await.unwrap_err();
    assert!(matches!(refused, BindError::Refused { .. }), "{refused}");
}

#[tokio::test]
async fn an_oversized_body_is_refused_in_words() {
    let route = put(async |RawBody(body): RawBody<1024>| body.len().to_string());
    let server = plain(Router::new().route("/small", route)).await;
    let client = client_of(&server);
    let fits = client.put("/small").bytes(vec![7; 1024].into()).read_bytes(100).await;
    assert_eq!(fits.unwrap(), Bytes::from("1024"));
    for bytes in [1025, 8 << 20] {
        let refused = client.put("/small").bytes(vec![7; bytes].into()).done().await.unwrap_err();
        assert_eq!(refused.code(), Some("body_too_large"), "{bytes} bytes: {refused}");
        assert!(refused.to_string().contains("1024"), "{refused}");
    }
}

#[tokio::test]
async fn a_body_that_hides_its_length_is_cut_at_the_limit() {
    let route = put(async |RawBody(body): RawBody<16>| body.len().to_string());
    let server = plain(Router::new().route("/small", route)).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head =
        "PUT /small HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let body = "11\r\n01234567890123456\r\n0\r\n\r\n";
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("body_too_large"));
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let full = async || -> Result<(), Problem> {
        Err(Problem::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", "no room is left here"))
    };
    let server = plain(Router::new().route("/shard", put(full))).await;
    let client = client_of(&server);
    for _ in 0..8 {
        let refused = client.put("/shard").bytes(vec![7; 8 << 20].into()).done().await.unwrap_err();
        assert_eq!(refused.code(), Some("disk_full"), "{refused}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let server = plain(Router::new().route("/here", get(async || "yes"))).await;
    let client = client_of(&server);
    let missing = client.get("/there").done().await.unwrap_err();
    assert_eq!(missing.code(), Some("no_such_path"));
    let method = client.put("/here").done().await.unwrap_err();
    assert_eq!(
        method.problem().map(|p| (p.status, p.code.as_str())),
        Some((405, "no_such_method"))
    );
}

#[tokio::test]
async fn a_head_that_never_ends_is_not_waited_for() {
    let options =
        ServeOptions { head_timeout: Duration::from_millis(50), ..ServeOptions::default() };
    let server = start(Router::new(), options).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    let mut rest = Vec::new();
    // However it is closed, it is closed.
    let _ = soon(stream.read_to_end(&mut rest)).await;
}

#[tokio::test]
async fn a_connection_too_many_waits_for_a_seat() {
    let options = ServeOptions { connections_max: 1, ..ServeOptions::default() };
    let server = start(Router::new().route("/", get(async || "yes")), options).await;
    let mut first = TcpStream::connect(server.address()).await.unwrap();
    first.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    first.read_u8().await.unwrap();
    let second = tokio::spawn(client_of(&server).get("/").read_bytes(10));
    drop(first);
    assert_eq!(soon(second).await.unwrap().unwrap(), Bytes::from("yes"));
}

/// Bytes in memory that say when they are dropped.
struct Load(Vec<u8>, #[expect(dead_code, reason = "it is held to be dropped")] Grave);

impl AsRef<[u8]> for Load {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[tokio::test]
async fn a_peer_that_does_not_read_holds_nothing_for_ever() {
    let (dead, mut graves) = mpsc::unbounded_channel();
    let route = get(async move || Bytes::from_owner(Load(vec![7; 64 << 20], Grave(dead))));
    let pace = WritePace { bytes: 1 << 20, within: Duration::from_millis(50) };
    let options = ServeOptions { write_pace: pace, ..ServeOptions::default() };
    let server = start(Router::new().route("/load", route), options).await;
    let mut peer = TcpStream::connect(server.address()).await.unwrap();
    peer.write_all(b"GET /load HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    peer.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    assert_eq!(soon(graves.recv()).await, Some(()), "the answer is given up");
}
