//! Confessions: what the disk has lost of what the market counts on.

use crate::node::Node;
use crate::store::SlotKey;
use network::api::ContractView;
use network::client::ClientError;
use network::market_api::MarketClient;
use provider::{Standing, confession};
use shards::{Entry, Root};
use std::collections::BTreeSet;
use std::sync::Arc;
use types::Signed;

/// Looks at every byte that receipts were signed for; what is lost is confessed then. Blocks for long.
pub(crate) fn check_disk(node: &Node) {
    for room in node.store.rooms() {
        let mut lost = Vec::new();
        for entry in room.listed() {
            if node.stop.is_cancelled() {
                return;
            }
            match room.examine(entry) {
                Ok(health) if health.is_whole() => {}
                Ok(_) => lost.push(entry.root),
                Err(error) => tracing::warn!(%error, "a shard could not be looked at"),
            }
        }
        if !lost.is_empty() || room.has_lost_list() {
            tracing::warn!(slot = ?room.key(), ?lost, "the disk has lost what was signed for");
            node.found_damaged(room.key(), lost);
        }
    }
}

/// The confession that is owed for a slot in which `roots` were found damaged, if one is: about the list that the
/// market's latest revision names, and about no other.
///
/// # Errors
/// The market's, where it cannot say now which list that is.
pub(crate) async fn owed(
    node: &Arc<Node>,
    market: &MarketClient,
    key: SlotKey,
    roots: BTreeSet<Root>,
) -> Result<Option<Signed>, ClientError> {
    let view = market.contract(key.0).await?;
    let Some(standing) = standing(&view, key.1) else { return Ok(None) };
    let owed = node.blocking(move |node| Ok(assess(node, key, &standing, &roots))).await;
    Ok(owed.ok().flatten())
}

fn standing(view: &ContractView, slot: u16) -> Option<Standing> {
    let held = view.slots.iter().find(|held| held.slot == slot)?;
    Some(Standing {
        is_counted_on: view.state == "active" && held.state == "filled",
        provider: held.provider,
        revision: view.revision,
        size: held.size,
    })
}

fn assess(
    node: &Node,
    key: SlotKey,
    standing: &Standing,
    roots: &BTreeSet<Root>,
) -> Option<Signed> {
    let room = node.store.room(&key);
    let list = room.as_ref().and_then(|room| room.list(&Root(standing.size.root.0)));
    // What was put again since is not lost, nor is what cannot be read only now.
    let is_lost = |entry: &Entry| {
        let examined = || room.as_ref().map(|room| room.examine(*entry));
        roots.contains(&entry.root) && matches!(examined(), Some(Ok(health)) if !health.is_whole())
    };
    let entries = list.as_ref().map(|list| list.entries());
    let owed = confession(node.did, key, standing, entries, is_lost)?;
    Some(node.sign(owed).signed().clone())
}
