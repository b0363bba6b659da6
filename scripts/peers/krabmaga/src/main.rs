//! Coins that change hands by chance, on krABMaga's schedule. Arguments and output are those of `sim/benches/engine.rs`.
//!
//! The order is, with `queued`, in which its queue yields agents of one time and one rank, which is no draw; with `drawn`
//! everybody is given a rank by chance before each step.

use krabmaga::engine::{agent::Agent, schedule::Schedule, state::State};
use krabmaga::rand::rngs::SmallRng;
use krabmaga::rand::{Rng, SeedableRng};
use rustix::time::{ClockId, clock_gettime};
use std::any::Any;
use std::time::Instant;

/// About how many turns are taken between two looks at the clock.
const LOOK: u32 = 1_000_000;

/// One who gives and takes.
#[derive(Clone, Copy)]
struct Person {
    number: usize,
}

struct Town {
    coins: Vec<u32>,
    luck: SmallRng,
    /// Whether the order is drawn anew each step.
    drawn: bool,
}

impl Agent for Person {
    fn step(&mut self, state: &mut dyn State) {
        let town = state.as_any_mut().downcast_mut::<Town>().expect("the only state there is");
        let giver = self.number;
        if town.coins[giver] > 0 {
            let drawn = town.luck.random_range(0..town.coins.len() - 1);
            let taker = if drawn < giver { drawn } else { drawn + 1 };
            town.coins[giver] -= 1;
            town.coins[taker] += 1;
        }
    }
}

impl State for Town {
    fn init(&mut self, schedule: &mut Schedule) {
        for number in 0..self.coins.len() {
            schedule.schedule_repeating(Box::new(Person { number }), 0.0, 0);
        }
    }

    fn reset(&mut self) {
        self.coins.fill(1);
    }

    fn update(&mut self, _step: u64) {}

    fn before_step(&mut self, schedule: &mut Schedule) {
        if self.drawn {
            schedule.events.iter_mut().for_each(|(_, rank)| rank.ordering = self.luck.random());
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn as_state(&self) -> &dyn State {
        self
    }

    fn as_state_mut(&mut self) -> &mut dyn State {
        self
    }
}

fn main() {
    let told: Vec<String> = std::env::args().skip(1).collect();
    let [way, people, least, seconds] = told.as_slice() else {
        panic!("queued|drawn PEOPLE STEPS SECONDS")
    };
    let drawn = way == "drawn";
    let [people, least]: [u32; 2] = [people, least].map(|word| word.parse().expect("a number"));
    let seconds: f64 = seconds.parse().expect("seconds");

    let luck = SmallRng::seed_from_u64(1);
    let mut town = Town { coins: vec![1; people as usize], luck, drawn };
    let mut schedule = Schedule::new();
    town.init(&mut schedule);
    schedule.step(&mut town);
    let (began, before) = (Instant::now(), processor());
    let (mut steps, mut used) = (0, 0.0);
    while steps < least || used < seconds {
        let more = if steps < least { least - steps } else { (LOOK / people).max(1) };
        (0..more).for_each(|_| schedule.step(&mut town));
        steps += more;
        used = processor() - before;
    }
    let clock = began.elapsed().as_secs_f64();
    assert_eq!(town.coins.iter().map(|coins| u64::from(*coins)).sum::<u64>(), u64::from(people));
    println!("{people} {steps} {used:.4} {clock:.4} {:.4}", gini(&mut town.coins));
}

/// By ranks i = 1..n of the sorted values: Σ (2i − n − 1) xᵢ ÷ (n Σ xᵢ).
fn gini(coins: &mut [u32]) -> f64 {
    coins.sort_unstable();
    let (count, total) =
        (coins.len() as f64, coins.iter().map(|coins| f64::from(*coins)).sum::<f64>());
    let ranked = coins.iter().enumerate();
    ranked.map(|(i, x)| (2.0 * i as f64 + 1.0 - count) * f64::from(*x)).sum::<f64>()
        / (count * total)
}

/// Seconds of the processor that this process has used.
fn processor() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}
