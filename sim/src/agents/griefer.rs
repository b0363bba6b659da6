//! A client that buys only to cancel: providers reserve and lock bonds, take the bytes in or wait for them, and are left.

use super::{Agent, Deed, Seat, client};
use crate::agents::client::Client;
use contracts::{Contract, ContractState};
use serde::{Deserialize, Serialize};
use types::ContractId;
use types::documents::{Cancellation, Quote};

/// What a griefer is like: a client's settings, and how long it stays.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Settings {
    /// As which it looks. One that fills nothing abandons what it has reserved.
    #[serde(flatten)]
    pub client: client::Settings,
    /// Whether it cancels every contract: as soon as its bytes are stored or, where it fills nothing, as soon as every provider
    /// has taken its slot.
    pub cancels: bool,
}

/// The client.
#[derive(Clone, Debug)]
pub struct Griefer {
    client: Client,
    cancels: bool,
    /// Whether it stores anything.
    fills: bool,
}

impl Griefer {
    /// A griefer.
    pub fn new(settings: Settings, number: u32) -> Self {
        let (cancels, fills) = (settings.cancels, settings.client.fill_permille > 0);
        Self { client: Client::new(settings.client, number), cancels, fills }
    }
}

impl Agent for Griefer {
    fn act(&mut self, seat: &mut Seat<'_>) {
        let me = seat.party(0);
        let is_ready = |contract: &Contract| match contract.state {
            ContractState::Agreed => !self.fills && contract.slots.iter().all(|s| s.confirmed),
            state => state == ContractState::Active && contract.left.is_none(),
        };
        let ready = seat.market.contracts_of(&me);
        let ready = ready.filter(|contract| self.cancels && is_ready(contract));
        let ready: Vec<ContractId> = ready.map(|contract| contract.id).collect();
        for contract in ready {
            seat.hand(Deed::Cancel(Cancellation { client: me, contract }));
        }
        self.client.act(seat);
    }

    fn quoted(&mut self, seat: &mut Seat<'_>, quote: &Quote) -> bool {
        self.client.quoted(seat, quote)
    }
}
