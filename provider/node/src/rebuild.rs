//! Making a slot's bytes again from k other slots.

use crate::node::Node;
use crate::store::{Room, StoreError};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use network::api::RebuildOrder;
use network::auth::Grant;
use network::client::{ClientOptions, HttpClient};
use network::endpoint::Endpoint;
use network::node_api::{NodeClient, SlotClient};
use shards::{ContractLayout, Entry, Root, SegmentRef, Shape, Shard};
use std::sync::Arc;
use types::Signed;

/// Why a slot cannot be rebuilt now. The market asks again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RebuildError {
    /// The slot is not reserved here.
    #[error("the slot was never reserved here")]
    NotReserved,
    /// The order's layout does not fit its slot.
    #[error("the order's layout is not what the slot must hold: {0}")]
    Layout(String),
    /// Too few sources gave their shards.
    #[error("segment {segment} needs {need} shards and {have} came: {reasons}")]
    TooFewSources {
        /// Which segment.
        segment: u64,
        /// k.
        need: usize,
        /// How many came.
        have: usize,
        /// What the others said.
        reasons: String,
    },
    /// The disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something that should not happen.
    #[error("the rebuild stopped: {0}")]
    Stopped(String),
}

/// Rebuilds what `order` says and signs for it; nothing where that is happening already.
pub(crate) async fn rebuild(node: &Arc<Node>, order: RebuildOrder) -> Result<Option<Signed>, RebuildError> {
    let key = (order.contract, order.slot);
    let room = node.store.room(&key).ok_or(RebuildError::NotReserved)?;
    let Some(_held) = node.begin_rebuild(key) else { return Ok(None) };
    let layout = ContractLayout::decode(&order.layout).map_err(|e| RebuildError::Layout(e.to_string()))?;
    let list = layout.slot_list(order.slot).map_err(|e| RebuildError::Layout(e.to_string()))?;
    if crate::node::size(&list) != order.size {
        return Err(RebuildError::Layout(format!("slot {} would not have the root it must have", order.slot)));
    }
    let sources = sources(node, &order);
    let (lease, stopped) = (room.lease(), |e: shards::Error| RebuildError::Layout(e.to_string()));
    let shape = Shape::new(lease.redundancy.data, lease.redundancy.parity, lease.shard_bytes).map_err(stopped)?;
    for index in 0..layout.segments().len() as u64 {
        let segment = layout.segment(shape, index).map_err(|e| RebuildError::Layout(e.to_string()))?;
        let entry = list.entries().get(usize::try_from(index).unwrap_or(usize::MAX)).copied();
        let entry = entry.ok_or_else(|| RebuildError::Layout("it has too few segments".into()))?;
        if !has(&room, entry).await? {
            let shards = fetch(&sources, segment).await?;
            let shard = compute(segment, order.slot, &shards)?;
            let room = room.clone();
            blocking(move || room.put(shard.root(), shard.bytes())).await?;
        }
    }
    let (node, entries) = (node.clone(), list.entries().to_vec());
    let receipt = blocking(move || node.receipt(&room, order.revision, entries)).await?;
    Ok(Some(receipt.signed().clone()))
}

/// A slot that can be read from.
struct Source {
    slot: u16,
    client: SlotClient,
}

fn sources(node: &Arc<Node>, order: &RebuildOrder) -> Vec<Source> {
    let source = |source: &network::api::RebuildSource| {
        let endpoint = Endpoint::parse(&source.endpoint, node.plain).ok()?.pinned(source.provider).ok()?;
        let client = NodeClient::new(HttpClient::new(endpoint, ClientOptions::default()));
        let grant = Grant::presented(Arc::new(node.key.clone()), source.token.clone()).ok()?;
        Some(Source { slot: source.slot, client: client.slot(grant) })
    };
    order.sources.iter().filter_map(source).collect()
}

/// Whether the shard is here and whole; one that is here and damaged is forgotten.
async fn has(room: &Arc<Room>, entry: Entry) -> Result<bool, RebuildError> {
    let room = room.clone();
    blocking(move || match room.read(&entry.root) {
        Ok(_) => Ok(true),
        Err(StoreError::Missing(_)) => Ok(false),
        Err(StoreError::Damaged(root)) => {
            room.discard(&root);
            Ok(false)
        }
        Err(error) => Err(error),
    })
    .await
}

/// k verified shards of a segment: from the first k sources, and from the next for each that fails.
async fn fetch(sources: &[Source], segment: SegmentRef<'_>) -> Result<Vec<Shard>, RebuildError> {
    let need = usize::from(segment.shape.data);
    let mut next = sources.iter();
    let mut running: FuturesUnordered<_> = next.by_ref().take(need).map(|s| one(s, segment)).collect();
    let (mut shards, mut reasons) = (Vec::with_capacity(need), Vec::new());
    while let Some(fetched) = running.next().await {
        match fetched {
            Ok(shard) => shards.push(shard),
            Err(reason) => {
                reasons.push(reason);
                running.extend(next.next().map(|source| one(source, segment)));
            }
        }
    }
    if shards.len() < need {
        let (have, reasons) = (shards.len(), reasons.join("; "));
        return Err(RebuildError::TooFewSources { segment: segment.index, need, have, reasons });
    }
    Ok(shards)
}

async fn one(source: &Source, segment: SegmentRef<'_>) -> Result<Shard, String> {
    let root = segment.layout.roots.get(usize::from(source.slot)).copied();
    let root: Root = root.ok_or_else(|| format!("slot {}: the segment has no such shard", source.slot))?;
    let bytes = source.client.get(root, segment.layout.shard_bytes).await;
    let bytes = bytes.map_err(|error| format!("slot {}: {error}", source.slot))?;
    segment.accept_shard(source.slot, bytes, root).map_err(|error| format!("slot {}: {error}", source.slot))
}

fn compute(segment: SegmentRef<'_>, slot: u16, shards: &[Shard]) -> Result<Shard, RebuildError> {
    tokio::task::block_in_place(|| segment.rebuild_shard(slot, shards))
        .map_err(|error| RebuildError::Stopped(error.to_string()))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, RebuildError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(RebuildError::Stopped(error.to_string())),
    }
}
