//! From the journal to the state: at start, from the newest snapshot; when verified, from the genesis.

use crate::error::OpenError;
use crate::journal::{Block, Head};
use crate::progress::Progress;
use crate::snapshot;
use crate::store::blocks::DocumentRow;
use crate::store::snapshots::Snapshot;
use crate::store::{Place, Store};
use crate::verify::{Documents, Verifier};
use market::{Genesis, Market};
use serde::Serialize;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use types::tree::Tip;
use types::{Hash, Signed, Timestamp};

/// What a journal gives.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// The state after its newest block.
    pub(crate) market: Market,
    /// The block whose snapshot it was begun with; the genesis where there was none.
    pub(crate) base: Head,
    /// Its newest block.
    pub(crate) head: Head,
    /// When that was sealed.
    pub(crate) time: Timestamp,
    /// How many events are in no snapshot.
    pub(crate) unsaved: u64,
}

/// What [`verify_journal`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct JournalReport {
    /// How many blocks there are.
    pub blocks: u64,
    /// How many commands were decided again; each made happen what the journal says.
    pub entries: u64,
    /// How many events followed.
    pub events: u64,
    /// How many signed documents they rest on; each is there, unchanged and signed.
    pub documents: u64,
    /// The newest block's hash, as it is written.
    pub head: Hash,
    /// The newest block's hash, computed again from the genesis on.
    pub replayed_head: Hash,
    /// The Merkle root over every entry; the market's signed tree head says the same.
    pub tree_root: Hash,
    /// The newest root that the market wrote, and after which block.
    pub written_root: Option<(u64, Hash)>,
    /// The root of the replayed state after that block; after the newest where none is written.
    pub replayed_root: Hash,
}

impl JournalReport {
    /// Whether the journal gives what the market wrote.
    pub fn is_sound(&self) -> bool {
        let root = self.written_root.is_none_or(|(_, root)| root == self.replayed_root);
        self.head == self.replayed_head && root
    }
}

/// Replays the journal in a database from its genesis: decides every command again, and checks every hash,
/// signature, snapshot and invariant on the way.
///
/// The market may be running meanwhile.
///
/// # Errors
/// [`OpenError`] names the first block, snapshot or rule that does not hold.
pub fn verify_journal(place: impl Into<Place>) -> Result<JournalReport, OpenError> {
    let store = Store::open_for_reading(&place.into())?;
    store.freeze()?;
    verify(&store)
}

/// As [`verify_journal`], on an open database.
pub(crate) fn verify(store: &Store) -> Result<JournalReport, OpenError> {
    let genesis = store.genesis()?;
    let roots = store.snapshot_roots()?;
    let mut verifier = Verifier::new(&genesis)?;
    let origin = verifier.head();
    let mut evidence = Evidence::of(store);
    let mut matched = None;
    store.walk(origin, |block| {
        verifier.block(block, &evidence.of_block(block.seq)?)?;
        let Some((seq, root)) = roots.iter().find(|(seq, _)| *seq == block.seq) else {
            return Ok(());
        };
        let found = verifier.market().root();
        if found != *root {
            let reason = format!("the journal gives root {found}, it was written as {root}");
            return Err(OpenError::CorruptSnapshot { block: *seq, reason });
        }
        matched = Some(((*seq, *root), found));
        Ok(())
    })?;
    let root = verifier.finish(store.tree_head()?.as_ref())?;
    let counted = verifier.counted();
    Ok(JournalReport {
        blocks: verifier.head().blocks,
        entries: counted.entries,
        events: counted.events,
        documents: counted.documents,
        head: store.head(origin)?.hash,
        replayed_head: verifier.head().hash,
        tree_root: verifier.tree().tip().root,
        written_root: matched.map(|(written, _)| written),
        replayed_root: matched.map_or(root, |(_, found)| found),
    })
}

/// The documents, read alongside the blocks that rest on them.
pub(crate) struct Evidence<'a> {
    store: &'a Store,
    after: i64,
    read: VecDeque<DocumentRow>,
}

impl<'a> Evidence<'a> {
    pub(crate) fn of(store: &'a Store) -> Self {
        Self { store, after: 0, read: VecDeque::new() }
    }

    /// The documents that came with a block and are what their names say. Blocks are asked for in order.
    pub(crate) fn of_block(&mut self, block: u64) -> Result<Documents, OpenError> {
        let mut kept = Documents::new();
        loop {
            if self.read.is_empty() {
                self.read = self.store.documents_behind(self.after)?.into();
                let Some(last) = self.read.back() else { return Ok(kept) };
                self.after = last.row;
            }
            while let Some(document) = self.read.pop_front_if(|document| document.block <= block) {
                let signed = Signed(document.jws);
                if signed.id() == document.id {
                    kept.insert(document.id, signed);
                }
            }
            if !self.read.is_empty() {
                return Ok(kept);
            }
        }
    }
}

/// The state at the journal's end: the newest snapshot's, and what the blocks behind it have made of that.
///
/// What is before the snapshot is looked through afterwards ([`crate::survey`]). With `from_genesis`, everything is
/// replayed and checked, and snapshots are not used.
pub(crate) fn replay(
    store: &Store,
    from_genesis: bool,
    progress: &Progress,
) -> Result<Replayed, OpenError> {
    let (genesis, origin) = read_genesis(store)?;
    let snapshot = if from_genesis { None } else { store.snapshot()? };
    let (mut market, base, mut time, mut tree) = match &snapshot {
        Some(snapshot) => {
            let block = left_by(store, snapshot, origin)?;
            let market = snapshot::restore(store, snapshot, (&genesis, progress))?;
            (market, block.head(), block.time, block.tree)
        }
        None => (Market::new(genesis.clone()), origin, Timestamp(0), Tip::empty()),
    };
    let mut unsaved = 0;
    let head = store.walk(base, |block| {
        (time, tree) = (block.time, block.tree);
        let entries = apply(&mut market, block)?;
        unsaved += entries.iter().map(|entry| entry.events.len() as u64).sum::<u64>();
        progress.replayed(block.seq);
        Ok(())
    })?;
    if market.genesis() != &genesis {
        let reason = "it is of a market with another genesis".to_owned();
        return Err(OpenError::CorruptSnapshot { block: base.blocks, reason });
    }
    if from_genesis {
        sound(&market)?;
    }
    grown(store, tree)?;
    Ok(Replayed { market, base, head, time, unsaved })
}

/// The tree that is kept is the one that the newest block was sealed with.
fn grown(store: &Store, expected: Tip) -> Result<(), OpenError> {
    let found = store.frontier()?.tip();
    if found == expected {
        return Ok(());
    }
    let reason = format!(
        "the tree over its entries has root {}, the newest block was sealed with {}",
        found.root, expected.root
    );
    Err(store.corrupt(reason))
}

/// The block that left a snapshot. Where the journal does not have it, the journal has lost its end.
fn left_by(store: &Store, snapshot: &Snapshot, origin: Head) -> Result<Block, OpenError> {
    let seq = snapshot.seq;
    let Some(block) = store.block_at(seq)?.filter(|block| block.seq == seq) else {
        let reason = format!("it is missing, and there is a snapshot of block {seq}");
        return Err(OpenError::CorruptBlock { block: store.head(origin)?.blocks + 1, reason });
    };
    let before = Head { blocks: seq.saturating_sub(1), hash: block.prev };
    block.follows(before).map_err(|reason| OpenError::CorruptBlock { block: seq, reason })?;
    Ok(block)
}

/// The genesis and the head of the journal that begins with it.
pub(crate) fn read_genesis(store: &Store) -> Result<(Genesis, Head), OpenError> {
    let json = store.genesis()?;
    let genesis = serde_json::from_str(&json).map_err(|error| OpenError::CorruptBlock {
        block: 0,
        reason: format!("the genesis cannot be read: {error}"),
    })?;
    Ok((genesis, Head::of_genesis(&json)))
}

/// Applies a block's events.
fn apply(market: &mut Market, block: &Block) -> Result<Vec<crate::journal::Entry>, OpenError> {
    let corrupt = |reason| OpenError::CorruptBlock { block: block.seq, reason };
    let entries = block.decode().map_err(|error| corrupt(error.to_string()))?;
    // A chain that was forged whole has good hashes and events that make no sense: that must not take
    // the process down. The state is not used after a panic.
    let events = entries.iter().flat_map(|entry| &entry.events);
    catch_unwind(AssertUnwindSafe(|| events.for_each(|event| market.apply(event))))
        .map_err(|_| corrupt("its events do not follow from the state before it".to_owned()))?;
    Ok(entries)
}

/// Every invariant holds.
pub(crate) fn sound(market: &Market) -> Result<(), OpenError> {
    market::check(market).map_err(|breaches| {
        let texts: Vec<String> = breaches.iter().take(3).map(ToString::to_string).collect();
        OpenError::Breach(texts.join("; "))
    })
}

/// What the market in a database was founded with.
///
/// # Errors
/// [`OpenError`] where there is none, or it cannot be read.
pub fn genesis(place: impl Into<Place>) -> Result<Genesis, OpenError> {
    Ok(read_genesis(&Store::open_for_reading(&place.into())?)?.0)
}
