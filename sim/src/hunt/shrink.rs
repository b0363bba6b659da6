//! Making a find small: fewer moves, simpler ones, an earlier attack, a smaller stage, as long as it pays (delta debugging:
//! Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE TSE 28, 2002).

use super::arena::Arena;
use super::{HuntError, Move, Program, Stage};
use crate::chance::Seed;
use crate::scenario::Scenario;

/// How often everything is tried again at most.
const ROUNDS_MAX: usize = 4;
/// How sure a step must be that what is left still pays. So many steps are tried that 95 % would let some through that do not.
const SURE: f64 = 0.99;

/// What a smaller find is measured with.
pub(super) struct Shrinker<'a> {
    pub(super) ground: &'a Scenario,
    pub(super) seeds: Vec<Seed>,
    /// Rules under which the find must not pay, or it is another one.
    pub(super) control: Option<&'a str>,
}

impl Shrinker<'_> {
    /// The smallest stage and program that were found to pay.
    pub(super) fn shrunk(
        &self,
        mut stage: Stage,
        mut program: Program,
        mut arena: Arena,
    ) -> Result<(Stage, Program), HuntError> {
        for _ in 0..ROUNDS_MAX {
            let before = (stage.clone(), program.clone());
            program = simpler_program(&mut arena, program)?;
            stage = self.smaller_stage(stage, &program)?;
            if before == (stage.clone(), program.clone()) {
                break;
            }
            arena = Arena::new(self.ground, &stage, self.seeds.clone())?;
        }
        Ok((stage, program))
    }

    fn smaller_stage(&self, mut stage: Stage, program: &Program) -> Result<Stage, HuntError> {
        'again: loop {
            for smaller in stage.smaller() {
                if self.pays_on(&smaller, program)? {
                    stage = smaller;
                    continue 'again;
                }
            }
            return Ok(stage);
        }
    }

    fn pays_on(&self, stage: &Stage, program: &Program) -> Result<bool, HuntError> {
        let mut arena = Arena::new(self.ground, stage, self.seeds.clone())?;
        let mut found = pays(&mut arena, program)?;
        if let Some(control) = self.control.filter(|_| found) {
            let stage = Stage { arm: control.to_owned(), ..stage.clone() };
            let mut arena = Arena::new(self.ground, &stage, self.seeds.clone())?;
            found = !pays(&mut arena, program)?;
        }
        Ok(found)
    }
}

/// Fewer and simpler moves on the same stage.
fn simpler_program(arena: &mut Arena, mut program: Program) -> Result<Program, HuntError> {
    'again: loop {
        for simpler in simpler(&program) {
            if pays(arena, &simpler)? {
                program = simpler;
                continue 'again;
            }
        }
        return Ok(program);
    }
}

/// Whether all of the interval of a program's value is above nothing. Sure by [`SURE`].
pub(super) fn pays(arena: &mut Arena, program: &Program) -> Result<bool, HuntError> {
    if program.is_honest() {
        return Ok(false);
    }
    let all = arena.seeds();
    arena.try_all(std::slice::from_ref(program), all)?;
    let rival = arena.rival(program, all);
    Ok(arena.value_at(program, &rival, (all, SURE)).interval.0 > 0.0)
}

/// Programs that are simpler by one step, the simplest first.
fn simpler(program: &Program) -> Vec<Program> {
    let mut found = Vec::new();
    let count = program.moves.len();
    for at in (0..count).filter(|_| count > 1) {
        let mut moves = program.moves.clone();
        moves.remove(at);
        found.push(Program { moves });
    }
    for (at, one) in program.moves.iter().enumerate() {
        let simplest = Move { verb: one.verb.simplest(), ..*one };
        for changed in [simplest, Move { epoch: 0, ..*one }] {
            let mut moves = program.moves.clone();
            moves[at] = changed;
            let changed = Program::of(moves);
            if changed != *program {
                found.push(changed);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hunt::{Verb, Which};

    #[test]
    fn every_step_is_simpler_and_the_simplest_program_has_none() {
        let at = |epoch, verb| Move { epoch, verb };
        let program = Program::of(vec![at(0, Verb::Join), at(7, Verb::Drop(Which::All, 50))]);
        let steps = simpler(&program);
        assert_eq!(
            steps[..2],
            [
                Program::of(vec![at(7, Verb::Drop(Which::All, 50))]),
                Program::of(vec![at(0, Verb::Join)]),
            ]
        );
        assert!(
            steps.contains(&Program::of(vec![
                at(0, Verb::Join),
                at(7, Verb::Drop(Which::All, 1_000)),
            ]))
        );
        assert_eq!(simpler(&Program::of(vec![at(0, Verb::Join)])), []);
    }
}
