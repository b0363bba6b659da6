//! What may still be disputed, what was announced, what was measured: all that is kept for a while only.

use crate::event::SlotId;
use contracts::compliance::Measured;
use contracts::payout::PayoutShare;
use imbl::OrdMap;
use reputation::Outcome;
use serde::{Deserialize, Serialize};
use types::documents::Measurement;
use types::{ContractId, Did, DocId, Epoch, Msat};

/// How many measurements of one provider and epoch are kept.
pub const MEASUREMENTS_MAX: usize = 32;
/// How long the name of a vantage point may be, in bytes.
pub const VANTAGE_BYTES_MAX: usize = 64;

/// The open cases, notices and measurements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Docket {
    pub(crate) verdicts: OrdMap<DocId, Accusation>,
    pub(crate) penalties: OrdMap<SlotId, Vec<Contested>>,
    pub(crate) notices: OrdMap<Did, Vec<Notice>>,
    pub(crate) measured: OrdMap<(Epoch, Did), Vec<Reading>>,
}

/// A verdict that found something wrong, while it can be disputed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accusation {
    /// Whom it is about.
    pub provider: Did,
    /// In which epoch it was recorded.
    pub recorded: Epoch,
    /// The last epoch in which it can be disputed.
    pub until: Epoch,
    /// What it says of each slot that it finds wanting.
    pub charges: Vec<Charge>,
    /// The dispute that was judged.
    pub disputed: Option<DocId>,
}

/// What a verdict holds against one slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Which.
    pub slot: SlotId,
    /// Whether an answer came at all.
    pub answered: bool,
    /// The bytes the slot earns for, where the epoch was paid less for this verdict.
    pub bytes: u64,
    /// What of the epoch was paid.
    pub paid: PayoutShare,
    /// What would have been paid, had everything been proven.
    pub deserved: PayoutShare,
    /// The difference in money.
    pub shortfall: Msat,
    /// What reputation learnt from it that a proof would refute.
    pub outcomes: Vec<Outcome>,
    /// The verdict that caused this audit.
    pub follows: Option<DocId>,
}

/// A penalty that can still be disputed: the client's part waits in the contested account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contested {
    /// Who paid it.
    pub provider: Did,
    /// The verdicts it rests on: it falls with any of them.
    pub verdicts: Vec<DocId>,
    /// The last epoch in which it can be disputed.
    pub until: Epoch,
    /// What waits for the client.
    pub to_client: Msat,
    /// What went to the repair pool.
    pub to_pool: Msat,
    /// What stays paid even if the loss is disproven: the repair that the provider's absence caused.
    pub stays: Msat,
}

impl Contested {
    /// What a reversal gives back.
    pub fn refundable(&self) -> Msat {
        let all = self.to_client.0.saturating_add(self.to_pool.0);
        Msat(all.saturating_sub(self.stays.0).max(0))
    }
}

/// Announced maintenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The notice.
    pub document: DocId,
    /// The first epoch.
    pub from: Epoch,
    /// The epoch after the last.
    pub to: Epoch,
}

impl Notice {
    /// Whether `epoch` is in it.
    pub fn covers(&self, epoch: Epoch) -> bool {
        (self.from..self.to).contains(&epoch)
    }
}

/// One measurement, as it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The measurement.
    pub document: DocId,
    /// Whose.
    pub auditor: Did,
    /// From where.
    pub vantage: String,
    /// How many probes were sent.
    pub probes: u32,
    /// How many were answered.
    pub answered: u32,
    /// The time to first byte.
    pub first_byte_ms: u32,
    /// Bytes per second.
    pub throughput: u64,
}

impl Reading {
    /// What counts of `measurement`.
    pub fn of(document: DocId, measurement: &Measurement) -> Self {
        Self {
            document,
            auditor: measurement.auditor,
            vantage: measurement.vantage.clone(),
            probes: measurement.probes,
            answered: measurement.answered,
            first_byte_ms: measurement.first_byte_ms,
            throughput: measurement.throughput,
        }
    }

    fn permille(&self) -> u16 {
        let share = (u64::from(self.answered) * 1000).checked_div(u64::from(self.probes));
        share.and_then(|share| u16::try_from(share).ok()).unwrap_or(1000).min(1000)
    }
}

impl Docket {
    /// What holds against providers and can be disputed still, verdict by verdict.
    pub fn accusations(&self) -> &OrdMap<DocId, Accusation> {
        &self.verdicts
    }

    /// The penalties of one slot that are not final.
    pub fn contested(&self, slot: SlotId) -> &[Contested] {
        self.penalties.get(&slot).map(Vec::as_slice).unwrap_or_default()
    }

    /// The slots of a contract with penalties that are not final.
    pub fn contested_of(
        &self,
        contract: ContractId,
    ) -> impl Iterator<Item = (SlotId, &[Contested])> {
        let slot = |slot| SlotId { contract, slot };
        self.penalties.range(slot(0)..=slot(u16::MAX)).map(|(id, all)| (*id, all.as_slice()))
    }

    /// What a provider has announced.
    pub fn notices(&self, provider: &Did) -> &[Notice] {
        self.notices.get(provider).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a provider has announced that it is out of reach in `epoch`.
    pub fn is_announced(&self, provider: &Did, epoch: Epoch) -> bool {
        self.notices(provider).iter().any(|notice| notice.covers(epoch))
    }

    /// Every measurement of a provider in an epoch.
    pub fn readings(&self, provider: &Did, epoch: Epoch) -> &[Reading] {
        self.measured.get(&(epoch, *provider)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The median over the points a provider was measured from; of an even number, the better of the middle two.
    pub fn measured(&self, provider: &Did, epoch: Epoch) -> Option<Measured> {
        let readings = self.readings(provider, epoch);
        let mut shares: Vec<u16> = readings.iter().map(Reading::permille).collect();
        let answered = readings.iter().filter(|reading| reading.answered > 0);
        let mut times: Vec<u32> = answered.map(|reading| reading.first_byte_ms).collect();
        let read = readings.iter().map(|reading| reading.throughput).filter(|rate| *rate > 0);
        let mut rates: Vec<u64> = read.collect();
        shares.sort_unstable();
        times.sort_unstable();
        rates.sort_unstable();
        Some(Measured {
            availability_permille: *shares.get(shares.len() / 2)?,
            first_byte_ms: times.get(times.len().saturating_sub(1) / 2).copied().unwrap_or(0),
            throughput: rates.get(rates.len() / 2).copied().unwrap_or(0),
        })
    }

    /// The reading whose share of answered probes is the median.
    pub fn typical(&self, provider: &Did, epoch: Epoch) -> Option<&Reading> {
        typical(self.readings(provider, epoch))
    }

    /// The verdicts that a penalty for `evidence` rests on; none where it rests on none that can be disputed.
    pub(crate) fn grounds(&self, evidence: DocId, slot: SlotId) -> Vec<DocId> {
        let mut grounds = Vec::new();
        let mut next = Some(evidence);
        while let Some(id) = next.filter(|id| !grounds.contains(id)) {
            let Some(accusation) = self.verdicts.get(&id) else { break };
            grounds.push(id);
            let charge = accusation.charges.iter().find(|charge| charge.slot == slot);
            next = charge.and_then(|charge| charge.follows);
        }
        grounds
    }
}

/// The one of `readings` whose share of answered probes is the median; of an even number, the better of the middle two.
pub(crate) fn typical<'a>(readings: impl IntoIterator<Item = &'a Reading>) -> Option<&'a Reading> {
    let mut readings: Vec<&Reading> = readings.into_iter().collect();
    readings.sort_by_key(|reading| reading.permille());
    readings.get(readings.len() / 2).copied()
}

#[cfg(test)]
mod tests;
