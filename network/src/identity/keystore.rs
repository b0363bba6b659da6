//! `key.json`: argon2id makes a key of the password, AES-256-GCM seals the secret under it.

use super::{Password, Secret, SecretKind};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use types::{Did, Hash};
use zeroize::Zeroizing;

/// The format that is written.
const VERSION: u32 = 1;
/// What is spent on each password: 64 MiB, three passes (RFC 9106, section 4, second choice, in one lane).
const COST: Cost = Cost { memory_kib: 64 << 10, passes: 3, lanes: 1 };
/// The most that a file may make us spend.
const COST_MAX: Cost = Cost { memory_kib: 1 << 20, passes: 64, lanes: 16 };
/// Longer than any secret, with its file around it.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// Length of the salt.
const SALT_BYTES: usize = 16;

/// Why a keystore cannot be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// There is one already.
    #[error(
        "{path} exists: it holds a key, and nothing was overwritten; choose another data \
         directory, or move it away first",
        path = .0.display()
    )]
    Exists(PathBuf),
    /// There is none.
    #[error("{path} does not exist: init makes a key first", path = .0.display())]
    Missing(PathBuf),
    /// The password is another.
    #[error("the password does not open {path}; another is needed", path = .0.display())]
    WrongPassword(PathBuf),
    /// The file is damaged.
    #[error(
        "{path} is damaged ({reason}); nothing was changed, restore it from a copy, or, where it is a \
         client's, recover from the words",
        path = path.display()
    )]
    Corrupted {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer program wrote it.
    #[error(
        "{path} has format {found}, and this program reads format {VERSION}; use a newer one",
        path = path.display()
    )]
    Version {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The file system fails.
    #[error("{path}: {reason}", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness: {0}")]
    Randomness(String),
    /// The password cannot be turned into a key here.
    #[error("the password cannot be turned into a key: {0}")]
    Derivation(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// What is read before the password is known, all of it authenticated with the secret.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    version: u32,
    kind: SecretKind,
    did: Did,
    kdf: String,
    cost: Cost,
    salt: String,
    cipher: String,
    nonce: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sheet {
    head: Head,
    sealed: String,
    /// Tells damage from a wrong password.
    check: Hash,
}

/// The file `key.json` of a data directory.
pub struct Keystore;

impl Keystore {
    /// Writes a new keystore, readable by its owner alone, durably and whole or not at all.
    ///
    /// # Errors
    /// [`KeystoreError::Exists`]: a key is never overwritten.
    pub fn create(path: &Path, secret: &Secret, password: &Password) -> Result<(), KeystoreError> {
        if path.exists() {
            return Err(KeystoreError::Exists(path.to_owned()));
        }
        let (salt, nonce) = (random::<SALT_BYTES>()?, random::<NONCE_LEN>()?);
        let head = Head {
            version: VERSION,
            kind: secret.kind,
            did: secret.did,
            kdf: "argon2id".to_owned(),
            cost: COST,
            salt: BASE64.encode(salt),
            cipher: "aes-256-gcm".to_owned(),
            nonce: BASE64.encode(nonce),
        };
        let key = derive(password, &salt, COST)?;
        let mut sealed = Zeroizing::new(secret.bytes.to_vec());
        key.seal_in_place_append_tag(Nonce::from(&nonce), Aad::from(head.bytes()), &mut *sealed)
            .map_err(|_| KeystoreError::Derivation("sealing failed".to_owned()))?;
        let check = head.check(&sealed);
        let sheet = Sheet { head, sealed: BASE64.encode(&*sealed), check };
        write_new(path, &sheet.json())
    }

    /// Opens a keystore.
    ///
    /// # Errors
    /// Tells a missing file, a damaged one and a wrong password apart.
    pub fn open(path: &Path, password: &Password) -> Result<Secret, KeystoreError> {
        let damaged = |reason: &str| KeystoreError::Corrupted {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let Sheet { head, sealed, .. } = read(path)?;
        let salt = BASE64.decode(&head.salt).map_err(|_| damaged("its salt is no base64url"))?;
        let nonce = BASE64
            .decode(&head.nonce)
            .ok()
            .and_then(|nonce| <[u8; NONCE_LEN]>::try_from(nonce).ok())
            .ok_or_else(|| damaged("its nonce is not 12 bytes"))?;
        let mut bytes = Zeroizing::new(
            BASE64.decode(&sealed).map_err(|_| damaged("its secret is no base64url"))?,
        );
        let key = derive(password, &salt, head.cost)?;
        let opened = key
            .open_in_place(Nonce::from(&nonce), Aad::from(head.bytes()), &mut bytes)
            .map_err(|_| KeystoreError::WrongPassword(path.to_owned()))?;
        let secret =
            Secret { kind: head.kind, did: head.did, bytes: Zeroizing::new(opened.to_vec()) };
        if secret.kind == SecretKind::Seed {
            let seed = (&*opened).try_into().map_err(|_| damaged("its seed is not 32 bytes"))?;
            if Secret::seed(seed).did != secret.did {
                return Err(damaged("its key is not the one that it names"));
            }
        }
        Ok(secret)
    }

    /// Whose key it is, without the password.
    ///
    /// # Errors
    /// As [`Keystore::open`], save for the password.
    pub fn did(path: &Path) -> Result<Did, KeystoreError> {
        read(path).map(|sheet| sheet.head.did)
    }
}

impl Sheet {
    fn json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("a keystore has only string keys");
        json.push(b'\n');
        json
    }
}

impl Head {
    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a keystore has only string keys")
    }

    fn check(&self, sealed: &[u8]) -> Hash {
        Hash::derive("bondstore 2026 keystore check", &[&self.bytes(), sealed])
    }
}

fn read(path: &Path) -> Result<Sheet, KeystoreError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => KeystoreError::Missing(path.to_owned()),
        _ => KeystoreError::Io { path: path.to_owned(), reason: error.to_string() },
    };
    let damaged = |reason: String| KeystoreError::Corrupted { path: path.to_owned(), reason };
    if fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(damaged(format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    let json: serde_json::Value = serde_json::from_slice(&fs::read(path).map_err(failed)?)
        .map_err(|error| damaged(error.to_string()))?;
    let version = json.pointer("/head/version").and_then(serde_json::Value::as_u64);
    if let Some(found) = version.and_then(|v| u32::try_from(v).ok()).filter(|v| *v > VERSION) {
        return Err(KeystoreError::Version { path: path.to_owned(), found });
    }
    let sheet: Sheet = serde_json::from_value(json).map_err(|error| damaged(error.to_string()))?;
    let sealed = BASE64.decode(&sheet.sealed).map_err(|error| damaged(error.to_string()))?;
    let head = &sheet.head;
    if head.check(&sealed) != sheet.check {
        return Err(damaged("its checksum does not fit its content".to_owned()));
    }
    let Cost { memory_kib, passes, lanes } = head.cost;
    let modest =
        memory_kib <= COST_MAX.memory_kib && passes <= COST_MAX.passes && lanes <= COST_MAX.lanes;
    if head.kdf != "argon2id" || head.cipher != "aes-256-gcm" || !modest {
        return Err(damaged("its parameters are none that we write".to_owned()));
    }
    Ok(sheet)
}

fn derive(password: &Password, salt: &[u8], cost: Cost) -> Result<LessSafeKey, KeystoreError> {
    let failed = |error: argon2::Error| KeystoreError::Derivation(error.to_string());
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(failed)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.bytes(), salt, &mut *key)
        .map_err(failed)?;
    let key = UnboundKey::new(&AES_256_GCM, &*key)
        .map_err(|_| KeystoreError::Derivation("the key has a wrong length".to_owned()))?;
    Ok(LessSafeKey::new(key))
}

fn random<const N: usize>() -> Result<[u8; N], KeystoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| KeystoreError::Randomness(error.to_string()))?;
    Ok(bytes)
}

/// Writes beside, syncs, then links to the name: a name that is taken stays as it is.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), KeystoreError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => KeystoreError::Exists(path.to_owned()),
        _ => KeystoreError::Io { path: path.to_owned(), reason: error.to_string() },
    };
    let suffix = Hash(random()?).short();
    let beside = path.with_extension(format!("{suffix}.new"));
    let written = write_private(&beside, bytes).and_then(|()| fs::hard_link(&beside, path));
    // The file beside has done its work, or must not stay; that it could not be removed harms nothing.
    let _ = fs::remove_file(&beside);
    written.map_err(failed)?;
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
