//! Announced maintenance: what a notice may say, and which silence it covers.

use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::maintenance::{
    self, AHEAD_MAX, NOTICE_MAX, NOTICES_MAX, REASON_BYTES_MAX, allowed, period,
};
use types::documents::Maintenance;
use types::{Epoch, Verified};

impl Market {
    pub(crate) fn announce(&self, notice: &Verified<Maintenance>) -> Result<Vec<Event>, Rejection> {
        let provider = notice.provider;
        let standing = self.docket.notices(&provider);
        if standing.iter().any(|known| known.document == notice.id()) {
            return Ok(Vec::new());
        }
        let invalid = |field, reason: String| Err(Rejection::Invalid { field, reason });
        if !self.offers.contains_key(&provider) && self.holdings(&provider).next().is_none() {
            return invalid(
                "provider",
                format!("{provider} offers nothing here; publish an ask first"),
            );
        }
        let epoch = self.genesis.epoch;
        if notice.from <= self.epoch {
            let first = self.epoch.plus(1);
            let reason = format!("epoch {} has begun; announce from epoch {first} on", notice.from);
            return invalid("from", reason);
        }
        let latest = self.epoch.plus(AHEAD_MAX.epochs(epoch));
        if notice.from > latest {
            return invalid(
                "from",
                format!("epoch {} is too far; give at most {latest}", notice.from),
            );
        }
        let most = NOTICE_MAX.epochs(epoch).max(1);
        if !(1..=most).contains(&u64::from(notice.epochs)) {
            return invalid("epochs", format!("{}; give 1 to {most}", notice.epochs));
        }
        if !(1..=REASON_BYTES_MAX).contains(&notice.reason.len()) {
            let length = notice.reason.len();
            return invalid("reason", format!("{length} bytes; give 1 to {REASON_BYTES_MAX}"));
        }
        if standing.len() >= NOTICES_MAX {
            let reason = format!("{NOTICES_MAX} notices stand already; wait until one is over");
            return invalid("from", reason);
        }
        Ok(vec![Event::MaintenanceAnnounced {
            document: notice.id(),
            provider,
            from: notice.from,
            epochs: notice.epochs,
        }])
    }

    /// Whether a slot's silence in `epoch` was announced, and its contract allows that much.
    pub(crate) fn is_excused(&self, id: SlotId, epoch: Epoch) -> bool {
        let Some((contract, slot)) = self.slot(id) else { return false };
        let Some(number) = self.number_of(id, epoch) else { return false };
        let period = period(contract.epoch, number);
        let allowed = allowed(&contract.terms, contract.epoch, contract.epochs, period);
        self.docket.is_announced(&slot.provider(), epoch)
            && slot.maintained.in_period(period) < allowed
    }

    /// Which of its contract's epochs, counted from 0, `epoch` is; the last, for those after it.
    fn number_of(&self, id: SlotId, epoch: Epoch) -> Option<u64> {
        let contract = self.contract(&id.contract)?;
        let first = contract.first_epoch?;
        let last = contract.epochs.saturating_sub(1);
        (first <= epoch).then(|| epoch.since(first).min(last))
    }

    /// What a slot has used of its allowance once its silence in `epoch` is excused.
    pub(crate) fn used_with(&self, id: SlotId, epoch: Epoch) -> maintenance::Used {
        let Some((contract, slot)) = self.slot(id) else { return maintenance::Used::default() };
        let number = self.number_of(id, epoch).unwrap_or(0);
        slot.maintained.one_more(period(contract.epoch, number))
    }
}
