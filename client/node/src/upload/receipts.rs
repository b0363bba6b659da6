//! From shards that were sent to a revision: what every slot must hold, and each provider's word that it does.

use crate::error::Error;
use crate::holding::Holding;
use futures_util::future::try_join_all;
use network::api::{ReceiptBody, ReviseBody};
use shards::{Entry, SlotList};
use types::documents::{Revision, SlotSize, StorageReceipt};
use types::{ContractId, Hash, Signed, Signer, Verified};

/// What a slot's list commits to.
pub(crate) fn slot_size(list: &SlotList) -> SlotSize {
    SlotSize { root: Hash(list.root().0), bytes: list.bytes(), shards: list.shards() }
}

/// Asks every provider to make its slot's list durable and to sign for it.
///
/// # Errors
/// A provider that refuses, or signs for something else.
pub(crate) async fn collect(
    slots: &[Holding],
    lists: &[Vec<Entry>],
    revision: u64,
) -> Result<Vec<Signed>, Error> {
    try_join_all(slots.iter().zip(lists).map(|(holding, list)| receipt(holding, list, revision))).await
}

async fn receipt(holding: &Holding, list: &[Entry], revision: u64) -> Result<Signed, Error> {
    let shards = list.iter().map(|entry| (Hash(entry.root.0), entry.bytes)).collect();
    let body = ReceiptBody { revision, shards };
    let signed = holding.client.receipt(&body).await.map_err(|error| holding.failed(error))?;
    let receipt: Verified<StorageReceipt> =
        signed.verify().map_err(|error| holding.failed(error))?;
    let expected = StorageReceipt {
        provider: holding.provider,
        contract: holding.client.grant().contract(),
        slot: holding.slot,
        revision,
        size: slot_size(&list.iter().copied().collect()),
    };
    if *receipt == expected {
        return Ok(signed);
    }
    Err(holding.failed("its receipt is for other bytes than were sent"))
}

/// The revision that says what every slot holds now, with its receipts.
pub(crate) fn revision(
    signer: &dyn Signer,
    (contract, number): (ContractId, u64),
    lists: &[Vec<Entry>],
    layout: Hash,
    receipts: Vec<Signed>,
) -> Result<ReviseBody, Error> {
    let slots = lists.iter().map(|list| slot_size(&list.iter().copied().collect())).collect();
    let revision = Revision { signer: signer.did(), contract, number, slots, layout };
    Ok(ReviseBody { revision: Verified::sign(revision, signer)?.signed().clone(), receipts })
}
