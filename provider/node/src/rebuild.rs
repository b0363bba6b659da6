//! Making a slot's bytes again from k other slots.

use crate::node::Node;
use crate::settlement::NotFunded;
use crate::store::StoreError;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use network::api::RebuildOrder;
use network::auth::Pass;
use network::client::{ClientOptions, HttpClient};
use network::endpoint::Endpoint;
use network::node_api::{NodeClient, SlotClient};
use shards::{ContractLayout, Root, SegmentRef, Shape, Shard};
use std::sync::Arc;
use types::Signed;

/// Why a slot cannot be rebuilt now. The market asks again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RebuildError {
    /// The slot is not reserved here.
    #[error("the slot was never reserved here")]
    NotReserved,
    /// The slot's escrow waits for its funding.
    #[error(transparent)]
    NotFunded(#[from] NotFunded),
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
    /// What the sources hold does not come out as it must.
    #[error("the shards that came do not give the one that is missing: {0}")]
    Computed(String),
}

impl RebuildError {
    /// Whether only another order can help.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self, Self::NotReserved | Self::Layout(_))
    }
}

/// Rebuilds what `order` says and signs for it.
pub(crate) async fn rebuild(
    node: &Arc<Node>,
    order: &RebuildOrder,
) -> Result<Signed, RebuildError> {
    let room = node.store.room(&(order.contract, order.slot)).ok_or(RebuildError::NotReserved)?;
    let impossible = |reason: String| RebuildError::Layout(reason);
    let layout = ContractLayout::decode(&order.layout).map_err(|e| impossible(e.to_string()))?;
    let list = layout.slot_list(order.slot).map_err(|e| impossible(e.to_string()))?;
    if crate::node::size(&list.summary()) != order.size {
        let reason = format!("slot {} would not have the root it must have", order.slot);
        return Err(impossible(reason));
    }
    node.may_take(&room)?;
    let (sources, lease) = (sources(node, order), room.lease());
    let shape = Shape::new(lease.redundancy.data, lease.redundancy.parity, lease.shard_bytes)
        .map_err(|e| impossible(e.to_string()))?;
    for (index, entry) in (0..).zip(list.entries().iter().copied()) {
        let kept = room.clone();
        if node.blocking(move |_| kept.has_whole(entry)).await? {
            continue;
        }
        let segment = layout.segment(shape, index).map_err(|e| impossible(e.to_string()))?;
        let shards = fetch(&sources, segment).await?;
        let shard = compute(segment, order.slot, &shards)?;
        let kept = room.clone();
        node.blocking(move |_| kept.put(shard.root(), shard.bytes())).await?;
    }
    let (revision, entries) = (order.revision, list.entries().to_vec());
    let receipt = node.blocking(move |node| node.receipt(&room, revision, entries)).await?;
    Ok(receipt.signed().clone())
}

/// A slot that can be read from.
struct Source {
    slot: u16,
    client: SlotClient,
}

fn sources(node: &Arc<Node>, order: &RebuildOrder) -> Vec<Source> {
    let source = |source: &network::api::RebuildSource| {
        let endpoint =
            Endpoint::parse(&source.endpoint, node.plain).ok()?.pinned(source.provider).ok()?;
        let client = NodeClient::new(HttpClient::new(endpoint, ClientOptions::default()));
        let pass = Pass::presented(Arc::new(node.key.clone()), source.token.clone()).ok()?;
        Some(Source { slot: source.slot, client: client.slot(pass) })
    };
    order.sources.iter().filter_map(source).collect()
}

/// k verified shards of a segment: from the first k sources, and from the next for each that fails.
async fn fetch(sources: &[Source], segment: SegmentRef<'_>) -> Result<Vec<Shard>, RebuildError> {
    let need = usize::from(segment.shape.data);
    let mut next = sources.iter();
    let mut running: FuturesUnordered<_> =
        next.by_ref().take(need).map(|s| one(s, segment)).collect();
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
    let root: Root =
        root.ok_or_else(|| format!("slot {}: the segment has no such shard", source.slot))?;
    let bytes = source.client.get(root, segment.layout.shard_bytes).await;
    let bytes = bytes.map_err(|error| format!("slot {}: {error}", source.slot))?;
    segment
        .accept_shard(source.slot, bytes, root)
        .map_err(|error| format!("slot {}: {error}", source.slot))
}

fn compute(segment: SegmentRef<'_>, slot: u16, shards: &[Shard]) -> Result<Shard, RebuildError> {
    let rebuilt = tokio::task::block_in_place(|| segment.rebuild_shard(slot, shards));
    rebuilt.map_err(|error| RebuildError::Computed(error.to_string()))
}
