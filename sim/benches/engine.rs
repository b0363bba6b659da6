//! How many turns of agents a second the simulator's engine carries: coins that change hands by chance, on the very wheel and
//! the very luck that worlds run on, and the same in bare loops, which are the limit.
//!
//! Everyone begins with one coin; at their turn, once a step, who has any gives one to somebody else, drawn by chance.
//! `cargo bench -p sim --bench engine -- engine 1000000 1 2` runs one of [`WAYS`] with so many people, for at least so many
//! steps and so many seconds of the processor, and prints `people steps processor_s clock_s gini`. Without these it runs each
//! with a few sizes. `scripts/peers.sh` puts it beside other simulators.

#[path = "engine/bare.rs"]
mod bare;
#[path = "engine/town.rs"]
mod town;

use bare::Bare;
use rustix::time::{ClockId, clock_gettime};
use sim::statistics::gini;
use std::time::Instant;
use town::Town;

/// The engine, with times that are drawn each step and in a fixed order; a bare loop in an order that is shuffled anew each step, and one
/// in a fixed order.
const WAYS: [&str; 4] = ["engine", "queued", "bare", "fixed"];
/// About how many turns are taken between two looks at the clock.
const LOOK: u32 = 1_000_000;

/// People with coins.
trait World {
    /// Everybody takes their turn once.
    fn pass_step(&mut self);
    /// How much everybody has.
    fn coins(&self) -> Vec<u32>;
}

fn main() {
    let told: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [way, people, steps, seconds] = told.as_slice() {
        let figures = [people, steps].map(|word| word.parse().expect("a whole number"));
        println!("{}", run(way, figures, seconds.parse().expect("seconds")));
        return;
    }
    println!("way people steps processor_s clock_s gini");
    for people in [10_000, 100_000, 1_000_000] {
        for way in WAYS {
            println!("{way} {}", run(way, [people, 1], 1.0));
        }
    }
}

/// Passes at least so many steps and so many seconds, after one step that is not timed, and says how that went.
fn run(way: &str, [people, least]: [u32; 2], seconds: f64) -> String {
    let mut world: Box<dyn World> = match way {
        "engine" => Box::new(Town::new(people, true)),
        "queued" => Box::new(Town::new(people, false)),
        "bare" => Box::new(Bare::new(people, true)),
        "fixed" => Box::new(Bare::new(people, false)),
        _ => panic!("{way} is none of {WAYS:?}"),
    };
    world.pass_step();
    let (began, before) = (Instant::now(), processor());
    let (mut steps, mut used) = (0, 0.0);
    while steps < least || used < seconds {
        let more = if steps < least { least - steps } else { (LOOK / people).max(1) };
        (0..more).for_each(|_| world.pass_step());
        steps += more;
        used = processor() - before;
    }
    let clock = began.elapsed().as_secs_f64();
    let coins = world.coins();
    assert_eq!(coins.iter().copied().map(u64::from).sum::<u64>(), u64::from(people), "coins");
    let coins: Vec<f64> = coins.into_iter().map(f64::from).collect();
    format!("{people} {steps} {used:.4} {clock:.4} {:.4}", gini(&coins))
}

/// Seconds of the processor that this process has used.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a few minutes")]
fn processor() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}
