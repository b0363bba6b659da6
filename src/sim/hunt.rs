//! `bondstore sim hunt`: the most profitable deviation from honesty that a search finds, certified on fresh seeds, and replays of
//! what was found.

use super::on_threads;
use super::run::short;
use crate::output::{Output, table};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use sim::Seed;
use sim::hunt::{Certificate, Find, GROUND, HuntSettings, Hunted, SHIPPED, hunt, replay};
use sim::scenario::Scenario;
use std::path::{Path, PathBuf};

/// Search for exploits: deviations from honesty that pay.
#[derive(Args)]
pub(crate) struct Hunt {
    /// How many futures are tried: a program on a seed is one.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    budget: u64,
    /// The root of all luck.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Under which rules: `shipped`, or a planted weakness of the hunting ground.
    #[arg(long, value_name = "NAME", default_value = SHIPPED)]
    arm: String,
    /// Another hunting ground than the one that ships, a scenario with a group called `scripted`, of that kind.
    #[arg(long, value_name = "SCENARIO")]
    ground: Option<PathBuf>,
    /// Write what was found into this file, to be replayed.
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    find: Option<PathBuf>,
    /// Replay a find instead: the same profit and the same trace must come out.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// On how many threads; as many as there are cores where nothing is said. Any number gives the same result.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl Hunt {
    pub(super) fn run(self, output: &Output) -> Result<()> {
        let ground = match &self.ground {
            Some(path) => super::read(path)?.1,
            None => Scenario::parse(GROUND)?,
        };
        if let Some(path) = &self.replay {
            return again(output, &ground, path);
        }
        let control = (self.arm != SHIPPED).then(|| SHIPPED.to_owned());
        let settings = HuntSettings {
            arm: self.arm.clone(),
            control,
            budget: self.budget,
            ..HuntSettings::shipped()
        };
        let bar = output.steps("futures", self.budget);
        let hunted = on_threads(self.threads, || {
            hunt(&ground, &settings, Seed(self.seed), |tried| bar.set_position(tried))
        })?;
        bar.finish_and_clear();
        let Hunted { certificate, find } = hunted?;
        if let (Some(path), Some(find)) = (&self.find, &find) {
            std::fs::write(path, serde_json::to_vec_pretty(find)?)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        output.result(&json!({ "certificate": certificate, "find": find }), || {
            told(&certificate, find.as_ref())
        });
        ensure!(
            certificate.holds || self.arm != SHIPPED,
            "a deviation pays under the shipped rules: --find FILE keeps it to be replayed"
        );
        Ok(())
    }
}

fn told(certificate: &Certificate, find: Option<&Find>) -> String {
    let gain = &certificate.exploitability_msat;
    let (low, high) = gain.interval;
    let verdict = if certificate.holds {
        "no deviation was found that pays"
    } else {
        "a deviation was found that pays"
    };
    let rows = [
        ["futures tried".to_owned(), certificate.tried.to_string()],
        ["best program".to_owned(), format!("{:?}", certificate.program.moves)],
        ["it gains above an honest one (msat)".to_owned(), short(gain.mean)],
        ["95 % interval, on fresh seeds".to_owned(), format!("{} to {}", short(low), short(high))],
        ["an honest one gains (msat)".to_owned(), short(certificate.honest_msat.mean)],
        ["rules".to_owned(), certificate.rules.to_string()],
    ];
    let certified = table(["", verdict], rows);
    let found = find.map_or_else(String::new, |find| {
        format!(
            "\nmade small: {:?}\ngains {} msat; replays with seed {} in {} documents, trace {}",
            find.program.moves,
            short(find.gain_msat.mean),
            find.seed,
            find.documents,
            find.trace
        )
    });
    format!("{certified}{found}")
}

/// Plays a find again and holds it against what it says.
fn again(output: &Output, ground: &Scenario, path: &Path) -> Result<()> {
    let bytes =
        std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let find: Find = serde_json::from_slice(&bytes).with_context(|| {
        format!("{} is not a find; take a file that `sim hunt --find` wrote", path.display())
    })?;
    let ended = replay(ground, &find)?;
    // Numbers in JSON are read to the last digit or the one before.
    let near = (ended.profit_msat - find.profit_msat).abs() <= 1e-9 * find.profit_msat.abs();
    let same = ended.trace == find.trace && near;
    let value = json!({ "profit_msat": ended.profit_msat, "documents": ended.documents, "trace_hash": ended.trace.to_string(), "same": same });
    output.result(&value, || {
        format!(
            "{} msat in {} documents, trace {}",
            short(ended.profit_msat),
            ended.documents,
            ended.trace
        )
    });
    ensure!(
        same,
        "it was {} msat with trace {}: the rules or the ground have changed since",
        short(find.profit_msat),
        find.trace
    );
    Ok(())
}
