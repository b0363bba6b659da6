//! What every command runs in: a tokio runtime, and an end on Ctrl-C.

use anyhow::{Context, Result};
use std::future::Future;

/// Runs a command's future to its end.
pub(crate) fn run(command: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the system gives no threads or sockets")?;
    runtime.block_on(command)
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
