//! One batch's way: judged, written, published; and what happens when the writing fails.

use super::super::batch::{self, Batch, Seal};
use super::super::{Keep, Outcome, Refusal, Role, Submission, Work};
use super::{Thread, closed};
use crate::figures;
use crate::journal::Head;
use crate::outbox::Nudge;
use crate::store::StoreError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long the database is asked what became of a transaction before that stays open.
const SETTLE_MAX: Duration = Duration::from_secs(4);
/// How often.
const ASK_AGAIN: Duration = Duration::from_millis(100);

impl Thread {
    /// Judges and commits one batch; on an error the state is as it was before.
    pub(super) fn attempt(
        &mut self,
        work: Vec<Work>,
    ) -> Result<Vec<Result<Outcome, Refusal>>, Refusal> {
        if self.role.is_writer() && self.store.is_none() {
            self.reopen()?;
        }
        if let Role::Follower { writer } = &self.role {
            return Err(Refusal::NotTheWriter(writer.clone()));
        }
        let (mut batch, jobs) = (Batch::new(self.counters), work.len());
        let outcomes = match self.judge_all(&mut batch, work) {
            Ok(outcomes) => outcomes,
            Err(error) => {
                // Whatever could not be read, the connection is not to be trusted with more.
                self.store = None;
                return Err(self.undo(&batch, &error));
            }
        };
        let now = self.clock.now();
        let head = batch.seal(&Seal {
            head: self.head,
            tree: &self.tree,
            now,
            term: self.term,
            signer: &*self.signer,
        });
        if batch.changes().is_empty() {
            return Ok(outcomes);
        }
        let began = Instant::now();
        match self.open_store().and_then(|store| store.write(batch.changes(), self.term)) {
            Ok(()) => {
                figures::written(jobs, began.elapsed());
                self.newest = now;
                self.publish(batch, head);
            }
            // A database that says that it has no room has written nothing.
            Err(error @ StoreError::Full(_)) => return Err(self.undo(&batch, &error)),
            Err(error) => self.settle(&batch, head, &error)?,
        }
        Ok(outcomes)
    }

    pub(super) fn judge_all(
        &mut self,
        batch: &mut Batch,
        work: Vec<Work>,
    ) -> Result<Vec<Result<Outcome, Refusal>>, StoreError> {
        let judge = |work| match work {
            Work::Decide(submission) => self.decide(batch, &submission),
            Work::Keep(keep) => self.keep(batch, keep),
        };
        work.into_iter().map(judge).collect()
    }

    fn decide(
        &mut self,
        batch: &mut Batch,
        submission: &Submission,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        let Some(store) = self.store.as_ref() else { return Err(closed()) };
        let outcome = batch.decide(batch::Judge {
            store,
            market: &mut self.working,
            unindexed: &self.unindexed,
            streams: &self.streams,
            signer: &*self.signer,
            now: self.clock.now(),
            submission,
        })?;
        figures::judged(&submission.command, &outcome);
        Ok(outcome)
    }

    fn keep(&self, batch: &mut Batch, keep: Keep) -> Result<Result<Outcome, Refusal>, StoreError> {
        let current = match &keep {
            Keep::Layout { contract, .. } => self.working.contract(contract).and_then(|c| c.layout),
            _ => None,
        };
        batch.keep(self.open_store()?, keep, (current, self.clock.now()))
    }

    /// A transaction that failed may have been written all the same: the journal's end tells.
    fn settle(&mut self, batch: &Batch, head: Head, error: &StoreError) -> Result<(), Refusal> {
        let (before, refusal) = (self.head, self.undo(batch, error));
        self.store = None;
        let asked = Instant::now();
        while let Err(unknown) = self.reopen() {
            let given_up = asked.elapsed() > SETTLE_MAX || !self.place.is_shared();
            if given_up || self.killed.load(Ordering::Acquire) {
                return Err(unknown);
            }
            std::thread::sleep(ASK_AGAIN);
        }
        if self.head == head && head != before {
            tracing::warn!(%error, "a transaction reported an error and was found written");
            return Ok(());
        }
        match &self.role {
            Role::Writer { .. } => Err(refusal),
            Role::Follower { writer } => Err(Refusal::NotTheWriter(writer.clone())),
        }
    }

    /// Undoes in memory what was judged; the database undoes its part by itself.
    fn undo(&mut self, batch: &Batch, error: &StoreError) -> Refusal {
        if batch.has_events() {
            self.working = self.published.read().market.clone();
        }
        match error {
            StoreError::Full(_) => Refusal::DiskFull,
            error => Refusal::Unavailable(error.to_string()),
        }
    }

    fn publish(&mut self, mut batch: Batch, head: Head) {
        self.unindexed.merge(batch.take_rows());
        self.counters = batch.counters();
        self.tree = batch.take_tree().unwrap_or_else(|| std::mem::take(&mut self.tree));
        if head == self.head {
            return;
        }
        self.published.advance(&self.working, batch.applied(), head);
        // In tests every step of every market is checked from scratch.
        debug_assert_eq!(
            market::check(&self.working),
            Ok(()),
            "block {} breaks the rules",
            head.blocks
        );
        self.head = head;
        self.events_unsaved += batch.applied().count() as u64;
        // Nobody listening is no failure: the outbox is in the database.
        let _ = self.notices.outbox.send(Nudge::New(batch.take_effects()));
        self.notices.blocks.send_replace(head.blocks);
        for events in batch.into_happened() {
            let _ = self.notices.events.send(events);
        }
    }
}
