//! What a client has accepted, by its own signature and its market's: what a market shows of a contract is held against that before
//! anybody's coins move.
//!
//! A contract is called by its client's signed acceptance, which names a quote by its hash, which the market has signed. So nobody but
//! the client makes a contract, and nothing that it has accepted can be changed.

use super::offering::Want;
use super::rules::is_new;
use super::{Market, Round, Treasurer};
use network::api::{ContractView, SlotView};
use std::time::Duration;
use tokio::time::timeout;
use types::documents::{Acceptance, Quote, QuotedSlot};
use types::terms::RailKind;
use types::{ContractId, Did, DocId, Document, MoneyError, Msat, Span, Verified};

/// Why a contract is not known to be agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// What it rests on cannot be had now.
    Later(String),
    /// What it rests on is not as it must be.
    Refused(String),
}

/// A quote that a client has accepted.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    contract: ContractId,
    quote: Verified<Quote>,
}

impl Accepted {
    /// Asks `market`, which signs with the key `books`, for the documents that make `contract` one of `client`.
    ///
    /// # Errors
    /// [`Doubt::Refused`] where they are not those of this contract, client and market.
    pub(super) async fn prove<M: Market>(
        market: &M,
        contract: ContractId,
        (client, books): (Did, Did),
        within: Duration,
    ) -> Result<Self, Doubt> {
        let acceptance: Verified<Acceptance> =
            document(market, ("acceptance", contract), books, within).await?;
        if acceptance.client != client {
            let signer = acceptance.client;
            return Err(Doubt::Refused(format!("{signer} has accepted it, not {client}")));
        }
        let quote: Verified<Quote> =
            document(market, ("quote", acceptance.quote), books, within).await?;
        if quote.market != books {
            let signer = quote.market;
            return Err(Doubt::Refused(format!("its quote is signed by {signer}, not by {books}")));
        }
        if quote.client != client {
            let other = quote.client;
            return Err(Doubt::Refused(format!("its quote was made to {other}, not to {client}")));
        }
        if quote.terms.rail != RailKind::Bitcoin {
            return Err(Doubt::Refused("what was accepted does not settle on Bitcoin".into()));
        }
        Ok(Self { contract, quote })
    }

    /// What was accepted.
    pub(super) fn quote(&self) -> &Quote {
        &self.quote
    }

    /// Whether `view` shows what was accepted. In a contract that runs, slots whose providers came later
    /// ([`Self::is_replaced`]) are for others to judge.
    ///
    /// # Errors
    /// What differs, and what was accepted.
    pub(super) fn is_shown_by(&self, view: &ContractView) -> Result<(), String> {
        let quote = &self.quote;
        if (view.id, view.client) != (self.contract, quote.client) {
            return Err(format!("contract {} of {} is shown in its place", view.id, view.client));
        }
        if view.terms != quote.terms {
            return Err("its terms are not those that were accepted".into());
        }
        if view.cost != quote.cost {
            return Err("its price is not, line by line, the one that was accepted".into());
        }
        let wanted = quote.terms.redundancy.slots();
        let numbers = view.slots.iter().map(|slot| slot.slot);
        if quote.slots.len() != usize::from(wanted) || !numbers.eq(0..wanted) {
            return Err(format!("its slots are not the {wanted} that were accepted"));
        }
        view.slots.iter().try_for_each(|slot| self.is_seated(slot, view))?;
        let affords = !is_new(view) || self.affords(view).map_err(|error| error.to_string())?;
        if affords { Ok(()) } else { Err("its slots cost more than was accepted".into()) }
    }

    /// Whether a slot's provider came later: it is neither as it was quoted nor a reserve's.
    pub(super) fn is_replaced(&self, slot: &SlotView) -> bool {
        self.original(slot.slot) != Some(&slot.quoted)
            && !self.quote.reserves.contains(&slot.quoted)
    }

    /// What was accepted for all slots together.
    pub(super) fn slots_cost(&self) -> Result<Msat, MoneyError> {
        let cost = &self.quote.cost;
        Msat::sum([cost.storage, cost.premium, cost.bonus, cost.ingress])
    }

    fn original(&self, slot: u16) -> Option<&QuotedSlot> {
        self.quote.slots.get(usize::from(slot))
    }

    fn is_seated(&self, slot: &SlotView, view: &ContractView) -> Result<(), String> {
        let (number, shown, quoted) = (slot.slot, slot.provider, slot.quoted.provider);
        if shown != quoted {
            return Err(format!("slot {number}: {shown} is in it, and {quoted} is quoted for it"));
        }
        let stands_in = |other: &&SlotView| {
            other.slot != number && other.quoted == slot.quoted && self.stood_in(other)
        };
        if self.stood_in(slot) && view.slots.iter().any(|other| stands_in(&other)) {
            return Err(format!("slot {number}: its reserve {shown} is in another slot already"));
        }
        if !is_new(view) || !self.is_replaced(slot) {
            return Ok(());
        }
        let mut known = self.original(number).into_iter().chain(&self.quote.reserves);
        Err(match known.find(|known| known.provider == shown) {
            Some(known) => {
                let (found, right) = (told(&slot.quoted), told(known));
                format!("slot {number}: {shown} is shown with {found}; accepted were {right}")
            }
            None => format!(
                "slot {number}: {shown} is in it, which the quote names neither for it nor as a reserve"
            ),
        })
    }

    /// Whether a reserve is in the slot.
    fn stood_in(&self, slot: &SlotView) -> bool {
        self.original(slot.slot) != Some(&slot.quoted) && !self.is_replaced(slot)
    }

    /// Whether the slots cost no more than was accepted: reserves step in for that, or not at all.
    fn affords(&self, view: &ContractView) -> Result<bool, MoneyError> {
        let costs = view.slots.iter().map(|slot| slot.quoted.cost.total());
        let shown = costs.collect::<Result<Vec<_>, _>>()?;
        Ok(Msat::sum(shown)? <= self.slots_cost()?)
    }
}

impl Treasurer {
    /// Whether the market shows of a contract what this client has accepted.
    pub(super) async fn is_accepted<M: Market>(
        &mut self,
        market: &M,
        view: &ContractView,
        round: &mut Round,
    ) -> bool {
        let (id, parties) = (view.id, (self.party, self.manner.market));
        if !self.accepted.contains_key(&id) {
            let within = self.manner.answer_within;
            match Accepted::prove(market, id, parties, within).await {
                Ok(accepted) => drop(self.accepted.insert(id, accepted)),
                Err(Doubt::Later(reason)) => {
                    round.wait(format!("contract {id}: {reason}"));
                    return false;
                }
                Err(Doubt::Refused(reason)) => {
                    round.refuse(format!("contract {id} is not what was accepted: {reason}"));
                    return false;
                }
            }
        }
        let shown = self.accepted.get(&id).map(|accepted| accepted.is_shown_by(view));
        if let Some(Err(reason)) = shown {
            round.refuse(format!("contract {id} is not what was accepted: {reason}"));
            return false;
        }
        true
    }

    /// Whether slots whose contract is shown as it was accepted are to be funded now.
    pub(super) fn may_want(&self, Want { view, slots }: &Want) -> Result<(), String> {
        let accepted = self.accepted.get(&view.id).ok_or("nothing is known to be accepted")?;
        if is_new(view) {
            if self.has_funded(view.id) {
                return Err("it has its escrows, and is shown as if it had none".into());
            }
            let within = u64::try_from(self.manner.funded_within.as_micros()).unwrap_or(u64::MAX);
            let expires = accepted.quote().expires;
            if (self.clock)() > expires.after(Span(within)) {
                let expires = types::utc::format(expires);
                return Err(format!(
                    "its quote was firm until {expires}, too long ago for a new contract: accept another"
                ));
            }
        }
        let later = slots.iter().filter(|slot| accepted.is_replaced(slot));
        later.into_iter().try_for_each(|slot| self.may_replace(accepted, view, slot))
    }
}

/// A slot as people compare it.
pub(super) fn told(quoted: &QuotedSlot) -> String {
    let price = quoted.cost.total().unwrap_or_default();
    format!("a price of {price}, a bond of {} and {} for a GB read", quoted.bond, quoted.egress)
}

/// The document of this name, as the market's journal has it.
async fn document<T: Document, M: Market>(
    market: &M,
    (what, name): (&str, DocId),
    books: Did,
    within: Duration,
) -> Result<Verified<T>, Doubt> {
    let silent = || format!("the market does not answer within {within:?}");
    let receipt = timeout(within, market.receipt(name)).await.unwrap_or_else(|_| Err(silent()));
    let receipt = receipt
        .map_err(|reason| Doubt::Later(format!("its {what} {name} is not there: {reason}")))?;
    let refused = |reason: String| Doubt::Refused(format!("its {what}: {reason}"));
    if receipt.document.id() != name {
        let found = receipt.document.id();
        return Err(refused(format!("the market has {found} in the place of {name}")));
    }
    let document = receipt.document.verify().map_err(|error| refused(error.to_string()))?;
    receipt.verify(Some(books)).map_err(|error| refused(error.to_string()))?;
    Ok(document)
}
