//! Asking one slot for one shard.

use super::tab::Tab;
use crate::holding::Holding;
use bytes::Bytes;
use client::plan::Failure;
use network::client::ClientError;
use shards::{ObjectLayout, Shard};

/// A provider that asks to be paid is paid and asked again so often.
const DUNNED_MAX: u32 = 6;

/// One slot that can be asked.
pub(crate) struct Seller {
    pub(crate) holding: Holding,
    pub(crate) tab: Tab,
}

impl Seller {
    /// This slot's shard of segment `segment`, verified against its root.
    pub(crate) async fn fetch(
        &self,
        object: &ObjectLayout,
        segment: u64,
    ) -> Result<Shard, Failure> {
        let segment =
            object.segment(segment).map_err(|error| Failure::Lasting(error.to_string()))?;
        let slot = self.holding.slot;
        let root = *segment
            .layout
            .roots
            .get(usize::from(slot))
            .ok_or_else(|| Failure::Lasting("the object has no shard there".into()))?;
        let bytes = self.bought(root, segment.layout.shard_bytes).await?;
        // `get` has hashed what came; the root it checked is the one of this place.
        segment
            .accept_shard(slot, bytes, root)
            .map_err(|error| Failure::WrongBytes(error.to_string()))
    }

    async fn bought(&self, root: shards::Root, bytes: u32) -> Result<Bytes, Failure> {
        let mut paid = self.tab.order(bytes.into()).await?;
        for _ in 0..DUNNED_MAX {
            match self.holding.client.get(root, bytes).await {
                Err(error) if error.code() == Some("voucher_due") => {
                    paid = self.tab.dunned(paid).await?;
                }
                other => return other.map_err(|error| failure(&error)),
            }
        }
        Err(Failure::Lasting("it asks to be paid again and again".into()))
    }
}

/// What a failed call says about the slot.
pub(crate) fn failure(error: &ClientError) -> Failure {
    let reason = error.to_string();
    match error {
        ClientError::WrongAnswer { .. } | ClientError::TooLarge { .. } => {
            Failure::WrongBytes(reason)
        }
        error if error.is_transient() => Failure::Passing(reason),
        _ => Failure::Lasting(reason),
    }
}
