//! How a wallet keeps up with a chain: forward block by block, and back to where the chain has parted from what it knew.

use super::{Wallet, WalletError};
use crate::chain::{Chain, Tip};
use bdk_wallet::chain::BlockId;

/// After how many blocks what was learnt is made durable.
const SAVE_EVERY: u32 = 500;

impl Wallet {
    /// Reads every block that is new on `chain`, those of a better branch included, and says where it stands.
    pub async fn follow<C: Chain>(&mut self, chain: &C) -> Result<Tip, WalletError> {
        let tip = chain.tip().await?;
        let mut below = self.parting(chain).await?;
        while below.height < tip.height {
            let height = below.height.saturating_add(1);
            let block = chain.block(height).await?.ok_or(WalletError::Moved)?;
            if block.header.prev_blockhash != below.hash && below.height > 0 {
                return Err(WalletError::Moved);
            }
            let applied = self.bdk.apply_block_connected_to(&block, height, below);
            applied.map_err(|_| WalletError::Moved)?;
            below = BlockId { height, hash: block.block_hash() };
            if height.is_multiple_of(SAVE_EVERY) {
                self.save()?;
            }
        }
        self.save()?;
        Ok(self.tip())
    }

    /// The last block that it and `chain` have both.
    async fn parting<C: Chain>(&self, chain: &C) -> Result<BlockId, WalletError> {
        for known in self.bdk.checkpoints() {
            let there = chain.block(known.height()).await?.map(|block| block.block_hash());
            if there == Some(known.hash()) {
                return Ok(known.block_id());
            }
        }
        let reason = "its chain has another beginning".to_owned();
        Err(WalletError::OtherKeys(reason))
    }
}
