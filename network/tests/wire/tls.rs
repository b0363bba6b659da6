//! A node's own key is its certificate, and no other is accepted.

use super::support::{client_at, client_of, key, plain, soon, start};
use axum::Router;
use axum::routing::{get, put};
use bytes::Bytes;
use network::client::{ClientError, ClientOptions, Retries};
use network::extract::RawBody;
use network::server::{ServeOptions, ServerHandle, bind, serve};
use network::tls::server_config;
use types::Signer;

fn router() -> Router {
    let echo = put(async |RawBody(body): RawBody<{ 16 << 20 }>| body);
    Router::new().route("/", get(async || "yes")).route("/echo", echo)
}

fn options(n: u8) -> ServeOptions {
    ServeOptions { tls: Some(server_config(key(n)).expect("TLS 1.3")), ..Default::default() }
}

fn once() -> ClientOptions {
    ClientOptions { retries: Retries::NONE, ..ClientOptions::default() }
}

fn url(server: &ServerHandle) -> String {
    format!("https://{}", server.address())
}

#[tokio::test]
async fn the_right_key_is_accepted() {
    let server = start(router(), options(1)).await;
    let did = key(1).did();
    let client = client_at(&format!("{}#{did}", url(&server)), once());
    assert_eq!(client.get("/").read_bytes(10).await.unwrap(), Bytes::from("yes"));
    assert_eq!(client.peer(), Some(did));
    let body = Bytes::from(vec![9; 4 << 20]);
    let back = client.put("/echo").bytes(body.clone()).read_bytes(4 << 20).await.unwrap();
    assert!(back == body);
}

#[tokio::test]
async fn another_key_is_refused_and_both_are_named() {
    let server = start(router(), options(1)).await;
    let (expected, presented) = (key(2).did(), key(1).did());
    let client = client_at(&format!("{}#{expected}", url(&server)), ClientOptions::default());
    let error = client.get("/").send().await.err().unwrap();
    let ClientError::WrongPeer { wrong, .. } = &error else { panic!("{error}") };
    assert_eq!((wrong.expected, wrong.presented), (expected, presented));
    assert!(!error.is_transient(), "another try meets the same key");
}

#[tokio::test]
async fn the_first_key_met_is_the_only_one_from_then_on() {
    let server = start(router(), options(1)).await;
    let client = client_at(&url(&server), once());
    assert_eq!(client.peer(), None);
    client.get("/").done().await.unwrap();
    assert_eq!(client.peer(), Some(key(1).did()));
    let address = server.address().to_string();
    server.kill();
    soon(server.closed()).await;
    let _impostor = serve(bind(&address).await.unwrap(), router(), options(2)).unwrap();
    let error = soon(async {
        loop {
            // The first call may still find the connection that was cut.
            match client.get("/").done().await.unwrap_err() {
                ClientError::Broken { .. } => {}
                other => return other,
            }
        }
    })
    .await;
    assert!(matches!(error, ClientError::WrongPeer { .. }), "{error}");
}

#[tokio::test]
async fn plain_and_tls_do_not_mix() {
    let secure = start(router(), options(1)).await;
    assert!(client_of(&secure).get("/").once().done().await.is_err());
    let open = plain(router()).await;
    let error = client_at(&url(&open), once()).get("/").done().await.unwrap_err();
    assert!(matches!(error, ClientError::Connect { .. }), "{error}");
}
