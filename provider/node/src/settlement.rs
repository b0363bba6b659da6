//! What a provider's treasurer is to its node: routes beside the data plane, and a word on which slots may take bytes.
//!
//! A contract on Bitcoin is worth nothing to its provider before the slot's escrow is funded. So the node takes no bytes for such a
//! slot, and signs no receipt, until its own treasurer has seen that on the chain.

use crate::node::Node;
use crate::store::{Room, SlotKey};
use axum::Router;
use std::fmt;
use std::sync::Arc;
use types::Verified;
use types::documents::Reservation;
use types::terms::RailKind;

/// A treasurer beside the node.
#[derive(Clone)]
pub struct Settlement {
    /// Its routes, served with the data plane's. None of them may be one of those.
    pub routes: Router,
    /// Says which slots may take bytes.
    pub gate: Arc<dyn Gate>,
}

impl fmt::Debug for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settlement").finish_non_exhaustive()
    }
}

/// Whoever knows how far a slot's escrow has come.
pub trait Gate: Send + Sync {
    /// Whether the slot may take bytes now. Asked with every shard, so it must answer from memory.
    ///
    /// # Errors
    /// [`NotFunded`] says why not.
    fn may_take(&self, slot: SlotKey) -> Result<(), NotFunded>;
    /// Takes note, durably, that the node is about to confirm a reservation of a contract on Bitcoin; `holds` says whether it has the
    /// slot already.
    ///
    /// # Errors
    /// Why it must decline, in words.
    fn agrees(&self, reservation: &Verified<Reservation>, holds: bool) -> Result<(), String>;
    /// Takes note that the node has let a slot go.
    fn let_go(&self, slot: SlotKey);
}

/// Why a slot of a contract on Bitcoin takes no bytes yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFunded {
    /// None is agreed on, or it has ended.
    #[error("this slot has no escrow; the client's `bondstore coins run` makes and funds it")]
    NoEscrow,
    /// The funding is on its way.
    #[error(
        "the slot's escrow has {confirmations} of {of} confirmations; try again when it has all"
    )]
    Shallow {
        /// How many blocks bear it.
        confirmations: u32,
        /// How many must.
        of: u32,
    },
    /// The provider runs without its treasurer.
    #[error(
        "this provider runs without its treasurer now and sees no escrow; its operator must run it with --coins"
    )]
    NoTreasurer,
}

impl Node {
    /// Has the treasurer take note of a reservation that is about to be confirmed.
    ///
    /// # Errors
    /// Why it is declined, for slots of contracts on Bitcoin alone.
    pub(crate) fn agrees(
        &self,
        reservation: &Verified<Reservation>,
        holds: bool,
    ) -> Result<(), String> {
        match (reservation.rail, &self.settlement) {
            (RailKind::Bitcoin, Some(settlement)) => settlement.gate.agrees(reservation, holds),
            // Whoever has no treasurer has declined before, but for what it holds.
            (RailKind::Bitcoin, None) | (RailKind::Ledger, _) => Ok(()),
        }
    }

    /// Whether a slot may take bytes and be signed for.
    ///
    /// # Errors
    /// [`NotFunded`], for slots of contracts on Bitcoin alone.
    pub(crate) fn may_take(&self, room: &Room) -> Result<(), NotFunded> {
        match (room.lease().rail, &self.settlement) {
            (RailKind::Ledger, _) => Ok(()),
            (RailKind::Bitcoin, Some(settlement)) => settlement.gate.may_take(room.key()),
            (RailKind::Bitcoin, None) => Err(NotFunded::NoTreasurer),
        }
    }
}
