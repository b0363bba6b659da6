//! A server that answers what it is told to, right or wrong.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::routing::any;
use network::server::{ServeOptions, ServerHandle, bind, serve};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What it answers to a path and a body; nothing at all where this is none.
type Script = dyn Fn(&str, &[u8]) -> Option<(u16, Vec<u8>)> + Send + Sync;

/// A running liar.
pub(crate) struct Liar {
    pub(crate) url: String,
    asked: Arc<AtomicUsize>,
    _server: ServerHandle,
}

#[derive(Clone)]
struct Told {
    script: Arc<Script>,
    asked: Arc<AtomicUsize>,
}

impl Liar {
    pub(crate) async fn telling(
        script: impl Fn(&str, &[u8]) -> Option<(u16, Vec<u8>)> + Send + Sync + 'static,
    ) -> Self {
        let told = Told { script: Arc::new(script), asked: Arc::default() };
        let asked = Arc::clone(&told.asked);
        let routes = Router::new().route("/", any(answer)).route("/{*path}", any(answer));
        let router = routes.with_state(told);
        let listener = bind("127.0.0.1:0").await.unwrap();
        let server = serve(listener, router, ServeOptions::default()).unwrap();
        Self { url: format!("http://{}", server.address()), asked, _server: server }
    }

    /// A node whose RPC answers calls by `script`; the id is right.
    pub(crate) async fn rpc(
        script: impl Fn(&str, &Value) -> Value + Send + Sync + 'static,
    ) -> Self {
        Self::telling(move |_, body| {
            let call: Value = serde_json::from_slice(body).unwrap();
            let answer = script(call["method"].as_str().unwrap(), &call["params"]);
            let (result, error) = match answer.get("fault") {
                Some(fault) => (Value::Null, fault.clone()),
                None => (answer, Value::Null),
            };
            let body = json!({ "result": result, "error": error, "id": call["id"] });
            Some((200, body.to_string().into_bytes()))
        })
        .await
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn answer(State(told): State<Told>, uri: Uri, body: Bytes) -> (StatusCode, Vec<u8>) {
    told.asked.fetch_add(1, Ordering::SeqCst);
    match (told.script)(uri.path(), &body) {
        Some((status, body)) => (StatusCode::from_u16(status).unwrap(), body),
        None => std::future::pending().await,
    }
}
