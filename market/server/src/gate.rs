//! What is answered while the market starts: that it lives, that it is not ready, and how far it has come.

use crate::progress::Progress;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use network::api::Problem;
use std::sync::Arc;

/// The routes of a market that is starting.
pub(crate) fn router(progress: Arc<Progress>) -> Router {
    Router::new().route("/", any(wait)).route("/{*path}", any(wait)).with_state(progress)
}

async fn wait(State(progress): State<Arc<Progress>>, request: Request) -> Response {
    if matches!(request.uri().path(), "/health" | "/v1/health") {
        return "ok".into_response();
    }
    let detail = format!("the market is starting: {}; ask again soon", progress.text());
    Problem::unavailable("not_ready", detail).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use network::server::{ServeOptions, bind, serve};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    /// The answer on a connection that stays open, up to where its body ends.
    async fn ask(socket: &mut TcpStream, path: &str, end: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nhost: market\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(end.as_bytes()) {
            assert_ne!(socket.read_buf(&mut answer).await.unwrap(), 0, "{answer:?}");
        }
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn while_it_starts_a_market_lives_and_says_how_far_it_is() {
        let progress = Arc::new(Progress::default());
        let listener = bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = serve(listener, router(progress.clone()), ServeOptions::default()).unwrap();
        let mut socket = TcpStream::connect(address).await.unwrap();
        let lives = ask(&mut socket, "/health", "ok").await;
        assert!(lives.starts_with("HTTP/1.1 200"), "{lives}");
        let opening = ask(&mut socket, "/ready", "}").await;
        assert!(opening.starts_with("HTTP/1.1 503"), "{opening}");
        assert!(opening.contains("not_ready") && opening.contains("opening its database"));
        progress.restored(3, 7);
        assert!(ask(&mut socket, "/ready", "}").await.contains("3 of 7 parts"));
        progress.replayed(12);
        let replaying = ask(&mut socket, "/v1/market", "}").await;
        assert!(replaying.contains("block 12") && replaying.starts_with("HTTP/1.1 503"));
        server.lead_to(Router::new().route("/ready", get(async || "ready")));
        let ready = ask(&mut socket, "/ready", "ready").await;
        assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
        assert!(ask(&mut socket, "/v1/market", "}").await.starts_with("HTTP/1.1 404"));
        server.shutdown().await;
    }
}
