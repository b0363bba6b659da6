//! What the node asks: its operator's price, or one that follows what is sold, or what a bitcoin costs; and what it answers
//! to counters.
//!
//! [`Pricing`] is what the operator wants; [`source`] reads what a bitcoin costs. The last rate that could be believed counts
//! until it is too old. Then the ask is withdrawn, with the reason in the log, until there is a new one.

mod source;

use crate::node::Node;
use provider::pin::PinError;
use provider::strategy::Unmoved;
use provider::{Asked, AutoPricer, BitcoinRate, Least, Offer, Pin, PriceRule, Strategy, Use};
pub use source::{RateSource, SourceError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;
use types::documents::Ask;
use types::{Bytes, DocId, Price, TierRates, Verified};

/// How many of the asks that were signed are remembered, for reservations that rest on them.
const REMEMBERED: usize = 256;
/// The longest pause after a source that fails.
const PAUSE_MAX: Duration = Duration::from_hours(1);

/// How a node prices itself and bargains.
#[derive(Clone, Debug)]
pub struct Pricing {
    /// How the price follows what is sold; nothing where it does not.
    pub auto: Option<AutoPricer>,
    /// To what money of the world the price is pinned, and where its rate is found.
    pub pin: Option<(Pin, RateSource)>,
    /// How counters are answered; nothing where all are refused.
    pub strategy: Option<Strategy>,
    /// How often the price is made anew.
    pub every: Duration,
}

impl Default for Pricing {
    /// The operator's price, whatever happens, and no bargaining.
    fn default() -> Self {
        Self { auto: None, pin: None, strategy: None, every: Duration::from_hours(1) }
    }
}

/// Why a node cannot price itself so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PricingSettingsError {
    /// A figure.
    #[error("pricing: {0}")]
    Figure(String),
    /// Two masters.
    #[error(
        "a pinned price follows the rate, and the base-fee curve its own last price; pin with the utilisation curve, or without any"
    )]
    PinnedBaseFee,
    /// Never, or all the time.
    #[error("the price cannot be made anew every {0:?}; give at least 1s")]
    Every(Duration),
}

impl Pricing {
    /// Whether this can be.
    ///
    /// # Errors
    /// [`PricingSettingsError`] says what would be right.
    pub fn validate(&self) -> Result<(), PricingSettingsError> {
        if let Some(auto) = self.auto {
            auto.validated().map_err(|e| PricingSettingsError::Figure(e.to_string()))?;
            if self.pin.is_some() && matches!(auto.rule, PriceRule::BaseFee { .. }) {
                return Err(PricingSettingsError::PinnedBaseFee);
            }
        }
        if self.every < Duration::from_secs(1) {
            return Err(PricingSettingsError::Every(self.every));
        }
        Ok(())
    }
}

/// What the node asks now.
pub(crate) struct Prices {
    pricing: Pricing,
    now: Mutex<Now>,
    changes: Notify,
}

struct Now {
    price: Price,
    rate: Option<BitcoinRate>,
    /// Why nothing is asked.
    withdrawn: Option<String>,
    /// What the market multiplies a price by on each tier.
    rates: TierRates,
    signed: VecDeque<(DocId, Ask)>,
}

impl Prices {
    pub(crate) fn new(pricing: Pricing, offer: &Offer) -> Self {
        let waits = pricing.pin.is_some();
        let withdrawn = waits.then(|| "what a bitcoin costs is not known yet".to_owned());
        let (price, signed) = (offer.price, VecDeque::new());
        let rates = TierRates::default();
        let now = Mutex::new(Now { price, rate: None, withdrawn, rates, signed });
        Self { pricing, now, changes: Notify::new() }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `settled`, at the price of now; without room where nothing is asked.
    pub(crate) fn offer(&self, settled: &Offer) -> Offer {
        let now = self.now();
        let capacity = if now.withdrawn.is_some() { Bytes(0) } else { settled.capacity };
        Offer { price: now.price, capacity, ..settled.clone() }
    }

    /// The market has said what it multiplies a price by on each tier.
    pub(crate) fn learn(&self, rates: TierRates) {
        self.now().rates = rates;
    }

    /// What the market multiplies a price by on each tier.
    pub(crate) fn rates(&self) -> TierRates {
        self.now().rates
    }

    /// An ask was signed; what rests on it is taken.
    pub(crate) fn signed(&self, ask: &Verified<Ask>) {
        let mut now = self.now();
        now.signed.push_back((ask.id(), (**ask).clone()));
        if now.signed.len() > REMEMBERED {
            now.signed.pop_front();
        }
    }

    /// What is taken for a slot that was quoted from `ask`. One that was signed before the node last started is not known any
    /// more; for it the least of what was signed since counts, and the floor.
    pub(crate) fn least(&self, ask: DocId, settled: &Offer) -> Least {
        let now = self.now();
        if let Some((_, ask)) = now.signed.iter().rev().find(|(id, _)| *id == ask) {
            return Least::of(ask, &now.rates);
        }
        let floors = [
            self.pricing.auto.map(|auto| auto.floor),
            self.pricing.strategy.map(|strategy| strategy.floor),
        ];
        let floor = floors.into_iter().flatten().min().unwrap_or(settled.price);
        let offer = Offer { price: floor.min(settled.price), ..settled.clone() };
        let ask = offer.ask(types::Did([0; 32]), String::new(), types::Timestamp(0));
        let of_floor = Least::of(&ask, &now.rates);
        now.signed.iter().map(|(_, ask)| Least::of(ask, &now.rates)).fold(of_floor, Least::or)
    }

    /// The answer to a counter.
    pub(crate) fn bargain(
        &self,
        asked: &Asked<'_>,
        standing: &Ask,
        taken: Use,
    ) -> Result<Ask, String> {
        if let Some(reason) = &self.now().withdrawn {
            return Err(reason.clone());
        }
        let Some(strategy) = &self.pricing.strategy else {
            let price = standing.price;
            return Err(format!(
                "it does not bargain: {price} msat per GB and day on the hot tier, as asked"
            ));
        };
        strategy.answer(asked, standing, taken).map_err(|unmoved: Unmoved| unmoved.to_string())
    }

    /// Waits until the ask must be signed anew.
    pub(crate) async fn changed(&self) {
        self.changes.notified().await;
    }

    /// Makes the price anew from what is `sold` and from what a bitcoin costs, as far as that is known.
    fn remake(&self, settled: &Offer, sold: Bytes) {
        let taken = Use { capacity: settled.capacity, sold };
        let mut now = self.now();
        let offered = match &self.pricing.pin {
            None => Ok(settled.price),
            Some((pin, _)) => pinned(pin, now.rate.as_ref()),
        };
        let (price, withdrawn) = match (offered, &self.pricing.auto) {
            (Ok(offered), Some(auto)) => (auto.next(now.price, offered, taken), None),
            (Ok(offered), None) => (offered, None),
            (Err(reason), _) => (now.price, Some(reason)),
        };
        if price == now.price && withdrawn.is_some() == now.withdrawn.is_some() {
            return;
        }
        if let Some(reason) = &withdrawn {
            tracing::warn!(reason, "the ask is withdrawn");
        } else {
            tracing::info!(%price, "the price has changed");
        }
        (now.price, now.withdrawn) = (price, withdrawn);
        drop(now);
        self.changes.notify_one();
    }

    /// Reads what a bitcoin costs, and believes it or not.
    async fn look_up(&self) -> Result<(), String> {
        let Some((pin, source)) = &self.pricing.pin else { return Ok(()) };
        let cents = source.read().await.map_err(|error| error.to_string())?;
        let last = self.now().rate;
        let rate = pin.believe(last, cents, network::clock::now());
        let rate = rate.map_err(|error: PinError| error.to_string())?;
        self.now().rate = Some(rate);
        Ok(())
    }
}

fn pinned(pin: &Pin, rate: Option<&BitcoinRate>) -> Result<Price, String> {
    let rate = rate.ok_or_else(|| "what a bitcoin costs is not known yet".to_owned())?;
    pin.price(rate, network::clock::now()).map_err(|error| error.to_string())
}

/// Keeps the price as it should be, until the future is dropped. A source that fails is asked less and less often.
pub(crate) async fn follow(node: Arc<Node>) {
    let pricing = &node.prices.pricing;
    if pricing.auto.is_none() && pricing.pin.is_none() {
        return;
    }
    let mut failures = 0u32;
    loop {
        match node.prices.look_up().await {
            Ok(()) => failures = 0,
            Err(reason) => {
                failures = failures.saturating_add(1);
                tracing::warn!(reason, failures, "what a bitcoin costs was not learnt");
            }
        }
        node.prices.remake(&node.settings.offer, node.store.committed_in_all());
        let longest = PAUSE_MAX.max(pricing.every);
        let pause = pricing.every.saturating_mul(1 << failures.saturating_sub(1).min(16));
        sleep(pause.min(longest)).await;
    }
}

#[cfg(test)]
mod tests;
