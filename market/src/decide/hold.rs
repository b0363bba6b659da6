//! What slots hold: revisions with their receipts, and the epochs in which that is paid.

use super::{only, wrong_state};
use crate::event::Event;
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::beacon::course::Shown;
use contracts::rail::rail;
use contracts::{Contract, ContractState, ContractStep, Slot, SlotState};
use reputation::Change;
use std::collections::BTreeMap;
use types::documents::{Revision, SlotSize, StorageReceipt};
use types::{Did, Timestamp, Verified};

impl Market {
    pub(crate) fn revise(
        &self,
        now: Timestamp,
        revision: &Verified<Revision>,
        receipts: &[Verified<StorageReceipt>],
    ) -> Result<Vec<Event>, Rejection> {
        let contract = self.known_contract(&revision.contract)?;
        if !self.may_write(now, contract, &revision.signer) {
            let (found, client) = (revision.signer, contract.client);
            return Err(Rejection::NoLeave { document: "revision", found, client });
        }
        let unchanged = contract.layout == Some(revision.layout)
            && contract.slots.iter().map(|s| s.size).eq(revision.slots.iter().copied());
        if revision.number == contract.revision && unchanged {
            return Ok(Vec::new());
        }
        let first = contract.state == ContractState::Agreed;
        let step = if first { ContractStep::Store } else { ContractStep::Revise };
        if contract.state.after(step).is_none() {
            let allowed = "only agreed and active contracts can be revised";
            return Err(wrong_state(
                format!("contract {}", contract.id),
                contract.state.name(),
                allowed,
            ));
        }
        let latest = contract.revision;
        if revision.number <= latest {
            return Err(Rejection::Superseded { what: "revision", found: revision.number, latest });
        }
        if revision.number != latest.saturating_add(1)
            || revision.slots.len() != contract.slots.len()
        {
            let reason =
                format!("revision {} of {} slots", latest.saturating_add(1), contract.slots.len());
            return Err(Rejection::Invalid {
                field: "number",
                reason: format!("{reason} is expected"),
            });
        }
        for (number, (slot, size)) in (0u16..).zip(contract.slots.iter().zip(&revision.slots)) {
            revisable(number, slot)?;
            fits(number, slot, size, contract.terms.shard_bytes)?;
            stays_auditable(number, slot, size)?;
            if first || slot.size != *size {
                received(number, slot, revision, receipts)?;
            }
        }
        self.revision_accepted(contract, revision, first)
    }

    fn revision_accepted(
        &self,
        contract: &Contract,
        revision: &Verified<Revision>,
        first: bool,
    ) -> Result<Vec<Event>, Rejection> {
        let first_epoch = contract.first_epoch.unwrap_or_else(|| self.epoch.plus(1));
        let mut accruals = Vec::with_capacity(contract.slots.len());
        for (slot, size) in contract.slots.iter().zip(&revision.slots) {
            let mut accrual = slot.accrued(contract.payable(self.epoch));
            if first {
                accrual.through = first_epoch;
            }
            let added = size.bytes.saturating_sub(slot.size.bytes);
            accrual.ingress_bytes = accrual.ingress_bytes.saturating_add(added);
            accruals.push(accrual);
        }
        let fees = if first { contract.cost.fees()? } else { types::Msat::ZERO };
        let postings = self.posted(rail(contract.terms.rail).take_fees(contract.id, fees))?;
        Ok(vec![Event::RevisionAccepted {
            contract: contract.id,
            holders: contract.holders(),
            document: revision.id(),
            signer: revision.signer,
            number: revision.number,
            layout: revision.layout,
            first_epoch,
            sizes: revision.slots.clone(),
            accruals,
            postings,
        }])
    }

    pub(crate) fn open_epoch(&self, shown: &Shown<'_>) -> Result<Vec<Event>, Rejection> {
        let epoch = shown.epoch;
        if epoch == self.epoch && shown.link == self.course.link() {
            return Ok(Vec::new());
        }
        let refused = |reason| Rejection::Epoch { found: epoch, reason };
        if epoch != self.epoch.plus(1) {
            return Err(refused("epochs open one by one".to_owned()));
        }
        let opening = self.course.draw(self.genesis.chain.as_ref(), shown);
        let opening = opening.map_err(|error| refused(error.to_string()))?;
        let block = opening.block.map(Box::new);
        let opened = Event::EpochOpened { epoch, beacon: opening.value, block };
        let policy = &self.genesis.reputation;
        let reviews = self.reviews.in_epoch(epoch, policy).into_iter().filter_map(|provider| {
            let change = self.record(&provider)?.review(policy, epoch)?;
            Some((provider, change))
        });
        let changes: BTreeMap<Did, Change> = reviews.collect();
        let relieved = self.to_relieve(&changes);
        let changed = changes.into_iter();
        let changed =
            changed.map(|(provider, change)| Event::StandingChanged { provider, epoch, change });
        Ok(std::iter::once(opened).chain(changed).chain(relieved).collect())
    }
}

fn revisable(number: u16, slot: &Slot) -> Result<(), Rejection> {
    if !matches!(slot.state, SlotState::Reserved | SlotState::Filled | SlotState::AtFault) {
        let allowed = "wait until its repair is finished, then revise";
        return Err(wrong_state(format!("slot {number}"), slot.state.name(), allowed));
    }
    if slot.confirmed {
        return Ok(());
    }
    let reason = "its provider has not confirmed it yet; wait for the confirmation".to_owned();
    Err(Rejection::Receipt { slot: number, reason })
}

/// Every shard holds something and none more than `shard_bytes`.
fn fits(number: u16, slot: &Slot, size: &SlotSize, shard_bytes: u32) -> Result<(), Rejection> {
    let room = size.shards.saturating_mul(u64::from(shard_bytes));
    if size.bytes <= slot.capacity.0 && (size.shards..=room).contains(&size.bytes) {
        return Ok(());
    }
    let reason = format!(
        "{} bytes in {} shards do not fit; give at most its capacity of {} bytes, in shards of 1 to {shard_bytes} bytes",
        size.bytes, size.shards, slot.capacity.0
    );
    Err(Rejection::Receipt { slot: number, reason })
}

/// An empty slot cannot be audited, so one at fault could never show that it is sound again.
fn stays_auditable(number: u16, slot: &Slot, size: &SlotSize) -> Result<(), Rejection> {
    if slot.state != SlotState::AtFault || size.shards > 0 {
        return Ok(());
    }
    let allowed = "wait until it answers again or is rebuilt, then empty it";
    Err(wrong_state(format!("slot {number}"), slot.state.name(), allowed))
}

fn received(
    number: u16,
    slot: &Slot,
    revision: &Verified<Revision>,
    receipts: &[Verified<StorageReceipt>],
) -> Result<(), Rejection> {
    let missing = |reason: String| Err(Rejection::Receipt { slot: number, reason });
    let Some(receipt) =
        receipts.iter().find(|r| r.contract == revision.contract && r.slot == number)
    else {
        return missing(format!("a storage receipt of {} is missing", slot.provider()));
    };
    only("storage receipt", receipt.provider, slot.provider())?;
    if receipt.revision != revision.number
        || Some(&receipt.size) != revision.slots.get(usize::from(number))
    {
        return missing("its receipt is for other bytes or another revision than this one".into());
    }
    Ok(())
}
