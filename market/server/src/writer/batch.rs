//! One transaction's worth of judged commands.

use super::thread::Now;
use super::{Outcome, Refusal, Submission};
use crate::store::Store;
use crate::store::write::PostingRow;
use crate::streams::Streams;
use crate::views;
use contracts::Account;
use market::effect::{Effect, effects};
use market::event::SlotId;
use market::{Command, Event, Market};
use serde::Serialize;
use std::sync::Arc;
use types::{Did, DocId, Hash, Signer, Verified};

/// What is judged, on what, by whom.
pub(super) struct Judge<'a> {
    pub(super) store: &'a Store,
    pub(super) market: &'a mut Market,
    pub(super) streams: &'a Streams,
    pub(super) signer: &'a dyn Signer,
    pub(super) now: Now,
    pub(super) submission: &'a Submission,
}

/// Everything that the batch's transaction adds to memory once it is committed.
pub(super) struct Batch {
    block: u64,
    /// The block's entries so far, as JSON without the closing bracket.
    entries: Vec<u8>,
    happened: Vec<Arc<[Event]>>,
    effects: Vec<(i64, Effect)>,
}

/// [`crate::journal::Entry`], borrowed.
#[derive(Serialize)]
struct EntryRef<'a> {
    command: &'static str,
    documents: &'a [DocId],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<Hash>,
    events: &'a [Event],
}

impl Batch {
    pub(super) fn new(block: u64) -> Self {
        Self { block, entries: Vec::new(), happened: Vec::new(), effects: Vec::new() }
    }

    pub(super) fn has_events(&self) -> bool {
        !self.happened.is_empty()
    }

    /// Every event of the batch, in order.
    pub(super) fn applied(&self) -> impl Iterator<Item = &Event> {
        self.happened.iter().flat_map(|events| events.iter())
    }

    pub(super) fn into_notices(self) -> (Vec<(i64, Effect)>, Vec<Arc<[Event]>>) {
        (self.effects, self.happened)
    }

    /// The block's entries, if there are any.
    pub(super) fn take_entries(&mut self) -> Option<String> {
        if self.entries.is_empty() {
            return None;
        }
        let mut entries = std::mem::take(&mut self.entries);
        entries.push(b']');
        Some(String::from_utf8(entries).expect("JSON is UTF-8"))
    }

    /// Judges one command; what it makes happen is applied and added to the transaction.
    pub(super) fn decide(
        &mut self,
        mut judge: Judge<'_>,
    ) -> rusqlite::Result<Result<Outcome, Refusal>> {
        let Submission { command, key, .. } = judge.submission;
        if let Some(key) = key
            && let Some((body, answer)) = judge.store.first_use(key)?
        {
            let same = Outcome { answer: Some(answer), ..Outcome::default() };
            let reused = || Refusal::KeyReused(key.key.clone());
            return Ok(if body == key.body { Ok(same) } else { Err(reused()) });
        }
        let events = match judge.market.decide(judge.now, command) {
            Ok(events) => events,
            Err(_) if was_taken(judge.store, command)? => Vec::new(),
            Err(rejection) => return Ok(Err(Refusal::Rejected(rejection))),
        };
        let events: Arc<[Event]> = events.into();
        if !events.is_empty() {
            self.add(&mut judge, events.clone())?;
        }
        let mut outcome = Outcome { events, answer: None };
        if let Some(key) = key {
            let answer = views::answer(judge.market, judge.streams, command);
            judge.store.add_key(key, &answer, judge.now)?;
            outcome.answer = Some(answer);
        }
        Ok(Ok(outcome))
    }

    fn add(&mut self, judge: &mut Judge<'_>, events: Arc<[Event]>) -> rusqlite::Result<()> {
        let submission = judge.submission;
        let documents = submission.command.documents();
        let names: Vec<DocId> = documents.iter().map(|(id, _)| *id).collect();
        self.add_entry(&submission.command, &names, &events);
        let contract = events.iter().find_map(Event::contract);
        let evidence = submission.evidence.iter().map(|(id, signed)| (*id, signed));
        for document in documents.into_iter().chain(evidence) {
            let command = submission.command.name();
            judge.store.add_document(document, self.block, command, contract)?;
        }
        if let Some((proof, bytes)) = &submission.answers {
            judge.store.add_answers(proof, bytes)?;
        }
        for event in events.iter() {
            self.apply(judge, event)?;
        }
        self.happened.push(events);
        Ok(())
    }

    fn add_entry(&mut self, command: &Command, documents: &[DocId], events: &[Event]) {
        self.entries.push(if self.entries.is_empty() { b'[' } else { b',' });
        let seed = match command {
            Command::Replace { seed, .. } => Some(Hash(*seed)),
            _ => None,
        };
        let entry = EntryRef { command: command.name(), documents, seed, events };
        serde_json::to_writer(&mut self.entries, &entry)
            .expect("memory takes every byte, and events have only text as keys");
    }

    /// Makes one event part of the working state and of everything that is read off it.
    fn apply(&mut self, judge: &mut Judge<'_>, event: &Event) -> rusqlite::Result<()> {
        let Judge { store, market, signer, now, .. } = judge;
        for posting in event.postings() {
            let parties = [owner(market, posting.debit), owner(market, posting.credit)];
            store.add_posting(&PostingRow { at: *now, reason: event.name(), posting, parties })?;
        }
        if let Event::RevisionAccepted { contract, layout, .. } = event
            && let Some(old) = market.contract(contract).and_then(|c| c.layout)
            && old != *layout
        {
            store.drop_layout(contract, &old)?;
        }
        if let Event::EpochOpened { .. } = event {
            store.set_epoch_opened(*now)?;
        }
        market.apply(event);
        for effect in effects(market, event) {
            self.effects.push((store.add_effect(&effect)?, effect));
        }
        if let Event::ContractSettled { settlement, .. } = event {
            let signed = Verified::sign(settlement.clone(), *signer)
                .expect("the settlement names this market, and the key was checked at start");
            let document = (signed.id(), signed.signed());
            let contract = Some(settlement.contract);
            store.add_document(document, self.block, "settlement", contract)?;
        }
        Ok(())
    }
}

/// Whether the command's own document was taken before: it is then no new request, whatever has happened since.
fn was_taken(store: &Store, command: &Command) -> rusqlite::Result<bool> {
    match command.documents().first() {
        Some((id, _)) => store.was_taken(id, command.name()),
        None => Ok(false),
    }
}

/// Whose account it is.
fn owner(market: &Market, account: Account) -> Option<Did> {
    match account {
        Account::Available(party) | Account::Held(party) => Some(party),
        Account::Escrow(id) => market.contract(&id).map(|contract| contract.client),
        Account::Bond(contract, slot) => {
            market.slot(SlotId { contract, slot }).map(|(_, slot)| slot.provider())
        }
        Account::World | Account::Fees | Account::RepairPool | Account::Rounding => None,
    }
}
