//! One transaction's worth of judged commands.

use super::known::Known;
use super::marks::Marks;
use super::thread::Now;
use super::{Keep, Outcome, Refusal, Submission};
use crate::journal::{Block, Head};
use crate::store::StoreError;
use crate::store::changes::{
    Changes, Counters, LayoutChange, NewAnswer, NewDocument, NewNodes, NewPosting, RequestKey,
};
use crate::store::index::Lot;
use crate::streams::Streams;
use crate::views;
use contracts::{Account, Posting};
use market::effect::{Effect, effects};
use market::event::SlotId;
use market::{Command, Event, Market};
use serde::Serialize;
use std::sync::Arc;
use types::documents::Settlement;
use types::tree::{self, Frontier, kept};
use types::{ContractId, Did, DocId, Hash, Signed, Signer, Verified};

/// What is judged, on what, by whom.
pub(super) struct Judge<'a> {
    pub(super) known: Known<'a>,
    pub(super) market: &'a mut Market,
    pub(super) streams: &'a Streams,
    pub(super) signer: &'a dyn Signer,
    pub(super) now: Now,
    pub(super) submission: &'a Submission,
}

/// Everything that one transaction adds to the database, and to memory once it is committed.
pub(super) struct Batch {
    changes: Changes,
    /// Where the numbers of rows will stand.
    counters: Counters,
    /// The block's entries so far, as JSON without the closing bracket.
    entries: Vec<u8>,
    /// Each entry's hash as a leaf of the tree.
    leaves: Vec<Hash>,
    /// The tree with the batch's entries, once it is sealed.
    tree: Option<Frontier>,
    happened: Vec<Arc<[Event]>>,
    marks: Marks,
    /// Rows that are to be indexed.
    rows: Lot,
}

/// [`crate::journal::Entry`], borrowed.
#[derive(Serialize)]
struct EntryRef<'a> {
    at: Now,
    command: &'a Command,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<DocId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    issued: Vec<DocId>,
    events: &'a [Event],
}

/// What a block is sealed with beside its entries.
pub(super) struct Seal<'a> {
    pub(super) head: Head,
    pub(super) tree: &'a Frontier,
    pub(super) now: Now,
    pub(super) term: u64,
    pub(super) signer: &'a dyn Signer,
}

impl Batch {
    pub(super) fn new(counters: Counters) -> Self {
        Self {
            changes: Changes::default(),
            counters,
            entries: Vec::new(),
            leaves: Vec::new(),
            tree: None,
            happened: Vec::new(),
            marks: Marks::default(),
            rows: Lot::default(),
        }
    }

    /// Every event of the batch, in order.
    pub(super) fn applied(&self) -> impl Iterator<Item = &Event> {
        self.happened.iter().flat_map(|events| events.iter())
    }

    /// What the transaction writes.
    pub(super) fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Whether it will write anything.
    pub(super) fn has_work(&self) -> bool {
        !self.entries.is_empty() || !self.changes.is_empty()
    }

    /// Where the numbers of rows stand after it.
    pub(super) fn counters(&self) -> Counters {
        self.counters
    }

    /// Takes what the indexes do not know yet.
    pub(super) fn take_rows(&mut self) -> Lot {
        std::mem::take(&mut self.rows)
    }

    /// Takes the outbox rows that are new.
    pub(super) fn take_effects(&mut self) -> Vec<(i64, Effect)> {
        std::mem::take(&mut self.changes.effects)
    }

    /// What happened, command by command.
    pub(super) fn into_happened(self) -> Vec<Arc<[Event]>> {
        self.happened
    }

    /// The tree with the batch's entries, where there are any.
    pub(super) fn take_tree(&mut self) -> Option<Frontier> {
        self.tree.take()
    }

    /// Seals the batch's block, if anything happened; where the journal ends then.
    pub(super) fn seal(&mut self, seal: &Seal<'_>) -> Head {
        if self.entries.is_empty() {
            return seal.head;
        }
        let mut entries = std::mem::take(&mut self.entries);
        entries.push(b']');
        let entries = String::from_utf8(entries).expect("JSON is UTF-8");
        let (mut tree, mut hashes) = (seal.tree.clone(), Vec::new());
        for leaf in &self.leaves {
            tree.append(*leaf, |hash| hashes.extend_from_slice(&hash.0));
        }
        let block = Block::seal(seal.head, (seal.now, seal.term), tree.tip(), entries);
        let head = block.tree_head(seal.signer);
        self.changes.marks = std::mem::take(&mut self.marks).placed(seal.tree.size());
        self.changes.nodes = Some(NewNodes { first: kept(seal.tree.size()), hashes, head });
        self.tree = Some(tree);
        self.changes.block.insert(block).head()
    }

    /// Judges one command; what it makes happen is applied and added to the transaction.
    pub(super) fn decide(
        &mut self,
        mut judge: Judge<'_>,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        let Submission { command, key, .. } = judge.submission;
        if let Some(key) = key
            && let Some(answered) = self.first_use(&judge.known, key)?
        {
            return Ok(answered);
        }
        let events = match judge.market.decide(judge.now, command) {
            Ok(events) => events,
            Err(_) if self.was_taken(&judge, command)? => Vec::new(),
            Err(rejection) => return Ok(Err(Refusal::Rejected(rejection))),
        };
        let events: Arc<[Event]> = events.into();
        if !events.is_empty() {
            self.add(&mut judge, events.clone());
        }
        let mut outcome = Outcome { events, answer: None };
        if let Some(key) = key {
            let answer = views::answer(judge.market, judge.streams, command);
            self.add_key(key, answer.clone(), judge.now);
            outcome.answer = Some(answer);
        }
        Ok(Ok(outcome))
    }

    /// Keeps bulk data; `current` is the layout of the contract's revision.
    pub(super) fn keep(
        &mut self,
        known: &Known<'_>,
        keep: Keep,
        (current, now): (Option<Hash>, Now),
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        match keep {
            Keep::Layout { contract, hash, bytes } => {
                let put = LayoutChange::Put { contract, layout: hash, bytes, current };
                self.changes.layouts.push(put);
            }
            Keep::Done(rows) => self.changes.done.extend(rows),
            Keep::Backup { party, generation, sealed } => {
                let batches = std::iter::once(&*self).chain(known.in_flight);
                let mut newest = batches.filter_map(|batch| batch.changes.backups.get(&party));
                let kept = match newest.next() {
                    Some((kept, bytes)) => Some((*kept, bytes.clone())),
                    None => known.store.backup(&party)?,
                };
                if let Some((kept, bytes)) = kept
                    && (kept > generation || (kept == generation && bytes != sealed))
                {
                    return Ok(Err(Refusal::OldBackup { found: generation, kept }));
                }
                self.changes.backups.insert(party, (generation, sealed));
            }
            Keep::Answer { key, answer } => {
                if let Some(answered) = self.first_use(known, &key)? {
                    return Ok(answered);
                }
                self.add_key(&key, answer.clone(), now);
                return Ok(Ok(Outcome { answer: Some(answer), ..Outcome::default() }));
            }
        }
        Ok(Ok(Outcome::default()))
    }

    /// What the request that used this key first was answered.
    fn first_use(
        &self,
        known: &Known<'_>,
        key: &RequestKey,
    ) -> Result<Option<Result<Outcome, Refusal>>, StoreError> {
        let name = (key.principal, key.key.clone());
        let mut batches = std::iter::once(self).chain(known.in_flight);
        let first = match batches.find_map(|batch| batch.changes.keys.get(&name)) {
            Some(first) => Some((first.body, first.answer.clone())),
            None => known.store.first_use(key)?,
        };
        let same = |answer| Outcome { answer: Some(answer), ..Outcome::default() };
        let reused = || Refusal::KeyReused(key.key.clone());
        Ok(first
            .map(|(body, answer)| if body == key.body { Ok(same(answer)) } else { Err(reused()) }))
    }

    fn add_key(&mut self, key: &RequestKey, answer: Vec<u8>, at: Now) {
        let answer = NewAnswer { body: key.body, answer, at };
        self.changes.keys.insert((key.principal, key.key.clone()), answer);
    }

    /// Whether the command's own document was taken before: it is then no new request, whatever has happened since.
    fn was_taken(&self, judge: &Judge<'_>, command: &Command) -> Result<bool, StoreError> {
        let Some((id, _)) = command.documents().first().copied() else { return Ok(false) };
        let name = command.name();
        let Known { store, in_flight, lots } = &judge.known;
        let rows = [Some(&self.rows), in_flight.map(|batch| &batch.rows)];
        if rows.into_iter().chain(*lots).flatten().any(|rows| rows.was_taken(&id, name)) {
            return Ok(true);
        }
        store.was_taken(&id, name)
    }

    fn add(&mut self, judge: &mut Judge<'_>, events: Arc<[Event]>) {
        let submission = judge.submission;
        let documents = submission.command.documents();
        let settlements = settlements(&events, judge.signer);
        self.add_entry(&EntryRef {
            at: judge.now,
            command: &submission.command,
            evidence: submission.evidence.iter().map(|(id, _)| *id).collect(),
            issued: settlements.iter().map(Verified::id).collect(),
            events: &events,
        });
        let contract = events.iter().find_map(Event::contract);
        let evidence = submission.evidence.iter().map(|(id, signed)| (*id, signed));
        for document in documents.into_iter().chain(evidence) {
            self.add_document(document, submission.command.name(), contract);
        }
        for settlement in settlements {
            let document = (settlement.id(), settlement.signed());
            self.add_document(document, "settlement", Some(settlement.contract));
        }
        self.changes.proofs.extend(submission.answers.clone());
        for event in events.iter() {
            self.apply(judge, event);
        }
        self.happened.push(events);
    }

    fn add_document(
        &mut self,
        (id, signed): (DocId, &Signed),
        command: &'static str,
        contract: Option<ContractId>,
    ) {
        self.counters.documents += 1;
        self.rows.add_document(id, self.counters.documents, command.into());
        self.changes.documents.push(NewDocument {
            row: self.counters.documents,
            id,
            command: command.into(),
            contract,
            signed: signed.clone(),
        });
    }

    fn add_entry(&mut self, entry: &EntryRef<'_>) {
        self.entries.push(if self.entries.is_empty() { b'[' } else { b',' });
        let start = self.entries.len();
        serde_json::to_writer(&mut self.entries, entry)
            .expect("memory takes every byte, and events have only text as keys");
        self.leaves.push(tree::leaf(&self.entries[start..]));
    }

    /// Makes one event part of the working state and of everything that is read off it.
    fn apply(&mut self, judge: &mut Judge<'_>, event: &Event) {
        let Judge { market, now, submission, .. } = judge;
        let document = submission.command.documents().first().map(|(id, _)| *id);
        for posting in event.postings() {
            self.add_posting(market, posting, (event, document, *now));
        }
        if let Event::RevisionAccepted { contract, layout, .. } = event
            && let Some(old) = market.contract(contract).and_then(|c| c.layout)
            && old != *layout
        {
            let drop = LayoutChange::Drop { contract: *contract, layout: old };
            self.changes.layouts.push(drop);
        }
        if let Event::EpochOpened { .. } = event {
            self.changes.epoch_opened = Some(*now);
        }
        market.apply(event);
        let entry = (self.leaves.len() as u64).saturating_sub(1);
        self.marks.hear(market, (entry, *now), &submission.command, event);
        for effect in effects(market, event) {
            self.counters.effects += 1;
            self.changes.effects.push((self.counters.effects, effect));
        }
    }

    fn add_posting(
        &mut self,
        market: &Market,
        posting: &Posting,
        (event, document, at): (&Event, Option<DocId>, Now),
    ) {
        let account = |account: &Account| {
            postcard::to_stdvec(account).expect("an account is made of bytes and numbers")
        };
        self.counters.postings += 1;
        let parties = [posting.debit, posting.credit].map(|account| owner(market, event, account));
        let contract = contract_of(posting).or_else(|| event.contract());
        self.rows.add_posting(self.counters.postings, parties, contract);
        self.changes.postings.push(NewPosting {
            id: self.counters.postings,
            at,
            reason: event.name(),
            debit: account(&posting.debit),
            credit: account(&posting.credit),
            amount: posting.amount.0,
            parties,
            contract,
            document,
        });
    }
}

/// What the market signs because of `events`.
fn settlements(events: &[Event], signer: &dyn Signer) -> Vec<Verified<Settlement>> {
    let settlement = |event: &Event| match event {
        Event::ContractSettled { settlement, .. } => Some(
            Verified::sign(settlement.clone(), signer)
                .expect("the settlement names this market, and the key was checked at start"),
        ),
        _ => None,
    };
    events.iter().filter_map(settlement).collect()
}

/// The contract whose money a posting moves.
fn contract_of(posting: &Posting) -> Option<ContractId> {
    [posting.debit, posting.credit].into_iter().find_map(|account| match account {
        Account::Escrow(contract)
        | Account::Bond(contract, _)
        | Account::Contested(contract, _) => Some(contract),
        _ => None,
    })
}

/// Whose account it is, as `event` leaves it.
fn owner(market: &Market, event: &Event, account: Account) -> Option<Did> {
    match (account, event) {
        (Account::Escrow(id), Event::ContractAgreed { contract, .. }) if contract.id == id => {
            return Some(contract.client);
        }
        _ => {}
    }
    match account {
        Account::Available(party) | Account::Held(party) | Account::OnChain(party) => Some(party),
        Account::Escrow(id) | Account::Contested(id, _) => {
            market.contract(&id).map(|contract| contract.client)
        }
        Account::Bond(contract, slot) => {
            market.slot(SlotId { contract, slot }).map(|(_, slot)| slot.provider())
        }
        Account::World
        | Account::Fees
        | Account::FeesOnChain
        | Account::RepairPool
        | Account::PoolOnChain
        | Account::Rounding => None,
    }
}
