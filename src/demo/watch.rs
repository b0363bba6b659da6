//! What happens in the market, kept for the story: every event, in order.

use contracts::Fault;
use market::Event;
use market::event::SlotId;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast::error::RecvError;
use types::{Did, Dimension, Msat};

/// Everything that happened since the market started.
pub(super) struct Watch {
    events: Arc<Mutex<Vec<Event>>>,
}

/// Audits, counted in challenges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Audits {
    pub(super) passed: u64,
    pub(super) failed: u64,
    /// Slots that did not answer.
    pub(super) silent: u64,
}

impl Watch {
    pub(super) fn over(market: &market_server::Handle) -> Self {
        let events = Arc::new(Mutex::new(Vec::new()));
        let (kept, mut receiver) = (events.clone(), market.events());
        tokio::spawn(async move {
            loop {
                match receiver.recv().await {
                    Ok(batch) => lock(&kept).extend(batch.iter().cloned()),
                    Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "the story has a gap"),
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Self { events }
    }

    /// How many events there are.
    pub(super) fn len(&self) -> usize {
        lock(&self.events).len()
    }

    /// The first thing after `from` that `wanted` finds something in.
    pub(super) fn find<T>(&self, from: usize, wanted: impl Fn(&Event) -> Option<T>) -> Option<T> {
        lock(&self.events).iter().skip(from).find_map(wanted)
    }

    /// Audits after `from`.
    pub(super) fn audits(&self, from: usize) -> Audits {
        let mut audits = Audits::default();
        for event in lock(&self.events).iter().skip(from) {
            let Event::VerdictRecorded { outcomes, .. } = event else { continue };
            for outcome in outcomes {
                match outcome.dimension {
                    Dimension::Possession => {
                        audits.passed += u64::from(outcome.good);
                        audits.failed += u64::from(outcome.bad);
                    }
                    Dimension::Availability => audits.silent += u64::from(outcome.bad),
                    Dimension::Latency | Dimension::Honesty => {}
                }
            }
        }
        audits
    }

    /// The fault of a slot after `from`.
    pub(super) fn fault(&self, from: usize, id: SlotId) -> Option<Fault> {
        self.find(from, |event| match event {
            Event::SlotFaulted { slot, fault, .. } if *slot == id => Some(*fault),
            _ => None,
        })
    }

    /// The penalty for a slot after `from`: what was slashed, what the client got, what the pool.
    pub(super) fn penalty(&self, from: usize, id: SlotId) -> Option<(Msat, Msat, Msat)> {
        self.find(from, |event| match event {
            Event::Penalised { slot, slashed, to_client, to_pool, .. } if *slot == id => {
                Some((*slashed, *to_client, *to_pool))
            }
            _ => None,
        })
    }

    /// Who is to rebuild a slot, after `from`; the last one that was ordered to.
    pub(super) fn repairer(&self, from: usize, id: SlotId) -> Option<Did> {
        let events = lock(&self.events);
        events.iter().skip(from).rev().find_map(|event| match event {
            Event::RepairOrdered { slot, with, .. } if *slot == id => Some(with.provider()),
            _ => None,
        })
    }

    /// Whether a slot was rebuilt after `from`.
    pub(super) fn is_rebuilt(&self, from: usize, id: SlotId) -> bool {
        let rebuilt =
            |event: &Event| matches!(event, Event::RebuildFinished { slot, .. } if *slot == id);
        self.find(from, |event| rebuilt(event).then_some(())).is_some()
    }
}

fn lock(events: &Mutex<Vec<Event>>) -> MutexGuard<'_, Vec<Event>> {
    events.lock().unwrap_or_else(PoisonError::into_inner)
}
