//! What only the writer's process does beside writing: epochs, audits, the outbox.

use crate::app::App;
use crate::auditor::Auditor;
use crate::epochs::Epochs;
use crate::outbox::{Nudge, Outbox};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use types::Timestamp;

/// Done while this process writes, and left to whoever writes then when it does not.
#[derive(Debug)]
pub(crate) struct Duties {
    pub(crate) app: Arc<App>,
    pub(crate) epochs: Arc<Epochs>,
    pub(crate) auditor: Auditor,
}

impl Duties {
    /// Takes the duties up whenever this process becomes the writer. `epoch_every` is as in
    /// [`Config`](crate::Config).
    pub(crate) async fn stand_by(
        self,
        epoch_every: Option<Duration>,
        mut nudges: mpsc::UnboundedReceiver<Nudge>,
    ) {
        let mut role = self.app.role.clone();
        loop {
            if role.wait_for(crate::writer::Role::is_writer).await.is_err() {
                return;
            }
            // Providers have had no stream here before; how long they are away counts from now.
            self.app.streams.begin();
            tokio::select! {
                replaced = role.wait_for(|role| !role.is_writer()) => {
                    if replaced.is_err() {
                        return;
                    }
                }
                () = self.perform(epoch_every, &mut nudges) => return,
            }
            self.app.streams.close_all();
        }
    }

    async fn perform(
        &self,
        epoch_every: Option<Duration>,
        nudges: &mut mpsc::UnboundedReceiver<Nudge>,
    ) {
        let outbox = Outbox::new(self.app.clone(), self.auditor.clone());
        tokio::select! {
            () = outbox.run(nudges) => {}
            () = self.epochs.tick() => {}
            () = self.keep_time(epoch_every) => {}
        }
    }

    async fn keep_time(&self, epoch_every: Option<Duration>) {
        if let Err(error) = self.epochs.resume().await {
            tracing::warn!(%error, "the open epoch was not audited to its end");
        }
        let Some(every) = epoch_every else { return std::future::pending().await };
        let last = self.app.readers.ask(crate::store::Store::epoch_opened).await;
        let last = last.unwrap_or_else(|error| {
            tracing::error!(%error, "when the open epoch began cannot be read; the next opens now");
            Timestamp(0)
        });
        let chain = self.app.view().market.genesis().chain;
        match chain {
            Some(rule) => self.epochs.keep_schedule(&rule, last).await,
            None => self.epochs.open_regularly(every, last).await,
        }
    }
}
