//! Who can be reached, and what they offer together: kept as sums, so that looking costs the same however many there are.

use pricing::rate::micros;
use rust_decimal::prelude::ToPrimitive;
use std::collections::{BTreeMap, BTreeSet};
use types::Did;
use types::documents::Ask;

/// The providers that can be reached, with what they ask.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    reached: BTreeSet<Did>,
    asks: BTreeMap<Did, Asked>,
    /// Of all that can be reached.
    together: Asked,
    /// How many bytes each group offers, reached or not.
    by_group: BTreeMap<usize, u128>,
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
        self.reached.contains(party)
    }

    /// `party` can be reached from now on; whether it could not before.
    pub(super) fn insert(&mut self, party: Did) -> bool {
        let fresh = self.reached.insert(party);
        if fresh {
            self.together.add(self.asks.get(&party).copied().unwrap_or_default());
        }
        fresh
    }

    /// `party` cannot be reached any more.
    pub(super) fn remove(&mut self, party: &Did) {
        if self.reached.remove(party) {
            self.together.take(self.asks.get(party).copied().unwrap_or_default());
        }
    }

    /// `ask`, of somebody of `group`, stands from now on.
    pub(super) fn asks(&mut self, ask: &Ask, group: usize) {
        let now = Asked::of(ask);
        let before = self.asks.insert(ask.provider, now).unwrap_or_default();
        let bytes = self.by_group.entry(group).or_default();
        *bytes = bytes.saturating_sub(before.bytes).saturating_add(now.bytes);
        if self.reached.contains(&ask.provider) {
            self.together.take(before);
            self.together.add(now);
        }
    }

    /// How many bytes `group` offers, whether it can be reached or not.
    pub(super) fn offered_by(&self, group: usize) -> f64 {
        wide(self.by_group.get(&group).copied().unwrap_or(0))
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
        assert_eq!([0, 1, 2].map(|group| whole(reach.offered_by(group))), [0, 100, 900]);
        assert_eq!(found(&reach), (70_000, 100));
        reach.insert(Did([2; 32]));
        assert_eq!(found(&reach), (187_000, 1_000));
    }
}
