//! Verifying a journal: every hash, every document, every decision, every balance, from the genesis on.
//!
//! A [`Verifier`] trusts nothing that it is given but the genesis, and that only as far as the chain begins with
//! it: each command is read from the documents it rests on, decided again on the state before it, and must make
//! happen exactly what the journal says it did.

use crate::journal::{Block, Entry, Head};
use market::{Command, Event, Genesis, Market};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use types::documents::{Challenge, Settlement, TreeHead};
use types::tree::{self, Frontier};
use types::{DocId, Epoch, Hash, Signed, Timestamp};

/// A journal's documents, by name.
pub type Documents = BTreeMap<DocId, Signed>;

/// A journal that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It does not begin as a journal does: its genesis, which is block 0.
    #[error("the journal's beginning, block 0, does not hold: {0}")]
    Genesis(String),
    /// A block does not follow from what is before it.
    #[error("journal block {block} does not hold: {reason}")]
    Block {
        /// Which.
        block: u64,
        /// What was found.
        reason: String,
    },
    /// Its end is not what it should be.
    #[error("the journal's end, behind block {block}, does not hold: {reason}")]
    End {
        /// The last block.
        block: u64,
        /// What was found.
        reason: String,
    },
}

/// Follows a journal block by block.
#[derive(Debug)]
pub struct Verifier {
    market: Market,
    head: Head,
    frontier: Frontier,
    /// The newest time that was seen; it never goes back.
    time: Timestamp,
    counted: Counted,
    opened: Vec<Opened>,
    /// Of every epoch so far.
    beacons: BTreeMap<Epoch, Hash>,
}

/// A block that opened an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Which epoch.
    pub epoch: Epoch,
    /// The block's height.
    pub height: u32,
    /// Its hash, first byte first.
    pub hash: Hash,
}

/// How much was verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counted {
    /// Commands decided again.
    pub entries: u64,
    /// Events that followed from them.
    pub events: u64,
    /// Signed documents.
    pub documents: u64,
}

impl Verifier {
    /// Begins with a genesis as it was written.
    ///
    /// # Errors
    /// [`VerifyError::Genesis`] where it is none.
    pub fn new(genesis: &str) -> Result<Self, VerifyError> {
        let read: Genesis = serde_json::from_str(genesis)
            .map_err(|error| VerifyError::Genesis(format!("its genesis is none: {error}")))?;
        if serde_json::to_string(&read).ok().as_deref() != Some(genesis) {
            let reason = "its genesis is not written as a market writes it".to_owned();
            return Err(VerifyError::Genesis(reason));
        }
        let market = Market::new(read);
        Ok(Self {
            beacons: BTreeMap::from([(market.epoch(), market.beacon())]),
            market,
            head: Head::of_genesis(genesis),
            frontier: Frontier::default(),
            time: Timestamp(0),
            counted: Counted::default(),
            opened: Vec::new(),
        })
    }

    /// The state after the last block.
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// The last block.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The tree over every entry so far.
    pub fn tree(&self) -> &Frontier {
        &self.frontier
    }

    /// How much was verified.
    pub fn counted(&self) -> Counted {
        self.counted
    }

    /// The blocks that opened epochs, each the right one for its epoch as far as the headers in the journal show; whether they are in the
    /// chain with the most work they do not.
    pub fn opened(&self) -> &[Opened] {
        &self.opened
    }

    /// Takes the next block, with every document that its entries name.
    ///
    /// # Errors
    /// [`VerifyError::Block`] names it and says what does not hold; [`VerifyError::Genesis`] where it is sound, but follows
    /// another genesis. The verifier is then of no more use.
    pub fn block(&mut self, block: &Block, documents: &Documents) -> Result<(), VerifyError> {
        let number = self.head.blocks + 1;
        if number == 1 {
            self.begins(block)?;
        }
        self.follow(block, documents).map_err(|reason| VerifyError::Block { block: number, reason })
    }

    /// The first block's seal covers the hash of the genesis: where the seal holds, it is the genesis that was changed.
    fn begins(&self, first: &Block) -> Result<(), VerifyError> {
        if first.prev == self.head.hash || first.hash != first.expected_hash() {
            return Ok(());
        }
        Err(VerifyError::Genesis(format!(
            "it hashes to {}, block 1 was sealed behind {}; take the genesis that this journal was begun with",
            self.head.hash, first.prev
        )))
    }

    fn follow(&mut self, block: &Block, documents: &Documents) -> Result<(), String> {
        block.follows(self.head)?;
        let entries = block.decode().map_err(|error| format!("its entries are none: {error}"))?;
        if entries.is_empty() {
            return Err("nothing happened in it, and a block is sealed when something does".into());
        }
        for (place, entry) in entries.iter().enumerate() {
            self.entry(entry, documents).map_err(|reason| format!("entry {place}: {reason}"))?;
        }
        for text in block.texts() {
            self.frontier.append(tree::leaf(text.as_bytes()), |_| {});
        }
        let tip = self.frontier.tip();
        if tip != block.tree {
            return Err(format!(
                "its entries make a tree of {} leaves with root {}, it says {} and {}",
                tip.size, tip.root, block.tree.size, block.tree.root
            ));
        }
        self.at(block.time)?;
        self.head = block.head();
        Ok(())
    }

    /// Time does not go back.
    fn at(&mut self, time: Timestamp) -> Result<(), String> {
        if time < self.time {
            return Err(format!("it is of {}, behind {} before it", time.0, self.time.0));
        }
        self.time = time;
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, documents: &Documents) -> Result<(), String> {
        self.at(entry.at)?;
        let command = entry.command(|id| documents.get(&id).cloned())?;
        let decided = self.market.decide(entry.at, &command).map_err(|rejection| {
            format!("{} was not to be allowed: {rejection}", command.name())
        })?;
        if decided != entry.events {
            return Err(different(command.name(), &decided, &entry.events));
        }
        for id in &entry.evidence {
            let document = documents.get(id).ok_or(format!("evidence {id} is missing"))?;
            document.authenticate().map_err(|error| format!("evidence {id}: {error}"))?;
            let judged = match &command {
                Command::RecordVerdict(verdict) => Some(verdict.epoch),
                _ => None,
            };
            self.drawn(document, judged).map_err(|reason| format!("evidence {id}: {reason}"))?;
        }
        issued(entry, documents)?;
        self.opened.extend(decided.iter().filter_map(opened));
        let events = decided.iter();
        catch_unwind(AssertUnwindSafe(|| events.for_each(|event| self.market.apply(event))))
            .map_err(|_| "its events do not follow from the state before it".to_owned())?;
        self.beacons.insert(self.market.epoch(), self.market.beacon());
        self.counted.entries += 1;
        self.counted.events += entry.events.len() as u64;
        self.counted.documents += entry.documents().len() as u64;
        Ok(())
    }

    /// A challenge must be drawn from the beacon of its epoch, which has been opened; and a verdict judges challenges of its own epoch.
    fn drawn(&self, document: &Signed, judged: Option<Epoch>) -> Result<(), String> {
        let Ok(challenge) = document.verify::<Challenge>() else { return Ok(()) };
        let (epoch, found) = (challenge.epoch, challenge.beacon);
        if let Some(judged) = judged.filter(|judged| *judged != epoch) {
            return Err(format!("a challenge of epoch {epoch} in a verdict on epoch {judged}"));
        }
        match self.beacons.get(&epoch) {
            Some(beacon) if *beacon == found => Ok(()),
            Some(beacon) => Err(format!(
                "a challenge is drawn from {found}, and the beacon of epoch {epoch} is {beacon}"
            )),
            None => Err(format!("a challenge of epoch {epoch}, which is not open yet")),
        }
    }

    /// Whether the state keeps every rule, and `head` is the market's word for this very journal; gives the
    /// state's root.
    ///
    /// # Errors
    /// [`VerifyError::End`] says what does not hold.
    pub fn finish(&self, head: Option<&Signed>) -> Result<Hash, VerifyError> {
        self.end(head).map_err(|reason| VerifyError::End { block: self.head.blocks, reason })
    }

    fn end(&self, head: Option<&Signed>) -> Result<Hash, String> {
        market::check(&self.market).map_err(|breaches| {
            let texts: Vec<String> = breaches.iter().take(3).map(ToString::to_string).collect();
            format!("its state breaks a rule: {}", texts.join("; "))
        })?;
        match head {
            None if self.head.blocks > 0 => return Err("it has no signed tree head".into()),
            None => {}
            Some(signed) => self.signed(signed)?,
        }
        Ok(self.market.root())
    }

    fn signed(&self, head: &Signed) -> Result<(), String> {
        let signed = head.verify::<TreeHead>().map_err(|error| format!("tree head: {error}"))?;
        let tip = self.frontier.tip();
        let expected = TreeHead {
            market: self.market.genesis().market,
            size: tip.size,
            root: tip.root,
            block: self.head.blocks,
            time: self.time,
        };
        if *signed == expected {
            return Ok(());
        }
        Err(format!("its tree head is {:?}, the journal gives {expected:?}", *signed))
    }
}

/// The block that opened an epoch, where one did.
fn opened(event: &Event) -> Option<Opened> {
    let Event::EpochOpened { epoch, block: Some(block), .. } = event else { return None };
    Some(Opened { epoch: *epoch, height: block.height, hash: block.hash })
}

/// Where two lists of events part.
fn different(command: &str, decided: &[Event], written: &[Event]) -> String {
    let place = decided.iter().zip(written).take_while(|(a, b)| a == b).count();
    let name = |events: &[Event]| events.get(place).map_or("nothing more", Event::name).to_owned();
    format!(
        "{command}, decided again, makes {} happen as event {place}; the journal has {}, with other content",
        name(decided),
        name(written)
    )
}

/// What the market signed says what happened.
fn issued(entry: &Entry, documents: &Documents) -> Result<(), String> {
    let settlements = entry.events.iter().filter_map(|event| match event {
        Event::ContractSettled { settlement, .. } => Some(settlement),
        _ => None,
    });
    let settlements: Vec<&Settlement> = settlements.collect();
    if settlements.len() != entry.issued.len() {
        return Err(format!("{} settlements, {} signed", settlements.len(), entry.issued.len()));
    }
    for (settlement, id) in settlements.into_iter().zip(&entry.issued) {
        let signed = documents.get(id).ok_or(format!("settlement {id} is missing"))?;
        let signed =
            signed.verify::<Settlement>().map_err(|error| format!("settlement {id}: {error}"))?;
        if *signed != *settlement {
            return Err(format!("settlement {id} says something else than what happened"));
        }
    }
    Ok(())
}
