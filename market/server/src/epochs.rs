//! Epochs and everything else that time alone makes happen.

use crate::app::App;
use crate::auditor::Auditor;
use crate::prober::Prober;
use crate::writer::Refusal;
use contracts::beacon::{Beacon, HashChain};
use market::{Command, Due};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::sleep;
use types::{Epoch, Timestamp};

/// How often what is due is looked for.
const TICK: Duration = Duration::from_millis(250);

/// Opens epochs, one at a time.
#[derive(Debug)]
pub(crate) struct Epochs {
    app: Arc<App>,
    auditor: Auditor,
    prober: Prober,
    beacon: HashChain,
    /// Held while an epoch opens and is audited.
    turn: Mutex<()>,
}

impl Epochs {
    pub(crate) fn new(
        app: Arc<App>,
        (auditor, prober): (Auditor, Prober),
        beacon: HashChain,
    ) -> Self {
        Self { app, auditor, prober, beacon, turn: Mutex::new(()) }
    }

    /// Opens the next epoch, does what is due, measures, audits, and checks every invariant; returns when every slot has its
    /// verdict.
    pub(crate) async fn open_next(&self) -> Result<Epoch, Refusal> {
        let _turn = self.turn.lock().await;
        let epoch = self.app.view().market.epoch().plus(1);
        let beacon = self.beacon.value(epoch).ok_or_else(|| {
            let reason = format!("its hash chain ends at epoch {}", self.beacon.last());
            Refusal::Unavailable(reason)
        })?;
        self.app.writer.submit(Command::OpenEpoch { epoch, beacon }).await?;
        self.run_due().await?;
        self.prober.hold().await?;
        self.auditor.hold_routine().await?;
        self.run_due().await?;
        self.check().await?;
        Ok(epoch)
    }

    /// Verifies every invariant of the state as it is now.
    async fn check(&self) -> Result<(), Refusal> {
        let market = self.app.view().market.clone();
        let checked = tokio::task::spawn_blocking(move || market::check(&market)).await;
        let breaches = match checked {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(breaches)) => breaches.iter().map(ToString::to_string).collect(),
            Err(error) => vec![error.to_string()],
        };
        for breach in &breaches {
            tracing::error!(%breach, "an invariant does not hold");
        }
        Err(Refusal::Unavailable(format!("an invariant does not hold: {}", breaches.join("; "))))
    }

    /// Audits what the open epoch has no verdict for yet: after a start in its middle.
    pub(crate) async fn resume(&self) -> Result<(), Refusal> {
        let _turn = self.turn.lock().await;
        self.auditor.hold_routine().await
    }

    /// Does what is due, and what that makes due, until nothing is; says how much it was.
    pub(crate) async fn run_due(&self) -> Result<usize, Refusal> {
        let mut count = 0;
        loop {
            let due = self.app.view().market.due(self.app.clock.now());
            let mut happened = 0;
            for one in due {
                let command = one.command(self.seed(one));
                match self.app.writer.submit(command).await {
                    Ok(outcome) => happened += outcome.events.len(),
                    // One that is refused must not hold up the others.
                    Err(Refusal::Rejected(rejection)) => {
                        tracing::warn!(%rejection, ?one, "what is due was refused");
                    }
                    Err(refusal) => return Err(refusal),
                }
            }
            if happened == 0 {
                return Ok(count);
            }
            count += happened;
        }
    }

    /// Placement draws from the market's own seed and from where the slot stands, not from names that a client
    /// could choose.
    fn seed(&self, due: Due) -> [u8; 32] {
        let Due::Replace(id) = due else { return [0; 32] };
        let view = self.app.view();
        let Some((contract, _)) = view.market.slot(id) else { return [0; 32] };
        let (client, epoch) = (contract.client, view.market.epoch().0.to_le_bytes());
        let contracts = view.market.contracts_of(&client).count().to_le_bytes();
        self.app.seed_for(&[b"replace", &client.0, &contracts, &id.slot.to_le_bytes(), &epoch])
    }

    /// Does what is due, for as long as the market runs.
    pub(crate) async fn tick(&self) {
        loop {
            if let Err(error) = self.run_due().await {
                tracing::warn!(%error, "what is due was not done");
            }
            sleep(TICK).await;
        }
    }

    /// Opens an epoch every `every`, the first one that long after `last`.
    pub(crate) async fn open_regularly(&self, every: Duration, last: Timestamp) {
        let since = self.app.clock.now().since(last).as_duration();
        let mut wait = every.saturating_sub(since);
        loop {
            sleep(wait).await;
            let began = tokio::time::Instant::now();
            if let Err(error) = self.open_next().await {
                tracing::error!(%error, "the next epoch was not opened");
            }
            wait = every.saturating_sub(began.elapsed());
        }
    }
}
