//! A batch's way: judged while the one before it is written, written, published, answered; and what happens when the
//! writing fails.
//!
//! At most one batch is open, to which commands are added as they are judged, and at most one is on its way to the
//! disk. The open one rests on the one that is on its way: it is written only when that is durable, and where that
//! fails, nothing of either has happened.

use super::super::batch::{self, Batch, Seal};
use super::super::known::Known;
use super::super::{Keep, Outcome, Refusal, Role, Submission, Work};
use super::lots::Indexing;
use super::scribe::{Scribe, Written};
use super::{Ends, Reply, Thread, closed};
use crate::figures;
use crate::journal::Head;
use crate::outbox::Nudge;
use crate::store::index::Lot;
use crate::store::{Store, StoreError};
use market::Market;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use types::Timestamp;

/// How long the database is asked what became of a transaction before that stays open.
const SETTLE_MAX: Duration = Duration::from_secs(4);
/// How often.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// What is answered once the batch is durable.
type Answers = Vec<(Reply, Result<Outcome, Refusal>)>;

/// The batch to which judged commands are added.
pub(super) struct Open {
    batch: Batch,
    pub(super) answers: Answers,
}

/// A batch that is being written.
pub(super) struct Sealed {
    batch: Arc<Batch>,
    answers: Answers,
    /// The state that it leaves.
    market: Market,
    ends: Ends,
    /// When it was sealed.
    time: Timestamp,
}

impl Thread {
    /// Judges work on top of everything that was judged before, and adds it to the open batch.
    pub(super) fn judge(&mut self, work: Vec<(Work, Reply)>) {
        if work.is_empty() {
            return;
        }
        if let Err(refusal) = self.prepare() {
            return refuse(work.into_iter().map(|(_, reply)| reply), &refusal);
        }
        let open = || Open { batch: Batch::new(self.ahead.counters), answers: Vec::new() };
        let mut open = self.open.take().unwrap_or_else(open);
        let mut work = work.into_iter();
        while let Some((asked, reply)) = work.next() {
            match self.judge_one(&mut open.batch, asked) {
                Ok(answer) => open.answers.push((reply, answer)),
                Err(error) => {
                    let behind = std::iter::once(reply).chain(work.map(|(_, reply)| reply));
                    return self.discard(open, behind, &error);
                }
            }
        }
        self.open = Some(open);
    }

    /// Whether anything can be judged now.
    fn prepare(&mut self) -> Result<(), Refusal> {
        if self.role.is_writer() && self.store.is_none() && self.in_flight.is_none() {
            self.reopen()?;
        }
        if let Role::Follower { writer } = &self.role {
            return Err(Refusal::NotTheWriter(writer.clone()));
        }
        if self.in_flight.is_some() && self.reader.is_none() {
            let reader = Store::open_for_reading(&self.place);
            self.reader = Some(reader.map_err(|error| Refusal::Unavailable(error.to_string()))?);
        }
        Ok(())
    }

    pub(super) fn judge_one(
        &mut self,
        batch: &mut Batch,
        work: Work,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        match work {
            Work::Decide(submission) => self.decide(batch, &submission),
            Work::Keep(keep) => self.keep(batch, keep),
        }
    }

    fn decide(
        &mut self,
        batch: &mut Batch,
        submission: &Submission,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        let outcome = batch.decide(batch::Judge {
            known: known(
                (self.store.as_ref(), self.reader.as_ref()),
                self.in_flight.as_ref(),
                (self.indexing.as_ref(), &self.unindexed),
            )?,
            market: &mut self.working,
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
        let known = known(
            (self.store.as_ref(), self.reader.as_ref()),
            self.in_flight.as_ref(),
            (self.indexing.as_ref(), &self.unindexed),
        )?;
        batch.keep(&known, keep, (current, self.clock.now()))
    }

    /// Judging failed, since the database could not be asked: nothing of the open batch happens.
    fn discard(&mut self, open: Open, behind: impl Iterator<Item = Reply>, error: &StoreError) {
        // Whatever could not be read, no connection is to be trusted with more.
        self.reader = None;
        self.land(true);
        self.store = None;
        let refusal = self.undo(error);
        report(&refusal);
        refuse(open.answers.into_iter().map(|(reply, _)| reply).chain(behind), &refusal);
    }

    /// Publishes and answers the batch that is on its way once it is durable; `true` when none is on its way any more.
    pub(super) fn land(&mut self, wait: bool) -> bool {
        let Some(scribe) = self.scribe.as_ref().filter(|_| self.in_flight.is_some()) else {
            return true;
        };
        let Some(Written { store, result, took }) = scribe.written(wait) else { return false };
        if store.is_none() {
            self.scribe = None;
        }
        self.store = store;
        let Some(sealed) = self.in_flight.take() else { return true };
        match result {
            Ok(()) => {
                figures::written(sealed.answers.len(), took);
                if self.hurries() {
                    self.send();
                }
                let answers = self.publish(sealed);
                answer(answers);
            }
            Err(error) => self.fail(sealed, &error),
        }
        true
    }

    /// Whether the open batch is to be written before the one that just was is published: nothing else waits for the database, and
    /// nothing keeps the batch from being sent. One with nothing to write would be answered before what it rests on is published.
    fn hurries(&self) -> bool {
        let at_hand = self.role.is_writer() && self.scribe.is_some() && self.store.is_some();
        let has_work = self.open.as_ref().is_some_and(|open| open.batch.has_work());
        has_work && at_hand && self.pieces == 0 && !self.house_is_due() && !self.look_is_due()
    }

    /// Has the open batch written; the database must be at hand.
    pub(super) fn send(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        if let Err(refusal) = self.send_off(&mut open) {
            report(&refusal);
            refuse(open.answers.drain(..).map(|(reply, _)| reply), &refusal);
        }
    }

    fn send_off(&mut self, open: &mut Open) -> Result<(), Refusal> {
        if let Role::Follower { writer } = &self.role {
            return Err(Refusal::NotTheWriter(writer.clone()));
        }
        if self.scribe.is_none() {
            let scribe = Scribe::employ(self.wake.clone());
            self.scribe = Some(scribe.map_err(|error| self.undo(&error))?);
        }
        // What was judged on a connection that was given up meanwhile is judged again when it is sent again.
        let Some(store) = self.store.take() else { return Err(self.undo(&closed())) };
        let mut batch = std::mem::replace(&mut open.batch, Batch::new(self.ahead.counters));
        let answers = std::mem::take(&mut open.answers);
        let time = self.clock.now();
        let head = batch.seal(&Seal {
            head: self.ahead.head,
            tree: &self.ahead.tree,
            now: time,
            term: self.term,
            signer: &*self.signer,
        });
        if batch.changes().is_empty() {
            self.store = Some(store);
            answer(answers);
            return Ok(());
        }
        let tree = batch.take_tree().unwrap_or_else(|| self.ahead.tree.clone());
        self.ahead = Ends { head, tree, counters: batch.counters() };
        let (batch, market) = (Arc::new(batch), self.working.clone());
        if let Some(scribe) = &self.scribe {
            scribe.write(store, batch.clone(), self.term);
        }
        self.in_flight = Some(Sealed { batch, answers, market, ends: self.ahead.clone(), time });
        Ok(())
    }

    /// A batch was not written, or nobody knows whether it was. What was judged on top of it has not happened.
    fn fail(&mut self, sealed: Sealed, error: &StoreError) {
        let (before, refusal) = (self.settled.head, self.undo(error));
        let open = self.open.take().into_iter().flat_map(|open| open.answers);
        // A database that says that it has no room has written nothing.
        let written = match error {
            StoreError::Full(_) => Err(refusal.clone()),
            _ => self.settle((before, sealed.ends.head), &refusal),
        };
        match written {
            Ok(()) => {
                tracing::warn!(%error, "a transaction reported an error and was found written");
                answer(sealed.answers);
            }
            Err(refusal) => {
                report(&refusal);
                refuse(sealed.answers.into_iter().map(|(reply, _)| reply), &refusal);
            }
        }
        refuse(open.map(|(reply, _)| reply), &refusal);
    }

    /// A transaction that failed may have been written all the same: the journal's end tells.
    fn settle(
        &mut self,
        (before, written): (Head, Head),
        refusal: &Refusal,
    ) -> Result<(), Refusal> {
        (self.store, self.reader) = (None, None);
        let asked = Instant::now();
        while let Err(unknown) = self.reopen() {
            let given_up = asked.elapsed() > SETTLE_MAX || !self.place.is_shared();
            if given_up || self.killed.load(Ordering::Acquire) {
                return Err(unknown);
            }
            std::thread::sleep(ASK_AGAIN);
        }
        if self.settled.head == written && written != before {
            return Ok(());
        }
        match &self.role {
            Role::Writer { .. } => Err(refusal.clone()),
            Role::Follower { writer } => Err(Refusal::NotTheWriter(writer.clone())),
        }
    }

    /// Undoes in memory what was judged and not written; the database undoes its part by itself.
    fn undo(&mut self, error: &StoreError) -> Refusal {
        self.working = self.published.read().market.clone();
        self.ahead = self.settled.clone();
        match error {
            StoreError::Full(_) => Refusal::DiskFull,
            error => Refusal::Unavailable(error.to_string()),
        }
    }

    /// Publishes what is durable; what is to be answered now.
    fn publish(&mut self, sealed: Sealed) -> Answers {
        let Sealed { batch, answers, market, ends, time } = sealed;
        let mut batch = Arc::into_inner(batch).expect("whoever wrote it has given it back");
        let before = std::mem::replace(&mut self.settled, ends).head;
        let head = self.settled.head;
        self.newest = time;
        self.unindexed.merge(batch.take_rows());
        if head == before {
            return answers;
        }
        self.published.advance(&market, batch.applied(), head);
        // In tests every step of every market is checked from scratch.
        debug_assert_eq!(market::check(&market), Ok(()), "block {} breaks the rules", head.blocks);
        self.events_unsaved += batch.applied().count() as u64;
        // Nobody listening is no failure: the outbox is in the database.
        let _ = self.notices.outbox.send(Nudge::New(batch.take_effects()));
        self.notices.blocks.send_replace(head.blocks);
        for events in batch.into_happened() {
            let _ = self.notices.events.send(events);
        }
        answers
    }
}

/// What is known beside the open batch, read on whichever connection is at hand.
fn known<'a>(
    (store, reader): (Option<&'a Store>, Option<&'a Store>),
    in_flight: Option<&'a Sealed>,
    (indexing, unindexed): (Option<&'a Indexing>, &'a Lot),
) -> Result<Known<'a>, StoreError> {
    let store = store.or(reader).ok_or_else(closed)?;
    let in_flight = in_flight.map(|sealed| &*sealed.batch);
    let lots = [indexing.map(|indexing| &*indexing.lot), Some(unindexed)];
    Ok(Known { store, in_flight, lots })
}

/// Answers those who asked. Whoever it was may be gone; what happened stands.
fn answer(answers: Answers) {
    for (reply, answer) in answers {
        let _ = reply.send(answer);
    }
}

/// Tells the operator of a batch that was not written, unless another process writes.
fn report(refusal: &Refusal) {
    if !matches!(refusal, Refusal::NotTheWriter(_)) {
        tracing::error!(%refusal, "a batch was not written");
    }
}

/// Nothing of what they asked for has happened.
fn refuse(replies: impl Iterator<Item = Reply>, refusal: &Refusal) {
    for reply in replies {
        let _ = reply.send(Err(refusal.clone()));
    }
}
