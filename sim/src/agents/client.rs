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
    /// Where its worth is not drawn but one of so many, spread over the group's clients.
    #[serde(default)]
    pub ladder: Option<Ladder>,
    /// When it wants more than usual.
    #[serde(default)]
    pub surge: Option<Surge>,
    /// What it has, in msat.
    pub money: i64,
    /// How much of each slot it fills, in permille.
    #[serde(default = "all")]
    pub fill_permille: u16,
    /// How many epochs it takes at the beginning until it wants all of them. On a ladder each client begins with all of them in
    /// one of these epochs that is drawn, so that not all of their contracts end together.
    #[serde(default)]
    pub over_epochs: u64,
    /// Terms other than the standard ones, by their names in documents.
    #[serde(default)]
    pub terms: Value,
}

/// What a group's clients would pay at most, spread so that they buy along one line together.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// How many rungs there are: as many as clients.
    pub rungs: u32,
    /// The elasticity of what they buy together: at p, (p ÷ least worth)^−elasticity of all. Without it they buy along
    /// a straight line, from all at the least worth to nothing at the greatest.
    #[serde(default)]
    pub elasticity: Option<f64>,
}

/// More than usual, for a while.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surge {
    /// The first epoch of it.
    pub from_epoch: u64,
    /// The first epoch after it.
    pub to_epoch: u64,
    /// How many times as many contracts are wanted.
    pub times: u32,
}

const fn all() -> u16 {
    1_000
}

/// The client.
#[derive(Clone, Debug)]
pub struct Client {
    settings: Settings,
    number: u32,
    worth: Option<Price>,
    /// Before this epoch it wants nothing.
    begins: u64,
}

impl Client {
    /// The `number`th client of a group.
    pub const fn new(settings: Settings, number: u32) -> Self {
        Self { settings, number, worth: None, begins: 0 }
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
        if self.settings.ladder.is_some() {
            return self
                .surged(if epoch < self.begins { 0 } else { self.settings.contracts }, epoch);
        }
        let over = self.settings.over_epochs.max(1);
        let usual = u32::try_from((all * epoch).div_ceil(over).min(all)).unwrap_or(u32::MAX);
        self.surged(usual, epoch)
    }

    /// `usual`, or more while there is a surge.
    fn surged(&self, usual: u32, epoch: u64) -> u32 {
        let surge = self.settings.surge;
        let surge = surge.filter(|surge| (surge.from_epoch..surge.to_epoch).contains(&epoch));
        surge.map_or(usual, |surge| usual.saturating_mul(surge.times))
    }

    /// What keeping is worth to it, msat per GB and day.
    fn drawn_worth(&self, seat: &mut Seat<'_>) -> f64 {
        let (low, high) = self.settings.worth;
        let Some(Ladder { rungs, elasticity }) = self.settings.ladder else {
            return seat.draws.between(low, high);
        };
        let place = (f64::from(self.number) + 0.5) / f64::from(rungs.max(1));
        match elasticity {
            None => low + (high - low) * place,
            Some(elasticity) => (low * libm::pow(place, -1.0 / elasticity)).min(high),
        }
    }

    /// Whether anybody asks so little that it is worth while to ask for a quote.
    fn may_buy(&self, seat: &Seat<'_>) -> bool {
        let asks = seat.market.offers().values().filter(|offer| offer.ask.capacity.0 > 0);
        asks.map(|offer| offer.ask.price).min() <= self.worth
    }
}

impl Agent for Client {
    fn act(&mut self, seat: &mut Seat<'_>) {
        let me = seat.party(0);
        if self.worth.is_none() {
            self.worth = Some(msat(self.drawn_worth(seat)));
            if self.settings.ladder.is_some() {
                self.begins = seat.draws.below(self.settings.over_epochs.max(1));
            }
            seat.hand(Deed::Deposit(me, Msat(self.settings.money)));
        }
        if !self.may_buy(seat) {
            return;
        }
        let open = seat.market.contracts_of(&me).filter(|c| c.state.is_open()).count();
        let open = u32::try_from(open).unwrap_or(u32::MAX);
        for _ in open..self.wanted(seat.epoch().0) {
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
}
