//! What every command runs in: a tokio runtime, a log on standard error, an end on Ctrl-C.

use anyhow::{Context, Result};
use std::future::Future;
use tracing_subscriber::EnvFilter;

/// Runs a command's future to its end.
pub(crate) fn run(command: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the system gives no threads or sockets")?;
    runtime.block_on(command)
}

/// Logs to standard error what `BONDSTORE_LOG` asks for; warnings where it asks for nothing.
pub(crate) fn log() {
    let filter =
        EnvFilter::try_from_env("BONDSTORE_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}

/// Waits until the process is asked to end: Ctrl-C or SIGTERM.
pub(crate) async fn asked_to_end() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be waited for")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("Ctrl-C cannot be waited for"),
        _ = terminate.recv() => Ok(()),
    }
}
