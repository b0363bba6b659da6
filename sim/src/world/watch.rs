//! What is seen of a run while it lasts: counts by name and by group, never what happened one by one.

use super::members::Members;
use crate::disks::{Disks, Kept};
use crate::statistics::real;
use contracts::{Cause, Contract};
use market::{Event, Market};
use rust_decimal::prelude::ToPrimitive;
use std::collections::BTreeMap;
use types::documents::{AuditKind, SlotVerdict};
use types::{Did, Epoch, Price, Standing};

/// What is seen of one group.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) penalties: u64,
    /// Of these, penalties of whoever had everything and answered.
    pub(super) wrong: u64,
    pub(super) slashed: i64,
    pub(super) banned: u64,
    /// The epochs in which bans came, together.
    pub(super) banned_epochs: u64,
    /// Parties that dropped something and of whom it was found, and how many epochs that took together.
    pub(super) detected: u64,
    pub(super) detected_epochs: u64,
    pub(super) share: super::concentration::Share,
    /// Slots in routine audits that were answered; of these, answered late, and with something missing.
    pub(super) answered: u64,
    pub(super) late: u64,
    pub(super) wanting: u64,
    /// How often one of them became Low.
    pub(super) lowered: u64,
}

/// Everything that is seen.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) counts: BTreeMap<String, u64>,
    pub(super) groups: Vec<Seen>,
    /// When a party dropped something first, until it is found.
    dropped: BTreeMap<Did, Epoch>,
    /// Since when a party has not answered.
    silent: BTreeMap<Did, Epoch>,
    /// Slot prices of the quotes that were taken since the last look, and how many.
    prices: (f64, u64),
    pub(super) series: BTreeMap<String, Vec<f64>>,
}

impl Watch {
    pub(super) fn new(members: &Members) -> Self {
        Self {
            counts: BTreeMap::new(),
            groups: vec![Seen::default(); members.groups().len()],
            dropped: BTreeMap::new(),
            silent: BTreeMap::new(),
            prices: (0.0, 0),
            series: BTreeMap::new(),
        }
    }

    pub(super) fn count(&mut self, what: &str) {
        self.count_more(what, 1);
    }

    pub(super) fn count_of(&mut self, what: &str, which: &str) {
        self.count_more(&format!("{what}.{which}"), 1);
    }

    fn count_more(&mut self, what: &str, more: u64) {
        if let Some(count) = self.counts.get_mut(what) {
            *count += more;
        } else {
            self.counts.insert(what.to_owned(), more);
        }
    }

    /// How often something was counted.
    pub(super) fn counted(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// A party dropped something.
    pub(super) fn dropped(&mut self, party: Did, epoch: Epoch) {
        self.dropped.entry(party).or_insert(epoch);
    }

    /// A party answered an audit after so long, or did not.
    pub(super) fn heard(&mut self, party: Did, latency_ms: Option<u32>, epoch: Epoch) {
        if latency_ms.is_some() {
            self.silent.remove(&party);
        } else {
            self.silent.entry(party).or_insert(epoch);
        }
    }

    /// A quote was taken.
    pub(super) fn paid(&mut self, prices: &[Price]) {
        for price in prices {
            self.prices.0 += price.0.to_f64().unwrap_or(0.0);
            self.prices.1 += 1;
        }
    }

    /// What was paid on average since this was asked last; nothing where nothing was bought.
    pub(super) fn take_price(&mut self) -> Option<f64> {
        let (sum, count) = std::mem::take(&mut self.prices);
        (count > 0).then(|| sum / real(count))
    }

    /// Counts an event.
    pub(super) fn see(&mut self, event: &Event, market: &Market, members: &Members, disks: &Disks) {
        match event {
            Event::ContractAgreed { .. } => self.count("contracts.agreed"),
            Event::ContractExpired { .. } => self.count("contracts.expired"),
            Event::ContractFailed { .. } => self.count("contracts.failed"),
            Event::ContractSettled { .. } => self.count("contracts.settled"),
            Event::RepairOrdered { .. } => self.count("repairs.ordered"),
            Event::RepairDelayed { .. } => self.count("repairs.delayed"),
            Event::RebuildFinished { .. } => self.count("repairs.finished"),
            Event::SlotFaulted { provider, fault, .. } if fault.cause == Cause::Lost => {
                self.detected(provider, market.epoch(), members);
            }
            Event::Penalised { slot, provider, fault, slashed, .. } => {
                let whole = disks.kept(provider, slot).is_some_and(Kept::is_whole);
                let silent = self.silent.contains_key(provider);
                let wrong = whole && !(fault.cause == Cause::Unreachable && silent);
                self.penalised(provider, slashed.0, wrong, members);
            }
            Event::StandingChanged { provider, change, .. }
                if change.to == Standing::Low && change.from != Standing::Low =>
            {
                if let Some(seen) = self.group(provider, members) {
                    seen.lowered += 1;
                }
            }
            Event::DisputeUpheld { .. } => self.count("disputes.upheld"),
            Event::DisputeDismissed { .. } => self.count("disputes.dismissed"),
            Event::StandingChanged { provider, change, epoch } if change.to == Standing::Banned => {
                if let Some(seen) = self.group(provider, members) {
                    seen.banned += 1;
                    seen.banned_epochs += epoch.0;
                }
            }
            _ => {}
        }
    }

    /// What a routine audit truly found, before anybody lies about it.
    pub(super) fn audited(
        &mut self,
        provider: &Did,
        kind: AuditKind,
        found: &[SlotVerdict],
        (market, members): (&Market, &Members),
    ) {
        let Some(seen) = self.group(provider, members) else { return };
        for slot in found.iter().filter(|slot| slot.answered && kind == AuditKind::Routine) {
            let taken = u64::from(slot.latency_ms) * 1_000;
            let late = |contract: &Contract| taken > contract.terms.first_byte.0;
            seen.answered += 1;
            seen.late += u64::from(market.contract(&slot.contract).is_some_and(late));
            seen.wanting += u64::from(!slot.is_pass());
        }
    }

    fn group(&mut self, party: &Did, members: &Members) -> Option<&mut Seen> {
        self.groups.get_mut(members.group_of_party(party)?)
    }

    fn detected(&mut self, party: &Did, epoch: Epoch, members: &Members) {
        let Some(since) = self.dropped.get(party).copied() else { return };
        if since == Epoch(u64::MAX) {
            return;
        }
        // Once found is enough: later drops of the same party are not timed.
        self.dropped.insert(*party, Epoch(u64::MAX));
        if let Some(seen) = self.group(party, members) {
            seen.detected += 1;
            seen.detected_epochs += epoch.since(since);
        }
    }

    fn penalised(&mut self, party: &Did, slashed: i64, wrong: bool, members: &Members) {
        self.count("penalties");
        if wrong {
            self.count("penalties.wrong");
        }
        if let Some(seen) = self.group(party, members) {
            seen.penalties += 1;
            seen.wrong += u64::from(wrong);
            seen.slashed += slashed;
        }
    }

    /// How many parties of each group have ever dropped something.
    pub(super) fn droppers(&self, members: &Members) -> Vec<u64> {
        let mut droppers = vec![0; self.groups.len()];
        for party in self.dropped.keys() {
            if let Some(group) = members.group_of_party(party) {
                droppers[group] += 1;
            }
        }
        droppers
    }
}
