//! What a watch sees and says.

use bitcoin::{OutPoint, Transaction, Txid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long a party waits for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patience {
    /// The height after which a funding that no block ever had is given up.
    pub funding_until: u32,
    /// How many blocks after the auditors' word the other has to agree on a close, before the payout is broadcast without it.
    pub close_blocks: u16,
}

/// What became of a funding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FundingState {
    /// No block has it.
    Waiting,
    /// A block has it. Once that is final, a wallet may release what it kept aside.
    Mined {
        /// Its height.
        height: u32,
        /// Whether it is deep enough.
        is_final: bool,
    },
    /// Another transaction took one of its inputs: there is no contract, and everybody has its own. Once that is final, a wallet may
    /// release what it kept aside.
    Void {
        /// Which transaction.
        by: Txid,
        /// Whether that is deep enough.
        is_final: bool,
    },
}

/// How a slot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Both signed a close.
    Agreed,
    /// By the auditors' word, which was one of these values.
    Outcome {
        /// The lowest.
        first: u16,
        /// The highest.
        last: u16,
    },
    /// Both have their own.
    Refund,
    /// Both signed that its money goes on in another escrow.
    Respent,
    /// One of them and the arbiter.
    Arbiter,
}

/// What became of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotState {
    /// It has no escrow yet, or no more.
    Unfunded,
    /// Its escrow is unspent.
    Open,
    /// Its escrow is spent.
    Ended {
        /// How.
        by: Ending,
        /// By which transaction.
        txid: Txid,
        /// Whether that is deep enough.
        is_final: bool,
    },
}

/// What is to be done now. It is said again until the chain shows it done; a chain may refuse what it has in another version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// To be broadcast.
    Broadcast(Transaction),
    /// The funding is given up: spend at least one of these own inputs elsewhere, so that no block can have it any more.
    TakeBack(Vec<OutPoint>),
}

/// Where a contract stands, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its funding.
    pub funding: FundingState,
    /// This party's slots, by number.
    pub slots: BTreeMap<usize, SlotState>,
    /// What to do, in this order.
    pub actions: Vec<Action>,
}
