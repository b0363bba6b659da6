//! Where programs come from: by chance, by changing one that is there, by crossing two. The grammar is all it knows.

use super::{Move, Program, Verb, Which};
use crate::chance::Draws;

/// The most moves of a program.
pub(super) const MOVES_MAX: usize = 8;
/// The most moves of one that is made by chance.
const MOVES_FIRST: u64 = 3;
/// How often a move comes right at the attack's beginning.
const AT_ONCE: f64 = 0.3;
/// Every verb once.
const KINDS: [Verb; 12] = [
    Verb::Join,
    Verb::Price(100),
    Verb::Drop(Which::All, 0),
    Verb::Late(0),
    Verb::Silent,
    Verb::Back,
    Verb::Wash(0),
    Verb::Exit,
    Verb::Reset,
    Verb::Collude,
    Verb::Confess,
    Verb::Announce(0),
];
const PRICES: [u16; 6] = [60, 80, 90, 110, 125, 150];
const WHICH: [Which; 3] = [Which::All, Which::Small, Which::Large];
const SHARES: [u16; 5] = [10, 50, 200, 500, 1_000];
const LATE_MS: [u32; 3] = [1_500, 3_000, 10_000];
const WASHED: [u8; 3] = [1, 2, 4];
const ANNOUNCED: [u8; 4] = [1, 2, 8, 24];

/// A program by chance, for an attack of so many epochs.
pub(super) fn by_chance(draws: &mut Draws, epochs: u64) -> Program {
    let count = 1 + draws.below(MOVES_FIRST);
    Program::of((0..count).map(|_| a_move(draws, epochs)).collect())
}

/// `program` with one thing changed.
pub(super) fn changed(program: &Program, draws: &mut Draws, epochs: u64) -> Program {
    let mut moves = program.moves.clone();
    let at = usize::try_from(draws.below(moves.len() as u64)).unwrap_or(0);
    match draws.below(5) {
        0 if moves.len() > 1 => drop(moves.remove(at)),
        1 if moves.len() < MOVES_MAX => moves.push(a_move(draws, epochs)),
        2 if !moves.is_empty() => moves[at].verb = a_verb(draws),
        _ if !moves.is_empty() => moves[at].epoch = shifted(moves[at].epoch, draws, epochs),
        _ => moves.push(a_move(draws, epochs)),
    }
    Program::of(moves)
}

/// Of each move of the two, a half.
pub(super) fn crossed(one: &Program, other: &Program, draws: &mut Draws) -> Program {
    let all = one.moves.iter().chain(&other.moves);
    let mut moves: Vec<Move> = all.filter(|_| draws.happens(0.5)).copied().collect();
    moves.truncate(MOVES_MAX);
    Program::of(moves)
}

fn a_move(draws: &mut Draws, epochs: u64) -> Move {
    let epoch = if draws.happens(AT_ONCE) { 0 } else { draws.below(epochs) };
    Move { epoch: u16::try_from(epoch).unwrap_or(u16::MAX), verb: a_verb(draws) }
}

/// Another moment, mostly a near one.
fn shifted(epoch: u16, draws: &mut Draws, epochs: u64) -> u16 {
    let near = [1, 2, 4, 8, 16];
    let by = near.get(usize::try_from(draws.below(6)).unwrap_or(0)).copied();
    let moved = match by {
        Some(by) if draws.happens(0.5) => u64::from(epoch) + by,
        Some(by) => u64::from(epoch).saturating_sub(by),
        None => draws.below(epochs),
    };
    u16::try_from(moved.min(epochs.saturating_sub(1))).unwrap_or(u16::MAX)
}

fn a_verb(draws: &mut Draws) -> Verb {
    let mut kind = *one_of(&KINDS, draws);
    match &mut kind {
        Verb::Price(percent) => *percent = *one_of(&PRICES, draws),
        Verb::Drop(which, permille) => {
            *which = *one_of(&WHICH, draws);
            *permille = *one_of(&SHARES, draws);
        }
        Verb::Late(ms) => *ms = *one_of(&LATE_MS, draws),
        Verb::Wash(contracts) => *contracts = *one_of(&WASHED, draws),
        Verb::Announce(epochs) => *epochs = *one_of(&ANNOUNCED, draws),
        _ => {}
    }
    kind
}

/// Every verb alone and at once, with every figure that chance can give it: where a search begins.
pub(super) fn each_alone() -> Vec<Program> {
    let all = KINDS.iter().flat_map(|kind| match kind {
        Verb::Price(_) => PRICES.map(Verb::Price).to_vec(),
        Verb::Drop(..) => {
            WHICH.iter().flat_map(|which| SHARES.map(|share| Verb::Drop(*which, share))).collect()
        }
        Verb::Late(_) => LATE_MS.map(Verb::Late).to_vec(),
        Verb::Wash(_) => WASHED.map(Verb::Wash).to_vec(),
        Verb::Announce(_) => ANNOUNCED.map(Verb::Announce).to_vec(),
        other => vec![*other],
    });
    all.map(|verb| Program::of(vec![Move { epoch: 0, verb }])).collect()
}

fn one_of<'a, T>(from: &'a [T], draws: &mut Draws) -> &'a T {
    &from[usize::try_from(draws.below(from.len() as u64)).unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::{Seed, Stream};
    use std::collections::BTreeSet;

    #[test]
    fn every_verb_comes_up_and_no_program_grows_without_end() {
        let mut draws = Seed(1).draws(Stream::Hunt, 0, 0);
        let mut program = by_chance(&mut draws, 100);
        let mut seen = BTreeSet::new();
        for _ in 0..2_000 {
            let other = by_chance(&mut draws, 100);
            program = crossed(&changed(&program, &mut draws, 100), &other, &mut draws);
            assert!(program.moves.len() <= MOVES_MAX);
            assert!(program.moves.iter().all(|one| one.epoch < 100));
            seen.extend(
                other
                    .moves
                    .iter()
                    .map(|one| std::mem::discriminant(&one.verb))
                    .map(|kind| format!("{kind:?}")),
            );
        }
        assert_eq!(seen.len(), KINDS.len());
        assert_eq!(each_alone().len(), 6 + 15 + 3 + 3 + 4 + 7);
    }
}
