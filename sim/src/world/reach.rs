//! Who can be reached, and what they offer and have sold together: kept as sums, so that looking costs the same however many there are.

use crate::by_party::ByParty;
use pricing::rate::micros;
use rust_decimal::prelude::ToPrimitive;
use std::collections::{BTreeMap, BTreeSet};
use types::Did;
use types::documents::Ask;

/// The providers that can be reached, with what they ask.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    reached: BTreeSet<Did>,
    providers: ByParty<Provider>,
    /// Of all that can be reached.
    together: Asked,
    /// How many bytes of theirs are sold.
    sold: u128,
    /// How many bytes each group offers and has sold, reached or not.
    by_group: BTreeMap<usize, (u128, u128)>,
}

/// One provider.
#[derive(Clone, Copy, Debug, Default)]
struct Provider {
    reached: bool,
    asked: Asked,
    sold: u64,
}

/// What is offered.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Asked {
    bytes: u128,
    /// Bytes by what is asked for them, in millionths of a msat.
    weighted: u128,
}

impl Asked {
    fn of(ask: &Ask) -> Self {
        let bytes = u128::from(ask.capacity.0);
        Self { bytes, weighted: bytes.saturating_mul(u128::from(micros(ask.price.0))) }
    }

    const fn add(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.weighted = self.weighted.saturating_add(other.weighted);
    }

    const fn take(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_sub(other.bytes);
        self.weighted = self.weighted.saturating_sub(other.weighted);
    }
}

impl Reach {
    /// Everybody that can be reached.
    pub(super) const fn all(&self) -> &BTreeSet<Did> {
        &self.reached
    }

    pub(super) fn contains(&self, party: &Did) -> bool {
        self.providers.get(party).is_some_and(|provider| provider.reached)
    }

    /// `party` can be reached from now on; whether it could not before.
    pub(super) fn insert(&mut self, party: Did) -> bool {
        let provider = self.providers.of(party);
        if provider.reached {
            return false;
        }
        provider.reached = true;
        self.together.add(provider.asked);
        self.sold = self.sold.saturating_add(provider.sold.into());
        self.reached.insert(party)
    }

    /// `party` cannot be reached any more.
    pub(super) fn remove(&mut self, party: &Did) {
        let provider = self.providers.of(*party);
        if std::mem::take(&mut provider.reached) {
            self.together.take(provider.asked);
            self.sold = self.sold.saturating_sub(provider.sold.into());
            self.reached.remove(party);
        }
    }

    /// `ask`, of somebody of `group`, stands from now on.
    pub(super) fn asks(&mut self, ask: &Ask, group: usize) {
        let provider = self.providers.of(ask.provider);
        let now = Asked::of(ask);
        let before = std::mem::replace(&mut provider.asked, now);
        let (offered, _) = self.by_group.entry(group).or_default();
        *offered = offered.saturating_sub(before.bytes).saturating_add(now.bytes);
        if provider.reached {
            self.together.take(before);
            self.together.add(now);
        }
    }

    /// `party`, who is of `group`, has sold so many bytes more, or so many less.
    pub(super) fn sells(&mut self, party: Did, group: usize, (more, less): (u64, u64)) {
        let provider = self.providers.of(party);
        provider.sold = provider.sold.saturating_add(more).saturating_sub(less);
        let (_, sold) = self.by_group.entry(group).or_default();
        *sold = sold.saturating_add(more.into()).saturating_sub(less.into());
        if provider.reached {
            self.sold = self.sold.saturating_add(more.into()).saturating_sub(less.into());
        }
    }

    /// How many bytes `group` has sold and offers, whether it can be reached or not.
    pub(super) fn of_group(&self, group: usize) -> (f64, f64) {
        let (offered, sold) = self.by_group.get(&group).copied().unwrap_or_default();
        (wide(sold), wide(offered))
    }

    /// How many bytes are sold of those that can be reached.
    pub(super) fn sold(&self) -> f64 {
        wide(self.sold)
    }

    /// How many bytes `party` has sold, as far as this knows.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn sold_by(&self, party: &Did) -> u64 {
        self.providers.get(party).map_or(0, |provider| provider.sold)
    }

    /// What is asked on average, by what is offered, in msat per GB and day; and how many bytes that are.
    pub(super) fn offered(&self) -> (f64, f64) {
        let bytes = wide(self.together.bytes);
        (wide(self.together.weighted) / bytes.max(1.0) / 1e6, bytes)
    }
}

fn wide(number: u128) -> f64 {
    number.to_f64().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::whole;
    use types::{Bytes, Price, Timestamp};

    fn ask(party: u8, capacity: u64, price: u32) -> Ask {
        let offer = provider::Offer::new(Bytes(capacity), Price::whole(price), "one".into());
        offer.ask(Did([party; 32]), "https://simulated.invalid:443".into(), Timestamp(0))
    }

    #[test]
    fn the_mean_is_over_those_in_reach_and_what_they_ask_last() {
        let mut reach = Reach::default();
        let found = |reach: &Reach| {
            let (asked, offered) = reach.offered();
            (whole(asked * 1_000.0), whole(offered))
        };
        for (party, capacity, price) in [(1, 100, 90), (2, 300, 110)] {
            reach.asks(&ask(party, capacity, price), usize::from(party));
        }
        assert_eq!(found(&reach), (0, 0), "nobody is in reach yet");
        assert!(reach.insert(Did([1; 32])) && reach.insert(Did([2; 32])));
        assert!(!reach.insert(Did([2; 32])));
        assert_eq!(found(&reach), (105_000, 400));
        reach.asks(&ask(1, 100, 70), 1);
        assert_eq!(found(&reach), (100_000, 400));
        reach.remove(&Did([2; 32]));
        reach.remove(&Did([2; 32]));
        reach.asks(&ask(2, 900, 200), 2);
        assert_eq!([0, 1, 2].map(|group| whole(reach.of_group(group).1)), [0, 100, 900]);
        assert_eq!(found(&reach), (70_000, 100));
        reach.insert(Did([2; 32]));
        assert_eq!(found(&reach), (187_000, 1_000));
    }

    #[test]
    fn what_is_sold_is_that_of_those_in_reach_and_each_group_s_anyway() {
        let mut reach = Reach::default();
        let (one, other) = (Did([1; 32]), Did([2; 32]));
        reach.insert(one);
        reach.sells(one, 0, (30, 0));
        reach.sells(other, 1, (50, 0));
        let sold =
            |reach: &Reach| [reach.sold(), reach.of_group(0).0, reach.of_group(1).0].map(whole);
        assert_eq!(sold(&reach), [30, 30, 50]);
        reach.insert(other);
        reach.sells(other, 1, (5, 50));
        assert_eq!(sold(&reach), [35, 30, 5]);
        reach.remove(&one);
        assert_eq!(sold(&reach), [5, 30, 5]);
    }
}
