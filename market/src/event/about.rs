//! What an event is called, what money it moves and which contract it is about.

use super::Event;
use contracts::Posting;
use types::ContractId;

impl Event {
    /// The stable name of this kind of event.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AskPublished { .. } => "ask_published",
            Self::Deposited { .. } => "deposited",
            Self::Withdrawn { .. } => "withdrawn",
            Self::ContractAgreed { .. } => "contract_agreed",
            Self::SlotConfirmed { .. } => "slot_confirmed",
            Self::SlotReassigned { .. } => "slot_reassigned",
            Self::ContractExpired { .. } => "contract_expired",
            Self::RevisionAccepted { .. } => "revision_accepted",
            Self::ContractExtended { .. } => "contract_extended",
            Self::ContractRenewed { .. } => "contract_renewed",
            Self::RenewalRefused { .. } => "renewal_refused",
            Self::ContractGrown { .. } => "contract_grown",
            Self::ContractCancelled { .. } => "contract_cancelled",
            Self::ContractLeft { .. } => "contract_left",
            Self::SlotDeparting { .. } => "slot_departing",
            Self::BondToppedUp { .. } => "bond_topped_up",
            Self::EpochOpened { .. } => "epoch_opened",
            Self::VerdictRecorded { .. } => "verdict_recorded",
            Self::LossConfessed { .. } => "loss_confessed",
            Self::SlotFaulted { .. } => "slot_faulted",
            Self::SlotRecovered { .. } => "slot_recovered",
            Self::Penalised { .. } => "penalised",
            Self::DisputeUpheld { .. } => "dispute_upheld",
            Self::DisputeDismissed { .. } => "dispute_dismissed",
            Self::PayRestored { .. } => "pay_restored",
            Self::PayCompensated { .. } => "pay_compensated",
            Self::PenaltyReversed { .. } => "penalty_reversed",
            Self::PenaltyReleased { .. } => "penalty_released",
            Self::MaintenanceAnnounced { .. } => "maintenance_announced",
            Self::Measured { .. } => "measured",
            Self::SlotRelieved { .. } => "slot_relieved",
            Self::EarningsHeld { .. } => "earnings_held",
            Self::SlotVacated { .. } => "slot_vacated",
            Self::RepairOrdered { .. } => "repair_ordered",
            Self::RepairDelayed { .. } => "repair_delayed",
            Self::RebuildFinished { .. } => "rebuild_finished",
            Self::EarningsPosted { .. } => "earnings_posted",
            Self::VoucherRedeemed { .. } => "voucher_redeemed",
            Self::Granted { .. } => "granted",
            Self::GrantRevoked { .. } => "grant_revoked",
            Self::GuestPaid { .. } => "guest_paid",
            Self::ContractCompleted { .. } => "contract_completed",
            Self::ContractFailed { .. } => "contract_failed",
            Self::ContractSettled { .. } => "contract_settled",
            Self::EscrowConcluded { .. } => "escrow_concluded",
            Self::StandingChanged { .. } => "standing_changed",
            Self::AvailabilityNoted { .. } => "availability_noted",
        }
    }

    /// The money it moves, in order.
    pub fn postings(&self) -> &[Posting] {
        match self {
            Self::Deposited { postings, .. }
            | Self::Withdrawn { postings, .. }
            | Self::ContractAgreed { postings, .. }
            | Self::SlotConfirmed { postings, .. }
            | Self::ContractExpired { postings, .. }
            | Self::RevisionAccepted { postings, .. }
            | Self::ContractExtended { postings, .. }
            | Self::ContractRenewed { postings, .. }
            | Self::ContractGrown { postings, .. }
            | Self::ContractCancelled { postings, .. }
            | Self::ContractLeft { postings, .. }
            | Self::SlotDeparting { postings, .. }
            | Self::BondToppedUp { postings, .. }
            | Self::Penalised { postings, .. }
            | Self::PayCompensated { postings, .. }
            | Self::PenaltyReversed { postings, .. }
            | Self::PenaltyReleased { postings, .. }
            | Self::EarningsHeld { postings, .. }
            | Self::SlotVacated { postings, .. }
            | Self::RepairOrdered { postings, .. }
            | Self::RebuildFinished { postings, .. }
            | Self::EarningsPosted { postings, .. }
            | Self::VoucherRedeemed { postings, .. }
            | Self::GuestPaid { postings, .. }
            | Self::ContractSettled { postings, .. } => postings,
            _ => &[],
        }
    }

    /// The contract it is about, where it is about one.
    pub fn contract(&self) -> Option<ContractId> {
        match self {
            Self::ContractAgreed { contract, .. } => Some(contract.id),
            Self::ContractExpired { contract, .. }
            | Self::RevisionAccepted { contract, .. }
            | Self::ContractExtended { contract, .. }
            | Self::ContractRenewed { contract, .. }
            | Self::RenewalRefused { contract, .. }
            | Self::ContractGrown { contract, .. }
            | Self::ContractCancelled { contract, .. }
            | Self::ContractLeft { contract, .. }
            | Self::ContractCompleted { contract, .. }
            | Self::ContractFailed { contract, .. } => Some(*contract),
            Self::ContractSettled { settlement, .. } => Some(settlement.contract),
            _ => self.slot().map(|slot| slot.contract),
        }
    }
}
