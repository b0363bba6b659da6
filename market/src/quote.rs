//! From a request to a firm price with a provider per slot, and from a counter to the next. Quoting changes nothing: what
//! it found is in the quote.

mod asked;
mod counter;

use crate::placement::{Page, Search};
use crate::rejection::Rejection;
use crate::state::Market;
pub use asked::Asked;
use contracts::terms;
pub use counter::{CounterAnswers, Negotiation};
use pricing::{Mechanism, PricingError};
use std::collections::BTreeSet;
use types::documents::{Exclusion, Quote, Request};
use types::{Did, DocId, Terms, Timestamp, Verified};

/// How often a search is repeated without the providers that cannot afford their bond.
pub(crate) const SEARCHES: usize = 16;
/// What is wrong when none of them helps.
pub(crate) const BONDS_TOO_HIGH: &str = "the providers that fit cannot afford their bonds; they must deposit more, or the terms ask less";

/// What a quote is for.
struct Wanted<'a> {
    client: Did,
    request: DocId,
    terms: &'a Terms,
    counter: Option<DocId>,
    round: u8,
}

impl Market {
    /// A quote for `request` at `now`, drawn from `seed` among the providers that are `online`.
    ///
    /// # Errors
    /// [`Rejection`] when the terms are not sensible, no price can be made, or too few providers fit.
    pub fn quote(
        &self,
        now: Timestamp,
        request: &Verified<Request>,
        seed: [u8; 32],
        online: &BTreeSet<Did>,
    ) -> Result<Quote, Rejection> {
        let terms = &request.terms;
        terms::validate(terms)?;
        let epochs = terms.duration.epochs(self.genesis.epoch).max(1);
        let mut search = self.search(now, terms, request.client, epochs);
        search.online = Some(online);
        search.mechanism = self.genesis.pricing.mechanism;
        let (client, request) = (request.client, request.id());
        self.quote_from(search, &Wanted { client, request, terms, counter: None, round: 0 }, seed)
    }

    /// A quote of what `search` finds, without those that cannot afford their bonds.
    fn quote_from(
        &self,
        mut search: Search<'_>,
        wanted: &Wanted<'_>,
        seed: [u8; 32],
    ) -> Result<Quote, Rejection> {
        let (terms, now) = (wanted.terms, search.need.now);
        let needed = usize::from(terms.redundancy.slots());
        let spare = usize::from(terms.redundancy.parity).max(1);
        for _ in 0..SEARCHES {
            let placed = self.place(&search, needed, spare, seed)?;
            let mut slots = match self.affordable(&search, &placed.chosen) {
                Ok(slots) => slots,
                Err(blamed) => {
                    search.never.extend(blamed);
                    continue;
                }
            };
            let reserves = slots.split_off(needed);
            // Where the cheapest have won, every reserve asks more: it can step in only if that is escrowed too.
            let covered = if search.mechanism.is_auction() { &reserves[..] } else { &[] };
            let cost = pricing::quoted_cost(&self.genesis.pricing, terms, &slots, covered)?;
            return Ok(Quote {
                market: self.genesis.market,
                client: wanted.client,
                request: wanted.request,
                counter: wanted.counter,
                round: wanted.round,
                terms: terms.clone(),
                epoch: self.genesis.epoch,
                epochs: search.epochs,
                slots,
                reserves,
                cost,
                audit: search.audit,
                excluded: placed.excluded,
                excluded_count: placed.excluded_count,
                issued: now,
                expires: now.after(self.genesis.quote_ttl),
            });
        }
        Err(Rejection::TooFewProviders { found: 0, needed, reason: BONDS_TOO_HIGH.into() })
    }

    /// Why each provider that `quote` does not name is not in it, as things stand at `now`: all of them in the order of their
    /// names, page by page, where the quote itself lists the cheapest alone.
    pub fn exclusions(
        &self,
        now: Timestamp,
        quote: &Quote,
        online: &BTreeSet<Did>,
        page: Page,
    ) -> Vec<Exclusion> {
        let mut search = self.search(now, &quote.terms, quote.client, quote.epochs);
        search.online = Some(online);
        search.mechanism = self.genesis.pricing.mechanism;
        let chosen: Vec<Did> =
            quote.slots.iter().chain(&quote.reserves).map(|slot| slot.provider).collect();
        self.left_out_of(&search, &chosen, page)
    }
}

impl From<PricingError> for Rejection {
    fn from(error: PricingError) -> Self {
        Self::Pricing(error.to_string())
    }
}
