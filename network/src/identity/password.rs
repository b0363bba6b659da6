//! Where a password comes from: a file, the environment, or the person at the terminal.

use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The environment variable that may hold the password.
pub const PASSWORD_ENV: &str = "BONDSTORE_PASSWORD";

/// A password, wiped when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It is empty.
    #[error("the password from {0} is empty; at least one character is needed")]
    Empty(String),
    /// The file cannot be read.
    #[error("the password file {path} cannot be read: {reason}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// There is no terminal to ask at.
    #[error(
        "no password: there is no terminal to ask at ({0}); give --password-file FILE or set \
         {PASSWORD_ENV}"
    )]
    NoTerminal(String),
    /// Two different passwords were typed.
    #[error("the two passwords differ; nothing was changed, try again")]
    Differ,
}

/// What is asked at the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// The password of a keystore that exists.
    Existing,
    /// A new keystore's: asked twice.
    New,
}

impl Password {
    /// The password `text`.
    ///
    /// # Errors
    /// [`PasswordError::Empty`].
    pub fn new(text: impl Into<String>) -> Result<Self, PasswordError> {
        Self::from_source(Zeroizing::new(text.into()), "the caller")
    }

    /// From `file` where one is given, else from [`PASSWORD_ENV`], else asked at the terminal.
    ///
    /// # Errors
    /// Where that source has none; the others are not tried then.
    pub fn obtain(file: Option<&Path>, prompt: Prompt) -> Result<Self, PasswordError> {
        if let Some(path) = file {
            return Self::from_file(path);
        }
        match std::env::var(PASSWORD_ENV) {
            Ok(text) => Self::from_source(Zeroizing::new(text), PASSWORD_ENV),
            Err(_) => Self::ask(prompt),
        }
    }

    /// The first line of a file.
    ///
    /// # Errors
    /// Where the file cannot be read or its first line is empty.
    pub fn from_file(path: &Path) -> Result<Self, PasswordError> {
        let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            PasswordError::File { path: path.to_owned(), reason: error.to_string() }
        })?;
        let line = text.lines().next().unwrap_or_default();
        Self::from_source(Zeroizing::new(line.to_owned()), &path.display().to_string())
    }

    fn ask(prompt: Prompt) -> Result<Self, PasswordError> {
        let first = read("Password: ")?;
        if prompt == Prompt::New && *first != *read("The same again: ")? {
            return Err(PasswordError::Differ);
        }
        Self::from_source(first, "the terminal")
    }

    fn from_source(text: Zeroizing<String>, source: &str) -> Result<Self, PasswordError> {
        if text.is_empty() {
            return Err(PasswordError::Empty(source.to_owned()));
        }
        Ok(Self(text))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

fn read(question: &str) -> Result<Zeroizing<String>, PasswordError> {
    rpassword::prompt_password(question)
        .map(Zeroizing::new)
        .map_err(|error| PasswordError::NoTerminal(error.to_string()))
}
