//! Why bytes are no oracle message.

/// Why bytes are no message, or parts make none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// They end in the middle.
    #[error("the message ends where {0} more bytes are needed")]
    Short(usize),
    /// They go on behind the end.
    #[error("{0} bytes stand behind the message's end; there may be none")]
    Trailing(usize),
    /// A number is written longer than it needs.
    #[error("{0} is not written in its shortest form")]
    Number(u64),
    /// Another message stands here.
    #[error("a message of type {found} stands where one of type {expected} belongs")]
    Type {
        /// Which belongs here.
        expected: u64,
        /// Which is here.
        found: u64,
    },
    /// Neither of the two descriptions that there are.
    #[error(
        "{0} is no description of an event; there are 55302 (named outcomes) and 55306 (digits)"
    )]
    Descriptor(u64),
    /// A text is no UTF-8.
    #[error("a text is no UTF-8")]
    Utf8,
    /// A text is not normalised.
    #[error("{0:?} is not in Unicode's normal form C")]
    Unnormalised(String),
    /// A yes or no that is neither.
    #[error("{0} stands where 0 (no) or 1 (yes) belongs")]
    Flag(u8),
    /// No point of secp256k1 has this x coordinate.
    #[error("a public key or nonce is no point of the curve")]
    Point,
    /// More than a count can say.
    #[error("{0} are more than 65535 of a kind")]
    Many(usize),
    /// One nonce would sign twice, which gives the key away.
    #[error("a nonce stands there twice; every digit needs its own")]
    NonceTwice,
    /// Nonces and digits do not match.
    #[error("there are {found} nonces, and the outcome needs {expected}")]
    Nonces {
        /// One a digit, with one for the sign; one for a named outcome.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A base below two, or no digit.
    #[error("{count} digits in base {base} are no number; at least one digit in base 2 is needed")]
    Base {
        /// The base.
        base: u16,
        /// How many digits.
        count: u16,
    },
    /// No outcome at all, or one twice.
    #[error("named outcomes must be there and differ")]
    Outcomes,
    /// Signatures and outcomes of an attestation do not match.
    #[error("there are {signatures} signatures of {outcomes} outcomes; each needs one")]
    Unequal {
        /// How many signatures.
        signatures: usize,
        /// How many outcomes.
        outcomes: usize,
    },
}
