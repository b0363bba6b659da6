//! A provider's judgement of an offer: whether it is what the market and the auditors say, and within its own bounds.

use super::accepted::{Accepted, told};
use super::extended::{first, is_fair};
use super::knowing::Knowledge;
use super::record::{About, Subject};
use super::rules::{Rules, auditors, is_new, is_running, may_be_funded};
use super::{Consents, Manner, offering};
use crate::deal::message::{Offer, SlotOffer};
use crate::deal::respend::Spent;
use crate::oracle::messages::Announcement;
use bitcoin::{FeeRate, Network};
use contracts::outcome::Stake;
use network::api::{ContractView, SlotView};
use std::collections::BTreeMap;
use types::documents::QuotedSlot;
use types::{Did, Span};

/// One offer, and whom it asks.
pub(super) struct Case<'a> {
    pub(super) offer: &'a Offer,
    pub(super) party: Did,
    pub(super) manner: &'a Manner,
    pub(super) network: Network,
    pub(super) consents: &'a Consents,
    /// The escrows of this provider that may go on in others, by slot.
    pub(super) held: &'a BTreeMap<u16, Spent>,
}

impl Case<'_> {
    /// The slots that the offer asks this provider for.
    ///
    /// # Errors
    /// What about it is wrong, and what would be right.
    pub(super) fn judge(&self, known: &Knowledge) -> Result<(Vec<Subject>, Rules), String> {
        let Knowledge { info, view, extension, accepted, announced, rate, .. } = known;
        let rules = Rules::read(info, self.network)?;
        self.contract(view)?;
        let told = |reason| format!("contract {} is not what was accepted: {reason}", view.id);
        let accepted = accepted.as_ref().map_err(|reason| told(reason.clone()))?;
        accepted.is_shown_by(view).map_err(told)?;
        let awaited = match extension {
            0 => None,
            _ => Some(accepted.awaited(view).map_err(told)?),
        };
        self.bounds(awaited.map_or(view.terms.duration, |to| accepted.lasts(to.epochs)))?;
        self.rate(*rate)?;
        self.outputs((view, *extension), &rules)?;
        let number = self.offer.number(&self.party);
        let number = number.ok_or_else(|| format!("the offer does not ask {}", self.party))?;
        let mut subjects: Vec<Subject> = vec![];
        for index in self.offer.slots_of(number) {
            let offered = &self.offer.slots[index];
            let (slot, announced) = self.which(index, offered, view, announced)?;
            if subjects.iter().any(|subject| subject.slot == slot.slot) {
                return Err(format!("slot {} is offered twice; offer it once", slot.slot));
            }
            self.consented((slot, view), accepted)?;
            let to = awaited.and_then(|to| to.slots.iter().find(|to| to.slot == slot.slot));
            if let Some(to) = to {
                let (taken, all) = (first(slot), accepted.quote().epochs);
                let epochs = awaited.map_or(all, |awaited| awaited.epochs);
                is_fair(slot.slot, (taken, all), (&to.quoted, epochs))?;
            }
            self.goes_on(slot.slot, offered)?;
            stake(view, to.map_or(&slot.quoted, |to| &to.quoted), (slot.slot, offered))?;
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

    /// Whether a slot is shown as this provider has agreed to it, and for what is longer since is paid in proportion.
    fn consented(
        &self,
        (slot, view): (&SlotView, &ContractView),
        accepted: &Accepted,
    ) -> Result<(), String> {
        let number = slot.slot;
        let agreed = self.consents.quoted(self.offer.contract, number);
        let agreed = agreed.ok_or_else(|| format!("slot {number} is not confirmed here"))?;
        let taken = first(slot);
        if agreed != *taken {
            let (found, right) = (told(taken), told(&agreed));
            return Err(format!(
                "slot {number}: the market shows {found}; agreed here were {right}"
            ));
        }
        if *taken == slot.quoted {
            return Ok(());
        }
        let all = accepted.quote().epochs;
        is_fair(number, (taken, all), (&slot.quoted, view.epochs))
    }

    /// Whether the money of this provider's escrow for a slot goes on in what is offered, and nothing else does.
    fn goes_on(&self, slot: u16, offered: &SlotOffer) -> Result<(), String> {
        let held = self.held.get(&slot);
        if offered.spends.as_ref() == held {
            return Ok(());
        }
        Err(match (held, &offered.spends) {
            (Some(held), _) => format!(
                "slot {slot}: its escrow is {}, with the keys and parts that were signed; offer to spend that",
                held.outpoint
            ),
            (None, _) => {
                format!(
                    "slot {slot}: no escrow of it is deep enough here to be spent; ask again later"
                )
            }
        })
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
        let (found, all) = (self.offer.slots.len(), view.slots.len());
        if (is_new(view) || self.is_longer()) && found != all {
            return Err(format!(
                "the offer has {found} slots; the {all} of a new contract, or of an extension, are funded at once"
            ));
        }
        Ok(())
    }

    fn is_longer(&self) -> bool {
        self.offer.slots.iter().any(|slot| slot.spends.is_some())
    }

    fn bounds(&self, duration: Span) -> Result<(), String> {
        let (Offer { refund_blocks, fee_reserve, steps, .. }, manner) = (self.offer, self.manner);
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
    fn outputs(
        &self,
        (view, extension): (&ContractView, u64),
        rules: &Rules,
    ) -> Result<(), String> {
        if self.offer.pool != rules.address {
            let (found, right) = (&self.offer.pool, &rules.address);
            return Err(format!(
                "the pool's shares go to {found}; the market's address is {right}"
            ));
        }
        let right = rules.market_fee(view, extension)?;
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
        if (is_new(view) || self.is_longer())
            && view.slots.get(index).map(|slot| slot.slot) != Some(*number)
        {
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
    let Knowledge { view, extension, accepted, announced, attested, .. } = known;
    if !is_running(view) {
        return Err(format!("contract {} is {}", view.id, view.state));
    }
    let accepted = accepted.as_ref().map_err(Clone::clone)?;
    accepted.is_shown_by(view)?;
    if *extension != about.extension {
        let (found, signed) = (extension, about.extension);
        return Err(format!("extension {found} is awaited, and {signed} was offered"));
    }
    if about.extension > 0 {
        accepted.awaited(view)?;
    }
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

fn stake(
    view: &ContractView,
    quoted: &QuotedSlot,
    (slot, offered): (u16, &SlotOffer),
) -> Result<(), String> {
    let right = Stake::of(&view.terms, quoted);
    let right = right.map_err(|error| format!("slot {slot}: {error}"))?;
    if offered.stake == right {
        return Ok(());
    }
    let told = |stake: &Stake| {
        let price = stake.cost.total().unwrap_or_default();
        format!("a price of {price}, a bond of {} and repairs of {}", stake.bond, stake.repair_cost)
    };
    let (found, right) = (told(&offered.stake), told(&right));
    Err(format!("slot {slot}: its stake is {found}; the terms come to {right}"))
}
