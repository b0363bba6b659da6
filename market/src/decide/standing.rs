//! What a provider's standing brings with it: more challenges under suspicion, no more offers under a ban.

use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::{ContractState, SlotState};
use reputation::Change;
use std::collections::{BTreeMap, BTreeSet};
use types::{Did, Standing};

impl Market {
    /// How near a provider is to being expelled for what it loses or hides, in permille.
    pub fn suspicion(&self, provider: &Did) -> u16 {
        let record = self.records.get(provider);
        record.map_or(0, |record| record.suspicion_permille(&self.genesis.reputation))
    }

    /// Whether a provider is banned.
    pub fn is_banned(&self, provider: &Did) -> bool {
        self.score(provider).standing == Standing::Banned
    }

    /// The slots that providers who are banned after `changes` have to hand over: those that are sound. One at fault is
    /// lost or made good first.
    pub(crate) fn to_relieve(&self, changes: &BTreeMap<Did, Change>) -> Vec<Event> {
        let mut banned: BTreeSet<Did> = self.reviews.banned().iter().copied().collect();
        for (provider, change) in changes {
            if change.to == Standing::Banned {
                banned.insert(*provider);
            } else {
                banned.remove(provider);
            }
        }
        let slots = banned.iter().flat_map(|did| self.holdings(did).map(move |slot| (*did, slot)));
        let holds = |(_, id): &(Did, SlotId)| {
            self.slot(*id).is_some_and(|(contract, slot)| {
                contract.state == ContractState::Active
                    && slot.state == SlotState::Filled
                    && slot.leaving.is_none()
            })
        };
        let held = slots.filter(holds);
        held.map(|(provider, slot)| Event::SlotRelieved { slot, provider }).collect()
    }

    /// A banned provider's offers are refused.
    pub(crate) fn not_banned(&self, provider: Did) -> Result<(), Rejection> {
        if self.is_banned(&provider) { Err(Rejection::Banned(provider)) } else { Ok(()) }
    }
}
