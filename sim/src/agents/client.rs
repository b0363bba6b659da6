//! A client that keeps so much stored, while it costs no more than it is worth to it.

use super::{Agent, Deed, Seat, Wish};
use crate::agents::honest::msat;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;
use serde_json::Value;
use types::documents::Quote;
use types::{Bytes, Msat, Price, Span, Terms};

/// What a client is like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The capacity of each of its contracts.
    pub capacity: String,
    /// How long each of them runs.
    pub duration: String,
    /// How many contracts it wants to have at a time.
    pub contracts: u32,
    /// What keeping is worth to it, msat per GB and day: drawn between these two.
    pub worth: (f64, f64),
    /// What it has, in msat.
    pub money: i64,
    /// How much of each slot it fills, in permille.
    #[serde(default = "all")]
    pub fill_permille: u16,
    /// How many epochs it takes at the beginning until it wants all of them.
    #[serde(default)]
    pub over_epochs: u64,
    /// In which epoch it begins to buy, and from which one on it buys nothing more.
    #[serde(default = "always")]
    pub buys: (u64, u64),
    /// Terms other than the standard ones, by their names in documents.
    #[serde(default)]
    pub terms: Value,
}

const fn always() -> (u64, u64) {
    (0, u64::MAX)
}

const fn all() -> u16 {
    1_000
}

/// The client.
#[derive(Clone, Debug)]
pub struct Client {
    settings: Settings,
    worth: Option<Price>,
}

impl Client {
    /// A client.
    pub const fn new(settings: Settings) -> Self {
        Self { settings, worth: None }
    }

    /// What it asks for.
    fn terms(&self) -> Terms {
        let capacity = self.settings.capacity.parse().unwrap_or(Bytes(0));
        let duration = self.settings.duration.parse().unwrap_or(Span(0));
        crate::overlay::over(&Terms::standard(capacity, duration), &self.settings.terms)
            .unwrap_or_else(|_| Terms::standard(capacity, duration))
    }

    /// How many contracts it wants in this epoch.
    fn wanted(&self, epoch: u64) -> u32 {
        let all = u64::from(self.settings.contracts);
        let over = self.settings.over_epochs.max(1);
        u32::try_from((all * epoch).div_ceil(over).min(all)).unwrap_or(u32::MAX)
    }
}

impl Agent for Client {
    fn act(&mut self, seat: &mut Seat<'_>) {
        let me = seat.party(0);
        if self.worth.is_none() {
            let (low, high) = self.settings.worth;
            self.worth = Some(msat(seat.draws.between(low, high)));
            seat.hand(Deed::Deposit(me, Msat(self.settings.money)));
        }
        let (first, end) = self.settings.buys;
        let Some(passed) = seat.epoch().0.checked_sub(first).filter(|_| seat.epoch().0 < end)
        else {
            return;
        };
        let open = seat.market.contracts_of(&me).filter(|c| c.state.is_open()).count();
        let open = u32::try_from(open).unwrap_or(u32::MAX);
        for _ in open..self.wanted(passed) {
            let fill_permille = self.settings.fill_permille;
            let wish = Wish { client: me, terms: self.terms(), fill_permille };
            seat.hand(Deed::Buy(Box::new(wish)));
        }
    }

    /// Takes a quote whose slots cost no more on average than keeping is worth.
    fn quoted(&mut self, _seat: &mut Seat<'_>, quote: &Quote) -> bool {
        let prices = quote.slots.iter().filter_map(|slot| slot.price.0.to_f64());
        let mean = prices.sum::<f64>() / quote.slots.len().max(1) as f64;
        let worth = self.worth.and_then(|worth| worth.0.to_f64()).unwrap_or(0.0);
        mean <= worth
    }

    fn copy(&self) -> Option<Box<dyn Agent>> {
        Some(Box::new(self.clone()))
    }
}
