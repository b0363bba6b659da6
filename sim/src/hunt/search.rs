//! The search: generations of programs, of which the better ones are tried on more seeds (successive halving: Jamieson and
//! Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS 2016) and have offspring.

use super::arena::Arena;
use super::{HuntError, Program, breed};
use crate::chance::{Seed, Stream};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// How many programs a generation has.
const GENERATION: usize = 16;
/// How many of the best ever found have offspring.
const PARENTS: usize = 6;
/// Of how many programs one goes on, and on how many times as many seeds.
const KEPT_OF: usize = 3;
const MORE_SEEDS: usize = 2;

/// The best program that `budget` futures find, by its mean value on all of the arena's seeds; nothing where none was tried
/// on all of them.
pub(super) fn best(
    arena: &mut Arena,
    (epochs, budget): (u64, u64),
    seed: Seed,
    passed: impl Fn(u64),
) -> Result<Option<Program>, HuntError> {
    let mut ranked: Vec<(f64, Program)> = Vec::new();
    let mut known: BTreeSet<Program> = BTreeSet::new();
    for generation in 0.. {
        let before = arena.lived;
        let new = offspring(&ranked, &mut known, (seed, generation), epochs);
        let found = halved(arena, new)?;
        ranked.extend(found);
        ranked.sort_by(better);
        ranked.truncate(PARENTS);
        passed(arena.lived);
        if arena.lived >= budget || arena.lived == before {
            break;
        }
    }
    Ok(ranked.into_iter().next().map(|(_, program)| program))
}

/// The higher value first, then the shorter program, then any fixed order.
fn better(one: &(f64, Program), other: &(f64, Program)) -> Ordering {
    let by_value = other.0.total_cmp(&one.0);
    let length = |entry: &(f64, Program)| entry.1.moves.len();
    by_value.then(length(one).cmp(&length(other))).then_with(|| one.1.cmp(&other.1))
}

/// A generation of programs that nobody has tried: at first every verb alone, then a quarter by chance and the others from the
/// best.
fn offspring(
    parents: &[(f64, Program)],
    known: &mut BTreeSet<Program>,
    (seed, generation): (Seed, u64),
    epochs: u64,
) -> Vec<Program> {
    let mut draws = seed.draws(Stream::Hunt, 0, generation);
    let mut new = Vec::with_capacity(GENERATION);
    if generation == 0 {
        new.extend(breed::each_alone().into_iter().filter(|program| !program.is_honest()));
        known.extend(new.iter().cloned());
        return new;
    }
    for at in 0..GENERATION * 8 {
        let pick = |draws: &mut crate::chance::Draws| {
            let at = usize::try_from(draws.below(parents.len() as u64)).unwrap_or(0);
            parents[at].1.clone()
        };
        let program = if parents.is_empty() || at % 4 == 0 {
            breed::by_chance(&mut draws, epochs)
        } else if at % 4 == 1 {
            breed::crossed(&pick(&mut draws), &pick(&mut draws), &mut draws)
        } else {
            breed::changed(&pick(&mut draws), &mut draws, epochs)
        };
        if !program.is_honest() && known.insert(program.clone()) {
            new.push(program);
        }
        if new.len() == GENERATION {
            break;
        }
    }
    new
}

/// Tries `programs` on more and more seeds, the better third each time; those that are left with their values.
fn halved(arena: &mut Arena, mut programs: Vec<Program>) -> Result<Vec<(f64, Program)>, HuntError> {
    let all = arena.seeds();
    let mut seeds = (all / 4).max(1);
    loop {
        arena.try_all(&programs, seeds)?;
        let values = programs.into_iter().map(|program| {
            let rival = arena.rival(&program, seeds);
            (arena.value(&program, &rival, seeds).mean, program)
        });
        let mut values: Vec<(f64, Program)> = values.collect();
        values.sort_by(better);
        if seeds == all {
            return Ok(values);
        }
        values.truncate(values.len().div_ceil(KEPT_OF));
        programs = values.into_iter().map(|(_, program)| program).collect();
        seeds = (seeds * MORE_SEEDS).min(all);
    }
}
