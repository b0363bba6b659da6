//! What a client tells while it works, for progress bars and stories.

use types::documents::Quote;
use types::{ContractId, Did, Msat};

/// One thing that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The market named its price.
    Quoted(&'a Quote),
    /// The quote was accepted, and the escrow is locked.
    Agreed {
        /// The contract that this made.
        contract: ContractId,
        /// What is locked.
        escrow: Msat,
    },
    /// The object goes into a contract that is there.
    Joined {
        /// Which.
        contract: ContractId,
    },
    /// Some providers have confirmed their slots.
    Confirmed {
        /// How many.
        slots: usize,
        /// Of how many.
        of: usize,
    },
    /// Escrows on Bitcoin are waited for: some slots take no bytes yet.
    Unfunded {
        /// Which slots.
        slots: &'a [u16],
        /// What the first one's provider says.
        reason: &'a str,
    },
    /// Every slot's escrow is funded, as its provider sees the chain.
    Funded {
        /// How many slots.
        slots: usize,
    },
    /// An interrupted upload goes on.
    Resumed {
        /// Under this contract.
        contract: ContractId,
        /// So many shards are with their providers already.
        shards: usize,
    },
    /// Bytes of the object were read (upload) or written (download).
    Moved {
        /// So many by now.
        bytes: u64,
        /// Of so many, where that is known.
        total: Option<u64>,
    },
    /// A provider failed to take or give a shard, and is tried again.
    Troubled {
        /// Which slot.
        slot: u16,
        /// Who keeps it.
        provider: Did,
        /// What it said.
        reason: &'a str,
    },
    /// Every provider has signed for what it holds.
    Received {
        /// How many slots.
        slots: usize,
    },
    /// The market took the revision: the object is stored.
    Revised {
        /// Its number.
        number: u64,
    },
    /// The catalogue's backup is in the market.
    BackedUp {
        /// Its generation.
        generation: u64,
    },
    /// The backup could not be stored; the object is, and the next change tries again.
    BackupFailed {
        /// Why.
        reason: &'a str,
    },
    /// The market did not answer; the download goes on with what the catalogue knows.
    WithoutMarket {
        /// What went wrong.
        reason: &'a str,
    },
}

/// Whoever wants to know. `()` does not; a closure does.
pub trait Progress: Send + Sync {
    /// Takes note. Called from the engines' tasks and threads, so it must not block.
    fn notice(&self, event: &Event<'_>);
}

impl Progress for () {
    fn notice(&self, _: &Event<'_>) {}
}

impl<F: Fn(&Event<'_>) + Send + Sync> Progress for F {
    fn notice(&self, event: &Event<'_>) {
        self(event);
    }
}
