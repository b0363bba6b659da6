//! From shards that were sent to a revision: what every slot must hold, and each provider's word that it does.

use crate::error::Error;
use crate::holding::Holding;
use futures_util::future::try_join_all;
use network::api::{ReceiptBody, ReviseBody};
use shards::{ContractLayout, SlotList};
use types::documents::{Revision, SlotSize, StorageReceipt};
use types::{ContractId, Hash, Signed, Signer, Verified};

/// What the slots of a contract are to hold at a revision.
pub(crate) struct Intent {
    contract: ContractId,
    number: u64,
    layout: Hash,
    lists: Vec<SlotList>,
}

impl Intent {
    /// That `slots` slots of `contract` hold what `layout` says, at revision `number`.
    pub(crate) fn new(
        contract: ContractId,
        number: u64,
        layout: &ContractLayout,
        slots: usize,
    ) -> Result<Self, Error> {
        let lists =
            (0..).take(slots).map(|slot| layout.slot_list(slot)).collect::<Result<_, _>>()?;
        Ok(Self { contract, number, layout: Hash(layout.hash()), lists })
    }

    /// Asks every provider to make its slot's list durable and to sign for it.
    ///
    /// # Errors
    /// A provider that refuses, or signs for something else.
    pub(crate) async fn receipts(&self, slots: &[Holding]) -> Result<Vec<Signed>, Error> {
        let asked =
            slots.iter().zip(&self.lists).map(|(holding, list)| self.receipt(holding, list));
        try_join_all(asked).await
    }

    async fn receipt(&self, holding: &Holding, list: &SlotList) -> Result<Signed, Error> {
        let shards = list.entries().iter().map(|entry| (Hash(entry.root.0), entry.bytes)).collect();
        let body = ReceiptBody { revision: self.number, shards };
        let signed = holding.client.receipt(&body).await.map_err(|error| holding.failed(&error))?;
        let receipt: Verified<StorageReceipt> =
            signed.verify().map_err(|error| holding.failed(&error))?;
        let expected = StorageReceipt {
            provider: holding.provider,
            contract: self.contract,
            slot: holding.slot,
            revision: self.number,
            size: slot_size(list),
        };
        if *receipt == expected {
            return Ok(signed);
        }
        Err(holding.failed(&"its receipt is for other bytes than were sent"))
    }

    /// The revision that says so, with its receipts.
    pub(crate) fn revision(
        &self,
        signer: &dyn Signer,
        receipts: Vec<Signed>,
    ) -> Result<ReviseBody, Error> {
        let revision = Revision {
            signer: signer.did(),
            contract: self.contract,
            number: self.number,
            slots: self.lists.iter().map(slot_size).collect(),
            layout: self.layout,
        };
        Ok(ReviseBody { revision: Verified::sign(revision, signer)?.signed().clone(), receipts })
    }
}

fn slot_size(list: &SlotList) -> SlotSize {
    SlotSize { root: Hash(list.root().0), bytes: list.bytes(), shards: list.shards() }
}
