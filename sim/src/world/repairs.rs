//! What is seen of repairs: how long slots stand empty, what reading for them is worth and what of it is paid, and which
//! contracts fail although their data is there.

use super::World;
use crate::disks::Kept;
use crate::statistics::{amount, real};
use contracts::{Account, ContractState, Posting, SlotState, bond};
use market::Event;
use market::event::SlotId;
use std::collections::BTreeMap;
use types::{ContractId, Did, Epoch, GbPrice};

/// A whole, in permille.
const PERMILLE: f64 = 1_000.0;

/// What is seen of repairs.
#[derive(Clone, Debug, Default)]
pub(super) struct Repairs {
    /// Since when a slot has had nobody who holds its bytes.
    empty: BTreeMap<SlotId, Epoch>,
    /// The longest time that a slot stood empty, in epochs.
    longest: u64,
    /// What the reads for finished rebuilds came to, and what of it was paid, in msat.
    owed: i64,
    paid: i64,
    /// What dearer providers cost the pool, in msat.
    dearer: i64,
    /// What penalties brought into the pool, in msat.
    pooled: i64,
    /// Contracts that failed while so many of their slots as are needed could still be read.
    needless: u64,
}

fn sum(postings: &[Posting], of: impl Fn(&Posting) -> bool) -> i64 {
    postings.iter().filter(|posting| of(posting)).map(|posting| posting.amount.0).sum()
}

impl World {
    /// Whether `provider` can be read from: it is in reach, answers for the slot and has all of it.
    pub(super) fn serves_whole(&self, provider: &Did, slot: SlotId) -> bool {
        self.reach.contains(provider)
            && self.members.serves(provider, slot)
            && self.disks.kept(provider, &slot).is_some_and(Kept::is_whole)
    }

    /// Takes note of what an event means for repairs.
    pub(super) fn see_repair(&mut self, event: &Event) {
        let pool = Account::RepairPool;
        self.repairs.pooled += sum(event.postings(), |posting| posting.credit == pool);
        match event {
            Event::SlotVacated { slot, .. } => {
                let epoch = self.market().epoch();
                self.repairs.empty.entry(*slot).or_insert(epoch);
            }
            Event::RepairOrdered { postings, .. } => {
                self.repairs.dearer += sum(postings, |posting| posting.debit == pool);
            }
            Event::RebuildFinished { slot, postings, .. } => {
                self.repairs.owed += self.reads_of(*slot);
                self.repairs.paid += sum(postings, |posting| posting.debit == pool);
                self.filled_again(*slot);
            }
            Event::ContractFailed { contract, .. } => {
                self.repairs.needless += u64::from(self.could_be_read(contract));
                let slots = self.market().contract(contract).map_or(0, |c| c.slots.len());
                for slot in 0..u16::try_from(slots).unwrap_or(u16::MAX) {
                    self.filled_again(SlotId { contract: *contract, slot });
                }
            }
            Event::ContractCompleted { contract, .. } => {
                let slots = self.market().contract(contract).map_or(0, |c| c.slots.len());
                for slot in 0..u16::try_from(slots).unwrap_or(u16::MAX) {
                    self.filled_again(SlotId { contract: *contract, slot });
                }
            }
            _ => {}
        }
    }

    /// A slot is empty no longer, or its contract is over.
    fn filled_again(&mut self, slot: SlotId) {
        if let Some(since) = self.repairs.empty.remove(&slot) {
            let stood = self.market().epoch().since(since);
            self.repairs.longest = self.repairs.longest.max(stood);
        }
    }

    /// What reading for a rebuild of this slot comes to, by the shipped rule.
    fn reads_of(&self, id: SlotId) -> i64 {
        let Some((contract, slot)) = self.market().slot(id) else { return 0 };
        let sound = (0u16..)
            .zip(&contract.slots)
            .filter(|(number, other)| *number != id.slot && other.state == SlotState::Filled);
        let egress: Vec<GbPrice> = sound.map(|(_, other)| other.quoted.egress).collect();
        let (bytes, data) = (types::Bytes(slot.size.bytes), contract.terms.redundancy.data);
        bond::repair_cost(bytes, data, &egress, GbPrice::whole(0)).map_or(0, |cost| cost.0)
    }

    /// Whether so many slots as are needed can be read.
    fn could_be_read(&self, id: &ContractId) -> bool {
        let Some(contract) = self.market().contract(id) else { return false };
        let there = (0u16..).zip(&contract.slots).filter(|(number, slot)| {
            self.serves_whole(&slot.provider(), SlotId { contract: *id, slot: *number })
        });
        there.count() >= usize::from(contract.terms.redundancy.data)
    }

    /// What is known of repairs at the end.
    pub(super) fn repair_figures(&self) -> Vec<(String, f64)> {
        let Repairs { longest, owed, paid, dearer, pooled, needless, empty } = &self.repairs;
        let now = self.market().epoch();
        let standing = empty.iter().filter(|(slot, _)| {
            let contract = self.market().contract(&slot.contract);
            contract.is_some_and(|contract| contract.state == ContractState::Active)
        });
        let standing: Vec<u64> = standing.map(|(_, since)| now.since(*since)).collect();
        let longest = standing.iter().fold(*longest, |longest, stood| longest.max(*stood));
        let covered = if *owed > 0 { PERMILLE * amount(*paid) / amount(*owed) } else { PERMILLE };
        let named = |name: &str, value: f64| (name.to_owned(), value);
        vec![
            named("repairs.empty_epochs_max", real(longest)),
            named("repairs.open", real(standing.len() as u64)),
            named("repairs.reads_owed_msat", amount(*owed)),
            named("repairs.reads_unpaid_msat", amount(*owed - *paid)),
            named("repairs.reads_paid_permille", covered),
            named("repairs.dearer_msat", amount(*dearer)),
            named("pool.from_penalties_msat", amount(*pooled)),
            named("contracts.failed_needlessly", real(*needless)),
        ]
    }

    /// Takes note of whose slots a contract has that was just filled.
    pub(super) fn note_holders(&mut self, id: ContractId) {
        let Some(contract) = self.market().contract(&id) else { return };
        let spared = usize::from(contract.terms.redundancy.parity);
        let mut held = vec![0; self.members.groups().len()];
        for slot in &contract.slots {
            if let Some(group) = self.members.group_of_party(&slot.provider()) {
                held[group] += 1;
            }
        }
        self.watch.count("contracts.filled");
        let ransomed = (0..held.len()).filter(|group| held[*group] > spared);
        let names: Vec<String> =
            ransomed.map(|group| self.members.groups()[group].called().to_owned()).collect();
        for name in names {
            self.watch.count(&format!("{name}.held"));
        }
    }

    /// Of all contracts that were filled, the share of which each group held more slots than could be spared.
    pub(super) fn holder_figures(&self) -> Vec<(String, f64)> {
        let all = real(self.watch.counted("contracts.filled").max(1));
        let failed = real(self.watch.counted("contracts.failed")) / all;
        let groups = self.members.groups().iter().map(|group| {
            let held = real(self.watch.counted(&format!("{}.held", group.called())));
            (format!("{}.held_share", group.called()), held / all)
        });
        groups
            .chain(self.leaving())
            .chain([("contracts.failed_share".to_owned(), failed)])
            .collect()
    }

    /// How many slots those of each group still hold that have said that they leave them.
    fn leaving(&self) -> Vec<(String, f64)> {
        let mut left = vec![0u32; self.members.groups().len()];
        for contract in self.market().open_contracts() {
            for slot in contract.slots.iter().filter(|slot| slot.leaving.is_some()) {
                if let Some(group) = self.members.group_of_party(&slot.provider()) {
                    left[group] += 1;
                }
            }
        }
        let groups = self.members.groups().iter().zip(left);
        let named =
            groups.map(|(group, left)| (format!("{}.slots_left", group.called()), f64::from(left)));
        named.collect()
    }
}
