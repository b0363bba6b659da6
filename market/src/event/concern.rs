//! Whom an event concerns: what it says itself, so that the answer is the same whenever it is read.

use super::{Event, SlotId};
use contracts::{Posting, Slot};
use std::collections::BTreeSet;
use types::{ContractId, Did};

impl Event {
    /// Whether it is everybody's to know.
    pub const fn is_public(&self) -> bool {
        matches!(self, Self::EpochOpened { .. })
    }

    /// The parties that it concerns by name: whose offer, money, record or grant it changes, and who holds the slots
    /// that it is about, or is put into one or out of one.
    ///
    /// It concerns the clients of its [`contracts`](Self::contracts) too, and whoever's account its postings are on.
    pub fn parties(&self) -> BTreeSet<Did> {
        match self {
            Self::AskPublished { ask, .. } => [ask.provider].into(),
            Self::Deposited { party, .. } | Self::Withdrawn { party, .. } => [*party].into(),
            Self::ContractAgreed { contract, .. } => {
                contract.slots.iter().map(Slot::provider).chain([contract.client]).collect()
            }
            Self::RevisionAccepted { holders, signer, .. } => {
                holders.iter().copied().chain([*signer]).collect()
            }
            Self::SlotReassigned { provider, with, .. } => [*provider, with.provider()].into(),
            Self::RepairOrdered { with, .. } => [with.provider()].into(),
            Self::RepairDelayed { provider, .. } => provider.iter().copied().collect(),
            Self::PenaltyReleased { providers, .. } => providers.clone(),
            Self::Measured { provider, reading, .. } => [*provider, reading.auditor].into(),
            Self::EarningsPosted { postings, .. } => paid(postings),
            Self::Granted { grant, .. } => [grant.owner, grant.grantee].into(),
            Self::GrantRevoked { owner, grantee, .. } => [*owner, *grantee].into(),
            Self::GuestPaid { provider, guest, .. } => [*provider, *guest].into(),
            Self::SlotConfirmed { provider, .. }
            | Self::SlotDeparting { provider, .. }
            | Self::BondToppedUp { provider, .. }
            | Self::VerdictRecorded { provider, .. }
            | Self::LossConfessed { provider, .. }
            | Self::SlotFaulted { provider, .. }
            | Self::SlotRecovered { provider, .. }
            | Self::Penalised { provider, .. }
            | Self::DisputeUpheld { provider, .. }
            | Self::DisputeDismissed { provider, .. }
            | Self::PayRestored { provider, .. }
            | Self::PayCompensated { provider, .. }
            | Self::PenaltyReversed { provider, .. }
            | Self::MaintenanceAnnounced { provider, .. }
            | Self::SlotRelieved { provider, .. }
            | Self::EarningsHeld { provider, .. }
            | Self::SlotVacated { provider, .. }
            | Self::RebuildFinished { provider, .. }
            | Self::EscrowConcluded { provider, .. }
            | Self::VoucherRedeemed { provider, .. }
            | Self::StandingChanged { provider, .. }
            | Self::AvailabilityNoted { provider, .. } => [*provider].into(),
            Self::ContractExpired { holders, .. }
            | Self::ContractExtended { holders, .. }
            | Self::ContractRenewed { holders, .. }
            | Self::RenewalRefused { holders, .. }
            | Self::ContractGrown { holders, .. }
            | Self::ContractCancelled { holders, .. }
            | Self::ContractLeft { holders, .. }
            | Self::ContractCompleted { holders, .. }
            | Self::ContractFailed { holders, .. }
            | Self::ContractSettled { holders, .. } => holders.clone(),
            Self::EpochOpened { .. } => BTreeSet::new(),
        }
    }

    /// The slots that it is about; none where it is about a whole contract, or about none.
    pub fn slots(&self) -> Vec<SlotId> {
        match self {
            Self::VerdictRecorded { slots, .. }
            | Self::DisputeUpheld { slots, .. }
            | Self::DisputeDismissed { slots, .. } => slots.clone(),
            Self::EarningsPosted { accruals, .. } => accruals.iter().map(|(id, _)| *id).collect(),
            Self::ContractFailed { contract, lost, .. } => {
                lost.iter().map(|slot| SlotId { contract: *contract, slot: *slot }).collect()
            }
            _ => self.slot().into_iter().collect(),
        }
    }

    /// The one slot that it is about, where it is about one alone by its kind.
    pub(super) const fn slot(&self) -> Option<SlotId> {
        match self {
            Self::SlotConfirmed { slot, .. }
            | Self::SlotReassigned { slot, .. }
            | Self::SlotDeparting { slot, .. }
            | Self::BondToppedUp { slot, .. }
            | Self::LossConfessed { slot, .. }
            | Self::SlotFaulted { slot, .. }
            | Self::SlotRecovered { slot, .. }
            | Self::Penalised { slot, .. }
            | Self::PayRestored { slot, .. }
            | Self::PayCompensated { slot, .. }
            | Self::PenaltyReversed { slot, .. }
            | Self::PenaltyReleased { slot, .. }
            | Self::SlotRelieved { slot, .. }
            | Self::EarningsHeld { slot, .. }
            | Self::SlotVacated { slot, .. }
            | Self::RepairOrdered { slot, .. }
            | Self::RepairDelayed { slot, .. }
            | Self::RebuildFinished { slot, .. }
            | Self::EscrowConcluded { slot, .. }
            | Self::VoucherRedeemed { slot, .. }
            | Self::GuestPaid { slot, .. } => Some(*slot),
            Self::VerdictRecorded { .. }
            | Self::DisputeUpheld { .. }
            | Self::DisputeDismissed { .. }
            | Self::EarningsPosted { .. }
            | Self::ContractFailed { .. }
            | Self::AskPublished { .. }
            | Self::Deposited { .. }
            | Self::Withdrawn { .. }
            | Self::ContractAgreed { .. }
            | Self::ContractExpired { .. }
            | Self::RevisionAccepted { .. }
            | Self::ContractExtended { .. }
            | Self::ContractRenewed { .. }
            | Self::RenewalRefused { .. }
            | Self::ContractGrown { .. }
            | Self::ContractCancelled { .. }
            | Self::ContractLeft { .. }
            | Self::EpochOpened { .. }
            | Self::MaintenanceAnnounced { .. }
            | Self::Measured { .. }
            | Self::Granted { .. }
            | Self::GrantRevoked { .. }
            | Self::ContractCompleted { .. }
            | Self::ContractSettled { .. }
            | Self::StandingChanged { .. }
            | Self::AvailabilityNoted { .. } => None,
        }
    }

    /// The contracts that it is about, with their slots, and the one that a grant is for.
    pub fn contracts(&self) -> BTreeSet<ContractId> {
        let shared = match self {
            Self::Granted { grant, .. } => grant.contract,
            Self::GrantRevoked { contract, .. } => *contract,
            _ => None,
        };
        let slots = self.slots().into_iter().map(|slot| slot.contract);
        slots.chain(self.contract()).chain(shared).collect()
    }
}

/// Who is paid by these postings.
fn paid(postings: &[Posting]) -> BTreeSet<Did> {
    let paid = |posting: &Posting| posting.credit.own_of();
    postings.iter().filter_map(paid).collect()
}
