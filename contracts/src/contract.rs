//! A contract and its slots: what has been agreed, what is held, what is earned.

use crate::amendment::Agreed;
use crate::audit_plan;
use crate::lifecycle::{ContractState, SlotState};
use crate::maintenance::Used;
use crate::payout::Accrual;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use types::documents::{AuditPlan, QuotedSlot, Share, SlotSize};
use types::{
    Bytes, ContractId, CostVector, Did, DocId, Epoch, Hash, MoneyError, Msat, Span, Terms,
    Timestamp,
};

/// An accepted quote, with escrow and bonds locked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// Its name.
    pub id: ContractId,
    /// Whose.
    pub client: Did,
    /// The quote that was accepted.
    pub quote: DocId,
    /// What is promised, as it is now.
    pub terms: Terms,
    /// What was agreed, before it was extended or grown.
    pub agreed: Agreed,
    /// What one epoch stands for.
    pub epoch: Span,
    /// How many epochs it runs, as it is now.
    pub epochs: u64,
    /// What was escrowed in all, line by line.
    pub cost: CostVector,
    /// How its slots are audited.
    pub audit: AuditPlan,
    /// Where it stands.
    pub state: ContractState,
    /// Its latest revision; 0 before the first.
    pub revision: u64,
    /// The hash of the latest revision's layout.
    pub layout: Option<Hash>,
    /// The first epoch it is paid for; set when it becomes active.
    pub first_epoch: Option<Epoch>,
    /// The client's latest extension: its number and its name.
    pub extension: Option<(u64, DocId)>,
    /// Its end, where the client left early.
    pub left: Option<Epoch>,
    /// Until when the first revision must be there.
    pub store_by: Timestamp,
    /// Who steps in when a provider declines before the first revision.
    pub reserves: Vec<QuotedSlot>,
    /// What vouchers have taken of the read allowance.
    pub egress_spent: Msat,
    /// What came into its bonds other than from providers: earnings held back, penalties reversed.
    pub into_bonds: Msat,
    /// What each party got out of it so far.
    pub shares: BTreeMap<Did, Share>,
    /// Slot by slot.
    pub slots: Vec<Slot>,
}

/// One provider's part of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Where it stands.
    pub state: SlotState,
    /// Who holds it, at what price, with what bond.
    pub quoted: QuotedSlot,
    /// Whether that provider's bond is locked.
    pub confirmed: bool,
    /// Until when it must confirm (or, once confirmed, finish its rebuild).
    pub answer_by: Timestamp,
    /// What it has room for.
    pub capacity: Bytes,
    /// What `quoted.cost` pays for keeping: bytes × epochs, over its whole term as it is now.
    pub byte_epochs: u128,
    /// What it holds.
    pub size: SlotSize,
    /// What it has earned.
    pub accrual: Accrual,
    /// The latest epoch whose routine verdict is in.
    pub audited: Option<Epoch>,
    /// What is wrong with it.
    pub fault: Option<Fault>,
    /// In which epoch its provider said that it leaves.
    pub leaving: Option<Epoch>,
    /// What announced maintenance has used of its allowance.
    pub maintained: Used,
    /// What of its bond is still to be held back from its earnings.
    pub lacking: Msat,
    /// What has been held back for its bond.
    pub held: Msat,
    /// What its provider's bond has lost, to penalties or by leaving early.
    pub slashed: Msat,
    /// What its provider has added to the bond since.
    pub topped_up: Msat,
    /// What the client paid its provider for leaving early.
    pub exit_fee: Msat,
    /// What the client had from its provider's bond; never more than it paid for the slot.
    pub compensated: Msat,
    /// Reads paid for by vouchers.
    pub egress: Egress,
}

/// Reads of one slot that vouchers have paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Egress {
    /// Bytes of the highest voucher redeemed.
    pub bytes: u64,
    /// What was paid for them.
    pub paid: Msat,
}

/// A broken promise that is not made good yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Since when.
    pub since: Epoch,
    /// What kind.
    pub cause: Cause,
    /// The verdict or confession that shows it.
    pub evidence: DocId,
    /// The lost fraction that was penalised, in parts per million; nothing before the penalty.
    pub penalised_ppm: Option<u32>,
}

/// How a promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// No answer came.
    Unreachable,
    /// A proof failed.
    Lost,
    /// The provider said so itself.
    Confessed,
}

impl Cause {
    /// The name used in documents and on screens.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Lost => "lost",
            Self::Confessed => "confessed",
        }
    }
}

impl Slot {
    /// A slot promised to the provider that `quoted` names, who is paid for at most `epochs`.
    pub fn reserved(
        quoted: QuotedSlot,
        capacity: Bytes,
        epochs: u64,
        answer_by: Timestamp,
    ) -> Self {
        let bytes = u128::from(capacity.max(quoted.minimum_use).0);
        Self {
            state: SlotState::Reserved,
            byte_epochs: bytes.saturating_mul(u128::from(epochs)),
            quoted,
            confirmed: false,
            answer_by,
            capacity,
            size: SlotSize::default(),
            accrual: Accrual::default(),
            audited: None,
            fault: None,
            leaving: None,
            maintained: Used::default(),
            lacking: Msat::ZERO,
            held: Msat::ZERO,
            slashed: Msat::ZERO,
            topped_up: Msat::ZERO,
            exit_fee: Msat::ZERO,
            compensated: Msat::ZERO,
            egress: Egress::default(),
        }
    }

    /// Who holds it.
    pub fn provider(&self) -> Did {
        self.quoted.provider
    }

    /// The bytes it earns for: what it keeps, or the ask's minimum where that is more.
    pub fn earning_bytes(&self) -> u64 {
        if self.size.shards == 0 { 0 } else { self.size.bytes.max(self.quoted.minimum_use.0) }
    }

    /// The bytes that its full price pays for.
    pub fn paid_capacity(&self) -> Bytes {
        self.capacity.max(self.quoted.minimum_use)
    }

    /// Its accrual with every epoch before `epoch` counted, if it is holding its bytes; else as it stands.
    pub fn accrued(&self, epoch: Epoch) -> Accrual {
        let mut accrual = self.accrual;
        if self.state == SlotState::Filled {
            accrual.catch_up(epoch, self.earning_bytes());
        }
        accrual
    }

    /// Whether it is at fault and nobody has judged yet what that costs.
    pub fn is_unjudged(&self) -> bool {
        let unjudged = self.fault.is_some_and(|fault| fault.penalised_ppm.is_none());
        self.state == SlotState::AtFault && unjudged
    }

    /// What `accrual` comes to, in all.
    pub fn earned(&self, accrual: &Accrual) -> Result<Msat, MoneyError> {
        accrual.due(&self.quoted.cost, self.byte_epochs, self.capacity)
    }

    /// What its bond must hold: what was quoted and added, less what it has lost and what is still to be held back.
    pub fn bond_due(&self) -> Result<Msat, MoneyError> {
        self.quoted.bond.add(self.topped_up)?.sub(self.slashed)?.sub(self.lacking)
    }
}

impl Contract {
    /// The epoch after its last, once it is active.
    pub fn end(&self) -> Option<Epoch> {
        self.left.or_else(|| self.first_epoch.map(|first| first.plus(self.epochs)))
    }

    /// The earlier of `epoch` and the contract's end: accruals stop there.
    pub fn payable(&self, epoch: Epoch) -> Epoch {
        self.end().map_or(epoch, |end| end.min(epoch))
    }

    /// What its client pays although nothing was stored: the escrow fee, once every provider has taken its slot and locked
    /// its bond; nothing before, since then it is for a provider that the contract has not come about.
    pub fn fee_unstored(&self) -> Msat {
        let ready = self.revision == 0 && self.slots.iter().all(|slot| slot.confirmed);
        if ready { self.cost.escrow_fee } else { Msat::ZERO }
    }

    /// Whether the term is over in `epoch`.
    pub fn is_over(&self, epoch: Epoch) -> bool {
        self.end().is_some_and(|end| epoch >= end)
    }

    /// Whether a routine audit of `epoch` is about `slot`: as long as the term lasts; once, in the first epoch after it; and
    /// from then on until a slot that is at fault has shown its bytes.
    pub fn is_audited_in(&self, epoch: Epoch, slot: &Slot) -> bool {
        if !self.is_over(epoch) {
            return true;
        }
        let last = self.end() == Some(epoch) || slot.state == SlotState::AtFault;
        self.state == ContractState::Completed && last
    }

    /// What `slot` has earned where it was silent from epoch `since` on until its term was over, and answered only then:
    /// nothing since it was last to be asked before.
    pub fn shown_before(&self, since: Epoch, slot: &Slot) -> Accrual {
        let number = self.first_epoch.map_or(0, |first| since.since(first));
        let unshown = audit_plan::unshown(&self.audit, self.epoch, number);
        let paid_for = slot.byte_epochs.checked_div(slot.paid_capacity().0.into()).unwrap_or(0);
        let to_come = self.first_epoch.map_or(0, |first| first.plus(self.epochs).since(since));
        let counted = u64::try_from(paid_for).unwrap_or(u64::MAX).saturating_sub(to_come);
        let mut accrual = slot.accrual;
        accrual.withhold(unshown, counted, slot.earning_bytes());
        accrual
    }

    /// How many slots still hold their bytes, as far as is known.
    pub fn holding(&self) -> usize {
        self.slots
            .iter()
            .filter(|s| matches!(s.state, SlotState::Filled | SlotState::AtFault))
            .count()
    }

    /// Who holds its slots: nobody holds one that is vacated.
    pub fn holders(&self) -> BTreeSet<Did> {
        let held = self.slots.iter().filter(|slot| slot.state != SlotState::Vacated);
        held.map(Slot::provider).collect()
    }

    /// Whether `party` is its client or holds one of its slots.
    pub fn concerns(&self, party: &Did) -> bool {
        self.client == *party || self.slots.iter().any(|slot| slot.quoted.provider == *party)
    }
}

#[cfg(test)]
mod tests;
