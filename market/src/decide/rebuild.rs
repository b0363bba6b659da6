//! Slots that hold their bytes again: the rebuild's receipt, and who is paid for the reads.

use super::{WHOLE_PPM, only, wrong_state};
use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::rail::rail;
use contracts::{Account, Contract, ContractState, Posting, Slot, SlotState};
use types::documents::{Revision, StorageReceipt};
use types::terms::RailKind;
use types::{Bytes, Did, Verified};

impl Market {
    pub(crate) fn finish_rebuild(
        &self,
        receipt: &Verified<StorageReceipt>,
        revision: &Verified<Revision>,
    ) -> Result<Vec<Event>, Rejection> {
        let id = SlotId { contract: receipt.contract, slot: receipt.slot };
        let (contract, slot) = self.known_slot(id)?;
        only("storage receipt", receipt.provider, slot.provider())?;
        self.only_market("revision", revision.signer)?;
        let in_place = slot.state == SlotState::AtFault
            && slot.fault.is_some_and(|f| f.penalised_ppm.is_some());
        let anew = slot.state == SlotState::Repairing && slot.confirmed;
        if slot.state == SlotState::Filled || contract.state != ContractState::Active {
            return Ok(Vec::new());
        }
        if !in_place && !anew {
            let allowed = "only a confirmed slot under repair can be finished";
            return Err(wrong_state(format!("slot {}", id.slot), slot.state.name(), allowed));
        }
        matches_rebuild(contract, slot, receipt, revision)?;
        let mut accrual = slot.accrual;
        accrual.through = contract.payable(self.epoch.plus(1)).max(accrual.through);
        if anew {
            accrual.ingress_bytes = accrual.ingress_bytes.saturating_add(slot.size.bytes);
        }
        let postings = self.pay_sources(contract, slot)?;
        Ok(vec![Event::RebuildFinished {
            slot: id,
            provider: slot.provider(),
            receipt: receipt.id(),
            revision: revision.id(),
            number: revision.number,
            accrual,
            postings,
        }])
    }

    /// The pool pays the providers whose shards were read, as far as this contract's penalties have filled it:
    /// else whoever sells dear reads to itself could empty it.
    fn pay_sources(&self, contract: &Contract, slot: &Slot) -> Result<Vec<Posting>, Rejection> {
        if contract.terms.rail == RailKind::Bitcoin {
            // The pool's share of a penalty is on the chain, and of no use to the ledger: such reads are each other's favour.
            return Ok(Vec::new());
        }
        let rail = rail(contract.terms.rail);
        let lost = slot.fault.and_then(|f| f.penalised_ppm).unwrap_or(WHOLE_PPM);
        let read = u128::from(slot.size.bytes) * u128::from(lost);
        let read =
            Bytes(u64::try_from(read.div_ceil(u128::from(WHOLE_PPM))).unwrap_or(slot.size.bytes));
        let mut left = self.pooled(&contract.id);
        let mut postings = Vec::new();
        for source in sources(contract, slot.provider()) {
            let owed =
                source.quoted.egress.charge(read).map_err(|e| Rejection::Pricing(e.to_string()))?;
            let paid = owed.min(left);
            left = left.sub(paid)?;
            postings.extend(rail.pay_from_pool(Account::Available(source.provider()), paid));
        }
        self.posted(postings)
    }
}

/// The k slots that a rebuild of `but`'s reads from, by rising number.
pub(super) fn sources(contract: &Contract, but: Did) -> impl Iterator<Item = &Slot> {
    let k = usize::from(contract.terms.redundancy.data);
    let holds = move |slot: &&Slot| slot.state == SlotState::Filled && slot.provider() != but;
    contract.slots.iter().filter(holds).take(k)
}

/// A rebuild's documents must say what the slots held before.
fn matches_rebuild(
    contract: &Contract,
    slot: &Slot,
    receipt: &StorageReceipt,
    revision: &Revision,
) -> Result<(), Rejection> {
    let mismatch = |reason: String| Err(Rejection::Receipt { slot: receipt.slot, reason });
    let next = contract.revision.saturating_add(1);
    if revision.contract != contract.id || revision.number != next || receipt.revision != next {
        return mismatch(format!(
            "receipt and revision of a rebuild must both be for revision {next}"
        ));
    }
    let same = contract.slots.iter().map(|s| s.size).eq(revision.slots.iter().copied());
    if !same || contract.layout != Some(revision.layout) {
        return mismatch("a rebuild's revision changes nothing but its number".into());
    }
    if receipt.size != slot.size {
        return mismatch("its receipt is for other bytes than the slot must hold".into());
    }
    Ok(())
}
