//! The reverse auction: the cheapest asks that fit beside each other win.
//!
//! Winners are taken in the order of cost, ties by a seeded number and then by provider, each unless its operator or
//! network has a slot already. Asking less never loses a slot: it only moves an ask forward, past others that it would have
//! stood behind. So each winner has a limit, the cost up to which it could have asked: the first later ask whose taking would
//! have kept it out.
//!
//! Asks are looked at as they are needed, from a heap: 100,000 of them are cleared without sorting them all.

use std::cmp::Ordering;
use std::collections::{BTreeSet, BinaryHeap};
use types::Did;

/// One ask, as the auction sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bid {
    /// What the slot costs with it.
    pub cost: u64,
    /// Whose.
    pub provider: Did,
    /// Its operator, by number.
    pub operator: u64,
    /// Its network, by number.
    pub network: u64,
}

/// What is auctioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How many slots.
    pub slots: usize,
    /// How many reserves beside them, at most.
    pub spare: usize,
    /// Whether every slot needs another operator.
    pub distinct_operators: bool,
    /// Whether every slot needs another network.
    pub distinct_networks: bool,
    /// Orders asks of equal cost.
    pub seed: u64,
}

/// An ask that won.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Won {
    /// Which of the bids.
    pub at: usize,
    /// The cost up to which it could have asked; nothing where nobody could stand in its place, and for a reserve.
    pub limit: Option<u64>,
}

/// Operators and networks that have a slot.
#[derive(Clone, Debug, Default)]
struct Taken {
    operators: BTreeSet<u64>,
    networks: BTreeSet<u64>,
}

impl Taken {
    fn add(&mut self, bid: &Bid) {
        self.operators.insert(bid.operator);
        self.networks.insert(bid.network);
    }
}

/// A place in the order: the least first out of the heap.
#[derive(PartialEq, Eq)]
struct Place {
    cost: u64,
    tie: u64,
    provider: Did,
    at: usize,
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |place: &Self| (place.cost, place.tie);
        key(other).cmp(&key(self)).then_with(|| other.provider.cmp(&self.provider))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An auction over `bids`.
pub struct Auction<'a, Admits> {
    bids: &'a [Bid],
    rules: Rules,
    admits: Admits,
    waiting: BinaryHeap<Place>,
    /// Those that are admitted, in order, as far as they were looked at.
    order: Vec<usize>,
    beside: Taken,
}

impl<'a, Admits: FnMut(usize) -> bool> Auction<'a, Admits> {
    /// An auction in which a bid takes part where `admits` says so of its index; it is asked of each once at most, and only of
    /// those whose turn comes.
    pub fn new(bids: &'a [Bid], rules: Rules, admits: Admits) -> Self {
        let place = |(at, bid): (usize, &Bid)| {
            let tie = mixed(rules.seed, &bid.provider);
            Place { cost: bid.cost, tie, provider: bid.provider, at }
        };
        let waiting = bids.iter().enumerate().map(place).collect::<Vec<_>>().into();
        Self { bids, rules, admits, waiting, order: Vec::new(), beside: Taken::default() }
    }

    /// Counts `bid` as one who has a slot already.
    pub fn keep_apart_from(&mut self, bid: &Bid) {
        self.beside.add(bid);
    }

    /// The winners of the slots, then of the reserves, the cheapest first; fewer where not enough fit.
    pub fn clear(mut self) -> Vec<Won> {
        let wanted = self.rules.slots.saturating_add(self.rules.spare);
        let mut taken = self.beside.clone();
        let mut places = Vec::new();
        let mut place = 0;
        while places.len() < wanted {
            let Some(bid) = self.placed(place) else { break };
            if self.fits(&taken, &bid) {
                taken.add(&bid);
                places.push(place);
            }
            place += 1;
        }
        let slots = self.rules.slots;
        let limit = |(number, place): (usize, &usize)| {
            let limit = if number < slots { self.limit(&places[..number], *place) } else { None };
            Won { at: self.order[*place], limit }
        };
        places.iter().enumerate().map(limit).collect()
    }

    /// What the ask at `place` could have cost and still won after those at `before`: without it, asks are taken in order
    /// until one is in its way or the slots are full.
    fn limit(&mut self, before: &[usize], place: usize) -> Option<u64> {
        let own = self.placed(place)?;
        let mut taken = self.beside.clone();
        for place in before {
            taken.add(&self.placed(*place)?);
        }
        let mut filled = before.len();
        for later in place.saturating_add(1).. {
            let bid = self.placed(later)?;
            if !self.fits(&taken, &bid) {
                continue;
            }
            taken.add(&bid);
            filled += 1;
            if filled == self.rules.slots || !self.fits(&taken, &own) {
                return Some(bid.cost);
            }
        }
        None
    }

    /// The bid at `place` in the order of those that are admitted.
    fn placed(&mut self, place: usize) -> Option<Bid> {
        while self.order.len() <= place {
            let next = self.waiting.pop()?;
            if (self.admits)(next.at) {
                self.order.push(next.at);
            }
        }
        self.order.get(place).map(|at| self.bids[*at])
    }

    fn fits(&self, taken: &Taken, bid: &Bid) -> bool {
        let operator = self.rules.distinct_operators && taken.operators.contains(&bid.operator);
        let network = self.rules.distinct_networks && taken.networks.contains(&bid.network);
        !operator && !network
    }
}

/// A number for `provider` that nobody can foresee who does not know the seed (the finaliser of `SplitMix64`).
fn mixed(seed: u64, provider: &Did) -> u64 {
    let head: [u8; 8] = provider.0[..8].try_into().expect("a key has more than eight bytes");
    let mut mixed = u64::from_le_bytes(head) ^ seed;
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb)] {
        mixed = (mixed ^ (mixed >> shift)).wrapping_mul(factor);
    }
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests;
