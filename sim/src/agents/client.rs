//! A client that keeps so much stored, while it costs no more than it is worth to it.

use super::{Agent, Deed, Seat, Wish};
use crate::agents::honest::msat;
use crate::statistics::real;
use contracts::ContractState;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use types::documents::Quote;
use types::{Bytes, Msat, Price, Span, Terms};

/// What a client is like.
#[derive(Clone, Debug, Deserialize, Serialize)]
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
    /// For how many epochs it asks nobody after a quote that was too dear.
    #[serde(default)]
    pub patience_epochs: u64,
    /// In which epoch it comes.
    #[serde(default)]
    pub from_epoch: u64,
    /// Whether it never buys again what has ended or failed.
    #[serde(default)]
    pub once: bool,
    /// In which epoch it begins to buy, and from which one on it buys nothing more.
    #[serde(default = "always")]
    pub buys: (u64, u64),
    /// Terms other than the standard ones, by their names in documents.
    #[serde(default)]
    pub terms: Value,
}

/// What a group's clients would pay at most, spread so that they buy along one line together.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
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
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Surge {
    /// The first epoch of it.
    pub from_epoch: u64,
    /// The first epoch after it.
    pub to_epoch: u64,
    /// How many times as many contracts are wanted.
    pub times: u32,
}

impl Ladder {
    /// What the `number`th client, from 0, pays at most, between `low` and `high`.
    fn worth(&self, number: u32, (low, high): (f64, f64)) -> f64 {
        let place = (f64::from(number) + 0.5) / f64::from(self.rungs.max(1));
        match self.elasticity {
            None => low + (high - low) * place,
            Some(elasticity) => (low * libm::pow(place, -1.0 / elasticity)).min(high),
        }
    }
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
    number: u32,
    worth: Option<Price>,
    /// Before this epoch it wants nothing.
    begins: u64,
    /// When a quote was too dear, if the last one was.
    declined: Option<u64>,
}

impl Client {
    /// The `number`th client of a group.
    pub const fn new(settings: Settings, number: u32) -> Self {
        Self { settings, number, worth: None, begins: 0, declined: None }
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
        match self.settings.ladder {
            Some(ladder) => ladder.worth(self.number, (low, high)),
            None => seat.draws.between(low, high),
        }
    }

    /// For how many of the `wanted` contracts it is worth while to ask for quotes: as many as there is room for, none where everybody
    /// with room asks too much, and one where the last quote was too dear. It looks no further than it must: among very many
    /// providers most purchases are settled by the first few.
    fn hoped_for(&self, seat: &Seat<'_>, terms: &Terms, wanted: u64) -> u64 {
        let slot = terms.slot_capacity().0.max(1);
        let slots = u64::from(terms.redundancy.slots());
        let most = if self.declined.is_some() { wanted.min(1) } else { wanted };
        let (mut is_cheap, mut providers, mut free) = (false, 0, 0u64);
        for (provider, offer) in seat.market.offers() {
            let room =
                offer.ask.capacity.0.saturating_sub(seat.market.committed(provider).0) / slot;
            if room > 0 {
                is_cheap |= Some(offer.ask.price) <= self.worth;
                providers += 1;
                free = free.saturating_add(room);
            }
            if is_cheap && providers >= slots && free / slots >= most {
                return most;
            }
        }
        if is_cheap && providers >= slots { most.min(free / slots) } else { 0 }
    }
}

impl Agent for Client {
    fn act(&mut self, seat: &mut Seat<'_>) {
        if seat.epoch().0 < self.settings.from_epoch {
            return;
        }
        let me = seat.party(0);
        if self.worth.is_none() {
            self.worth = Some(msat(self.drawn_worth(seat)));
            if self.settings.ladder.is_some() {
                self.begins = seat.draws.below(self.settings.over_epochs.max(1));
            }
            seat.hand(Deed::Deposit(me, Msat(self.settings.money)));
        }
        let counts = |state: ContractState| self.settings.once || state.is_open();
        let open = seat.market.contracts_of(&me).filter(|c| counts(c.state)).count();
        let open = u32::try_from(open).unwrap_or(u32::MAX);
        let patient = self.settings.patience_epochs;
        if self.declined.is_some_and(|at| seat.epoch().0 <= at + patient) && patient > 0 {
            return;
        }
        let (first, end) = self.settings.buys;
        let Some(passed) = seat.epoch().0.checked_sub(first).filter(|_| seat.epoch().0 < end)
        else {
            return;
        };
        let wanted = u64::from(self.wanted(passed).saturating_sub(open));
        if wanted == 0 {
            return;
        }
        let terms = self.terms();
        for _ in 0..self.hoped_for(seat, &terms, wanted) {
            let fill_permille = self.settings.fill_permille;
            let wish = Wish { client: me, terms: terms.clone(), fill_permille };
            seat.hand(Deed::Buy(Box::new(wish)));
        }
    }

    /// Takes a quote whose slots cost no more on average than keeping is worth.
    fn quoted(&mut self, seat: &mut Seat<'_>, quote: &Quote) -> bool {
        let prices = quote.slots.iter().filter_map(|slot| slot.price.0.to_f64());
        let mean = prices.sum::<f64>() / real(quote.slots.len().max(1) as u64);
        let worth = self.worth.and_then(|worth| worth.0.to_f64()).unwrap_or(0.0);
        self.declined = (mean > worth).then_some(seat.epoch().0);
        self.declined.is_none()
    }

    fn copy(&self) -> Option<Box<dyn Agent>> {
        Some(Box::new(self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buyers(ladder: Ladder, worth: (f64, f64), price: f64) -> usize {
        (0..ladder.rungs).filter(|number| ladder.worth(*number, worth) >= price).count()
    }

    #[test]
    fn on_a_straight_ladder_as_many_buy_as_the_line_says() {
        let ladder = Ladder { rungs: 100, elasticity: None };
        let counts = [0.0, 50.0, 100.0, 150.0, 200.0].map(|p| buyers(ladder, (0.0, 200.0), p));
        assert_eq!(counts, [100, 75, 50, 25, 0]);
    }

    #[test]
    fn with_an_elasticity_of_four_a_price_that_is_twice_as_high_sells_a_sixteenth() {
        let ladder = Ladder { rungs: 1_600, elasticity: Some(4.0) };
        let counts = [10.0, 20.0, 40.0].map(|p| buyers(ladder, (10.0, 1e6), p));
        assert_eq!(counts, [1_600, 100, 6]);
        assert_eq!(buyers(ladder, (10.0, 30.0), 30.1), 0, "nobody pays more than the greatest");
    }

    #[test]
    fn a_surge_is_wanted_while_it_lasts_and_not_before_or_after() {
        let settings = serde_json::json!({
            "capacity": "1GB", "duration": "1d", "contracts": 3, "worth": [1.0, 1.0], "money": 1,
            "surge": { "from_epoch": 5, "to_epoch": 7, "times": 10 },
        });
        let client = Client::new(serde_json::from_value(settings).unwrap(), 0);
        assert_eq!([4, 5, 6, 7].map(|epoch| client.wanted(epoch)), [3, 30, 30, 3]);
    }
}
