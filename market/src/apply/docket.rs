//! What events make of the docket: accusations, contested penalties, notices, measurements.

use crate::docket::{Accusation, Charge, Contested, Notice, Reading};
use crate::event::{Event, SlotId};
use crate::state::Market;
use imbl::OrdMap;
use reputation::{Outcome, Reversal};
use std::collections::BTreeSet;
use types::{Did, DocId, Epoch, Msat};

impl Market {
    /// The events that are the docket's alone.
    pub(super) fn docket_changed(&mut self, event: &Event) {
        match event {
            Event::DisputeUpheld { document, verdict, provider, retracted, .. } => {
                self.disputed(*verdict, *document);
                self.unlearn(provider, *document, retracted);
            }
            Event::DisputeDismissed { document, verdict, provider, outcome, .. } => {
                self.disputed(*verdict, *document);
                self.learn(provider, *document, std::slice::from_ref(outcome));
            }
            Event::PenaltyReversed { .. } => self.penalty_reversed(event),
            Event::PenaltyReleased { slot, before, .. } => {
                self.drop_penalties(*slot, |penalty| penalty.until < *before);
            }
            Event::MaintenanceAnnounced { document, provider, from, epochs } => {
                let to = from.plus((*epochs).into());
                let notice = Notice { document: *document, from: *from, to };
                self.docket.notices.entry(*provider).or_default().push(notice);
            }
            Event::Measured { provider, epoch, reading } => {
                self.measured(*provider, *epoch, reading);
            }
            _ => {}
        }
    }

    /// A verdict that holds something against slots can be disputed for a while.
    pub(super) fn accused(&mut self, document: DocId, provider: Did, charges: &[Charge]) {
        if charges.is_empty() {
            return;
        }
        let accusation = Accusation {
            provider,
            recorded: self.epoch,
            until: self.epoch.plus(self.genesis.dispute_epochs),
            charges: charges.to_vec(),
            disputed: None,
        };
        self.docket.verdicts.insert(document, accusation);
    }

    /// A penalty stays open as long as the verdicts it rests on, and they as long as it.
    pub(super) fn contested(&mut self, slot: SlotId, penalty: &Contested) {
        for verdict in &penalty.verdicts {
            if let Some(accusation) = self.docket.verdicts.get_mut(verdict) {
                accusation.until = accusation.until.max(penalty.until);
            }
        }
        self.docket.penalties.entry(slot).or_default().push(penalty.clone());
    }

    fn disputed(&mut self, verdict: DocId, dispute: DocId) {
        let accusation = self.docket.verdicts.get_mut(&verdict);
        accusation.expect("a dispute names an accusation that stands").disputed = Some(dispute);
    }

    fn unlearn(&mut self, provider: &Did, by: DocId, retracted: &[(DocId, Outcome)]) {
        self.change_record(provider, |policy, record| {
            for (document, outcome) in retracted {
                record.retract(policy, *outcome, Reversal { document: *document, by });
            }
        });
    }

    fn penalty_reversed(&mut self, event: &Event) {
        let Event::PenaltyReversed {
            slot,
            provider,
            verdict,
            from_client,
            to_bond,
            to_provider,
            ..
        } = event
        else {
            return;
        };
        let holds = {
            let slot = self.slot_mut(*slot);
            let less = slot.compensated.0.saturating_sub(from_client.0).max(0);
            slot.compensated = Msat(less);
            slot.provider() == *provider && slot.confirmed
        };
        if holds {
            let slot = self.slot_mut(*slot);
            let back = Msat(to_bond.0.saturating_add(to_provider.0));
            slot.slashed = slot.slashed.sub(back).expect("no more is given back than was taken");
            // What the provider has added meanwhile is its own again.
            slot.topped_up =
                slot.topped_up.sub(*to_provider).expect("the bond is whole by what was added");
        }
        let contract = self.contract_mut(&slot.contract);
        contract.into_bonds =
            contract.into_bonds.add(*to_bond).expect("no more comes back than was locked");
        self.drop_first(*slot, *verdict);
    }

    /// The first of a slot's penalties that rests on `verdict` is no more.
    fn drop_first(&mut self, slot: SlotId, verdict: DocId) {
        let Some(all) = self.docket.penalties.get_mut(&slot) else { return };
        if let Some(place) = all.iter().position(|penalty| penalty.verdicts.contains(&verdict)) {
            all.remove(place);
        }
        if all.is_empty() {
            self.docket.penalties.remove(&slot);
        }
    }

    fn drop_penalties(&mut self, slot: SlotId, over: impl Fn(&Contested) -> bool) {
        let Some(all) = self.docket.penalties.get_mut(&slot) else { return };
        all.retain(|penalty| !over(penalty));
        if all.is_empty() {
            self.docket.penalties.remove(&slot);
        }
    }

    fn measured(&mut self, provider: Did, epoch: Epoch, reading: &Reading) {
        self.docket.measured.entry((epoch, provider)).or_default().push(reading.clone());
    }

    /// What has had its time goes, as `epoch` opens.
    pub(super) fn prune_docket(&mut self, epoch: Epoch) {
        let faults = |charge: &Charge, id: &DocId| {
            let slot = self.contracts.get(&charge.slot.contract);
            let slot = slot.and_then(|c| c.slots.get(usize::from(charge.slot.slot)));
            slot.and_then(|slot| slot.fault).is_some_and(|fault| fault.evidence == *id)
        };
        let mut docket = std::mem::take(&mut self.docket);
        let penalties = docket.penalties.values().flatten();
        let grounds: BTreeSet<DocId> = penalties.flat_map(|p| p.verdicts.iter().copied()).collect();
        forget(&mut docket.verdicts, |id, accusation| {
            let needed = accusation.until >= epoch || grounds.contains(id);
            !needed && !accusation.charges.iter().any(|charge| faults(charge, id))
        });
        let is_over = |notice: &Notice| notice.to.plus(1) < epoch;
        let stale = docket.notices.iter().filter(|(_, notices)| notices.iter().any(is_over));
        let stale: Vec<Did> = stale.map(|(provider, _)| *provider).collect();
        for provider in stale {
            let notices = docket.notices.entry(provider).or_default();
            notices.retain(|notice| !is_over(notice));
        }
        forget(&mut docket.notices, |_, notices| notices.is_empty());
        forget(&mut docket.measured, |(at, _), _| at.plus(1) < epoch);
        self.docket = docket;
    }
}

/// Takes out of `map` what is `over`.
fn forget<K: Ord + Clone, V: Clone>(map: &mut OrdMap<K, V>, over: impl Fn(&K, &V) -> bool) {
    let gone: Vec<K> = map.iter().filter(|(k, v)| over(k, v)).map(|(k, _)| k.clone()).collect();
    for key in gone {
        map.remove(&key);
    }
}
