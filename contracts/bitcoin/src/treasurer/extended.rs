//! Extensions of what was accepted: who has signed them, and what they may cost.
//!
//! An extension is its client's signed word on so many epochs. What it costs the market alone says; but every epoch that is added costs
//! as much as those that were accepted, no more for the client and no less for the provider, and a bond never grows faster than what it
//! backs. Each side holds what is shown against that before it signs.

use super::accepted::{Accepted, Doubt, document, told};
use super::{Market, Treasurer};
use network::api::{AwaitedView, ContractView, SlotView};
use std::time::Duration;
use types::documents::{Extension, QuotedSlot};
use types::{CostVector, Did, DocId, MoneyError, Msat, Span, Verified};

/// By how many millisatoshis a slot's lines together may be above their part: each extension rounds each of them up.
const SLACK: i64 = 128;

impl Accepted {
    /// Asks `market`, which signs with the key `books`, for the client's word on how long the contract is, and is to be.
    ///
    /// # Errors
    /// [`Doubt::Refused`] where its client has not signed that.
    pub(super) async fn learn<M: Market>(
        &mut self,
        market: &M,
        (view, books): (&ContractView, Did),
        within: Duration,
    ) -> Result<(), Doubt> {
        let in_force = view.extension.filter(|_| view.epochs != self.quote().epochs);
        let awaited = view.awaited.as_ref().map(|awaited| awaited.document);
        for name in in_force.into_iter().chain(awaited) {
            if self.extensions.contains_key(&name) {
                continue;
            }
            let word: Verified<Extension> =
                document(market, ("extension", name), books, within).await?;
            let (found, client) = ((word.contract, word.client), self.quote().client);
            if found != (self.contract(), client) {
                let (contract, signer) = found;
                let reason = format!("its extension {name} is {signer}'s, of contract {contract}");
                return Err(Doubt::Refused(reason));
            }
            self.extensions.insert(name, word);
        }
        Ok(())
    }

    /// How many epochs the contract runs, as `view` shows it.
    ///
    /// # Errors
    /// Where its client has not signed that.
    pub(super) fn epochs(&self, view: &ContractView) -> Result<u64, String> {
        let accepted = self.quote().epochs;
        if view.epochs == accepted {
            return Ok(accepted);
        }
        let signed = view.extension.and_then(|name| self.signed(name));
        if signed.is_some_and(|word| word.epochs == view.epochs) {
            return Ok(view.epochs);
        }
        let found = view.epochs;
        Err(format!(
            "it runs for {found} epochs; {accepted} were accepted, and no extension to more"
        ))
    }

    fn signed(&self, name: DocId) -> Option<&Extension> {
        self.extensions.get(&name).map(|word| &**word)
    }

    /// How long the contract lasts where it runs for `epochs`.
    pub(super) fn lasts(&self, epochs: u64) -> Span {
        let quote = self.quote();
        if epochs == quote.epochs {
            return quote.terms.duration;
        }
        Span(quote.epoch.0.saturating_mul(epochs))
    }

    /// Whether the cost that `view` shows is what was accepted, and so much more as it is longer.
    pub(super) fn costs(&self, view: &ContractView) -> Result<bool, String> {
        let (epochs, quote) = (self.epochs(view)?, self.quote());
        if epochs == quote.epochs {
            return Ok(view.cost == quote.cost);
        }
        let most = |line: fn(&CostVector) -> Msat| self.scaled(line(&quote.cost), epochs);
        let within = |line: fn(&CostVector) -> Msat| Ok(line(&view.cost) <= most(line)?);
        let all = [
            within(|cost| cost.storage),
            within(|cost| cost.premium),
            within(|cost| cost.bonus),
            within(|cost| cost.ingress),
            within(|cost| cost.network_fee),
            within(|cost| cost.escrow_fee),
        ];
        let all: Result<Vec<bool>, MoneyError> = all.into_iter().collect();
        Ok(all.map_err(|error| error.to_string())?.into_iter().all(|within| within))
    }

    /// The extension that `view` shows as awaited, where its client has signed it and it costs the client no more than it may.
    ///
    /// # Errors
    /// What about it is wrong.
    pub(super) fn awaited<'v>(&self, view: &'v ContractView) -> Result<&'v AwaitedView, String> {
        let awaited = view.awaited.as_ref().ok_or("no extension of it is awaited")?;
        let (number, epochs) = (awaited.number, awaited.epochs);
        let signed = self.signed(awaited.document);
        if !signed.is_some_and(|word| (word.number, word.epochs) == (number, epochs)) {
            return Err(format!("its client has signed no extension {number} to {epochs} epochs"));
        }
        let more = epochs.checked_sub(view.epochs).filter(|more| *more > 0 && number > 0);
        let more = more.ok_or_else(|| {
            format!("an extension to {epochs} epochs is none; it runs for {} now", view.epochs)
        })?;
        let slots = awaited.slots.iter().map(|slot| slot.slot);
        if !slots.eq(view.slots.iter().map(|slot| slot.slot)) {
            return Err("its extension is not of its slots, in their order".into());
        }
        for (now, to) in view.slots.iter().zip(&awaited.slots) {
            grows(now, &to.quoted)?;
        }
        self.may_cost(view, (awaited, more)).map_err(|error| error.to_string())??;
        Ok(awaited)
    }

    /// Whether `more` epochs cost the client no more than as many of those that it has accepted.
    fn may_cost(
        &self,
        view: &ContractView,
        (awaited, more): (&AwaitedView, u64),
    ) -> Result<Result<(), String>, MoneyError> {
        let both = view.slots.iter().zip(&awaited.slots);
        let added = both.map(|(now, to)| to.quoted.cost.total()?.sub(now.quoted.cost.total()?));
        let added = Msat::sum(added.collect::<Result<Vec<_>, _>>()?)?;
        let most = self.scaled(self.quoted_cost()?, more)?;
        if added > most {
            return Ok(Err(format!(
                "{more} epochs more cost {added}; at what was accepted they cost {most}"
            )));
        }
        let (fees, most) = (awaited.added.fees()?, self.scaled(self.quote().cost.fees()?, more)?);
        if fees > most {
            return Ok(Err(format!(
                "{more} epochs more cost {fees} of fees; at what was accepted they cost {most}"
            )));
        }
        Ok(Ok(()))
    }

    /// What `amount`, for all epochs that were accepted, comes to for `epochs`, at most.
    pub(super) fn scaled(&self, amount: Msat, epochs: u64) -> Result<Msat, MoneyError> {
        let quote = self.quote();
        let all = u128::from(quote.epochs.max(1));
        let slots = i64::try_from(quote.slots.len()).unwrap_or(i64::MAX);
        let slack = Msat(slots.saturating_mul(SLACK));
        amount.non_negative()?.scale_up(epochs.into(), all)?.add(slack)
    }
}

/// What a slot's provider took it at: its first escrow's, or what it is at where it has none.
pub(super) fn first(slot: &SlotView) -> &QuotedSlot {
    slot.first.as_ref().unwrap_or(&slot.quoted)
}

/// Whether a slot is to be what it is now, for more.
fn grows(now: &SlotView, to: &QuotedSlot) -> Result<(), String> {
    let (slot, quoted) = (now.slot, &now.quoted);
    let like = QuotedSlot { cost: quoted.cost, bond: quoted.bond, ..to.clone() };
    let (before, after) = (&quoted.cost, &to.cost);
    let less = after.base < before.base
        || after.premium < before.premium
        || after.bonus < before.bonus
        || after.ingress < before.ingress
        || to.bond < quoted.bond;
    if like != *quoted || less {
        let (found, right) = (told(to), told(quoted));
        return Err(format!("slot {slot}: {found} is awaited; it has {right} now, and keeps that"));
    }
    Ok(())
}

/// Whether a provider that took its slot at `first`, in a contract of `accepted` epochs, is paid for `epochs` what it was promised, and
/// backs that with no larger part in its bond.
pub(super) fn is_fair(
    slot: u16,
    (first, accepted): (&QuotedSlot, u64),
    (to, epochs): (&QuotedSlot, u64),
) -> Result<(), String> {
    let fair = fairly((first, accepted), (to, epochs)).map_err(|error| error.to_string())?;
    if fair {
        return Ok(());
    }
    let (found, right) = (told(to), told(first));
    Err(format!(
        "slot {slot}: {found} for {epochs} epochs; agreed here were {right} for {accepted} or fewer, and a longer term pays and binds at that rate"
    ))
}

fn fairly(
    (first, accepted): (&QuotedSlot, u64),
    (to, epochs): (&QuotedSlot, u64),
) -> Result<bool, MoneyError> {
    let (all, epochs) = (u128::from(accepted.max(1)), u128::from(epochs));
    let least = |line: Msat| line.non_negative()?.scale_down(epochs, all);
    let paid = to.cost.base >= least(first.cost.base)?
        && to.cost.premium >= least(first.cost.premium)?
        && to.cost.bonus >= least(first.cost.bonus)?
        && to.cost.ingress >= first.cost.ingress;
    let keeping = |quoted: &QuotedSlot| quoted.cost.keeping()?.add(quoted.cost.bonus);
    let (before, after) = (keeping(first)?.non_negative()?, keeping(to)?.non_negative()?);
    let (before, after) = (before.0.unsigned_abs().max(1), after.0.unsigned_abs().max(1));
    let most = first.bond.non_negative()?.scale_up(after.into(), before.into())?;
    let like = QuotedSlot { cost: first.cost, bond: first.bond, ..to.clone() };
    Ok(paid && to.bond <= most && like == *first)
}

impl Treasurer {
    /// Whether this client may have the extension that `view` shows as awaited.
    ///
    /// # Errors
    /// What about it is wrong.
    pub(super) fn may_extend(&self, view: &ContractView) -> Result<(), String> {
        let accepted = self.accepted.get(&view.id).ok_or("nothing is known to be accepted")?;
        accepted.awaited(view).map(drop)
    }
}
