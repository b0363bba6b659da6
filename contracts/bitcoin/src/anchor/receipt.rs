//! Receipts that carry an anchor.

use super::{AnchorError, AnchorProof, Anchored, Statement, Trusted};
use types::documents::{Anchor, TreeHead};

/// Whether the journal that `head` speaks of was committed in a block that is trusted, as `anchor` says. That the head is the
/// market's is for [`Receipt::verify`](types::documents::Receipt::verify) to show.
///
/// # Errors
/// [`AnchorError`] names the first link that does not hold.
pub fn verify(
    anchor: Option<&Anchor>,
    head: &TreeHead,
    trusted: &Trusted,
) -> Result<Anchored, AnchorError> {
    let anchor = anchor.ok_or(AnchorError::None)?;
    anchor.covers(head).map_err(AnchorError::OtherJournal)?;
    let proof = AnchorProof::try_from(anchor.proof.clone())?;
    let statement = Statement { market: head.market, entries: anchor.size, root: anchor.root };
    proof.verify(&statement, trusted)
}
