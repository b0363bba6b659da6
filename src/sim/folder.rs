//! Where results go: a folder that says whose results it has, so that no run's files end up among another's.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sim::results::Report;
use sim::sweep::Axis;
use sim::tables::{self, Tables};
use std::path::{Path, PathBuf};

/// What the folder's files are of.
const LABEL: &str = "run.json";
/// The scenario as it was run.
const SCENARIO: &str = "scenario.toml";

/// Whose results a folder has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Label {
    /// `run` or `sweep`.
    pub(super) what: String,
    /// The scenario's name.
    pub(super) scenario: String,
    /// The BLAKE3 hash of its text.
    pub(super) text: String,
    /// The seeds.
    pub(super) seeds: Vec<u64>,
    /// Whether one defence was off.
    pub(super) mutated: bool,
    /// Which part of how many.
    pub(super) shard: (usize, usize),
    /// What was set or varied, and of which arms.
    pub(super) over: Vec<String>,
}

/// What was set or varied, as a label has it.
pub(super) fn written(axes: &[Axis]) -> Vec<String> {
    let values =
        |axis: &Axis| axis.values.iter().map(Value::to_string).collect::<Vec<_>>().join(",");
    axes.iter().map(|axis| format!("{}={}", axis.path, values(axis))).collect()
}

impl Label {
    /// In what it differs from `other`, in words.
    pub(super) fn unlike(&self, other: &Self) -> String {
        let changed = |label: &Self| {
            if label.over.is_empty() { "nothing".to_owned() } else { label.over.join(" ") }
        };
        if self.what != other.what || self.scenario != other.scenario {
            format!("a {} of scenario {}", self.what, self.scenario)
        } else if self.text != other.text {
            "of the scenario with another text".into()
        } else if self.over != other.over {
            format!("with {} set or varied, not {}", changed(self), changed(other))
        } else if self.shard != other.shard {
            format!("part {} of {}", self.shard.0, self.shard.1)
        } else if self.mutated != other.mutated {
            if self.mutated { "its mutant's" } else { "not its mutant's" }.into()
        } else {
            format!("with {} other seeds", self.seeds.len())
        }
    }
}

/// A folder of results.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`, made or taken up again: only where it is empty, or has results of this very label.
    pub(super) fn begin(path: &Path, label: &Label, scenario: &str) -> Result<Self> {
        std::fs::create_dir_all(path)
            .with_context(|| format!("{} cannot be made", path.display()))?;
        let folder = Self(path.to_owned());
        match folder.label() {
            Ok(Some(found)) if found == *label => {}
            Ok(Some(found)) => bail!(
                "{} has another {}'s files ({}); give another folder",
                path.display(),
                found.what,
                found.unlike(label)
            ),
            Ok(None) if folder.is_empty()? => {}
            Ok(None) => bail!(
                "{} has files that no run has put there; give an empty folder",
                path.display()
            ),
            Err(error) => return Err(error),
        }
        folder.write(SCENARIO, scenario.as_bytes())?;
        folder.write(LABEL, &serde_json::to_vec_pretty(label)?)?;
        Ok(folder)
    }

    /// The folder of a run that was made before.
    pub(super) fn of(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Whose results it has, if anybody's.
    pub(super) fn label(&self) -> Result<Option<Label>> {
        let path = self.0.join(LABEL);
        match std::fs::read(&path) {
            Ok(bytes) => {
                let label = serde_json::from_slice(&bytes);
                Ok(Some(label.with_context(|| format!("{} is not a run's label", path.display()))?))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// Where the scenario as it was run is.
    pub(super) fn scenario(&self) -> PathBuf {
        self.0.join(SCENARIO)
    }

    fn is_empty(&self) -> Result<bool> {
        Ok(std::fs::read_dir(&self.0)?.next().is_none())
    }

    /// Writes a file whole: whoever finds it finds all of it.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.0.join(name);
        let draft = self.0.join(format!("{name}.part"));
        std::fs::write(&draft, bytes)
            .and_then(|()| std::fs::rename(&draft, &path))
            .with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Writes a report's tables, with `prefix` before their names.
    pub(super) fn write_tables(&self, prefix: &str, report: &Report) -> Result<()> {
        let Tables { runs, figures, series } = tables::write(report);
        self.write(&format!("{prefix}figures.parquet"), &figures)?;
        self.write(&format!("{prefix}series.parquet"), &series)?;
        // The last one: a cell whose runs are there is whole.
        self.write(&format!("{prefix}runs.parquet"), &runs)
    }

    /// Reads the tables again; nothing where they are not there.
    pub(super) fn read_tables(&self, prefix: &str) -> Result<Option<Report>> {
        let read = |name: &str| {
            let path = self.0.join(format!("{prefix}{name}.parquet"));
            match std::fs::read(&path) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => {
                    Err(error).with_context(|| format!("{} cannot be read", path.display()))
                }
            }
        };
        let (Some(runs), Some(figures), Some(series)) =
            (read("runs")?, read("figures")?, read("series")?)
        else {
            return Ok(None);
        };
        let report = tables::read(&Tables { runs, figures, series });
        Ok(Some(report.with_context(|| format!("the tables in {}", self.0.display()))?))
    }

    /// Writes what people and programs read first.
    pub(super) fn write_report(&self, report: &Report) -> Result<()> {
        let summary = serde_json::to_vec_pretty(&sim::summary::of(report))?;
        self.write("summary.json", &summary)?;
        self.write("report.html", sim::report::html(report).as_bytes())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}
