//! The model without any engine: a list of coins and a fast generator.

use crate::World;

pub(crate) struct Bare {
    state: u64,
    coins: Vec<u32>,
    /// In which order people act.
    order: Vec<u32>,
    /// Whether that order is drawn anew each step.
    shuffled: bool,
}

impl Bare {
    pub(crate) fn new(people: u32, shuffled: bool) -> Self {
        let coins = vec![1; people as usize];
        Self { state: 1, coins, order: (0..people).collect(), shuffled }
    }

    /// One of `0..count`: the high half of a product with 32 bits of `SplitMix64` (Steele, Lea and Flood 2014).
    fn below(&mut self, count: usize) -> usize {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        let half = (bits ^ bits >> 31) >> 32;
        usize::try_from((half * count as u64) >> 32).unwrap_or(0)
    }

    fn give(&mut self, giver: usize) {
        if self.coins[giver] > 0 {
            let drawn = self.below(self.coins.len() - 1);
            let taker = if drawn < giver { drawn } else { drawn + 1 };
            self.coins[giver] -= 1;
            self.coins[taker] += 1;
        }
    }
}

impl World for Bare {
    fn pass_step(&mut self) {
        if !self.shuffled {
            (0..self.coins.len()).for_each(|giver| self.give(giver));
            return;
        }
        for last in (1..self.order.len()).rev() {
            let at = self.below(last + 1);
            self.order.swap(last, at);
        }
        for turn in 0..self.order.len() {
            self.give(self.order[turn] as usize);
        }
    }

    fn coins(&self) -> Vec<u32> {
        self.coins.clone()
    }
}
