//! From a request to a firm price with a provider per slot. Quoting changes nothing: what it found is in the quote.

use crate::rejection::Rejection;
use crate::state::Market;
use contracts::terms;
use pricing::PricingError;
use std::collections::BTreeSet;
use types::documents::{Quote, Request};
use types::{Did, Timestamp, Verified};

/// How often a search is repeated without the providers that cannot afford their bond.
pub(crate) const SEARCHES: usize = 16;
/// What is wrong when none of them helps.
pub(crate) const BONDS_TOO_HIGH: &str = "the providers that fit cannot afford their bonds; they must deposit more, or the terms ask less";

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
        let needed = usize::from(terms.redundancy.slots());
        let spare = usize::from(terms.redundancy.parity).max(1);
        let mut search = self.search(now, terms, request.client, epochs);
        search.online = Some(online);
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
            let cost = pricing::quoted_cost(&self.genesis.pricing, terms, &slots)?;
            return Ok(Quote {
                market: self.genesis.market,
                client: request.client,
                request: request.id(),
                counter: None,
                round: 0,
                terms: terms.clone(),
                epoch: self.genesis.epoch,
                epochs,
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
}

impl From<PricingError> for Rejection {
    fn from(error: PricingError) -> Self {
        Self::Pricing(error.to_string())
    }
}
