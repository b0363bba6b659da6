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
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{Did, DocId, Hash, Signer, Verified};

/// What is judged, on what, by whom.
pub(super) struct Judge<'a> {
    pub(super) store: &'a Store,
    pub(super) market: &'a mut Market,
    /// Documents that were taken and that no index finds yet.
    pub(super) unindexed: &'a Rows,
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
    /// Rows that are to be indexed.
    rows: Rows,
}

/// Documents that no index finds yet, and how many postings there are of that kind.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) taken: BTreeMap<DocId, Cow<'static, str>>,
    pub(super) postings: u64,
}

impl Rows {
    /// What the database holds without an index.
    pub(super) fn of(store: &Store) -> rusqlite::Result<Self> {
        let taken = store.unindexed_documents()?.into_iter();
        let taken = taken.map(|(id, command)| (id, Cow::Owned(command))).collect();
        Ok(Self { taken, postings: store.unindexed_postings()? })
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.postings.max(self.taken.len() as u64)
    }

    /// Whether `command` took the document.
    fn was_taken(&self, id: &DocId, command: &str) -> bool {
        self.taken.get(id).is_some_and(|by| by == command)
    }

    pub(super) fn merge(&mut self, other: Self) {
        // One by one: appending a map would build the whole of it anew.
        self.taken.extend(other.taken);
        self.postings += other.postings;
    }
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
        Self {
            block,
            entries: Vec::new(),
            happened: Vec::new(),
            effects: Vec::new(),
            rows: Rows::default(),
        }
    }

    pub(super) fn has_events(&self) -> bool {
        !self.happened.is_empty()
    }

    /// Every event of the batch, in order.
    pub(super) fn applied(&self) -> impl Iterator<Item = &Event> {
        self.happened.iter().flat_map(|events| events.iter())
    }

    /// Takes what the indexes do not know yet.
    pub(super) fn take_rows(&mut self) -> Rows {
        std::mem::take(&mut self.rows)
    }

    /// Takes the outbox rows that are new.
    pub(super) fn take_effects(&mut self) -> Vec<(i64, Effect)> {
        std::mem::take(&mut self.effects)
    }

    /// What happened, command by command.
    pub(super) fn into_happened(self) -> Vec<Arc<[Event]>> {
        self.happened
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
            Err(_) if self.was_taken(&judge, command)? => Vec::new(),
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

    /// Whether the command's own document was taken before: it is then no new request, whatever has happened since.
    fn was_taken(&self, judge: &Judge<'_>, command: &Command) -> rusqlite::Result<bool> {
        let Some((id, _)) = command.documents().first().copied() else { return Ok(false) };
        let name = command.name();
        if self.rows.was_taken(&id, name) || judge.unindexed.was_taken(&id, name) {
            return Ok(true);
        }
        judge.store.was_taken(&id, name)
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
            self.rows.taken.insert(document.0, command.into());
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
            self.rows.postings += 1;
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
            self.rows.taken.insert(signed.id(), "settlement".into());
            let contract = Some(settlement.contract);
            store.add_document(document, self.block, "settlement", contract)?;
        }
        Ok(())
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
