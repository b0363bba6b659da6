//! From a wish to a contract whose every slot is confirmed: request, quote, acceptance, and waiting.

use crate::chance;
use crate::error::Error;
use crate::progress::{Event, Progress};
use client::CounterPrices;
use network::api::{AcceptBody, ContractView, CounterBody};
use network::client::ClientError;
use network::market_api::MarketClient;
use std::time::{Duration, Instant};
use types::documents::{Acceptance, Counter, CounterRefusal, Quote, Request};
use types::{ContractId, Signed, Signer, Terms, Verified};

/// The first pause between two looks at a contract.
const LOOK_AGAIN: Duration = Duration::from_millis(40);
/// The longest pause between two looks.
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(1);

/// A firm price that can be taken until it expires.
#[derive(Clone, Debug)]
pub struct Offer {
    quote: Verified<Quote>,
    refusals: Vec<Verified<CounterRefusal>>,
}

impl Offer {
    /// The price line by line, the providers, and who was left out and why.
    pub fn quote(&self) -> &Quote {
        &self.quote
    }

    /// Which providers refused the last counter, each in its own words.
    pub fn refusals(&self) -> impl Iterator<Item = &CounterRefusal> {
        self.refusals.iter().map(|refusal| &**refusal)
    }

    /// As the market signed it.
    pub fn signed(&self) -> &Signed {
        self.quote.signed()
    }
}

/// Asks the market for a price, and checks that the answer is to what was asked.
pub(crate) async fn ask_for_quote(
    market: &MarketClient,
    signer: &dyn Signer,
    terms: Terms,
) -> Result<Offer, Error> {
    let nonce = u64::from_le_bytes(chance::random());
    let request = Request { client: signer.did(), terms, nonce };
    let request = Verified::sign(request, signer)?;
    let quote: Verified<Quote> = market.quote(request.signed()).await?.verify()?;
    let slots = quote.terms.redundancy.slots();
    let differs = if quote.market != market.market() {
        "another market signed it"
    } else if quote.client != signer.did() || quote.request != request.id() {
        "it answers another request"
    } else if quote.terms != request.terms {
        "its terms are others"
    } else if quote.slots.len() != usize::from(slots) {
        "it does not name a provider for every slot"
    } else {
        return Ok(Offer { quote, refusals: Vec::new() });
    };
    Err(Error::ForeignQuote(differs.to_owned()))
}

/// Asks for a price and, where the client would pay so much at most, counters round by round until every slot costs no
/// more, or no round is left: then the last offer is what there is.
pub(crate) async fn bargain(
    market: &MarketClient,
    signer: &dyn Signer,
    terms: Terms,
    most: Option<CounterPrices>,
) -> Result<Offer, Error> {
    let mut offer = ask_for_quote(market, signer, terms).await?;
    let Some(most) = most else { return Ok(offer) };
    while !most.is_met_by(&offer.quote) {
        match counter(market, signer, &offer, most).await {
            Ok(next) => offer = next,
            Err(error) if is_last_round(&error) && offer.quote.round > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(offer)
}

/// Whether the market allows no further round.
fn is_last_round(error: &Error) -> bool {
    matches!(error, Error::Network(refused) if refused.code() == Some("counter_out_of_turn"))
}

/// Counters an offer, and checks that the answer is to that counter. The one that was countered stays firm.
async fn counter(
    market: &MarketClient,
    signer: &dyn Signer,
    offer: &Offer,
    most: CounterPrices,
) -> Result<Offer, Error> {
    let quote = &offer.quote;
    let counter = Counter {
        client: signer.did(),
        quote: quote.id(),
        round: quote.round.saturating_add(1),
        price_max: most.price,
        egress_max: most.egress_max(quote),
    };
    let counter = Verified::sign(counter, signer)?;
    let body = CounterBody { counter: counter.signed().clone(), quote: quote.signed().clone() };
    let answer = market.counter(&body).await?;
    let next: Verified<Quote> = answer.quote.verify()?;
    let differs = if next.market != market.market() {
        "another market signed it"
    } else if next.client != signer.did() || next.counter != Some(counter.id()) {
        "it answers another counter"
    } else if next.terms != quote.terms || next.slots.len() != quote.slots.len() {
        "its terms are others"
    } else {
        let refusals = answer.refusals.iter().filter_map(|signed| signed.verify().ok());
        let ours = |refusal: &Verified<CounterRefusal>| refusal.counter == counter.id();
        return Ok(Offer { quote: next, refusals: refusals.filter(ours).collect() });
    };
    Err(Error::ForeignQuote(differs.to_owned()))
}

/// Our acceptance of an offer. Its id is the contract's.
pub(crate) fn acceptance(offer: &Offer, signer: &dyn Signer) -> Result<Signed, Error> {
    let acceptance = Acceptance { client: signer.did(), quote: offer.quote.id() };
    Ok(Verified::sign(acceptance, signer)?.signed().clone())
}

/// Takes the quote. Taking it again changes nothing.
pub(crate) async fn accept(
    market: &MarketClient,
    quote: &Signed,
    acceptance: &Signed,
) -> Result<ContractView, ClientError> {
    let body = AcceptBody { acceptance: acceptance.clone(), quote: quote.clone() };
    market.accept(&body).await
}

/// Whether a contract in this state takes bytes, now or once it is confirmed.
pub(crate) fn takes_bytes(view: &ContractView) -> bool {
    matches!(view.state.as_str(), "agreed" | "active")
}

/// Waits until every slot has its provider's confirmation.
pub(crate) async fn wait_until_confirmed(
    market: &MarketClient,
    contract: ContractId,
    patience: Duration,
    progress: &dyn Progress,
) -> Result<ContractView, Error> {
    let (start, mut pause, mut seen) = (Instant::now(), LOOK_AGAIN, None);
    loop {
        let view = market.contract(contract).await?;
        if !takes_bytes(&view) {
            return Err(Error::ContractState { contract, state: view.state });
        }
        let confirmed = view.slots.iter().filter(|slot| slot.confirmed).count();
        if seen.replace(confirmed) != Some(confirmed) {
            progress.notice(&Event::Confirmed { slots: confirmed, of: view.slots.len() });
        }
        if confirmed == view.slots.len() {
            return Ok(view);
        }
        let waited = start.elapsed();
        if waited >= patience {
            let open = view.slots.iter().filter(|slot| !slot.confirmed);
            let slots: Vec<String> = open.map(|slot| slot.slot.to_string()).collect();
            return Err(Error::NotConfirmed { contract, slots: slots.join(", "), waited });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LOOK_AGAIN_MAX);
    }
}
