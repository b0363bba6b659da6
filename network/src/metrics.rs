//! Figures for Prometheus: counted wherever something happens, gathered once for the process, served as text.
//!
//! Nothing is gathered until [`Figures::of_process`] is called for the first time; whatever is counted before costs
//! next to nothing and is lost. Names begin with `bondstore_`, and end with their unit as Prometheus asks:
//! `_total` counts, `_seconds` lasts, `_commands` are how many at once.

use crate::server::{BindError, ServeOptions, ServerHandle, bind, serve};
use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::get;
use http::header::CONTENT_TYPE;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::io;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long something lasted, in seconds: bounds of the buckets.
const SECONDS: &[f64] =
    &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// How many there were at once: bounds of the buckets.
const AT_ONCE: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0];
/// How often what was measured is summed up where nobody asks for it.
const SUM_UP_EVERY: Duration = Duration::from_secs(10);
/// Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How many may ask at a time.
const CONNECTIONS_MAX: usize = 16;

/// Why figures cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// Their address.
    #[error(
        "figures cannot be served on {address} ({reason}); give --metrics an address of this machine with a free port"
    )]
    Address {
        /// Where.
        address: String,
        /// Why not.
        reason: String,
    },
    /// The operating system.
    #[error("figures cannot be served: the operating system refuses: {0}")]
    System(#[from] io::Error),
    /// Something else in this program gathers already.
    #[error("figures cannot be gathered: another part of this program gathers them already")]
    Taken,
}

/// What was counted in this process since [`Figures::of_process`] was called first.
#[derive(Clone)]
pub struct Figures(PrometheusHandle);

impl Figures {
    /// The process's figures, gathered from now on.
    ///
    /// # Errors
    /// [`MetricsError::Taken`].
    pub fn of_process() -> Result<Self, MetricsError> {
        static GATHERED: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
        let gathered = GATHERED.get_or_init(|| {
            let recorder = builder().build_recorder();
            let handle = recorder.handle();
            metrics::set_global_recorder(recorder).ok().map(|()| handle)
        });
        gathered.clone().map(Self).ok_or(MetricsError::Taken)
    }

    /// Everything, in Prometheus' text format.
    pub fn text(&self) -> String {
        self.0.render()
    }

    /// Serves them under `/metrics` on `address`, without TLS and to everyone who reaches it, until the handle
    /// says otherwise; `look` sets what is looked up rather than counted, each time that somebody asks.
    ///
    /// # Errors
    /// [`MetricsError::Address`] and [`MetricsError::System`].
    pub async fn serve(
        self,
        address: &str,
        look: impl Fn() + Clone + Send + Sync + 'static,
    ) -> Result<ServerHandle, MetricsError> {
        let listener = bind(address).await.map_err(|error| MetricsError::Address {
            address: address.to_owned(),
            reason: match error {
                BindError::InUse(_) => "another program listens there".to_owned(),
                BindError::Refused { reason, .. } => reason,
            },
        })?;
        let figures = self.clone();
        let answer = get(async move || {
            look();
            ([(CONTENT_TYPE, TEXT)], figures.text())
        });
        let options = ServeOptions { connections_max: CONNECTIONS_MAX, ..ServeOptions::default() };
        let server = serve(listener, Router::new().route("/metrics", answer), options)?;
        let ended = server.ending();
        tokio::spawn(async move {
            let sums = async {
                loop {
                    tokio::time::sleep(SUM_UP_EVERY).await;
                    self.0.run_upkeep();
                }
            };
            ended.run_until_cancelled(sums).await;
        });
        Ok(server)
    }
}

fn builder() -> PrometheusBuilder {
    let buckets = [("_seconds", SECONDS), ("_commands", AT_ONCE)];
    buckets.into_iter().fold(PrometheusBuilder::new(), |builder, (suffix, bounds)| {
        let matched = builder.set_buckets_for_metric(Matcher::Suffix(suffix.to_owned()), bounds);
        matched.expect("the bounds are not empty")
    })
}

/// A layer that counts requests by route, method and status, and how long their answers took to begin.
pub async fn count(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let (method, began) = (request.method().to_string(), Instant::now());
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::histogram!("bondstore_http_request_seconds", "route" => route.clone(), "method" => method.clone())
        .record(began.elapsed().as_secs_f64());
    metrics::counter!("bondstore_http_requests_total", "route" => route, "method" => method, "status" => status)
        .increment(1);
    response
}
