//! `bondstore sim bounds`: below each bound the attack pays, above it does not, beside what theory says.

use super::on_threads;
use super::run::short;
use crate::output::{Output, table};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use sim::Seed;
use sim::bounds::{CONFIDENCE, Effort, bracket};
use sim::report::bounds_html;
use std::path::PathBuf;

/// Bracket the bounds below which attacks pay.
#[derive(Args)]
pub(crate) struct Bounds {
    /// Few runs and wide intervals, in seconds instead of minutes.
    #[arg(long)]
    quick: bool,
    /// Put a page with a picture of each bound into this file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The root of all luck.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// On how many threads; as many as there are cores where nothing is said. Any number gives the same frontiers.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl Bounds {
    pub(super) fn run(self, output: &Output) -> Result<()> {
        let effort = if self.quick { Effort::Quick } else { Effort::Full };
        let bounds = on_threads(self.threads, || bracket(Seed(self.seed), effort))?;
        if let Some(path) = &self.report {
            std::fs::write(path, bounds_html(&bounds))
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        let points = |bound: &sim::bounds::Bracketed| -> Vec<serde_json::Value> {
            let point = |p: &sim::bounds::Point| json!({ "x": p.x, "analytic": p.analytic, "measured": p.measured, "interval": p.interval });
            bound.points.iter().map(point).collect()
        };
        let told: Vec<_> = bounds
            .iter()
            .map(|bound| {
                json!({
                    "name": bound.name, "along": bound.along, "found": bound.found,
                    "holds": bound.holds(), "confidence": CONFIDENCE, "points": points(bound),
                })
            })
            .collect();
        output.result(&told, || {
            let rows = bounds.iter().flat_map(|bound| {
                bound.points.iter().map(|point| {
                    let (low, high) = point.interval;
                    let holds = if point.allows(1.0) { "holds" } else { "FAILS" };
                    [
                        bound.name.to_owned(),
                        format!("{} {}", bound.along, short(point.x)),
                        format!("{} {}", bound.found, short(point.analytic)),
                        short(point.measured),
                        format!("{} to {}", short(low), short(high)),
                        holds.to_owned(),
                    ]
                })
            });
            table(["bound", "along", "theory", "measured", "99 % interval", ""], rows)
        });
        let failed = bounds.iter().filter(|bound| !bound.holds()).count();
        ensure!(
            failed == 0,
            "{failed} of {} bounds do not lie where theory has them",
            bounds.len()
        );
        Ok(())
    }
}
