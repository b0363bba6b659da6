//! Epochs and everything else that time alone makes happen.

use crate::app::App;
use crate::auditor::Auditor;
use crate::chain::{Chain, Wait};
use crate::prober::Prober;
use crate::writer::Refusal;
use contracts::beacon::{Beacon, HashChain};
use market::{Command, Due};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::sleep;
use types::{ChainRule, Epoch, Span, Timestamp};

/// How often what is due is looked for.
const TICK: Duration = Duration::from_millis(250);
/// While epochs open later than they are to, they follow each other faster by so small a part of their length.
const MAKES_UP: u64 = 8;
/// How often a block is looked for that an epoch waits for: twenty times an epoch, and within these bounds.
const LOOK_LEAST: Duration = Duration::from_millis(250);
const LOOK_MOST: Duration = Duration::from_secs(30);

/// Opens epochs, one at a time.
#[derive(Debug)]
pub(crate) struct Epochs {
    app: Arc<App>,
    auditor: Auditor,
    prober: Prober,
    beacon: HashChain,
    /// Where the blocks come from that epochs wait for.
    chain: Chain,
    /// Held while an epoch opens and is audited.
    turn: Mutex<()>,
}

impl Epochs {
    pub(crate) fn new(
        app: Arc<App>,
        (auditor, prober): (Auditor, Prober),
        (beacon, chain): (HashChain, Chain),
    ) -> Self {
        Self { app, auditor, prober, beacon, chain, turn: Mutex::new(()) }
    }

    /// Opens the next epoch, does what is due, measures, audits, and checks every invariant; returns when every slot has its
    /// verdict. Where its block is not deep enough yet, it does not open.
    pub(crate) async fn open_next(&self) -> Result<Epoch, Refusal> {
        let _turn = self.turn.lock().await;
        let epoch = self.app.view().market.epoch().plus(1);
        let beacon = self.beacon.value(epoch).ok_or_else(|| {
            let reason = format!("its hash chain ends at epoch {}", self.beacon.last());
            Refusal::Unavailable(reason)
        })?;
        let headers = self.headers(epoch).await;
        self.app.note_wait(headers.as_ref().err().cloned());
        let headers = headers.map_err(|wait| {
            Refusal::Unavailable(format!("epoch {epoch} does not open yet: {wait}"))
        })?;
        let headers = headers.into();
        self.app.writer.submit(Command::OpenEpoch { epoch, beacon, headers }).await?;
        self.run_due().await?;
        self.prober.hold().await?;
        self.auditor.hold_routine().await?;
        self.run_due().await?;
        self.check().await?;
        Ok(epoch)
    }

    /// What has to be shown beside the link so that `epoch` opens; nothing in a market without a chain.
    async fn headers(&self, epoch: Epoch) -> Result<Vec<u8>, Wait> {
        let (rule, course) = {
            let view = self.app.view();
            (view.market.genesis().chain, view.market.course().clone())
        };
        match rule {
            Some(rule) => self.chain.headers(&course, &rule, epoch).await,
            None => Ok(Vec::new()),
        }
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

    /// Opens epochs when they are to open, the next after the one that began at `last`: in a market with a chain by its genesis, and
    /// not before their blocks are deep enough.
    pub(crate) async fn keep_schedule(&self, rule: &ChainRule, last: Timestamp) {
        let (every, mut last) = (rule.every, last);
        let least = Span(every.0.saturating_sub(every.0 / MAKES_UP));
        let look = (every.as_duration() / 20).clamp(LOOK_LEAST, LOOK_MOST);
        loop {
            let next = self.app.view().market.epoch().plus(1);
            let due = rule.opening(next).max(last.after(least));
            sleep(due.since(self.app.clock.now()).as_duration()).await;
            let began = self.app.clock.now();
            match self.open_next().await {
                Ok(_) => last = began,
                // It is in the log, once, and on the market's own page.
                Err(_) if self.app.is_waiting() => sleep(look).await,
                Err(error) => {
                    tracing::error!(%error, "the next epoch was not opened");
                    // What was opened and not audited to its end is not opened once more.
                    let opened = self.app.view().market.epoch() >= next;
                    last = if opened { began } else { last };
                    sleep(look).await;
                }
            }
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
