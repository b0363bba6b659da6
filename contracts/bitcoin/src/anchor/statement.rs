//! What of a journal is anchored: a small text that anybody can write again from a tree head.

use super::trail::Trail;
use bitcoin::hashes::{Hash as _, sha256};
use types::documents::TreeHead;
use types::{Did, Hash};

/// The text's first line, which keeps it apart from whatever else is hashed.
const TITLE: &str = "bondstore journal anchor, version 1";
/// What a statement's digest is hashed behind, on its way into a commitment.
const JOURNAL: &[u8] = b"bondstore/anchor/journal/1";

/// A journal as an anchor states it.
///
/// Its [`text`](Statement::text) is what an `.ots` file of a journal's root is for: four lines, each ended by a line feed.
///
/// ```text
/// bondstore journal anchor, version 1
/// market did:key:z6Mk…
/// entries 97
/// root 6f1d…
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Whose journal.
    pub market: Did,
    /// How many entries it has.
    pub entries: u64,
    /// The Merkle root over them.
    pub root: Hash,
}

/// Why a text is no statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not these four lines, or not written as they must be.
    #[error(
        "this is no statement of a journal: four lines are needed, \
         \"{TITLE}\", \"market <did:key>\", \"entries <number>\", \"root <64 lower-case hexadecimal digits>\""
    )]
    Form,
}

impl Statement {
    /// The text, the same everywhere.
    pub fn text(&self) -> String {
        let Self { market, entries, root } = self;
        format!("{TITLE}\nmarket {market}\nentries {entries}\nroot {root}\n")
    }

    /// Reads a statement that is written exactly as [`text`](Statement::text) writes it.
    ///
    /// # Errors
    /// [`StatementError::Form`] for anything else.
    pub fn read(text: &str) -> Result<Self, StatementError> {
        let lines: Vec<&str> = text.lines().collect();
        let [_, market, entries, root] = lines[..] else { return Err(StatementError::Form) };
        let after = |line: &'_ str, word: &str| line.strip_prefix(word).map(str::to_owned);
        let read = || {
            Some(Self {
                market: after(market, "market ")?.parse().ok()?,
                entries: after(entries, "entries ")?.parse().ok()?,
                root: after(root, "root ")?.parse().ok()?,
            })
        };
        read().filter(|statement| statement.text() == text).ok_or(StatementError::Form)
    }

    /// The SHA-256 digest of its text: what an `.ots` file of it begins with.
    pub fn digest(&self) -> sha256::Hash {
        sha256::Hash::hash(self.text().as_bytes())
    }

    /// From the digest of the text to the journal's part of a commitment.
    pub(super) fn trail(&self) -> Trail {
        Trail::new(self.digest()).prepend(JOURNAL).sha256()
    }

    /// The journal's part of a commitment: SHA-256 of its own tag and the text's digest.
    pub fn leaf(&self) -> sha256::Hash {
        self.trail().digest()
    }
}

impl From<&TreeHead> for Statement {
    fn from(head: &TreeHead) -> Self {
        Self { market: head.market, entries: head.size, root: head.root }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Statement {
        Statement { market: Did([7; 32]), entries: 97, root: Hash::of(b"root") }
    }

    #[test]
    fn a_statement_is_four_lines_that_can_be_read_again() {
        let text = statement().text();
        assert_eq!(text.lines().count(), 4);
        assert_eq!(Statement::read(&text), Ok(statement()));
        assert_eq!(statement().digest(), sha256::Hash::hash(text.as_bytes()));
    }

    #[test]
    fn a_text_that_is_written_otherwise_is_none() {
        let text = statement().text();
        for (from, to) in [
            ("version 1", "version 2"),
            ("entries 97", "entries 097"),
            ("entries 97", "entries +97"),
            ("entries 97", "entries 99999999999999999999"),
            ("\nroot", "\n root"),
            ("\nentries", "\r\nentries"),
            ("market did:key:z6", "market did:key:Z6"),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text, "{from}");
            assert_eq!(Statement::read(&changed), Err(StatementError::Form), "{to}");
        }
        let root = statement().root.to_string();
        let capitals = text.replace(&root, &root.to_uppercase());
        assert_eq!(Statement::read(&capitals), Err(StatementError::Form));
        for text in ["", text.trim_end(), &format!("{text}\n"), &format!("{text}x\n")] {
            assert_eq!(Statement::read(text), Err(StatementError::Form), "{text:?}");
        }
    }

    #[test]
    fn market_size_and_root_each_make_another_leaf() {
        let one = statement();
        for other in [
            Statement { market: Did([8; 32]), ..one },
            Statement { entries: 98, ..one },
            Statement { root: Hash::of(b"other"), ..one },
        ] {
            assert_ne!(one.leaf(), other.leaf());
        }
    }
}
