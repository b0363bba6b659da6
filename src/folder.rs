//! A folder of coins, a cashier's or a treasurer's: the words that they hang on, sealed with a password.

use crate::output::Output;
use anyhow::{Context, Result};
use bitcoin::Network;
use contracts_bitcoin::keys::{self, MasterKey};
use network::identity::{Keystore, Password, Prompt, Secret};
use serde_json::json;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The words' file in the folder.
const KEY_FILE: &str = "key.json";

/// Where somebody's coins are looked after.
pub(crate) struct CoinsFolder {
    /// The folder.
    pub(crate) path: PathBuf,
    /// A file whose first line is the password of its words.
    pub(crate) password_file: Option<PathBuf>,
    /// Whose it is, and the first word of its commands.
    pub(crate) owner: Owner,
}

/// Who looks after coins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A market's.
    Cashier,
    /// A party's own.
    Treasurer,
}

impl Owner {
    const fn name(self) -> &'static str {
        match self {
            Self::Cashier => "cashier",
            Self::Treasurer => "treasurer",
        }
    }

    const fn command(self) -> &'static str {
        match self {
            Self::Cashier => "cashier",
            Self::Treasurer => "coins",
        }
    }
}

impl CoinsFolder {
    /// The keys that its words give on `network`.
    ///
    /// # Errors
    /// Where there are none, or the password is another: with how they are made.
    pub(crate) async fn keys(&self, network: Network) -> Result<MasterKey> {
        let password = Password::obtain(self.password_file.as_deref(), Prompt::Existing)?;
        let (path, shown) = (self.path.join(KEY_FILE), self.path.display().to_string());
        let secret = tokio::task::spawn_blocking(move || Keystore::open(&path, &password)).await?;
        let (name, command) = (self.owner.name(), self.owner.command());
        let secret = secret.with_context(|| {
            format!("no {name} can be opened in {shown}; make one with `bondstore {command} init --coins {shown}`")
        })?;
        let entropy = secret.bytes().try_into();
        let entropy: &[u8; 32] = entropy.with_context(|| format!("these are no {name}'s words"))?;
        Ok(MasterKey::of_entropy(entropy, network)?)
    }

    /// Makes new words, shown once, or brings back those in a file.
    pub(crate) async fn init(self, words_file: Option<&Path>, output: &Output) -> Result<()> {
        let brought = words_file.map(|path| {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            Ok::<_, anyhow::Error>(keys::entropy(&Zeroizing::new(text))?)
        });
        let brought = brought.transpose()?;
        let password = Password::obtain(self.password_file.as_deref(), Prompt::New)?;
        let (folder, path) = (self.path.clone(), self.path.join(KEY_FILE));
        let is_new = brought.is_none();
        let made = move || -> Result<_> {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("{} cannot be made", folder.display()))?;
            let secret = match brought {
                Some(entropy) => Secret::seed(&entropy),
                None => Secret::generate()?,
            };
            Keystore::create(&path, &secret, &password)?;
            let entropy: &[u8; 32] = secret.bytes().try_into().context("a seed has 32 bytes")?;
            Ok(keys::words(entropy))
        };
        let words = tokio::task::spawn_blocking(made).await??;
        let (place, name) = (self.path.display(), self.owner.name());
        let shown = is_new.then(|| words.as_str());
        output.result(&json!({ "data": self.path, "words": shown }), || match shown {
            Some(words) => format!(
                "{name} in {place}\n\nWrite these words down. They alone bring every coin back:\n\n  {words}\n"
            ),
            None => format!("the words are back in {place}; run with --from-beginning once"),
        });
        Ok(())
    }
}
