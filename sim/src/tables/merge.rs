//! Shards of one scenario into the whole.

use crate::results::Report;
use std::cmp::Ordering;

/// Why reports are not shards of one whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is none.
    #[error("there is nothing to merge: give the report of at least one shard")]
    Nothing,
    /// They are of different scenarios.
    #[error("shards of {first:?} and of {other:?} make no whole: give shards of one scenario")]
    Scenario {
        /// The first shard's scenario.
        first: String,
        /// The one that is not.
        other: String,
    },
    /// They are of different states of one scenario.
    #[error(
        "two shards of {scenario:?} differ in their claim or in the length of an epoch: \
         give shards of one state of the scenario"
    )]
    State {
        /// The scenario.
        scenario: String,
    },
    /// One run is there twice.
    #[error("arm {arm:?} has seed {seed} twice: give each shard once, cut without overlap")]
    Twice {
        /// The run's arm.
        arm: String,
        /// Its seed.
        seed: u64,
    },
}

/// All runs of the shards of one scenario, by arm and then by seed, whatever the order in which the shards come.
///
/// The whole has no findings: a shard's rest on a part of the runs, so they are to be found anew.
pub fn merge(shards: Vec<Report>) -> Result<Report, MergeError> {
    let mut shards = shards.into_iter();
    let mut whole = shards.next().ok_or(MergeError::Nothing)?;
    for shard in shards {
        check(&whole, &shard)?;
        whole.runs.extend(shard.runs);
    }
    whole.findings.clear();
    whole.runs.sort_by(|a, b| (&a.arm, a.seed).cmp(&(&b.arm, b.seed)));
    let twice = whole.runs.windows(2).find(|pair| {
        (&pair[0].arm, pair[0].seed).cmp(&(&pair[1].arm, pair[1].seed)) == Ordering::Equal
    });
    match twice {
        Some(pair) => Err(MergeError::Twice { arm: pair[0].arm.clone(), seed: pair[0].seed }),
        None => Ok(whole),
    }
}

fn check(whole: &Report, shard: &Report) -> Result<(), MergeError> {
    if whole.scenario != shard.scenario {
        let (first, other) = (whole.scenario.clone(), shard.scenario.clone());
        return Err(MergeError::Scenario { first, other });
    }
    if whole.claim != shard.claim || whole.epoch_s.to_bits() != shard.epoch_s.to_bits() {
        return Err(MergeError::State { scenario: whole.scenario.clone() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bits, report};
    use super::*;
    use crate::tables::{read, write};

    #[test]
    fn shards_in_any_order_merge_into_what_one_machine_would_have_made() {
        let whole = report(&[0, 1, 2, 3, 4]);
        let through_files = |seeds: &[u64]| read(&write(&report(seeds))).unwrap();
        let merged = merge(vec![through_files(&[1, 3]), through_files(&[0, 2, 4])]).unwrap();
        assert_eq!(bits(&merged), bits(&whole));
        assert_eq!(merged.trace(), whole.trace());
        assert!(write(&merged) == write(&whole));
    }

    #[test]
    fn a_run_in_two_shards_is_refused() {
        let refused = merge(vec![report(&[0, 1]), report(&[1, 2])]);
        assert_eq!(refused, Err(MergeError::Twice { arm: "honest".into(), seed: 1 }));
    }

    #[test]
    fn shards_of_two_scenarios_or_of_two_states_are_refused() {
        let mut other = report(&[1]);
        other.epoch_s = 60.0;
        let refused = merge(vec![report(&[0]), other.clone()]).unwrap_err();
        assert!(matches!(refused, MergeError::State { .. }), "{refused}");
        other.scenario = "whitewash".into();
        let refused = merge(vec![report(&[0]), other]).unwrap_err();
        assert!(matches!(refused, MergeError::Scenario { .. }), "{refused}");
        assert_eq!(merge(Vec::new()), Err(MergeError::Nothing));
    }
}
