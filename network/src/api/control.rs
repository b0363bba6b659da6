//! What market and provider tell each other over the control stream.

use super::{MarketInfo, Problem};
use serde::{Deserialize, Serialize};
use types::documents::SlotSize;
use types::{ContractId, Did, DocId, Signed};

/// The market → a provider, over the stream that the provider opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToProvider {
    /// The provider is known from now on.
    Welcome(Box<MarketInfo>),
    /// A [`types::documents::Reservation`] to confirm or decline.
    Reservation(Signed),
    /// A [`types::documents::Challenge`] to answer.
    Challenge(Signed),
    /// Rebuild what the slot must hold.
    Rebuild(Box<RebuildOrder>),
    /// The slot is no longer this provider's: its bytes may go.
    Released {
        /// Of which contract.
        contract: ContractId,
        /// Which slot.
        slot: u16,
    },
    /// A document of the provider's was refused.
    Refused {
        /// Which.
        document: DocId,
        /// Why.
        problem: Problem,
    },
    /// A document of the provider's was taken.
    Accepted {
        /// Which.
        document: DocId,
    },
    /// A verdict that found something wrong was recorded against the provider.
    Verdict {
        /// The signed [`types::documents::Verdict`].
        verdict: Signed,
        /// The signed [`types::documents::Challenge`] that it rests on.
        challenge: Signed,
    },
    /// A client counters a quote that names the provider: it may ask less for this counter alone, or refuse.
    Counter {
        /// The client's counter.
        counter: Signed,
        /// The quote, as the market signed it.
        quote: Signed,
    },
}

/// A provider → the market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToMarket {
    /// First message: a [`types::documents::Session`], and the slots that it keeps.
    Hello {
        /// Who speaks.
        session: Signed,
        /// What it holds, so that the market can release what it need not.
        holdings: Vec<(ContractId, u16)>,
    },
    /// An ask.
    Ask(Signed),
    /// A confirmation.
    Confirmation(Signed),
    /// A proof and the bytes it speaks for.
    Proof {
        /// The signed proof.
        proof: Signed,
        /// `shards::prove`'s encoding of the answers, one block per challenged slot, in the challenge's order.
        answers: Vec<Vec<u8>>,
    },
    /// A slot was rebuilt: a storage receipt.
    Receipt(Signed),
    /// A loss it reports itself.
    Confession(Signed),
    /// A voucher it redeems.
    Voucher(Signed),
    /// It will not lower its ask for a counter; one that it does lower comes as an ask that names the counter.
    CounterRefusal(Signed),
}

/// From where to read, with whose leave, what a slot must come to hold again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebuildOrder {
    /// Which contract.
    pub contract: ContractId,
    /// Which slot.
    pub slot: u16,
    /// The revision the receipt must name.
    pub revision: u64,
    /// What the slot must hold.
    pub size: SlotSize,
    /// The contract's layout, encoded as the client stored it.
    pub layout: Vec<u8>,
    /// The other slots.
    pub sources: Vec<RebuildSource>,
}

/// One slot that a rebuild may read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebuildSource {
    /// Its number.
    pub slot: u16,
    /// Who holds it.
    pub provider: Did,
    /// Where.
    pub endpoint: String,
    /// An [`types::documents::AccessToken`] from the market, for the rebuilding provider.
    pub token: Signed,
}
