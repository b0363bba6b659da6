//! The journal, anchored: committed when it is due, and proven once the block is deep enough.

use super::{Books, Cashier, CashierError, Record};
use crate::anchor::due::{self, due};
use crate::anchor::{AnchorProof, BlockAt, Commitment, Files, Statement};
use crate::chain::Chain;
use bitcoin::hashes::Hash as _;
use bitcoin::{Amount, FeeRate, Txid};
use serde::{Deserialize, Serialize};
use types::documents::{Anchor, BlockProof};
use types::{Hash, Timestamp};

/// A journal that was committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalAnchor {
    /// How many entries it had.
    pub entries: u64,
    /// The Merkle root over them.
    pub root: Hash,
    /// The transaction that commits it.
    pub txid: Txid,
    /// When that was made.
    pub at: Timestamp,
    /// The way into a block that is deep enough.
    pub proof: Option<AnchorProof>,
}

impl Cashier {
    /// Commits the journal as it is, where that is due.
    pub(super) async fn anchor<B: Books>(
        &mut self,
        books: &mut B,
        rate: FeeRate,
        now: Timestamp,
    ) -> Result<Option<Txid>, CashierError> {
        let Some(rule) = self.manner.anchors else { return Ok(None) };
        let head = books.head().await?;
        let last = self.anchors.last_key_value().map(|(_, anchor)| (anchor.entries, anchor.at));
        let (anchored, anchored_at) = last.unwrap_or((0, Timestamp(0)));
        let posted = self.posted;
        let grown = due::Books { entries: head.size, anchored, anchored_at, posted };
        if due(&rule, &grown, now).is_none() {
            return Ok(None);
        }
        let statement = Statement { market: head.market, entries: head.size, root: head.root };
        let commitment = Commitment::new(&statement, Files::new(Vec::new()).root());
        let inscription = (Hash(commitment.0.to_byte_array()), commitment.script());
        let fee_max = self.free();
        let payment = self.wallet.inscribe(inscription, (rate, fee_max), &self.keys)?;
        let txid = payment.txid();
        let (entries, root) = (head.size, head.root);
        let anchor = JournalAnchor { entries, root, txid, at: now, proof: None };
        self.note(Record::Anchored(anchor))?;
        Ok(Some(txid))
    }

    /// Takes the proof of every anchor from its block, once that is deep enough; anew where the chain has it in another block now.
    pub(super) async fn prove<C: Chain>(&mut self, chain: &C) -> Result<(), CashierError> {
        let open: Vec<(u64, Txid, u32)> = self
            .anchors
            .values()
            .filter_map(|anchor| {
                let block = self.wallet.settled_in(anchor.txid, self.manner.confirmations)?;
                let proven = anchor.proof.as_ref().map(|proof| proof.header.block_hash());
                let known = proven == Some(block.hash);
                (!known).then_some((anchor.entries, anchor.txid, block.height))
            })
            .collect();
        for (entries, txid, height) in open {
            let Some(block) = chain.block(height).await? else { continue };
            let at = BlockAt { block: &block, height, network: self.network() };
            let files = Files::new(Vec::new()).root();
            // A block that has it no more is of another branch: the wallet will know.
            let Some(proof) = AnchorProof::new(at, txid, files) else { continue };
            self.note(Record::Proven { entries, proof: Box::new(proof) })?;
        }
        Ok(())
    }

    /// The first anchor with a proof of a journal that has at least `entries`, as a receipt carries it. Where the receipt's journal is
    /// shorter, it needs the market's consistency proof besides.
    pub fn anchor_of(&self, entries: u64) -> Option<Anchor> {
        self.anchors.range(entries..).find_map(|(_, anchor)| {
            let proof = anchor.proof.as_ref().filter(|proof| self.stands(anchor.txid, proof))?;
            let proof = BlockProof::from(proof.clone());
            let JournalAnchor { entries: size, root, .. } = *anchor;
            Some(Anchor { size, root, consistency: None, proof })
        })
    }

    /// How many entries the longest journal has whose anchor can be proven.
    pub fn proven_entries(&self) -> u64 {
        let stands = |anchor: &&JournalAnchor| {
            anchor.proof.as_ref().is_some_and(|proof| self.stands(anchor.txid, proof))
        };
        self.anchors.values().rev().find(stands).map_or(0, |anchor| anchor.entries)
    }

    /// Whether the chain still has the block that a proof leads to. A wallet that was made anew may not have seen the transaction: it was
    /// deep enough when it was proven.
    fn stands(&self, txid: Txid, proof: &AnchorProof) -> bool {
        let block = self.wallet.settled_in(txid, 1);
        !self.wallet.has_seen(txid) || block.is_some_and(|b| b.hash == proof.header.block_hash())
    }

    /// Coins that are not owed to any party: the operator's own.
    fn free(&self) -> Amount {
        let parties = self.wallet.received(1).into_iter();
        let parties = parties.filter(|coins| coins.party != self.manner.market);
        let came: Amount = parties.map(|coins| coins.amount).sum();
        let owed = came.checked_sub(self.wallet.paid_out()).unwrap_or(Amount::ZERO);
        self.balance().checked_sub(owed).unwrap_or(Amount::ZERO)
    }
}
