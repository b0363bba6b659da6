//! Where a market's database is.

use std::fmt;
use std::path::{Path, PathBuf};

/// The database's file in a data directory.
pub(crate) const FILE: &str = "market.db";

/// A market's database: a file in its data directory, or a PostgreSQL database.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// SQLite, in this data directory.
    Directory(PathBuf),
    /// PostgreSQL, by its URL.
    Postgres(String),
}

impl Place {
    /// Under which option commands are given it.
    pub(crate) fn option(&self) -> &'static str {
        match self {
            Self::Directory(_) => "--data",
            Self::Postgres(_) => "--database",
        }
    }

    /// Whether several processes may use it at once.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// The SQLite file, where it is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Directory(dir) => Some(dir.join(FILE)),
            Self::Postgres(_) => None,
        }
    }
}

impl From<&Path> for Place {
    fn from(dir: &Path) -> Self {
        Self::Directory(dir.to_owned())
    }
}

impl From<&PathBuf> for Place {
    fn from(dir: &PathBuf) -> Self {
        Self::Directory(dir.clone())
    }
}

impl From<&Self> for Place {
    fn from(place: &Self) -> Self {
        place.clone()
    }
}

/// Without the password that a URL may hold.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(dir) => write!(f, "{}", dir.display()),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

fn without_password(url: &str) -> String {
    let shown = url.split('?').next().unwrap_or_default();
    let Some((scheme, rest)) = shown.split_once("://") else { return "the database".to_owned() };
    let Some((who, place)) = rest.rsplit_once('@') else { return shown.to_owned() };
    let user = who.split(':').next().unwrap_or_default();
    format!("{scheme}://{user}@{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://market:secret@db.example/bond", "postgres://market@db.example/bond"),
            ("postgres://market@db/bond?password=secret", "postgres://market@db/bond"),
            ("postgres:///bond?host=/run/pg", "postgres:///bond"),
            ("postgres://m:a@b:c@db/bond", "postgres://m@db/bond"),
        ] {
            assert_eq!(Place::Postgres(url.to_owned()).to_string(), shown);
        }
    }
}
