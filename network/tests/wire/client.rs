//! What a client makes of answers that are late, cut, too long or not ours.

use super::support::{client_at, client_of, hasty, plain, raw, soon};
use axum::Router;
use axum::body::Body;
use axum::routing::{get, put};
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use network::client::{ClientError, ClientOptions, Retries};
use network::extract::RawBody;
use std::convert::Infallible;

#[tokio::test]
async fn bodies_go_and_come_back_bit_for_bit() {
    let route = put(async |RawBody(body): RawBody<{ 16 << 20 }>| body);
    let server = plain(Router::new().route("/echo", route)).await;
    let client = client_of(&server);
    for bytes in [0, 1, 65_537, 1 << 20, 8 << 20] {
        let body: Bytes = (0..bytes).map(|at: u32| at.to_le_bytes()[at as usize % 3]).collect();
        let back = client.put("/echo").bytes(body.clone()).read_bytes(8 << 20).await.unwrap();
        assert!(back == body, "{bytes} bytes");
    }
}

#[tokio::test]
async fn an_answer_longer_than_allowed_is_not_taken() {
    let whole = get(async || Bytes::from(vec![7; 4096]));
    let pieces = get(async || {
        let pieces = (0..8).map(|_| Ok::<_, Infallible>(Bytes::from(vec![7; 512])));
        Body::from_stream(stream::iter(pieces))
    });
    let server = plain(Router::new().route("/whole", whole).route("/pieces", pieces)).await;
    let client = client_of(&server);
    for path in ["/whole", "/pieces"] {
        assert_eq!(client.get(path).read_bytes(4096).await.unwrap().len(), 4096);
        let error = client.get(path).read_bytes(4095).await.unwrap_err();
        assert!(matches!(error, ClientError::TooLarge { max: 4095, .. }), "{error}");
    }
}

#[tokio::test]
async fn an_answer_can_be_read_piece_by_piece() {
    let server = plain(Router::new().route("/", get(async || Bytes::from(vec![7; 300_000])))).await;
    let mut answer = client_of(&server).get("/").send().await.unwrap();
    assert_eq!((answer.status(), answer.content_length()), (StatusCode::OK, Some(300_000)));
    let mut got = 0;
    while let Some(piece) = answer.chunk().await.unwrap() {
        got += piece.len();
    }
    assert_eq!(got, 300_000);
}

#[tokio::test]
async fn a_refusal_that_is_no_problem_is_foreign() {
    let teapot = get(async || (StatusCode::IM_A_TEAPOT, "short and stout"));
    let server = plain(Router::new().route("/", teapot)).await;
    let error = client_of(&server).get("/").done().await.unwrap_err();
    assert!(matches!(error, ClientError::Foreign { status: 418, .. }), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn json_that_is_something_else_is_a_wrong_answer() {
    let server = plain(Router::new().route("/", get(async || "{\"epoch\": 1}"))).await;
    let error = client_of(&server).get("/").read_json::<Vec<u8>>(100).await.unwrap_err();
    assert!(matches!(error, ClientError::WrongAnswer { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let url = raw(&[""], true).await;
    let error = soon(hasty(&url).get("/").send()).await.err().unwrap();
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
    let url = raw(&["HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234"], true).await;
    let error = soon(hasty(&url).get("/").read_bytes(10)).await.unwrap_err();
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_broken() {
    let url = raw(&["HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234"], false).await;
    let error = soon(hasty(&url).get("/").read_bytes(10)).await.unwrap_err();
    assert!(matches!(error, ClientError::Broken { .. }), "{error}");
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let server = plain(Router::new()).await;
    let url = format!("http://{}", server.address());
    server.kill();
    server.closed().await;
    let options = ClientOptions { retries: Retries::NONE, ..ClientOptions::default() };
    let error = client_at(&url, options).get("/").send().await.err().unwrap();
    assert!(matches!(&error, ClientError::Connect { endpoint, .. } if *endpoint == url), "{error}");
}
