//! What runs leave behind: figures at the end, series over time, and a hash of everything that happened.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::Hash;

/// What one run of one arm of a scenario left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Which arm.
    pub arm: String,
    /// Its seed: arms with one seed share their luck.
    pub seed: u64,
    /// The hash of every command that was taken, when, and every event that came of it.
    pub trace: Hash,
    /// What is known at the end, by name. Names end in their unit; parts are set apart by dots, as in
    /// `lazy.profit_msat`.
    pub figures: BTreeMap<String, f64>,
    /// What was seen at the end of each epoch, by name.
    pub series: BTreeMap<String, Vec<f64>>,
}

/// One thing that a scenario says must hold, and what was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What must hold, in one sentence with its figures.
    pub must: String,
    /// The mean that was found; no number where some run does not have the figure.
    pub found: f64,
    /// The 95 % interval around it.
    pub interval: (f64, f64),
    /// How many runs, or pairs of runs, it rests on.
    pub runs: usize,
    /// Whether it holds: all of the interval is on the right side.
    pub holds: bool,
    /// Whether it is refuted: all of the interval is on the wrong side. Few runs may show neither.
    pub refuted: bool,
}

/// All runs of one scenario, and what they show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// What it claims, in a sentence or two.
    pub claim: String,
    /// How long one epoch is, in seconds.
    pub epoch_s: f64,
    /// Every run, by arm, in the scenario's order, and then by seed.
    pub runs: Vec<Run>,
    /// What must hold.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The hash of all runs' traces, by the names of their arms and then by seed, in whatever order the runs stand.
    pub fn trace(&self) -> Hash {
        let mut runs: Vec<&Run> = self.runs.iter().collect();
        runs.sort_by_key(|run| (&run.arm, run.seed));
        let traces: Vec<u8> = runs.into_iter().flat_map(|run| run.trace.0).collect();
        Hash::derive("bondstore 2026 simulated runs", &[&traces])
    }

    /// Whether everything holds that must.
    pub fn holds(&self) -> bool {
        self.findings.iter().all(|finding| finding.holds)
    }

    /// Whether anything that must hold is refuted.
    pub fn is_refuted(&self) -> bool {
        self.findings.iter().any(|finding| finding.refuted)
    }

    /// The runs of one arm, by seed.
    pub fn of_arm<'a>(&'a self, arm: &'a str) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().filter(move |run| run.arm == arm)
    }
}
