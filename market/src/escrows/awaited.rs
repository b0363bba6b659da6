//! Extensions that are agreed and not in force yet: their money is to be in larger outputs first, and only providers see those.

use super::{Escrow, Escrows, Output};
use crate::event::Event;
use contracts::Amendment;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use types::documents::QuotedSlot;
use types::{ContractId, DocId};

/// What a contract on Bitcoin is to be once every provider sees its new escrow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// The client's extension.
    pub document: DocId,
    /// Its number.
    pub number: u64,
    /// What the contract is to be.
    pub amendment: Amendment,
    /// The slots whose providers see theirs.
    pub sighted: BTreeSet<u16>,
}

impl Escrows {
    /// What is awaited of a contract.
    pub fn awaited(&self, contract: ContractId) -> Option<&Awaited> {
        self.awaited.get(&contract)
    }

    /// The highest number of an extension that escrows of a contract were agreed for; 0 where none was.
    pub fn latest(&self, contract: ContractId) -> u64 {
        let outputs = self.of(contract).flat_map(|(.., escrow)| &escrow.outputs);
        outputs.map(|output| output.extension).max().unwrap_or(0)
    }

    /// How many outputs were agreed for the slot of a contract that has the most.
    pub fn outputs(&self, contract: ContractId) -> usize {
        self.of(contract).map(|(.., escrow)| escrow.outputs.len()).max().unwrap_or(0)
    }

    /// Takes up what is awaited, and what is in force; whatever else changes a contract or its slots ends the waiting.
    pub(super) fn await_or_not(&mut self, event: &Event) {
        match event {
            Event::ExtensionAgreed { contract, document, number, amendment, .. } => {
                self.agree(*contract, *number, amendment);
                let (document, number, amendment) = (*document, *number, (**amendment).clone());
                let awaited = Awaited { document, number, amendment, sighted: BTreeSet::new() };
                self.awaited.insert(*contract, awaited);
            }
            Event::ExtensionSighted { slot, .. } => {
                if let Some(awaited) = self.awaited.get_mut(&slot.contract) {
                    awaited.sighted.insert(slot.slot);
                }
            }
            Event::ContractExtended { contract, number, .. } => {
                self.awaited.remove(contract);
                self.change_all(*contract, |escrow| {
                    if !escrow.over && escrow.output(*number).is_some() {
                        escrow.in_force = *number;
                    }
                });
            }
            Event::SlotVacated { slot, .. } | Event::SlotDeparting { slot, .. } => {
                self.awaited.remove(&slot.contract);
            }
            Event::ContractLeft { contract, .. }
            | Event::ContractCancelled { contract, .. }
            | Event::ContractCompleted { contract, .. }
            | Event::ContractFailed { contract, .. } => {
                self.awaited.remove(contract);
            }
            _ => {}
        }
    }

    /// Whoever holds a slot has an output of what the slot is to be.
    fn agree(&mut self, contract: ContractId, extension: u64, amendment: &Amendment) {
        let keys: Vec<_> = self.all.range(super::keys(contract)).map(|(key, _)| *key).collect();
        for key in keys {
            let Some(to) = amendment.slots.get(usize::from(key.0.slot)) else { continue };
            self.change(key, |escrow| {
                if escrow.over {
                    return;
                }
                let before = escrow.current().quoted.clone();
                let quoted = QuotedSlot { cost: to.cost, bond: to.bond, ..before };
                escrow.outputs.push(Output { extension, quoted, outcome: None });
            });
        }
    }

    pub(super) fn change_all(&mut self, contract: ContractId, change: impl Fn(&mut Escrow)) {
        let keys: Vec<_> = self.all.range(super::keys(contract)).map(|(key, _)| *key).collect();
        keys.into_iter().for_each(|key| self.change(key, &change));
    }
}
