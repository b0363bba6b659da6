//! Commands that change a contract which was agreed: longer, larger, ended early, bonded anew.

use super::stage::CLIENT;
use super::{World, signed};
use contracts::ContractState;
use market::Command;
use types::documents::{Cancellation, Departure, Extension, Growth, TopUp};
use types::{Bytes, ContractId, Msat};

impl World {
    /// An extension to `epochs` in all, numbered after the last.
    pub(crate) fn extension(&self, id: ContractId, epochs: u64, automatic: bool) -> Command {
        let contract = self.market.contract(&id).expect("a contract of this story");
        let number = contract.extension.map_or(1, |(latest, _)| latest + 1);
        let client = contract.client;
        Command::Extend(signed(Extension { client, contract: id, number, epochs, automatic }))
    }

    pub(crate) fn growth(&self, contract: ContractId, capacity: u64) -> Command {
        let client = self.market.contract(&contract).map_or(CLIENT, |c| c.client);
        Command::Grow(signed(Growth { client, contract, capacity: Bytes(capacity) }))
    }

    pub(crate) fn cancellation(&self, contract: ContractId) -> Command {
        let client = self.market.contract(&contract).map_or(CLIENT, |c| c.client);
        Command::Cancel(signed(Cancellation { client, contract }))
    }

    pub(crate) fn departure(&self, contract: ContractId, slot: u16) -> Command {
        let provider = self.provider(contract, slot);
        Command::Depart(signed(Departure { provider, contract, slot }))
    }

    /// A top-up to `bond`, signed in the knowledge of what the bond has lost.
    pub(crate) fn top_up(&self, contract: ContractId, slot: u16, bond: i64) -> Command {
        let (provider, slashed) =
            (self.provider(contract, slot), self.slot(contract, slot).slashed);
        Command::TopUp(signed(TopUp { provider, contract, slot, slashed, bond: Msat(bond) }))
    }

    /// Opens epochs and does what is due, with everyone audited, until `epoch` is open.
    pub(crate) fn audit_until(&mut self, epoch: u64) {
        while self.market.epoch().0 < epoch {
            self.audit_epoch(&[]);
        }
    }

    pub(crate) fn is_active(&self, id: ContractId) -> bool {
        self.known(id).state == ContractState::Active
    }
}
