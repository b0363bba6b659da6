//! What the next block holds, and what it takes to be in it.

use super::{Pool, RELAY, Waiting};
use crate::chain::devchain::rules::{BLOCK_WEIGHT_MAX, SIGOPS_MAX};
use bitcoin::{Amount, FeeRate, Transaction};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is left free for header and coinbase.
const RESERVED: u64 = 8_000;
/// What the transactions of a block may weigh.
const ROOM: u64 = BLOCK_WEIGHT_MAX - RESERVED;
/// What the coinbase's own signature operations may cost.
const SIGOPS_RESERVED: usize = 400;

/// The sums of a group of transactions.
#[derive(Clone, Copy, Default)]
struct Load {
    fee: Amount,
    weight: u64,
    sigops: usize,
}

impl Load {
    fn with(self, waiting: &Waiting) -> Self {
        Self {
            fee: self.fee.checked_add(waiting.fee).unwrap_or(Amount::MAX_MONEY),
            weight: self.weight.saturating_add(waiting.weight.to_wu()),
            sigops: self.sigops.saturating_add(waiting.sigops),
        }
    }

    fn fits(self) -> bool {
        self.weight <= ROOM && self.sigops <= SIGOPS_MAX - SIGOPS_RESERVED
    }

    /// Satoshis per 1,000,000 weight units, for comparing.
    fn rate(self) -> u128 {
        u128::from(self.fee.to_sat()) * 1_000_000 / u128::from(self.weight.max(1))
    }
}

impl Pool {
    /// The transactions of the next block with their fees: all where they fit, else those that pay best together with what they
    /// rest on.
    pub(in crate::chain::devchain) fn choose(&self) -> (Vec<Arc<Transaction>>, Amount) {
        let all = self.waiting.values().fold(Load::default(), Load::with);
        let (numbers, load) =
            if all.fits() { (self.waiting.keys().copied().collect(), all) } else { self.best() };
        let chosen = numbers.iter().filter_map(|number| self.waiting.get(number));
        (chosen.map(|waiting| Arc::clone(&waiting.transaction)).collect(), load.fee)
    }

    fn best(&self) -> (BTreeSet<u64>, Load) {
        let load_of = |numbers: &BTreeSet<u64>, load: Load| {
            let waiting = numbers.iter().filter_map(|number| self.waiting.get(number));
            waiting.fold(load, Load::with)
        };
        let mut families: Vec<_> = self
            .waiting
            .keys()
            .map(|number| self.with_ancestors([*number]))
            .map(|family| (load_of(&family, Load::default()).rate(), family))
            .collect();
        families.sort_by_key(|(rate, _)| Reverse(*rate));
        let (mut chosen, mut load) = (BTreeSet::new(), Load::default());
        for (_, family) in families {
            let more: BTreeSet<u64> = family.difference(&chosen).copied().collect();
            let with = load_of(&more, load);
            if with.fits() {
                chosen.extend(more);
                load = with;
            }
        }
        (chosen, load)
    }

    /// What it takes to be in one of the next `blocks` blocks: just above what fills them, or the least that is carried.
    pub(in crate::chain::devchain) fn fee_rate(&self, blocks: u16) -> FeeRate {
        let room = ROOM.saturating_mul(u64::from(blocks.max(1)));
        let mut rates: Vec<_> = self.waiting.values().map(|w| (rate(w), w.weight)).collect();
        rates.sort_by_key(|(rate, _)| Reverse(*rate));
        let mut filled = 0_u64;
        for (rate, weight) in rates {
            filled = filled.saturating_add(weight.to_wu());
            if filled > room {
                return FeeRate::from_sat_per_kwu(rate.saturating_add(RELAY.to_sat_per_kwu()));
            }
        }
        RELAY
    }
}

/// Satoshis per 1,000 weight units.
fn rate(waiting: &Waiting) -> u64 {
    waiting.fee.to_sat().saturating_mul(1_000) / waiting.weight.to_wu().max(1)
}
