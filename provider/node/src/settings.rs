//! A node's data directory: its key, its offer, its market.

use network::client::{ClientError, ClientOptions, HttpClient};
use network::endpoint::{Endpoint, EndpointError, PlainHttp};
use network::identity::{Keystore, KeystoreError, Password, Secret};
use provider::Offer;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use types::{Did, SecretKey};

/// The key's file in a data directory.
pub const KEY_FILE: &str = "key.json";
/// The settings' file in a data directory.
pub const SETTINGS_FILE: &str = "provider.json";

/// What a data directory remembers beside its key and shards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the market answers.
    pub market: String,
    /// The market's key, learnt at `init`.
    pub market_key: Did,
    /// Where the data plane listens.
    pub listen: String,
    /// How clients reach it, where that is not where it listens.
    pub advertise: Option<String>,
    /// What it offers.
    pub offer: Offer,
}

/// Why a node cannot be set up or opened.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The directory holds a node already.
    #[error("{} holds a provider already; run it, or choose another directory", .0.display())]
    AlreadyInitialised(PathBuf),
    /// The directory holds no node.
    #[error("{} holds no provider; make one with `bondstore provider init --data {}`", .0.display(), .0.display())]
    NotInitialised(PathBuf),
    /// A file that says something impossible.
    #[error("{path}: {reason}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// The market's address.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The market does not answer.
    #[error(transparent)]
    Market(#[from] ClientError),
}

/// Asks the market at `url` who it is; where the address names its key, it must be that one.
///
/// # Errors
/// [`SettingsError`] where it does not answer, or is another.
pub async fn discover(url: &str, plain: PlainHttp) -> Result<(String, Did), SettingsError> {
    let endpoint = Endpoint::parse(url, plain)?;
    let http = HttpClient::new(endpoint.clone(), ClientOptions::default());
    let info = network::market_api::discover(&http).await?;
    endpoint.clone().pinned(info.market)?;
    Ok((endpoint.to_string(), info.market))
}

/// Sets a node up in `dir`: its key, sealed with `password`, and its settings. Without `seed` the key is drawn from
/// the operating system.
///
/// # Errors
/// [`SettingsError`]; a node that is there is never overwritten.
pub fn init(
    dir: &Path,
    password: &Password,
    seed: Option<[u8; 32]>,
    settings: &Settings,
) -> Result<Did, SettingsError> {
    if dir.join(KEY_FILE).exists() {
        return Err(SettingsError::AlreadyInitialised(dir.to_owned()));
    }
    let secret = match seed {
        Some(seed) => Secret::seed(&seed),
        None => Secret::generate()?,
    };
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| SettingsError::File { path, reason: error.to_string() }
    };
    std::fs::create_dir_all(dir).map_err(failed(dir))?;
    let path = dir.join(SETTINGS_FILE);
    let json = serde_json::to_vec_pretty(settings).expect("settings have string keys");
    let mut file = std::fs::File::create(&path).map_err(failed(&path))?;
    file.write_all(&json).and_then(|()| file.sync_all()).map_err(failed(&path))?;
    // The key comes last: with it the node is there.
    Keystore::create(&dir.join(KEY_FILE), &secret, password)?;
    Ok(secret.did())
}

/// Opens the key of the node in `dir`.
///
/// # Errors
/// Tells a missing node, a damaged key and a wrong password apart.
pub fn open_key(dir: &Path, password: &Password) -> Result<SecretKey, SettingsError> {
    let path = dir.join(KEY_FILE);
    if !path.exists() {
        return Err(SettingsError::NotInitialised(dir.to_owned()));
    }
    let key = Keystore::open(&path, password)?.key();
    key.ok_or_else(|| SettingsError::File { path, reason: "it is no provider's key".into() })
}

/// Reads the settings of the node in `dir`.
///
/// # Errors
/// Names the file and the field.
pub fn read(dir: &Path) -> Result<Settings, SettingsError> {
    let path = dir.join(SETTINGS_FILE);
    let json = match std::fs::read(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(SettingsError::NotInitialised(dir.to_owned()));
        }
        Err(error) => return Err(SettingsError::File { path, reason: error.to_string() }),
    };
    let settings = serde_json::from_slice(&json);
    settings.map_err(|error| SettingsError::File { path, reason: error.to_string() })
}
