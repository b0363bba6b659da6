//! `bondstore sim validate`: what is known is reproduced, row by row, within its interval.

use super::on_threads;
use super::run::short;
use crate::output::{Output, table};
use anyhow::{Result, ensure};
use clap::Args;
use sim::Seed;
use sim::validate::{Effort, validate};

/// Reproduce published figures with the simulator and the rules that ship.
#[derive(Args)]
pub(crate) struct Validate {
    /// Few runs and wide intervals, in seconds instead of minutes.
    #[arg(long)]
    quick: bool,
    /// The root of all luck.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// On how many threads; as many as there are cores where nothing is said. Any number gives the same rows.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl Validate {
    pub(super) fn run(self, output: &Output) -> Result<()> {
        let effort = if self.quick { Effort::Quick } else { Effort::Full };
        let rows = on_threads(self.threads, || validate(Seed(self.seed), effort))?;
        output.result(&rows, || {
            let lines = rows.iter().map(|row| {
                let holds = if row.holds { "holds" } else { "FAILS" };
                let (low, high) = row.interval;
                [
                    row.number.to_string(),
                    row.name.clone(),
                    short(row.published),
                    short(row.found),
                    format!("{} to {}", short(low), short(high)),
                    row.runs.to_string(),
                    holds.to_owned(),
                ]
            });
            table(["row", "what", "published", "found", "interval", "runs", ""], lines)
        });
        let failed = rows.iter().filter(|row| !row.holds).count();
        ensure!(failed == 0, "{failed} of {} rows do not hold", rows.len());
        Ok(())
    }
}
