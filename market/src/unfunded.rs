//! Room that is reserved on Bitcoin before anything is stored: a reservation that costs its client nothing, and so is bounded.

use crate::rejection::Rejection;
use crate::state::Market;
use contracts::{Contract, ContractState};
use serde::{Deserialize, Serialize};
use types::documents::Exclusion;
use types::terms::RailKind;
use types::{Bytes, Did};

/// How much may be reserved on Bitcoin and not yet stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnfundedRules {
    /// Of what a provider has room for beside its other slots, in permille.
    pub room_permille: u16,
    /// Of one client's contracts.
    pub contracts_max: u16,
}

impl Default for UnfundedRules {
    fn default() -> Self {
        Self { room_permille: 500, contracts_max: 16 }
    }
}

impl UnfundedRules {
    /// The most that may be unfunded of a `room`, of which `paid` is held by other slots.
    fn most(self, room: Bytes, paid: Bytes) -> Bytes {
        let free = u128::from(room.0.saturating_sub(paid.0));
        let most = free * u128::from(self.room_permille.min(1000)) / 1000;
        Bytes(u64::try_from(most).unwrap_or(u64::MAX))
    }
}

/// Room that cannot be reserved before it is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnfundedRoom {
    /// What is reserved so already.
    pub reserved: Bytes,
    /// What is wanted besides.
    pub wanted: Bytes,
    /// The most that both may be.
    pub most: Bytes,
}

impl UnfundedRoom {
    /// The reason in words, as a quote carries it.
    pub(crate) fn exclusion(self, provider: Did) -> Exclusion {
        let Self { reserved, wanted, most } = self;
        let reason = format!(
            "{reserved} of its room are reserved on Bitcoin and not yet paid for, {wanted} more are wanted, and \
             {most} may be at most"
        );
        let remedy = "offer more room; the client may settle on the ledger, ask for smaller slots, or wait until what \
                      is reserved is stored or expires"
            .to_owned();
        Exclusion { provider, reason, remedy }
    }
}

impl Market {
    /// Slot bytes of `provider` that are reserved on Bitcoin, and of which nothing is stored.
    pub fn unfunded(&self, provider: &Did) -> Bytes {
        let slots = self.holdings(provider).filter_map(|id| self.slot(id));
        let reserved = slots.filter(|(contract, _)| is_unfunded(contract));
        Bytes(reserved.fold(0, |sum: u64, (_, slot)| sum.saturating_add(slot.capacity.0)))
    }

    /// Why `provider`, of whose room `room` may be used, may not have another slot of `wanted` that is paid for later.
    pub(crate) fn unfunded_room(
        &self,
        provider: &Did,
        room: Bytes,
        wanted: Bytes,
    ) -> Option<UnfundedRoom> {
        let rules = self.genesis.unfunded?;
        let reserved = self.unfunded(provider);
        let paid = Bytes(self.committed(provider).0.saturating_sub(reserved.0));
        let most = rules.most(room, paid);
        let fits = reserved.0.saturating_add(wanted.0) <= most.0;
        (!fits).then_some(UnfundedRoom { reserved, wanted, most })
    }

    /// How many contracts of `client` on Bitcoin have nothing stored.
    pub(crate) fn unfunded_contracts(&self, client: &Did) -> usize {
        self.contracts_of(client).filter(|contract| is_unfunded(contract)).count()
    }

    /// Whether `client` may have one more contract that it pays for later.
    pub(crate) fn may_reserve(&self, rail: RailKind, client: &Did) -> Result<(), Rejection> {
        let Some(rules) = self.genesis.unfunded.filter(|_| rail == RailKind::Bitcoin) else {
            return Ok(());
        };
        let (found, most) = (self.unfunded_contracts(client), rules.contracts_max);
        if found < usize::from(most) {
            return Ok(());
        }
        Err(Rejection::Unfunded { client: *client, found, most })
    }
}

fn is_unfunded(contract: &Contract) -> bool {
    contract.terms.rail == RailKind::Bitcoin && contract.state == ContractState::Agreed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_what_others_have_not_paid_for_may_be_unfunded() {
        let cases = [
            // permille, room, paid, the most
            (500, 100, 0, 50),
            (500, 100, 60, 20),
            (500, 101, 0, 50),
            (500, 100, 100, 0),
            (500, 100, 120, 0),
            (0, 100, 0, 0),
            (1000, 100, 30, 70),
            (2000, 100, 30, 70),
            (1000, u64::MAX, 0, u64::MAX),
        ];
        for (room_permille, room, paid, most) in cases {
            let rules = UnfundedRules { room_permille, contracts_max: 1 };
            let found = rules.most(Bytes(room), Bytes(paid));
            assert_eq!(found, Bytes(most), "{room_permille} of {room} less {paid}");
        }
    }
}
