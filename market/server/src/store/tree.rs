//! The tree over the journal's entries: its nodes, its head, and the proofs that are made of them.

use super::changes::NewNodes;
use super::driver::StoreError;
use super::recent::Taken;
use super::{Store, blocks, catalogue};
use crate::journal::Block;
use network::api::EntryProof;
use types::documents::Receipt;
use types::documents::evidence::EntryNames;
use types::tree::{ConsistencyProof, Frontier, InclusionProof, NodeAt, NodeReader};
use types::{ContractId, DocId, Hash, Signed};

/// A document in the journal, as its receipt shows it.
#[derive(Debug)]
pub(crate) struct Receipted {
    /// The receipt.
    pub(crate) receipt: Receipt,
    /// The contract it was taken for.
    pub(crate) contract: Option<ContractId>,
}

impl Store {
    pub(super) fn add_nodes(&self, nodes: &NewNodes) -> Result<(), StoreError> {
        let hashes = nodes.hashes.as_slice().into();
        let values = [nodes.first.into(), hashes, nodes.head.0.as_str().into()];
        self.driver.execute(catalogue::ADD_NODES, &values).map(drop)
    }

    /// The right edge of the tree over every entry.
    pub(crate) fn frontier(&self) -> Result<Frontier, StoreError> {
        let size = self.maybe(catalogue::TREE_SIZE, &[])?.map_or(Ok(0), |row| row.count(0))?;
        Frontier::restore(size, self)
    }

    /// The newest tree head that the market has signed; nothing before the first block.
    pub(crate) fn tree_head(&self) -> Result<Option<Signed>, StoreError> {
        let row = self.maybe(catalogue::TREE_HEAD, &[])?;
        row.map(|mut row| row.text(0).map(Signed)).transpose()
    }

    /// The receipt of a document; nothing where no entry names it.
    pub(crate) fn receipt(&self, id: &DocId) -> Result<Option<Receipted>, StoreError> {
        let Some(Taken { block, contract, document }) = self.taken(id)? else { return Ok(None) };
        let Some((leaf, entry)) = entry_of(&self.block(block)?, id) else { return Ok(None) };
        // Read behind the block, the newest head covers it.
        let Some(head) = self.tree_head()? else { return Ok(None) };
        let size = head.verify::<types::documents::TreeHead>();
        let size = size.map_err(|error| StoreError::Malformed(error.to_string()))?.size;
        let proof = InclusionProof::make(leaf, size, self)?;
        let beyond = || StoreError::Malformed(format!("entry {leaf} of {size}"));
        let inclusion = proof.ok_or_else(beyond)?;
        let receipt = Receipt { document, entry, inclusion, head, anchor: None };
        Ok(Some(Receipted { receipt, contract }))
    }

    /// Entry number `leaf`, which is in `block`, with the proof that it is in the journal.
    pub(super) fn entry_proof(&self, block: u64, leaf: u64) -> Result<EntryProof, StoreError> {
        let beyond = || StoreError::Malformed(format!("entry {leaf} is not in block {block}"));
        let block = self.block(block)?;
        let texts = block.texts();
        let first = block.tree.size.saturating_sub(texts.len() as u64);
        let place = leaf.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        let entry = place.and_then(|place| texts.get(place)).ok_or_else(beyond)?;
        // Read behind the block, the newest head covers it.
        let head = self.tree_head()?.ok_or_else(beyond)?;
        let size = head.verify::<types::documents::TreeHead>();
        let size = size.map_err(|error| StoreError::Malformed(error.to_string()))?.size;
        let inclusion = InclusionProof::make(leaf, size, self)?.ok_or_else(beyond)?;
        Ok(EntryProof { entry: (*entry).to_owned(), inclusion, head })
    }

    /// Shows that the tree of `from` entries is the beginning of that of `to`; nothing where there is no such tree.
    pub(crate) fn consistency(
        &self,
        from: u64,
        to: u64,
    ) -> Result<Option<ConsistencyProof>, StoreError> {
        let size = self.maybe(catalogue::TREE_SIZE, &[])?.map_or(Ok(0), |row| row.count(0))?;
        if to > size {
            return Ok(None);
        }
        ConsistencyProof::make(from, to, self)
    }

    fn block(&self, seq: u64) -> Result<Block, StoreError> {
        let before = seq.saturating_sub(1);
        blocks::block(self.one(catalogue::BLOCKS, &[before.into(), 1u64.into()])?)
    }
}

/// The leaf and the text of a block's first entry that names the document.
fn entry_of(block: &Block, id: &DocId) -> Option<(u64, String)> {
    let (text_of_id, texts) = (id.to_string(), block.texts());
    let names = |text: &str| EntryNames::read(text).is_ok_and(|e| e.documents().contains(id));
    let place = texts.iter().position(|text| text.contains(&text_of_id) && names(text))?;
    let first = block.tree.size.checked_sub(texts.len() as u64)?;
    Some((first + place as u64, texts[place].to_owned()))
}

impl NodeReader for Store {
    type Error = StoreError;

    fn read(&self, nodes: &[NodeAt]) -> Result<Vec<Hash>, StoreError> {
        let node = |node: &NodeAt| self.one(catalogue::NODE, &[node.place().into()])?.hash(0);
        nodes.iter().map(node).collect()
    }
}
