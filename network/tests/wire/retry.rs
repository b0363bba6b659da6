//! A call that is repeated counts once, and not every call is repeated.

use super::support::{client_at, client_of, plain, raw, soon};
use axum::Router;
use axum::routing::post;
use http::StatusCode;
use network::api::Problem;
use network::client::{BreakerPolicy, ClientError, ClientOptions, Retries};
use network::extract::IdempotencyKey;
use network::server::{ServeOptions, bind, serve};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often each key came, at a server that fails the first two times.
#[derive(Clone, Default)]
struct Desk(Arc<Mutex<BTreeMap<Option<String>, u32>>>);

impl Desk {
    fn serve(&self, status: StatusCode) -> Router {
        let desk = self.clone();
        let route = post(async move |IdempotencyKey(key): IdempotencyKey| {
            let mut seen = desk.0.lock().expect("no test panics while it holds this");
            let times = seen.entry(key).or_default();
            *times += 1;
            if *times <= 2 {
                return Err(Problem::new(status, "not_yet", "come back later"));
            }
            Ok("done")
        });
        Router::new().route("/", route)
    }

    fn times(&self) -> Vec<u32> {
        self.0.lock().expect("no test panics while it holds this").values().copied().collect()
    }
}

#[tokio::test]
async fn what_fails_in_passing_is_repeated_under_one_key() {
    let desk = Desk::default();
    let server = plain(desk.serve(StatusCode::SERVICE_UNAVAILABLE)).await;
    let client = client_of(&server);
    client.post("/").done().await.unwrap();
    assert_eq!(desk.times(), [3], "three attempts, one key");
    client.post("/").done().await.unwrap();
    assert_eq!(desk.times(), [3, 3], "another call has another key");
}

#[tokio::test]
async fn what_is_refused_is_not_repeated() {
    let desk = Desk::default();
    let server = plain(desk.serve(StatusCode::CONFLICT)).await;
    let refused = client_of(&server).post("/").done().await.unwrap_err();
    assert_eq!(refused.code(), Some("not_yet"));
    assert_eq!(desk.times(), [1]);
}

#[tokio::test]
async fn a_call_to_be_made_once_is_made_once() {
    let desk = Desk::default();
    let server = plain(desk.serve(StatusCode::SERVICE_UNAVAILABLE)).await;
    client_of(&server).post("/").once().done().await.unwrap_err();
    assert_eq!(desk.times(), [1]);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again() {
    let answers = &[
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nha",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwhole",
    ];
    let client = client_at(&raw(answers, false).await, ClientOptions::default());
    let answer = soon(client.get("/").read_bytes(5)).await.unwrap();
    assert_eq!(&answer[..], b"whole");
}

#[tokio::test]
async fn a_key_that_is_too_long_is_refused_at_both_ends() {
    let server = plain(Desk::default().serve(StatusCode::OK)).await;
    let client = client_of(&server);
    let here = client.post("/").idempotency_key(&"k".repeat(129)).done().await.unwrap_err();
    assert!(here.to_string().contains("128"), "{here}");
    let name = network::client::IDEMPOTENCY_KEY;
    let long = http::HeaderValue::try_from("k".repeat(129)).unwrap();
    let there = client.post("/").header(name, long).done().await.unwrap_err();
    assert_eq!(there.code(), Some("idempotency_key_malformed"));
}

#[tokio::test]
async fn a_peer_that_keeps_failing_is_left_alone_and_then_tried_again() {
    let server = plain(Router::new()).await;
    let url = format!("http://{}", server.address());
    server.shutdown().await;
    let pause = Duration::from_millis(200);
    let breaker = BreakerPolicy { failures_max: 3, pause, ..BreakerPolicy::default() };
    let options = ClientOptions { retries: Retries::NONE, breaker, ..ClientOptions::default() };
    let client = client_at(&url, options);
    for _ in 0..3 {
        let error = client.get("/").done().await.unwrap_err();
        assert!(matches!(error, ClientError::Connect { .. }), "{error}");
    }
    let error = client.get("/").done().await.unwrap_err();
    assert!(matches!(error, ClientError::LeftAlone { .. }) && error.is_transient(), "{error}");
    assert!(client.is_left_alone());

    let listener = bind(&server.address().to_string()).await.unwrap();
    let desk = Desk::default();
    let _back = serve(listener, desk.serve(StatusCode::CONFLICT), ServeOptions::default()).unwrap();
    let answered = async {
        while let Err(ClientError::LeftAlone { again_in, .. }) = client.get("/").done().await {
            tokio::time::sleep(again_in).await;
        }
    };
    soon(answered).await;
    assert!(!client.is_left_alone(), "even a refusal is an answer");
}
