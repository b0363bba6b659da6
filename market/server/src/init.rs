//! Founding a market: its key, its genesis, its empty journal.

use crate::error::OpenError;
use crate::store::{Place, Store};
use contracts::beacon::HashChain;
use market::Genesis;
use network::identity::{Keystore, KeystoreError, Password, Secret};
use std::path::{Path, PathBuf};
use types::{Did, Hash, SecretKey, Signer};

/// The key's file in a data directory.
pub const KEY_FILE: &str = "key.json";
/// What the seed of the beacon's hash chain is derived under.
const BEACON: &str = "bondstore 2026 market beacon";
/// How many epochs the beacon reaches: thirty years of hours.
const BEACON_EPOCHS: u64 = 1 << 18;

/// Why a market cannot be founded.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The data directory.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The key.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
}

/// Founds a market in `dir`, which may not hold one yet: creates its key, sealed with `password`, and its journal.
///
/// `genesis` makes the constitution from the market's key and its beacon's anchor;
/// [`Genesis::standard`] is the usual one. Without `seed` the key is drawn from the operating system.
///
/// # Errors
/// [`InitError`]; a key or a database that is there is never overwritten.
pub fn init(
    dir: &Path,
    password: &Password,
    seed: Option<[u8; 32]>,
    genesis: impl FnOnce(Did, Hash) -> Genesis,
) -> Result<Did, InitError> {
    if Place::from(dir).file().is_some_and(|file| file.exists()) {
        return Err(OpenError::AlreadyFounded(dir.into()).into());
    }
    let key = obtain_key(dir, password, seed)?;
    found(dir, &key, genesis)?;
    Ok(key.did())
}

/// The key in `dir`; a new one, sealed with `password`, where there is none: from `seed` or drawn from the
/// operating system.
///
/// # Errors
/// [`InitError`]; a key that is there is never overwritten.
pub fn obtain_key(
    dir: &Path,
    password: &Password,
    seed: Option<[u8; 32]>,
) -> Result<SecretKey, InitError> {
    make(dir)?;
    if dir.join(KEY_FILE).exists() {
        return Ok(open_key(dir, password)?);
    }
    let secret = seed.map_or_else(Secret::generate, |seed| Ok(Secret::seed(&seed)))?;
    Keystore::create(&dir.join(KEY_FILE), &secret, password)?;
    Ok(secret.key().expect("a secret from a seed is a key"))
}

/// As [`init`], with a key that is kept elsewhere, in any database.
///
/// # Errors
/// [`OpenError`]; a database that is there is never overwritten.
pub fn found(
    place: impl Into<Place>,
    key: &SecretKey,
    genesis: impl FnOnce(Did, Hash) -> Genesis,
) -> Result<(), OpenError> {
    let place = place.into();
    if let Place::Directory(dir) = &place {
        make(dir)?;
    }
    let genesis = genesis(key.did(), beacon(key).anchor());
    let json = serde_json::to_string(&genesis).expect("a genesis has only text as keys");
    Store::found(&place, &json)
}

/// Opens the key of the market in `dir`.
///
/// # Errors
/// Tells a missing key, a damaged one and a wrong password apart.
pub fn open_key(dir: &Path, password: &Password) -> Result<SecretKey, KeystoreError> {
    let path: PathBuf = dir.join(KEY_FILE);
    let secret = Keystore::open(&path, password)?;
    let key = secret.key();
    key.ok_or_else(|| KeystoreError::Corrupted { path, reason: "it is no market's key".into() })
}

/// The hash chain from which a market's beacons are revealed. It follows from the key, so that there is
/// nothing else to lose.
pub(crate) fn beacon(key: &SecretKey) -> HashChain {
    let seed = Hash::derive(BEACON, &[key.seed().as_slice()]);
    HashChain::new(&seed.0, BEACON_EPOCHS)
}

fn make(dir: &Path) -> Result<(), OpenError> {
    std::fs::create_dir_all(dir)
        .map_err(|source| OpenError::Directory { path: dir.to_owned(), source })
}
