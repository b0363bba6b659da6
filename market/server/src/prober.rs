//! The market's own measurements: one a provider and epoch, before its verdicts are given.

use crate::app::App;
use crate::probes;
use crate::writer::Refusal;
use futures_util::{StreamExt, stream};
use market::Command;
use network::endpoint::PlainHttp;
use network::probe::Vantage;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use types::Did;

/// What the market calls the place it measures from.
const VANTAGE: &str = "market";
/// How many providers are measured at a time.
const AT_ONCE: usize = 32;

/// Measures providers.
#[derive(Clone)]
pub(crate) struct Prober {
    pub(crate) app: Arc<App>,
    /// Whether the market measures by itself.
    pub(crate) measures: bool,
    /// How long independent auditors are waited for.
    pub(crate) patience: Duration,
}

impl std::fmt::Debug for Prober {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prober").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Prober {
    /// Measures every provider that is connected and whose last audit left something to read, then waits for
    /// the auditors that the genesis names. Whom nobody measured is judged by its answers alone.
    pub(crate) async fn hold(&self) -> Result<(), Refusal> {
        let began = Instant::now();
        let key = Arc::new(self.app.key.clone());
        let vantage = Vantage { signer: key, name: VANTAGE.into(), plain: PlainHttp::Anywhere };
        let lines = probes::targets(&self.app, self.app.did);
        let measured: Vec<Did> = lines.iter().map(|line| line.provider).collect();
        let wanted = lines.into_iter().filter(|_| self.measures);
        let online = wanted.filter(|line| self.app.streams.is_online(&line.provider));
        let measurements = stream::iter(online.collect::<Vec<_>>()).map(|line| {
            let vantage = vantage.clone();
            async move { vantage.measure(&line).await }
        });
        let mut measurements = std::pin::pin!(measurements.buffer_unordered(AT_ONCE));
        while let Some(measurement) = measurements.next().await {
            let command = Command::Measure(self.app.sign(measurement));
            match self.app.writer.submit(command).await {
                Ok(_) => {}
                // Its slots may have ended since, or it is measured already.
                Err(Refusal::Rejected(rejection)) => tracing::debug!(%rejection, "not measured"),
                Err(refusal) => return Err(refusal),
            }
        }
        self.wait_for_auditors(&measured, began + self.patience).await;
        Ok(())
    }

    /// Waits until every auditor has measured every one of `providers`, or it is late.
    async fn wait_for_auditors(&self, providers: &[Did], late: Instant) {
        let mut blocks = self.app.blocks.clone();
        loop {
            blocks.mark_unchanged();
            if self.is_complete(providers) {
                return;
            }
            match timeout_at(late, blocks.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }

    fn is_complete(&self, providers: &[Did]) -> bool {
        let view = self.app.view();
        let (docket, epoch) = (view.market.docket(), view.market.epoch());
        let auditors = &view.market.genesis().auditors;
        auditors.iter().all(|auditor| {
            providers.iter().all(|provider| {
                docket.readings(provider, epoch).iter().any(|reading| reading.auditor == *auditor)
            })
        })
    }
}
