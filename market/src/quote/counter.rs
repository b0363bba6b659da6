//! Negotiation: a client counters a quote, its providers answer for that counter alone, and a new quote rests on what they
//! said.

use super::Wanted;
use crate::decide::offer;
use crate::placement::{Answers, Ceiling};
use crate::rejection::Rejection;
use crate::state::{Market, Offer};
use std::collections::BTreeSet;
use types::documents::{Ask, Counter, CounterRefusal, Quote};
use types::{Did, Document, Timestamp, Verified};

/// The longest reason of a provider that a quote repeats, in characters.
const REASON_MAX: usize = 200;

/// What providers answered to a counter, as it came in.
#[derive(Clone, Debug, Default)]
pub struct CounterAnswers {
    /// Asks for that counter alone.
    pub asks: Vec<Verified<Ask>>,
    /// Refusals.
    pub refusals: Vec<Verified<CounterRefusal>>,
}

/// A quote and the counter to it.
#[derive(Clone, Copy, Debug)]
pub struct Negotiation<'a> {
    /// The quote, as this market signed it.
    pub quote: &'a Verified<Quote>,
    /// The client's counter.
    pub counter: &'a Verified<Counter>,
}

impl Negotiation<'_> {
    /// Whom the counter is put to: the quote's providers and reserves.
    pub fn providers(&self) -> BTreeSet<Did> {
        self.quote.slots.iter().chain(&self.quote.reserves).map(|slot| slot.provider).collect()
    }
}

impl Market {
    /// Whether the counter may be made: by the quote's client, while the quote is firm and not taken, as the next round.
    ///
    /// # Errors
    /// [`Rejection`] says what is out of turn and what would be right.
    pub fn check_counter(&self, now: Timestamp, of: &Negotiation<'_>) -> Result<(), Rejection> {
        let Negotiation { quote, counter } = *of;
        self.check_answer(now, quote, ("counter", counter.client, counter.quote))?;
        self.check_round(counter.round, quote.round)?;
        let invalid = |field, reason| Rejection::Invalid { field, reason };
        counter.price_max.validated().map_err(|e| invalid("price_max", e.to_string()))?;
        counter.egress_max.validated().map_err(|e| invalid("egress_max", e.to_string()))?;
        Ok(())
    }

    fn check_round(&self, found: u8, quoted: u8) -> Result<(), Rejection> {
        let (next, most) = (quoted.saturating_add(1), self.genesis.rounds_max);
        let right = if next > most {
            format!(
                "a quote may be countered {most} times, and this one was: take it or request anew"
            )
        } else if found != next {
            format!("the quote is of round {quoted}, so counter it in round {next}")
        } else {
            return Ok(());
        };
        Err(Rejection::CounterOutOfTurn { found, right })
    }

    /// Whether `ask` may answer the counter: one of the quote's providers' own, for this counter, and otherwise like the ask
    /// that stands.
    ///
    /// # Errors
    /// [`Rejection`] names the field and what would be right.
    pub fn check_counter_ask(
        &self,
        now: Timestamp,
        of: &Negotiation<'_>,
        ask: &Verified<Ask>,
    ) -> Result<(), Rejection> {
        let invalid = |field, reason: String| Err(Rejection::Invalid { field, reason });
        if ask.counter != Some(of.counter.id()) {
            return invalid("counter", format!("the ask must name counter {}", of.counter.id()));
        }
        let provider = ask.provider;
        let Some(standing) =
            self.offers.get(&provider).filter(|_| of.providers().contains(&provider))
        else {
            return invalid("provider", "only the quote's providers answer its counters".into());
        };
        offer::validate(now, ask)?;
        let (new, old) = (&**ask, &standing.ask);
        for (field, same) in [
            ("endpoint", new.endpoint == old.endpoint),
            ("region", new.region == old.region),
            ("operator", new.operator == old.operator),
            ("tags", new.tags == old.tags),
            ("capacity", new.capacity <= old.capacity),
        ] {
            if !same {
                let reason =
                    "an ask for a counter changes prices alone; publish a standing ask first";
                return invalid(field, reason.into());
            }
        }
        if ask.expires < now.after(self.genesis.quote_ttl) {
            let least = self.genesis.quote_ttl;
            return invalid(
                "expires",
                format!("it must stand for as long as a quote does, {least}"),
            );
        }
        Ok(())
    }

    /// The next quote: from what providers `answered` to the counter and from the standing asks, for no more than the client
    /// would pay where enough providers do that; else the cheapest there are.
    ///
    /// # Errors
    /// [`Rejection`] as [`Market::check_counter`] and [`Market::quote`]. Answers that may not be given count as none.
    pub fn requote(
        &self,
        now: Timestamp,
        of: &Negotiation<'_>,
        answered: &CounterAnswers,
        chance: ([u8; 32], &BTreeSet<Did>),
    ) -> Result<Quote, Rejection> {
        self.check_counter(now, of)?;
        let Negotiation { quote, counter } = *of;
        let answers = self.answers_to(now, of, answered);
        let wanted = Wanted {
            client: quote.client,
            request: quote.request,
            terms: &quote.terms,
            counter: Some(counter.id()),
            round: counter.round,
        };
        let (seed, online) = chance;
        let mut search = self.search(now, &quote.terms, quote.client, quote.epochs);
        search.online = Some(online);
        search.answers = Some(&answers);
        search.mechanism = self.genesis.pricing.mechanism;
        search.ceiling = Some(Ceiling { price: counter.price_max, egress: counter.egress_max });
        match self.quote_from(search, &wanted, seed) {
            Err(Rejection::TooFewProviders { .. }) => {}
            other => return other,
        }
        // Not enough providers come down that far. The client bargains, so it is shown the cheapest there are.
        let mut search = self.search(now, &quote.terms, quote.client, quote.epochs);
        search.online = Some(online);
        search.answers = Some(&answers);
        search.mechanism = match self.genesis.pricing.mechanism {
            pricing::MechanismKind::PostedAsk => pricing::MechanismKind::PayAsBid,
            auction => auction,
        };
        self.quote_from(search, &wanted, seed)
    }

    /// The answers that may be given, by provider.
    fn answers_to(
        &self,
        now: Timestamp,
        of: &Negotiation<'_>,
        answered: &CounterAnswers,
    ) -> Answers {
        let mut answers = Answers::default();
        for ask in &answered.asks {
            if self.check_counter_ask(now, of, ask).is_ok()
                && let Some(standing) = self.offers.get(&ask.provider)
            {
                let network = standing.network.clone();
                let offer = Offer { id: ask.id(), ask: (**ask).clone(), network };
                answers.offers.insert(ask.provider, offer);
            }
        }
        let providers = of.providers();
        for refusal in &answered.refusals {
            let provider = refusal.signer();
            if refusal.counter == of.counter.id() && providers.contains(&provider) {
                let reason = refusal.reason.chars().filter(|c| !c.is_control()).take(REASON_MAX);
                answers.refusals.insert(provider, reason.collect());
            }
        }
        answers
    }
}
