//! What a provider costs in a world of very many: the market of `sim/scale/market.toml`, with so many of them and so many epochs.
//!
//! `cargo bench -p sim --bench providers -- 100000 120` lives it once and prints
//! `providers epochs processor_s ns_a_provider_s_epoch peak_mib trace`. Without arguments it does so for 10,000 and 100,000.
//! It runs on the allocator that `bondstore` ships with. `scripts/scale_sim.sh` measures the same by the command.

use mimalloc::MiMalloc;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use sim::chance::Seed;
use sim::scenario::{Changes, ONLY, Scenario};
use sim::world::World;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const SCENARIO: &str = include_str!("../scale/market.toml");
/// As the scenario has them: one client for so many providers, and thirty days.
const PROVIDERS_A_CLIENT: u32 = 1_000;
const EPOCHS: u32 = 720;

fn main() {
    let told: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let figures: Vec<u32> = told.iter().map(|word| word.parse().expect("a whole number")).collect();
    println!("providers epochs processor_s ns_a_provider_s_epoch peak_mib trace");
    match figures.as_slice() {
        [] => [10_000, 100_000].into_iter().for_each(|providers| tell(providers, EPOCHS)),
        [providers, epochs] => tell(*providers, *epochs),
        _ => panic!("give how many providers and how many epochs"),
    }
}

fn tell(providers: u32, epochs: u32) {
    let before = processor();
    let trace = lived(providers, epochs);
    let used = processor() - before;
    let each = used * 1e9 / (f64::from(providers) * f64::from(epochs));
    println!("{providers} {epochs} {used:.2} {each:.0} {} {}", peak_mib(), &trace[..12]);
}

/// The trace of one life.
fn lived(providers: u32, epochs: u32) -> String {
    let changes = Changes::from([
        ("epochs".into(), json!(epochs)),
        ("agents.honest.count".into(), json!(providers)),
        ("agents.client.count".into(), json!((providers / PROVIDERS_A_CLIENT).max(1))),
    ]);
    let scenario = Scenario::parse(SCENARIO).expect("it is right");
    let world = scenario.with(&changes).expect("they fit").world_of(ONLY, false);
    let world = World::new(&world.expect("it fits"), Seed(1)).expect("it can begin");
    world.run(ONLY, |_| {}).expect("the rules hold").trace.to_string()
}

/// Seconds of the processor that this process has used.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of some hours")]
fn processor() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// The most memory that this process has had, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|told| told.split_whitespace().next()?.parse::<u64>().ok());
    kib.map_or(0, |kib| kib / 1_024)
}
