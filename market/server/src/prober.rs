//! The market's own measurements: one a provider and epoch, before its verdicts are given.

use crate::app::App;
use crate::probes;
use crate::writer::Refusal;
use futures_util::future::ready;
use futures_util::{StreamExt, TryStreamExt, stream};
use market::Command;
use network::api::ProbeLine;
use network::endpoint::PlainHttp;
use network::probe::Vantage;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use types::Did;
use types::documents::Measurement;

/// What the market calls the place it measures from.
const VANTAGE: &str = "market";
/// How many providers are read from at a time.
const READ_AT_ONCE: usize = 32;
/// How many providers are asked at a time whether they are there.
const ASKED_AT_ONCE: usize = 256;
/// How many measurements are given to the writer at a time.
const RECORDED_AT_ONCE: usize = 1_024;

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
    /// Measures every provider that is connected and whose last audit left something to read, and asks those that no audit
    /// asks whether they are there; then waits for the auditors that the genesis names. Whom nobody measured is judged by its
    /// answers alone.
    pub(crate) async fn hold(&self) -> Result<(), Refusal> {
        let began = Instant::now();
        let lines = probes::targets(&self.app, self.app.did);
        let (read, asked): (Vec<_>, Vec<_>) =
            lines.into_iter().partition(|line| line.read.is_some());
        let mut providers: Vec<Did> = read.iter().map(|line| line.provider).collect();
        let mut found = Vec::new();
        if self.measures {
            self.read(read).await?;
            found = self.ask(asked).await;
        }
        providers.extend(found.iter().map(|measurement| measurement.provider));
        self.wait_for_auditors(providers, began + self.patience).await;
        // As verdicts come last: what the auditors have found of these by now counts with it.
        let recorded = stream::iter(found).map(|found| self.record(found));
        recorded.buffer_unordered(RECORDED_AT_ONCE).try_collect().await
    }

    fn vantage(&self) -> Vantage {
        let key = Arc::new(self.app.key.clone());
        Vantage { signer: key, name: VANTAGE.into(), plain: PlainHttp::Anywhere }
    }

    /// Reads from everybody who is connected; whoever is not has its challenge to answer yet.
    async fn read(&self, lines: Vec<ProbeLine>) -> Result<(), Refusal> {
        let vantage = &self.vantage();
        let online = lines.into_iter().filter(|line| self.app.streams.is_online(&line.provider));
        let measured = stream::iter(online).map(async |line| match vantage.measure(&line).await {
            Some(measurement) => self.record(measurement).await,
            None => Ok(()),
        });
        measured.buffer_unordered(READ_AT_ONCE).try_collect().await
    }

    async fn ask(&self, lines: Vec<ProbeLine>) -> Vec<Measurement> {
        let vantage = &self.vantage();
        let asked = stream::iter(lines).map(async |line| vantage.measure(&line).await);
        asked.buffer_unordered(ASKED_AT_ONCE).filter_map(ready).collect().await
    }

    async fn record(&self, measurement: Measurement) -> Result<(), Refusal> {
        let command = Command::Measure(self.app.sign(measurement));
        match self.app.writer.submit(command).await {
            Ok(_) => Ok(()),
            // Its slots may have ended since, or it is measured already.
            Err(Refusal::Rejected(rejection)) => {
                tracing::debug!(%rejection, "not measured");
                Ok(())
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Waits until every auditor has measured every one of `providers`, or it is late.
    async fn wait_for_auditors(&self, mut providers: Vec<Did>, late: Instant) {
        let mut blocks = self.app.blocks.clone();
        loop {
            blocks.mark_unchanged();
            self.drop_complete(&mut providers);
            if providers.is_empty() {
                return;
            }
            match timeout_at(late, blocks.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }

    /// Leaves those of `providers` that an auditor has not measured yet.
    fn drop_complete(&self, providers: &mut Vec<Did>) {
        let view = self.app.view();
        let (docket, epoch) = (view.market.docket(), view.market.epoch());
        let auditors = &view.market.genesis().auditors;
        providers.retain(|provider| {
            let readings = docket.readings(provider, epoch);
            !auditors.iter().all(|auditor| readings.iter().any(|r| r.auditor == *auditor))
        });
    }
}
