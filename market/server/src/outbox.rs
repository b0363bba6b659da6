//! The outbox: what events ask of providers, done when they are connected, and until it is no longer wanted.
//!
//! Every effect may be done again without harm: whether it still matters is read off the state, so a crash
//! between doing and recording costs a repeated message and nothing else.

use crate::app::App;
use crate::auditor::Auditor;
use crate::repair;
use market::Effect;
use market::event::SlotId;
use network::api::ToProvider;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// How often the outbox is looked through when nothing else calls for it.
const SWEEP: Duration = Duration::from_secs(1);

/// What is told the outbox.
#[derive(Debug)]
pub(crate) enum Nudge {
    /// Effects are new.
    New(Vec<(i64, Effect)>),
    /// What was sent for a slot must be sent again: the contract has moved on since.
    Again(SlotId),
    /// Say how much is still to be done with providers that are connected.
    Report(oneshot::Sender<usize>),
}

/// One effect that is not done yet.
#[derive(Debug)]
struct Row {
    effect: Effect,
    /// On which stream, in which epoch it was done last.
    done: Option<(u64, u64)>,
}

/// Does what the outbox holds.
#[derive(Debug)]
pub(crate) struct Outbox {
    app: Arc<App>,
    auditor: Auditor,
    rows: BTreeMap<i64, Row>,
    audits: JoinSet<()>,
    /// Slots whose intensified audit is being held.
    audited: BTreeSet<SlotId>,
    finished: (mpsc::UnboundedSender<SlotId>, mpsc::UnboundedReceiver<SlotId>),
}

impl Outbox {
    /// An outbox that is told what the database holds.
    pub(crate) fn new(app: Arc<App>, auditor: Auditor) -> Self {
        Self {
            app,
            auditor,
            rows: BTreeMap::new(),
            audits: JoinSet::new(),
            audited: BTreeSet::new(),
            finished: mpsc::unbounded_channel(),
        }
    }

    /// Works until nobody can nudge it any more.
    pub(crate) async fn run(mut self, nudges: &mut mpsc::UnboundedReceiver<Nudge>) {
        let mut streams = self.app.streams.changes();
        let mut blocks = self.app.blocks.clone();
        loop {
            let mut report = None;
            tokio::select! {
                nudge = nudges.recv() => match nudge {
                    Some(Nudge::New(effects)) => self.add(effects),
                    Some(Nudge::Again(slot)) => self.again(slot),
                    Some(Nudge::Report(reply)) => report = Some(reply),
                    None => return,
                },
                Ok(()) = streams.changed() => {}
                Ok(()) = blocks.changed() => {}
                Some(slot) = self.finished.1.recv() => {
                    self.audited.remove(&slot);
                }
                Some(_) = self.audits.join_next() => {}
                () = tokio::time::sleep(SWEEP) => {}
            }
            while let Ok(slot) = self.finished.1.try_recv() {
                self.audited.remove(&slot);
            }
            let left = self.sweep().await;
            if let Some(report) = report {
                // Whoever asked may have stopped waiting.
                let _ = report.send(left + self.audited.len());
            }
        }
    }

    fn add(&mut self, effects: Vec<(i64, Effect)>) {
        let rows = effects.into_iter().map(|(id, effect)| (id, Row { effect, done: None }));
        self.rows.extend(rows);
    }

    fn again(&mut self, slot: SlotId) {
        for row in self.rows.values_mut().filter(|row| row.effect.slot() == slot) {
            row.done = None;
        }
    }

    /// Does what can be done, drops what is over, and counts what waits for a connected provider.
    async fn sweep(&mut self) -> usize {
        let (wanted, epoch) = {
            let view = self.app.view();
            let wanted: BTreeSet<i64> = self
                .rows
                .iter()
                .filter(|(_, row)| row.effect.is_wanted(&view.market))
                .map(|(id, _)| *id)
                .collect();
            (wanted, view.market.epoch().0)
        };
        let mut over: Vec<i64> =
            self.rows.keys().filter(|id| !wanted.contains(id)).copied().collect();
        let mut waiting = 0;
        for id in wanted {
            if self.attend(id, epoch).await {
                over.push(id);
            } else if self.rows.get(&id).is_some_and(|row| self.is_reachable(row)) {
                waiting += 1;
            }
        }
        self.drop_rows(over).await;
        waiting
    }

    fn is_reachable(&self, row: &Row) -> bool {
        self.app.streams.is_online(&row.effect.provider())
    }

    /// Does one effect unless it was done on this stream already; `true` where nothing is left to do.
    async fn attend(&mut self, id: i64, epoch: u64) -> bool {
        let Some(row) = self.rows.get_mut(&id) else { return false };
        let effect = row.effect;
        let Some(connection) = self.app.streams.get(&effect.provider()) else {
            // A provider that comes back says what it holds, and is told then what it need not, and what has grown.
            return matches!(effect, Effect::Release(..) | Effect::Enlarge(..));
        };
        let now = (connection.number, epoch);
        let again = match effect {
            // What was not answered in one epoch is asked for again in the next.
            Effect::Intensify(..) | Effect::Rebuild(..) => row.done != Some(now),
            _ => row.done.is_none_or(|(stream, _)| stream != connection.number),
        };
        if !again {
            return false;
        }
        row.done = Some(now);
        match effect {
            Effect::Reserve(slot, provider) => {
                if let Some(reservation) = repair::reservation(&self.app, slot, provider) {
                    connection.send(ToProvider::Reservation(reservation));
                }
            }
            Effect::Rebuild(slot, provider) => {
                match repair::order(&self.app, slot, provider).await {
                    Ok(Some(order)) => {
                        connection.send(ToProvider::Rebuild(Box::new(order)));
                    }
                    Ok(None) => {}
                    Err(error) => tracing::warn!(%error, "no rebuild was ordered"),
                }
            }
            Effect::Release(slot, _) => {
                connection.send(ToProvider::Released { contract: slot.contract, slot: slot.slot });
                return true;
            }
            Effect::Enlarge(slot, provider) => {
                if let Some(reservation) = repair::reservation(&self.app, slot, provider) {
                    connection.send(ToProvider::Reservation(reservation));
                }
                return true;
            }
            Effect::Intensify(slot, provider) => self.intensify(slot, provider),
        }
        false
    }

    fn intensify(&mut self, slot: SlotId, provider: types::Did) {
        if !self.audited.insert(slot) {
            return;
        }
        let (auditor, finished) = (self.auditor.clone(), self.finished.0.clone());
        self.audits.spawn(async move {
            if let Err(error) = auditor.intensify(slot, provider).await {
                tracing::warn!(%error, "an intensified audit was not recorded");
            }
            // The outbox outlives its audits, but for a market that is killed.
            let _ = finished.send(slot);
        });
    }

    async fn drop_rows(&mut self, over: Vec<i64>) {
        if over.is_empty() {
            return;
        }
        for id in &over {
            self.rows.remove(id);
        }
        // Rows that stay in the database are found to be over again at the next start.
        if let Err(error) = self.app.writer.keep(crate::writer::Keep::Done(over)).await {
            tracing::debug!(%error, "outbox rows were not removed");
        }
    }
}
