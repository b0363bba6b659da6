//! What a node can hold against a verdict: written down when the verdict comes, while its shards are still there.
//!
//! A verdict of loss is soon followed by the loss of the slot, and with it of what could prove the verdict wrong. So
//! the proof is made at once and kept in a file, until nobody can dispute the verdict any more.

use bytes::Bytes;
use contracts::evidence::{self, Finding};
use network::api::DisputeBody;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use types::documents::{Challenge, Proof};
use types::{DocId, Verified};

/// The directory of the files, in a data directory.
const DIR: &str = "objections";
/// How long one is kept: longer than any market's window.
const KEPT: Duration = Duration::from_hours(24 * 60);
/// How many are kept.
const KEPT_MAX: usize = 1_024;

/// The file of what is held against `verdict` in the data directory `data`.
fn path(data: &Path, verdict: &DocId) -> PathBuf {
    data.join(DIR).join(format!("{verdict}.json"))
}

/// Whether `answers` prove everything that `challenge` asks for.
pub(crate) fn is_sound(
    challenge: &Verified<Challenge>,
    proof: &Verified<Proof>,
    answers: &Bytes,
) -> bool {
    evidence::judge(challenge, proof, answers)
        .is_ok_and(|findings| findings.iter().any(Finding::is_pass))
}

/// Keeps `objection` against `verdict`. Blocks.
pub(crate) fn keep(data: &Path, verdict: &DocId, objection: &DisputeBody) -> io::Result<()> {
    let (dir, path) = (data.join(DIR), path(data, verdict));
    std::fs::create_dir_all(&dir)?;
    forget_old(&dir)?;
    let part = path.with_extension("part");
    let mut file = std::fs::File::create(&part)?;
    file.write_all(&serde_json::to_vec(objection)?)?;
    file.sync_all()?;
    std::fs::rename(&part, &path)
}

/// What the node in `data` can hold against `verdict`, if it wrote that down. Blocks.
///
/// # Errors
/// Where there is a file that cannot be read.
pub fn read(data: &Path, verdict: &DocId) -> io::Result<Option<DisputeBody>> {
    match std::fs::read(path(data, verdict)) {
        Ok(json) => Ok(Some(serde_json::from_slice(&json)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Drops what is too old to be of use, and the oldest of too many.
fn forget_old(dir: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        files.push((entry.metadata()?.modified()?, entry.path()));
    }
    files.sort();
    let surplus = (files.len() + 1).saturating_sub(KEPT_MAX);
    let now = SystemTime::now();
    for (index, (modified, path)) in files.into_iter().enumerate() {
        let age = now.duration_since(modified).unwrap_or_default();
        if index < surplus || age > KEPT {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}
