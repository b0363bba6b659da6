//! A client that buys only to cancel: providers reserve and lock bonds, take the bytes in, and are left at once.

use super::{Agent, Deed, Seat, client};
use crate::agents::client::Client;
use contracts::ContractState;
use serde::Deserialize;
use types::ContractId;
use types::documents::{Cancellation, Quote};

/// What a griefer is like: a client's settings, and how long it stays.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// As which it looks. One that fills nothing abandons what it has reserved.
    #[serde(flatten)]
    pub client: client::Settings,
    /// Whether it cancels every contract as soon as its bytes are stored.
    pub cancels: bool,
}

/// The client.
#[derive(Clone, Debug)]
pub struct Griefer {
    client: Client,
    cancels: bool,
}

impl Griefer {
    /// A griefer.
    pub fn new(settings: Settings, number: u32) -> Self {
        Self { client: Client::new(settings.client, number), cancels: settings.cancels }
    }
}

impl Agent for Griefer {
    fn act(&mut self, seat: &mut Seat<'_>) {
        let me = seat.party(0);
        let stored = seat.market.contracts_of(&me).filter(|contract| {
            self.cancels && contract.state == ContractState::Active && contract.left.is_none()
        });
        let stored: Vec<ContractId> = stored.map(|contract| contract.id).collect();
        for contract in stored {
            seat.hand(Deed::Cancel(Cancellation { client: me, contract }));
        }
        self.client.act(seat);
    }

    fn quoted(&mut self, seat: &mut Seat<'_>, quote: &Quote) -> bool {
        self.client.quoted(seat, quote)
    }
}
