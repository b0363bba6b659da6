//! Row 8, first half: coins that change hands by chance, all at once, in turn, and one drawn at a time.

use super::{Effort, Luck, Published, Row};
use crate::chance::{Draws, Seed, Stream};
use crate::statistics::{Moments, gini};
use crate::theory::wealth::{in_turn_gini, random_gini};

/// How many people.
const PEOPLE: u32 = 4_000;
/// How many rounds until how they began is forgotten, how many between two looks, how many looks.
const ROUNDS: (u32, u32, u32) = (160, 16, 10);

/// In which order people act.
#[derive(Clone, Copy, Debug)]
enum Order {
    /// All at once.
    Together,
    /// Each in turn, in a fixed order.
    InTurn,
    /// One drawn by chance at a time, as many as there are.
    Drawn,
}

/// Someone other than `giver`, drawn by chance.
fn other(draws: &mut Draws, giver: usize, people: usize) -> usize {
    let drawn = usize::try_from(draws.below(people as u64 - 1)).unwrap_or(0);
    if drawn < giver { drawn } else { drawn + 1 }
}

/// Who has a coin gives one to somebody else.
fn give(draws: &mut Draws, coins: &mut [u32], giver: usize) {
    if coins[giver] > 0 {
        let taker = other(draws, giver, coins.len());
        coins[giver] -= 1;
        coins[taker] += 1;
    }
}

fn round(draws: &mut Draws, coins: &mut [u32], order: Order) {
    let people = coins.len();
    match order {
        Order::InTurn => (0..people).for_each(|giver| give(draws, coins, giver)),
        Order::Drawn => {
            for _ in 0..people {
                let giver = usize::try_from(draws.below(people as u64)).unwrap_or(0);
                give(draws, coins, giver);
            }
        }
        Order::Together => {
            let givers: Vec<usize> = (0..people).filter(|person| coins[*person] > 0).collect();
            for giver in givers {
                let taker = other(draws, giver, people);
                coins[giver] -= 1;
                coins[taker] += 1;
            }
        }
    }
}

/// The Gini coefficient in one world, on average over all looks.
fn inequality(draws: &mut Draws, order: Order) -> f64 {
    let (first, between, looks) = ROUNDS;
    let mut coins = vec![1; usize::try_from(PEOPLE).unwrap_or(0)];
    (0..first).for_each(|_| round(draws, &mut coins, order));
    let mut found = Moments::default();
    for _ in 0..looks {
        (0..between).for_each(|_| round(draws, &mut coins, order));
        let wealth: Vec<f64> = coins.iter().copied().map(f64::from).collect();
        found.add(gini(&wealth));
    }
    found.mean()
}

pub(super) fn rows(seed: Seed, effort: Effort) -> Vec<Row> {
    let orders = [
        ("all at once", Order::Together, Published::rounded(0.5799, 1e-4)),
        ("in turn", Order::InTurn, Published::exact(in_turn_gini())),
        ("one drawn at a time", Order::Drawn, Published::exact(random_gini())),
    ];
    let rows = (800..).zip(orders).map(|(row, (name, order, published))| {
        let luck = Luck { seed, stream: Stream::Behaviour, row };
        let found = luck.measured(effort.runs(12), |draws| inequality(draws, order));
        Row::mean((8, format!("coins, {name}: Gini coefficient")), published, &found)
    });
    rows.collect()
}
