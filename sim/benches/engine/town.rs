//! The model on the simulator's engine: turns wait on the wheel, luck is looked up by seed, stream, agent and step.

use crate::World;
use sim::wheel::Wheel;
use sim::{Seed, Stream};
use types::{Span, Timestamp};

/// A tick and a turn of the wheel, as simulated markets have them.
const TICK: Span = Span(60 * Span::SECOND.0);
const TURN: usize = 4_096;
/// How long a step is: at some time in each everybody takes their turn.
const STEP: Span = Span::DAY;

/// Something that happens at its time.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// It is somebody's turn.
    Turn(u32),
}

/// One who gives and takes.
#[derive(Clone, Debug)]
struct Person {
    coins: u32,
}

pub(crate) struct Town {
    /// Whether each one's time within a step is drawn; else all have their turns when it begins, in the order of the step before.
    drawn: bool,
    seed: Seed,
    wheel: Wheel<Happening>,
    people: Vec<Person>,
    step: u64,
}

impl Town {
    pub(crate) fn new(people: u32, drawn: bool) -> Self {
        let mut town = Self {
            drawn,
            seed: Seed(1),
            wheel: Wheel::new(Timestamp(0), TICK, TURN),
            people: vec![Person { coins: 1 }; people as usize],
            step: 0,
        };
        for who in 0..people {
            let mut draws = town.seed.draws(Stream::Population, who, 0);
            let after = if drawn { Span(draws.below(STEP.0)) } else { Span(0) };
            town.wheel.put(Timestamp(0).after(after), Happening::Turn(who));
        }
        town
    }

    /// When a step begins.
    fn begins(step: u64) -> Timestamp {
        Timestamp(0).after(Span(STEP.0 * step))
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Turn(who) => self.take_turn(who),
        }
    }

    /// Gives a coin to somebody else, and comes back in the next step.
    fn take_turn(&mut self, who: u32) {
        let (giver, others) = (who as usize, self.people.len() as u64 - 1);
        let has = self.people[giver].coins > 0;
        let mut draws = self.seed.draws(Stream::Behaviour, who, self.step);
        if has {
            let drawn = usize::try_from(draws.below(others)).unwrap_or(0);
            let taker = if drawn < giver { drawn } else { drawn + 1 };
            self.people[giver].coins -= 1;
            self.people[taker].coins += 1;
        }
        let after = if self.drawn { Span(draws.below(STEP.0)) } else { Span(0) };
        self.wheel.put(Self::begins(self.step + 1).after(after), Happening::Turn(who));
    }
}

impl World for Town {
    fn pass_step(&mut self) {
        let last = Timestamp(Self::begins(self.step + 1).0 - 1);
        while let Some((_, what)) = self.wheel.next(last) {
            self.happen(what);
        }
        self.step += 1;
    }

    fn coins(&self) -> Vec<u32> {
        self.people.iter().map(|person| person.coins).collect()
    }
}
