//! A provider's judgement of an offer: whether it is what the market and the auditors say, and within its own bounds.

use super::accepted::told;
use super::knowing::Knowledge;
use super::record::{About, Subject};
use super::rules::{Rules, auditors, is_new, is_running, may_be_funded};
use super::{Consents, Manner, offering};
use crate::deal::message::{Offer, SlotOffer};
use crate::oracle::messages::Announcement;
use bitcoin::{FeeRate, Network};
use contracts::outcome::Stake;
use network::api::{ContractView, SlotView};
use types::Did;

/// One offer, and whom it asks.
pub(super) struct Case<'a> {
    pub(super) offer: &'a Offer,
    pub(super) party: Did,
    pub(super) manner: &'a Manner,
    pub(super) network: Network,
    pub(super) consents: &'a Consents,
}

impl Case<'_> {
    /// The slots that the offer asks this provider for.
    ///
    /// # Errors
    /// What about it is wrong, and what would be right.
    pub(super) fn judge(&self, known: &Knowledge) -> Result<(Vec<Subject>, Rules), String> {
        let Knowledge { info, view, accepted, announced, rate, .. } = known;
        let rules = Rules::read(info, self.network)?;
        self.contract(view)?;
        let accepted = accepted.as_ref().map_err(Clone::clone);
        let told = |reason| format!("contract {} is not what was accepted: {reason}", view.id);
        accepted.and_then(|accepted| accepted.is_shown_by(view)).map_err(told)?;
        self.bounds(view)?;
        self.rate(*rate)?;
        self.outputs(view, &rules)?;
        let number = self.offer.number(&self.party);
        let number = number.ok_or_else(|| format!("the offer does not ask {}", self.party))?;
        let mut subjects: Vec<Subject> = vec![];
        for index in self.offer.slots_of(number) {
            let offered = &self.offer.slots[index];
            let (slot, announced) = self.which(index, offered, view, announced)?;
            if subjects.iter().any(|subject| subject.slot == slot.slot) {
                return Err(format!("slot {} is offered twice; offer it once", slot.slot));
            }
            self.consented(slot)?;
            stake(view, slot, offered)?;
            let (found, threshold) = (offered.threshold, rules.rule.threshold());
            if found != threshold {
                return Err(format!(
                    "slot {}: {found} auditors must agree; the market says {threshold}",
                    slot.slot
                ));
            }
            if offered.arbiter.is_some() {
                return Err(format!("slot {} has an arbiter; the terms name none", slot.slot));
            }
            subjects.push(Subject {
                index,
                slot: slot.slot,
                provider: self.party,
                endpoint: None,
                announcements: offering::hexes(announced),
            });
        }
        Ok((subjects, rules))
    }

    /// Whether a slot is shown as this provider has agreed to it.
    fn consented(&self, slot: &SlotView) -> Result<(), String> {
        let number = slot.slot;
        let agreed = self.consents.quoted(self.offer.contract, number);
        let agreed = agreed.ok_or_else(|| format!("slot {number} is not confirmed here"))?;
        if agreed == slot.quoted {
            return Ok(());
        }
        let (found, right) = (told(&slot.quoted), told(&agreed));
        Err(format!("slot {number}: the market shows {found}; agreed here were {right}"))
    }

    fn contract(&self, view: &ContractView) -> Result<(), String> {
        if self.offer.contract != view.id {
            return Err(format!(
                "the offer is for contract {}, not {}",
                self.offer.contract, view.id
            ));
        }
        if !is_running(view) {
            return Err(format!(
                "contract {} is {} and settles by {:?}; escrows are made for agreed and active contracts on Bitcoin",
                view.id, view.state, view.terms.rail
            ));
        }
        if let Some(slot) = self.offer.slots.iter().position(|slot| slot.spends.is_some()) {
            return Err(format!(
                "slot {slot} of the offer takes up an old escrow; a market's contracts are funded by coins"
            ));
        }
        if is_new(view) && self.offer.slots.len() != view.slots.len() {
            let (found, all) = (self.offer.slots.len(), view.slots.len());
            return Err(format!(
                "the offer has {found} slots; a new contract's {all} are funded at once"
            ));
        }
        Ok(())
    }

    fn bounds(&self, view: &ContractView) -> Result<(), String> {
        let (Offer { refund_blocks, fee_reserve, steps, .. }, manner) = (self.offer, self.manner);
        let duration = view.terms.duration;
        let (least, most) = (manner.refund_least(duration), manner.refund_most(duration)?);
        if !(least..=u32::from(most)).contains(&u32::from(*refund_blocks)) {
            return Err(format!(
                "refunds after {refund_blocks} blocks; {least} to {most} are taken here"
            ));
        }
        if *fee_reserve < manner.fee_reserve {
            let least = manner.fee_reserve;
            return Err(format!("a fee reserve of {fee_reserve}; at least {least} is taken here"));
        }
        if *steps != manner.steps {
            let ours = manner.steps;
            return Err(format!("payouts rounded to {steps} steps; {ours} are taken here"));
        }
        Ok(())
    }

    /// The funding's rate is the client's choice, and the provider's coins pay it too, or wait as long as it is too low.
    fn rate(&self, ours: FeeRate) -> Result<(), String> {
        let (rate, Manner { rate_min, rate_max, rate_times, .. }) = (self.offer.rate, self.manner);
        let times = u64::from(rate_times.get());
        let least = FeeRate::from_sat_per_kwu(ours.to_sat_per_kwu().div_ceil(times));
        let most = ours.checked_mul(times).unwrap_or(FeeRate::MAX);
        let (least, most) = (least.clamp(*rate_min, *rate_max), most.clamp(*rate_min, *rate_max));
        if (least..=most).contains(&rate) {
            return Ok(());
        }
        let (rate, least, most) = (per_vbyte(rate), per_vbyte(least), per_vbyte(most));
        Err(format!("a rate of {rate} sat/vB; {least} to {most} sat/vB are taken here now"))
    }

    /// The pool's shares and the market's fees.
    fn outputs(&self, view: &ContractView, rules: &Rules) -> Result<(), String> {
        if self.offer.pool != rules.address {
            let (found, right) = (&self.offer.pool, &rules.address);
            return Err(format!(
                "the pool's shares go to {found}; the market's address is {right}"
            ));
        }
        let right = if is_new(view) { rules.market_fee(view)? } else { None };
        if self.offer.market_fee == right {
            return Ok(());
        }
        let told = |fee: &Option<bitcoin::TxOut>| match fee {
            Some(output) => format!("{} to {}", output.value, output.script_pubkey),
            None => "nothing".into(),
        };
        let (found, right) = (told(&self.offer.market_fee), told(&right));
        Err(format!("the market's fee is {found}; it should be {right}"))
    }

    /// Which slot of the contract is offered at `index`: the one whose events its auditors announced.
    fn which<'k>(
        &self,
        index: usize,
        offered: &SlotOffer,
        view: &'k ContractView,
        announced: &'k [(u16, Vec<Announcement>)],
    ) -> Result<(&'k SlotView, &'k [Announcement]), String> {
        let this = announced.iter().find(|(_, announced)| {
            auditors(announced).is_ok_and(|auditors| auditors == offered.auditors)
        });
        let none = || {
            format!(
                "slot {index} of the offer has other auditors or nonces than the market's auditors announced for any slot of {}",
                self.party
            )
        };
        let (number, announced) = this.ok_or_else(none)?;
        let slot = view.slots.iter().find(|slot| slot.slot == *number);
        let slot = slot.filter(|slot| slot.provider == self.party && may_be_funded(slot));
        let slot = slot.ok_or_else(|| {
            format!("slot {number} is not a confirmed slot of {}; confirm it first", self.party)
        })?;
        if is_new(view) && view.slots.get(index).map(|slot| slot.slot) != Some(*number) {
            return Err(format!("slot {number} is offered as number {index}; keep their order"));
        }
        Ok((slot, announced))
    }
}

/// Whether a deal about these slots of `about` may still be signed by what is known now.
///
/// # Errors
/// What has changed since its offer was taken.
pub(super) fn still_stands(about: &About, known: &Knowledge) -> Result<(), String> {
    let Knowledge { view, accepted, announced, attested, .. } = known;
    if !is_running(view) {
        return Err(format!("contract {} is {}", view.id, view.state));
    }
    accepted.as_ref().map_err(Clone::clone)?.is_shown_by(view)?;
    for subject in &about.subjects {
        let number = subject.slot;
        let slot = view.slots.iter().find(|slot| slot.slot == number);
        if !slot.is_some_and(|slot| slot.provider == subject.provider && may_be_funded(slot)) {
            return Err(format!("slot {number} is not its provider's any more"));
        }
        let now = announced.iter().find(|(slot, _)| *slot == number);
        if now.is_none_or(|(_, now)| offering::hexes(now) != subject.announcements) {
            return Err(format!("slot {number}: its auditors announce it otherwise than before"));
        }
    }
    attested.clone().map_or(Ok(()), Err)
}

/// A fee rate in satoshis for a virtual byte, to the thousandth.
fn per_vbyte(rate: FeeRate) -> rust_decimal::Decimal {
    rust_decimal::Decimal::new(i64::try_from(rate.to_sat_per_kwu()).unwrap_or(i64::MAX), 3)
        .saturating_mul(4.into())
        .normalize()
}

fn stake(view: &ContractView, slot: &SlotView, offered: &SlotOffer) -> Result<(), String> {
    let right = Stake::of(&view.terms, &slot.quoted);
    let right = right.map_err(|error| format!("slot {}: {error}", slot.slot))?;
    if offered.stake == right {
        return Ok(());
    }
    let told = |stake: &Stake| {
        let price = stake.cost.total().unwrap_or_default();
        format!("a price of {price}, a bond of {} and repairs of {}", stake.bond, stake.repair_cost)
    };
    let (found, right) = (told(&offered.stake), told(&right));
    Err(format!("slot {}: its stake is {found}; the terms come to {right}", slot.slot))
}
