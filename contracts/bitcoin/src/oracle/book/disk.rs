//! Writing that is on the disk before it returns, step by step, so that a test can cut the power at every step.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A folder that is written durably.
pub(super) struct Disk {
    folder: PathBuf,
    #[cfg(test)]
    pub(super) power: Power,
}

impl Disk {
    pub(super) fn new(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self {
            folder,
            #[cfg(test)]
            power: Power::default(),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Replaces what stands in `name` from `offset` on, durably.
    pub(super) fn write_from(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = private().create(true).truncate(false).write(true).open(self.path(name))?;
        self.step()?;
        file.set_len(offset)?;
        file.seek(SeekFrom::Start(offset))?;
        self.write(&mut file, bytes)?;
        self.step()?;
        file.sync_all()
    }

    /// Replaces a whole file: by its old content, until it is the new one.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let fresh = self.path(&format!("{name}.new"));
        let mut file = private().create(true).truncate(true).write(true).open(&fresh)?;
        self.write(&mut file, bytes)?;
        self.step()?;
        file.sync_all()?;
        self.step()?;
        fs::rename(&fresh, self.path(name))?;
        self.step()?;
        File::open(&self.folder)?.sync_all()
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        if self.power.goes_out_now() {
            file.write_all(&bytes[..bytes.len() * self.power.written_quarters.get() / 4])?;
        }
        self.step()?;
        file.write_all(bytes)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests cut the power here")]
    const fn step(&self) -> io::Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn step(&self) -> io::Result<()> {
        self.power.step()
    }
}

/// Files that their owner alone reads.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// How many steps the power lasts.
#[cfg(test)]
#[derive(Default)]
pub(super) struct Power {
    pub(super) steps: std::cell::Cell<Option<usize>>,
    /// How much of a write that is cut short has been written.
    pub(super) written_quarters: std::cell::Cell<usize>,
}

#[cfg(test)]
impl Power {
    fn goes_out_now(&self) -> bool {
        self.steps.get() == Some(0)
    }

    fn step(&self) -> io::Result<()> {
        match self.steps.get() {
            None => Ok(()),
            Some(0) => Err(io::Error::other("the power is cut")),
            Some(steps) => {
                self.steps.set(Some(steps - 1));
                Ok(())
            }
        }
    }
}
