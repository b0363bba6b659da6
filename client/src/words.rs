//! The 24 words (BIP-39, English) that are the master key, written so that a person can keep them.

use bip39::{Language, Mnemonic};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// How many words spell a master key.
pub const WORDS: usize = 24;

/// The one secret from which everything else of a client follows: 32 bytes, wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Master([u8; 32]);

impl Master {
    /// A master key from 32 bytes of fresh randomness.
    pub const fn new(entropy: [u8; 32]) -> Self {
        Self(entropy)
    }

    /// The bytes, to be kept where only their owner can read them.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for Master {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Master(secret)")
    }
}

/// Why a text is not a master key's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// Too few or too many.
    #[error("{0} words were given; the key has {WORDS}")]
    Count(usize),
    /// A word that is not in the list. Only its place is told, for the words are secret.
    #[error("word {0} is not one of the 2048 words of BIP-39 (English); check its spelling")]
    Unknown(usize),
    /// The words do not belong together.
    #[error(
        "the words' checksum is wrong: one of them is another than was written down, or two are swapped"
    )]
    Checksum,
}

/// The words of `master`, separated by single spaces.
///
/// # Panics
/// Never: BIP-39 spells every 32 bytes.
pub fn spell(master: &Master) -> Zeroizing<String> {
    let mut mnemonic =
        Mnemonic::from_entropy(master.as_bytes()).expect("BIP-39 spells 32 bytes in 24 words");
    let words = Zeroizing::new(mnemonic.to_string());
    mnemonic.zeroize();
    words
}

/// The master key that `text` spells; case and spacing do not matter.
///
/// # Errors
/// [`WordsError`] says how many words there are, which one is unknown (counted from 1), or that they do not
/// belong together.
pub fn read(text: &str) -> Result<Master, WordsError> {
    let text = Zeroizing::new(text.to_ascii_lowercase());
    let count = text.split_whitespace().count();
    if count != WORDS {
        return Err(WordsError::Count(count));
    }
    let mut mnemonic =
        Mnemonic::parse_in_normalized(Language::English, &text).map_err(|error| match error {
            bip39::Error::UnknownWord(index) => WordsError::Unknown(index + 1),
            _ => WordsError::Checksum,
        })?;
    let (entropy, _) = mnemonic.to_entropy_array();
    let entropy = Zeroizing::new(entropy);
    mnemonic.zeroize();
    let mut bytes = Zeroizing::new([0; 32]);
    bytes.copy_from_slice(&entropy[..32]);
    Ok(Master::new(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_published_vectors_are_spelt_and_read() {
        // From the reference vectors of BIP-39.
        for (entropy, words) in [
            ([0; 32], format!("{}art", "abandon ".repeat(23))),
            ([0xff; 32], format!("{}vote", "zoo ".repeat(23))),
            (
                [0x80; 32],
                "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd \
                 amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless"
                    .to_owned(),
            ),
        ] {
            assert_eq!(*spell(&Master::new(entropy)), words);
            assert_eq!(read(&words), Ok(Master::new(entropy)));
        }
    }

    #[test]
    fn bad_words_are_refused_with_their_place() {
        let good = spell(&Master::new([7; 32]));
        let mut words: Vec<&str> = good.split(' ').collect();
        assert_eq!(read(&words[..23].join(" ")), Err(WordsError::Count(23)));
        assert_eq!(read(""), Err(WordsError::Count(0)));
        words.swap(0, 5);
        assert_eq!(read(&words.join(" ")), Err(WordsError::Checksum));
        words.swap(0, 5);
        words[16] = "bondstore";
        assert_eq!(read(&words.join(" ")), Err(WordsError::Unknown(17)));
    }

    #[test]
    fn case_and_spacing_do_not_matter() {
        let good = spell(&Master::new([7; 32]));
        let loose = format!("  {}\n", good.to_uppercase().replace(' ', "\t "));
        assert_eq!(read(&loose), Ok(Master::new([7; 32])));
    }

    proptest! {
        #[test]
        fn every_master_survives_its_words(entropy in any::<[u8; 32]>()) {
            prop_assert_eq!(read(&spell(&Master::new(entropy))), Ok(Master::new(entropy)));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            prop_assert!(read(&text).is_err());
        }
    }
}
