//! A development chain behind a port of this machine: so much of bitcoind's JSON-RPC that stock tools speak to it at `/`, and so
//! much of Esplora's HTTP that light clients do under [`ESPLORA`].

mod blocks;
mod esplora;
mod fault;
mod methods;
mod spends;

use super::devchain::{Devchain, Mining};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::{Engine, engine::general_purpose::STANDARD};
use bitcoin::ScriptBuf;
use fault::Fault;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

/// Where Esplora's paths begin.
pub const ESPLORA: &str = "/esplora";
/// The longest request: a block in hexadecimal.
const REQUEST_MAX: usize = 9_000_000;
/// The name that a cookie lets in.
const COOKIE_USER: &str = "__cookie__";

/// What lets a caller in: name and password, fresh for each start.
#[derive(Clone)]
pub struct Cookie(String);

impl Cookie {
    /// A fresh one.
    ///
    /// # Errors
    /// Where the system gives no randomness.
    pub fn fresh() -> io::Result<Self> {
        let mut password = [0; 32];
        getrandom::fill(&mut password).map_err(io::Error::other)?;
        Ok(Self(format!("{COOKIE_USER}:{}", hex::encode(password))))
    }

    /// Writes it where bitcoind's tools look for it, readable for its owner alone.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let aside = path.with_extension("new");
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(self.0.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(aside, path)
    }

    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let words = shown.and_then(|shown| shown.strip_prefix("Basic "));
        let decoded = words.and_then(|words| STANDARD.decode(words.trim()).ok());
        decoded.is_some_and(|decoded| decoded == self.0.as_bytes())
    }
}

impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cookie")
    }
}

/// What is served.
#[derive(Clone)]
pub struct Service {
    /// The chain.
    pub chain: Devchain,
    /// What lets callers of the RPC in. Esplora's paths are open.
    pub cookie: Cookie,
    /// The clock: seconds since 1970.
    pub clock: fn() -> u32,
}

impl Service {
    fn mining(&self, script: ScriptBuf) -> Mining {
        Mining { script, time: (self.clock)() }
    }
}

/// Answers for a chain.
pub fn router(service: Service) -> Router {
    let service = Arc::new(service);
    Router::new()
        .route("/", post(answer))
        .nest(ESPLORA, esplora::routes())
        .layer(DefaultBodyLimit::max(REQUEST_MAX))
        .with_state(service)
}

/// One call.
#[derive(Deserialize)]
struct Call {
    #[serde(default)]
    jsonrpc: Value,
    method: String,
    #[serde(default)]
    params: Value,
}

async fn answer(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    if !service.cookie.lets_in(&headers) {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"jsonrpc\"")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    // Mining and checking take a processor, not a socket.
    let answered = tokio::task::spawn_blocking(move || answer_body(&service, &body)).await;
    match answered {
        Ok((status, value)) => {
            let kind = [(header::CONTENT_TYPE, "application/json")];
            (status, kind, value.to_string() + "\n").into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Answers one call, or a list of them.
fn answer_body(service: &Service, body: &[u8]) -> (StatusCode, Value) {
    match serde_json::from_slice(body) {
        Ok(Value::Array(calls)) => {
            let answers = calls.into_iter().map(|call| answer_value(service, call).1).collect();
            (StatusCode::OK, Value::Array(answers))
        }
        Ok(call) => answer_value(service, call),
        Err(error) => {
            let fault = Fault::unparsable(&error);
            (fault.status(), json!({ "result": null, "error": fault, "id": null }))
        }
    }
}

/// The old form always says both result and error, and the error in the status; JSON-RPC 2.0 says one of them, with status 200.
fn answer_value(service: &Service, call: Value) -> (StatusCode, Value) {
    let id = call.get("id").cloned().unwrap_or_default();
    let (modern, done) = match serde_json::from_value::<Call>(call) {
        Ok(call) => (call.jsonrpc == "2.0", methods::call(service, &call.method, call.params)),
        Err(error) => (false, Err(Fault::unparsable(&error))),
    };
    match (done, modern) {
        (Ok(result), false) => {
            (StatusCode::OK, json!({ "result": result, "error": null, "id": id }))
        }
        (Ok(result), true) => {
            (StatusCode::OK, json!({ "jsonrpc": "2.0", "result": result, "id": id }))
        }
        (Err(fault), false) => {
            (fault.status(), json!({ "result": null, "error": fault, "id": id }))
        }
        (Err(fault), true) => {
            (StatusCode::OK, json!({ "jsonrpc": "2.0", "error": fault, "id": id }))
        }
    }
}
