//! Challenges that were answered before anybody could look what they were drawn from: kept, and judged once that can be read.
//!
//! Silence would be the provider's fault, so such a challenge is answered. But the market decides whether what opened an epoch can be
//! read; its word is kept, so that withholding it for a while hides nothing.

use super::{BeaconError, Beacons};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use types::documents::Challenge;
use types::{Hash, Signed, Verified};

/// Where they are kept, in the node's data directory.
const UNREAD: &str = "unread-challenges";
/// How many of them are kept.
const UNREAD_MAX: usize = 64;

/// Keeps a challenge that was answered unread, in the node's `data` directory: one for each epoch and value, and so many in all. Whether it
/// is kept. It waits for nobody who is looking at another: the answer must not be late.
pub(crate) fn keep(data: &Path, challenge: &Verified<Challenge>) -> io::Result<bool> {
    let folder = data.join(UNREAD);
    fs::create_dir_all(&folder)?;
    let value = Hash::of(&challenge.beacon.0);
    let file = folder.join(format!("epoch-{}-{value}.jws", challenge.epoch.0));
    if file.exists() {
        return Ok(true);
    }
    if fs::read_dir(&folder)?.count() >= UNREAD_MAX {
        return Ok(false);
    }
    fs::write(&file, &challenge.signed().0)?;
    Ok(true)
}

impl Beacons {
    /// Judges what was answered unread and can be read by now: where those are that turned out to be chosen, each with the reason. What
    /// waits for a later epoch stays; what is older than every value that is remembered can no longer be judged, and goes.
    pub(crate) fn judge_unread(&self) -> io::Result<Vec<(PathBuf, BeaconError)>> {
        let Some(known) = &self.known else { return Ok(Vec::new()) };
        let entries = match fs::read_dir(self.folder.join(UNREAD)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut chosen = Vec::new();
        for entry in entries {
            let file = entry?.path();
            let text = Signed(fs::read_to_string(&file)?);
            // What a crash cut short says nothing.
            if let Ok(challenge) = text.verify::<Challenge>() {
                let (epoch, found) = (challenge.epoch.0, challenge.beacon);
                match known.values.get(&epoch) {
                    None if challenge.epoch > known.epoch => continue,
                    Some(expected) if *expected != found => {
                        let expected = *expected;
                        let reason = BeaconError::OtherValue { epoch, found, expected };
                        chosen.push((self.keep_refused(&challenge, &reason)?, reason));
                    }
                    _ => {}
                }
            }
            fs::remove_file(&file)?;
        }
        Ok(chosen)
    }
}
