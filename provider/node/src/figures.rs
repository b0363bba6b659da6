//! What a provider counts for Prometheus (see [`network::metrics`]); docs/providers.md lists it.

use crate::node::Node;
use types::Bytes;

/// Shard bytes came in and are durable.
pub(crate) fn stored(bytes: usize) {
    metrics::counter!("bondstore_shard_bytes_total", "way" => "in").increment(bytes as u64);
}

/// Shard bytes are read out.
pub(crate) fn served(bytes: usize) {
    metrics::counter!("bondstore_shard_bytes_total", "way" => "out").increment(bytes as u64);
}

/// A challenge was answered, or could not be.
pub(crate) fn challenged(answered: bool) {
    let outcome = if answered { "answered" } else { "unanswered" };
    metrics::counter!("bondstore_challenges_total", "outcome" => outcome).increment(1);
}

/// Sets what is looked up when somebody asks.
pub(crate) fn look(node: &Node, published: bool) {
    // Beyond 2^53 bytes the last digits do not matter.
    #[expect(clippy::cast_precision_loss, reason = "a figure for a chart")]
    let bytes = |bytes: Bytes| bytes.0 as f64;
    metrics::gauge!("bondstore_capacity_bytes").set(bytes(node.settings.offer.capacity));
    metrics::gauge!("bondstore_used_bytes").set(bytes(node.store.used()));
    let slots = u32::try_from(node.store.rooms().len()).unwrap_or(u32::MAX);
    metrics::gauge!("bondstore_slots").set(f64::from(slots));
    metrics::gauge!("bondstore_ask_published").set(f64::from(u8::from(published)));
}
