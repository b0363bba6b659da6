//! Telling a follower what a chain holds now.

use super::{Change, Follower};
use crate::chain::{Chain, ChainError, Tip};
use bitcoin::pow::Work;
use bitcoin::{Block, BlockHash};

/// How often a chain may change its mind while it is being followed.
const TRIES: usize = 5;

/// Brings `follower` to where `chain` stands: finds where both part, undoes what the chain has left, follows what it holds instead.
///
/// A branch is adopted only if it has more work than what was followed. So a node that lags behind, or is shown a shorter branch,
/// undoes nothing.
///
/// # Errors
/// [`ChainError`] where the chain does not answer, or answers with blocks that do not connect. What could be followed before is
/// followed, and told: an error comes only where nothing has changed; asking again meets it again.
pub async fn follow(
    chain: &impl Chain,
    follower: &mut Follower,
) -> Result<Vec<Change>, ChainError> {
    let mut changes = vec![];
    let followed = catch_up(chain, follower, &mut changes).await;
    match followed {
        Err(error) if changes.is_empty() => Err(error),
        Err(error) => {
            tracing::warn!(%error, "the chain was followed in part; trying again");
            Ok(changes)
        }
        Ok(()) => Ok(changes),
    }
}

/// How one look ended.
enum Look {
    /// Follower and chain stand together, or the chain has nothing better.
    Done,
    /// The chain changed while it was looked at.
    Again,
}

async fn catch_up(
    chain: &impl Chain,
    follower: &mut Follower,
    changes: &mut Vec<Change>,
) -> Result<(), ChainError> {
    for _ in 0..TRIES {
        let tip = chain.tip().await?;
        if let Look::Done = look(chain, follower, tip, changes).await? {
            return Ok(());
        }
    }
    Err(ChainError::Senseless("its blocks do not stand on each other".into()))
}

async fn look(
    chain: &impl Chain,
    follower: &mut Follower,
    tip: Tip,
    changes: &mut Vec<Change>,
) -> Result<Look, ChainError> {
    let Some(own) = follower.tip() else {
        return forward(chain, follower, tip, changes).await;
    };
    if tip == own {
        return Ok(Look::Done);
    }
    let parting = part(chain, follower, tip.height.min(own.height)).await?;
    if parting.keep > own.height {
        return forward(chain, follower, tip, changes).await;
    }
    if parting.branch.is_empty() {
        // The chain's tip is one that was passed long ago: this node lags.
        return Ok(Look::Done);
    }
    let Some(branch) = outweigh(chain, follower, parting, tip).await? else {
        return Ok(Look::Done);
    };
    if !branch.stands(follower) {
        return Ok(Look::Again);
    }
    changes.extend(follower.rewind(branch.keep));
    for block in &branch.branch {
        match follower.connect(block) {
            Ok(more) => changes.extend(more),
            Err(_) => return Ok(Look::Again),
        }
    }
    forward(chain, follower, tip, changes).await
}

/// Follows block by block from where the follower stands.
async fn forward(
    chain: &impl Chain,
    follower: &mut Follower,
    tip: Tip,
    changes: &mut Vec<Change>,
) -> Result<Look, ChainError> {
    while follower.next_height() <= tip.height {
        let Some(block) = chain.block(follower.next_height()).await? else {
            return Ok(Look::Again);
        };
        match follower.connect(&block) {
            Ok(more) => changes.extend(more),
            Err(_) => return Ok(Look::Again),
        }
    }
    Ok(Look::Done)
}

/// Where a chain parts from what was followed.
struct Parting {
    /// The first height at which both differ.
    keep: u32,
    /// The chain's blocks from there on, as far as they were fetched; lowest first.
    branch: Vec<Block>,
}

impl Parting {
    /// Whether the branch's blocks stand on each other and on what is kept.
    fn stands(&self, follower: &Follower) -> bool {
        let below = self.keep.checked_sub(1).and_then(|height| follower.passed(height));
        let mut below: Option<BlockHash> = below.map(|passed| passed.hash);
        self.branch.iter().all(|block| {
            let fits = below.is_none_or(|hash| hash == block.header.prev_blockhash);
            below = Some(block.block_hash());
            fits
        })
    }
}

/// Goes down from `from` until chain and follower agree.
async fn part(chain: &impl Chain, follower: &Follower, from: u32) -> Result<Parting, ChainError> {
    let (mut keep, mut branch) = (from.saturating_add(1), vec![]);
    while let Some(passed) = keep.checked_sub(1).and_then(|height| follower.passed(height)) {
        if let Some(block) = chain.block(keep - 1).await? {
            if block.block_hash() == passed.hash {
                break;
            }
            branch.push(block);
        }
        keep -= 1;
    }
    branch.reverse();
    Ok(Parting { keep, branch })
}

/// Fetches more of a branch until it has more work than what it would replace; nothing where it never has.
async fn outweigh(
    chain: &impl Chain,
    follower: &Follower,
    mut parting: Parting,
    tip: Tip,
) -> Result<Option<Parting>, ChainError> {
    let own = follower.blocks.last().map(|passed| passed.work);
    let kept = parting.keep.checked_sub(1).and_then(|height| follower.passed(height));
    let mut work: Option<Work> = kept.map(|passed| passed.work);
    let add = |work: Option<Work>, block: &Block| {
        let more = block.header.work();
        Some(work.map_or(more, |work| work + more))
    };
    for block in &parting.branch {
        work = add(work, block);
    }
    let mut height = parting.keep.saturating_add(u32::try_from(parting.branch.len()).unwrap_or(0));
    while work <= own {
        if height > tip.height {
            return Ok(None);
        }
        let Some(block) = chain.block(height).await? else { return Ok(None) };
        work = add(work, &block);
        parting.branch.push(block);
        height = height.saturating_add(1);
    }
    Ok(Some(parting))
}
