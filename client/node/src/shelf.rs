//! Where the catalogue lies: one sealed file, changed under a lock and replaced whole.
//!
//! Several processes may work in one data directory: each change reads the newest catalogue, changes it and
//! writes it back while it holds the lock.

use crate::chance;
use crate::error::Error;
use crate::file::{self, failed};
use client::{Catalogue, Keys};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the file begins with; the generation follows, then the sealed catalogue.
const MAGIC: &[u8; 8] = b"bondcat\x81";

/// The catalogue of one data directory.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    path: Arc<Path>,
    lock: Arc<Path>,
    keys: Keys,
}

impl Shelf {
    /// The shelf in `dir`, opened by `keys`.
    pub(crate) fn new(dir: &Path, keys: Keys) -> Self {
        let path: PathBuf = dir.join("catalogue");
        let lock = file::beside(&path, ".lock");
        Self { path: path.into(), lock: lock.into(), keys }
    }

    /// The catalogue as it is now.
    pub(crate) async fn read(&self) -> Result<Catalogue, Error> {
        let this = self.clone();
        blocking(move || {
            let _lock = this.locked()?;
            this.load()
        })
        .await
    }

    /// Changes the catalogue, durably, and gives the new one.
    pub(crate) async fn edit(
        &self,
        edit: impl FnOnce(&mut Catalogue) + Send + 'static,
    ) -> Result<Catalogue, Error> {
        let change = |catalogue: &mut Catalogue| {
            edit(catalogue);
            Ok(())
        };
        self.change(change).await
    }

    /// As [`Shelf::edit`]. Nothing is changed where `change` fails.
    pub(crate) async fn change(
        &self,
        change: impl FnOnce(&mut Catalogue) -> Result<(), Error> + Send + 'static,
    ) -> Result<Catalogue, Error> {
        let this = self.clone();
        blocking(move || {
            let _lock = this.locked()?;
            let before = this.load()?;
            let mut catalogue = before.clone();
            change(&mut catalogue)?;
            if catalogue != before {
                this.save(&catalogue)?;
            }
            Ok(catalogue)
        })
        .await
    }

    fn locked(&self) -> Result<File, Error> {
        let open = File::options().create(true).truncate(false).write(true).open(&self.lock);
        let file = open.map_err(failed("open", &self.lock))?;
        file.lock().map_err(failed("lock", &self.lock))?;
        Ok(file)
    }

    fn load(&self) -> Result<Catalogue, Error> {
        let Some(bytes) = file::read_if_there(&self.path)? else {
            return Ok(Catalogue::default());
        };
        let damaged = |reason: &str| Error::CatalogueFile {
            path: self.path.to_path_buf(),
            reason: reason.to_owned(),
        };
        let (generation, sealed) = bytes
            .strip_prefix(MAGIC)
            .and_then(|rest| rest.split_first_chunk::<8>())
            .ok_or_else(|| damaged("it is not a catalogue of Bondstore's"))?;
        let generation = u64::from_le_bytes(*generation);
        let plain = self
            .keys
            .open_backup(generation, sealed)
            .map_err(|_| damaged("it was altered, cut short, or sealed under other words"))?;
        Catalogue::decode(&plain).map_err(|error| damaged(&error.to_string()))
    }

    fn save(&self, catalogue: &Catalogue) -> Result<(), Error> {
        let generation = catalogue.generation;
        let sealed = self.keys.seal_backup(generation, chance::random(), &catalogue.encode());
        let bytes = [MAGIC.as_slice(), &generation.to_le_bytes(), &sealed].concat();
        file::write_whole(&self.path, &bytes)
    }
}

/// Runs file work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::Stopped),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::{ObjectName, words::Master};

    fn shelf(dir: &Path) -> Shelf {
        Shelf::new(dir, Keys::of(Master::new([7; 32])))
    }

    #[tokio::test]
    async fn changes_of_many_at_once_are_all_kept() {
        let dir = tempfile::tempdir().unwrap();
        let changes = (0..20).map(|number| {
            let shelf = shelf(dir.path());
            tokio::spawn(async move {
                let name = ObjectName::new(&format!("object {number}")).unwrap();
                shelf.edit(move |catalogue| catalogue.remove_object(&name)).await.unwrap();
            })
        });
        for change in changes.collect::<Vec<_>>() {
            change.await.unwrap();
        }
        let catalogue = shelf(dir.path()).read().await.unwrap();
        assert_eq!((catalogue.generation, catalogue.objects.len()), (20, 20));
    }

    #[tokio::test]
    async fn a_damaged_file_is_named_and_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let name = ObjectName::new("a").unwrap();
        let edit = move |catalogue: &mut Catalogue| catalogue.remove_object(&name);
        shelf(dir.path()).edit(edit.clone()).await.unwrap();
        let path = dir.path().join("catalogue");
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            let error = shelf(dir.path()).edit(edit.clone()).await.unwrap_err();
            assert!(error.to_string().contains("catalogue"), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), bad);
        }
    }

    #[tokio::test]
    async fn a_failed_change_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = shelf(dir.path());
        let fails = |catalogue: &mut Catalogue| {
            catalogue.remove_object(&ObjectName::new("a").unwrap());
            Err(Error::Stopped)
        };
        assert!(shelf.change(fails).await.is_err());
        assert_eq!(shelf.read().await.unwrap(), Catalogue::default());
    }
}
