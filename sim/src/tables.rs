//! Runs as Parquet: three long tables whose rows name their run, so that the files of shards can be laid end to end.
//!
//! [`schema`] says which columns there are, [`write()`] and [`read()`] carry a report into files and back, [`merge()`]
//! makes one report of a scenario's shards. Findings are not kept: a shard's rest on a part of the runs, so the
//! scenario judges the whole anew.

mod errors;
pub mod merge;
pub mod read;
pub mod schema;
mod write;

pub use errors::TableError;
pub use merge::{MergeError, merge};
pub use read::{read, read_figures, read_runs, read_series};
pub use schema::{Table, VERSION};
pub use write::write;

/// The three files of one report, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// `runs.parquet`: scenario, arm, seed and the trace's hash in hexadecimal; one row for each run.
    pub runs: Vec<u8>,
    /// `figures.parquet`: scenario, arm, seed, name and value; one row for each figure of each run.
    pub figures: Vec<u8>,
    /// `series.parquet`: scenario, arm, seed, epoch from 0, name and value; one row for each value of each series.
    pub series: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Report, Run};
    use types::Hash;

    fn run(arm: &str, seed: u64) -> Run {
        let value = f64::from(u32::try_from(seed % 97).expect("small"));
        Run {
            arm: arm.into(),
            seed,
            trace: Hash::of(format!("{arm} {seed}").as_bytes()),
            figures: [("profit.lazy_msat".into(), -value), ("nothing".into(), f64::NAN)].into(),
            series: [
                ("price.mean_msat".into(), vec![1.5, f64::NAN, -0.0]),
                ("use.sold_permille".into(), vec![value]),
            ]
            .into(),
        }
    }

    pub(super) fn report(seeds: &[u64]) -> Report {
        let runs = |arm: &'static str| seeds.iter().map(move |seed| run(arm, *seed));
        Report {
            scenario: "lazy <storage>".into(),
            claim: "Dropping data loses money, \"always\".".into(),
            epoch_s: 86_400.1,
            runs: runs("honest").chain(runs("lazy")).collect(),
            findings: Vec::new(),
        }
    }

    /// Every value of every run to the bit, which `==` does not tell of numbers that are none.
    pub(super) fn bits(report: &Report) -> Vec<String> {
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let all = |run: &Run| {
            let figures = run.figures.iter().map(|(name, value)| (name.clone(), bits(&[*value])));
            let series = run.series.iter().map(|(name, values)| (name.clone(), bits(values)));
            let all: Vec<_> = figures.chain(series).collect();
            format!("{} {} {} {all:?}", run.arm, run.seed, run.trace)
        };
        report.runs.iter().map(all).collect()
    }

    #[test]
    fn what_is_written_is_read_back_to_the_bit() {
        let before = report(&[0, 7, u64::MAX]);
        let after = read(&write(&before)).unwrap();
        assert_eq!(bits(&after), bits(&before));
        assert_eq!((after.scenario, after.claim), (before.scenario, before.claim));
        assert_eq!(after.epoch_s.to_bits(), before.epoch_s.to_bits());
    }

    #[test]
    fn a_report_without_runs_is_read_back() {
        let empty = report(&[]);
        assert_eq!(read(&write(&empty)).unwrap(), empty);
    }

    #[test]
    fn a_series_without_epochs_leaves_nothing() {
        let mut report = report(&[1]);
        report.runs[0].series.insert("late".into(), Vec::new());
        assert!(!read(&write(&report)).unwrap().runs[0].series.contains_key("late"));
    }

    #[test]
    fn one_report_makes_the_same_bytes_every_time() {
        assert!(write(&report(&[3, 4])) == write(&report(&[3, 4])));
    }
}
