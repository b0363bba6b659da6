//! From which height a transaction may be mined: BIP-68's relative locks beside the absolute one.
//!
//! An escrow's scripts hold no timelock. What keeps a refund back is the sequence number that both signed with it: the chain
//! itself refuses a block that has it too early, whatever its scripts say, and another sequence number is another transaction,
//! which nobody signed.

use bitcoin::Transaction;
use bitcoin::absolute::LockTime;
use bitcoin::relative;

/// Why no height can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimelockError {
    /// Locks by time end by the clock of blocks.
    #[error("it is locked by time, not by height; ask the chain for its median time")]
    ByTime,
    /// A height for every input is needed.
    #[error("{expected} inputs, but {found} heights; say where each input's output was confirmed")]
    Heights {
        /// Of the transaction.
        expected: usize,
        /// How many were said.
        found: usize,
    },
}

/// The height of the first block that may have `transaction`, where `confirmed` are the heights of the blocks that have the
/// outputs it spends, in order of its inputs.
///
/// An output that was confirmed in block `h` and is spent with a relative lock of `n` blocks may be spent in block `h + n`
/// (BIP-68); an absolute lock of `n` lets a transaction into block `n + 1`, unless every input gives it up.
///
/// # Errors
/// Where a lock is by time, or a height is missing.
pub fn earliest_height(transaction: &Transaction, confirmed: &[u32]) -> Result<u32, TimelockError> {
    let expected = transaction.input.len();
    if confirmed.len() != expected {
        return Err(TimelockError::Heights { expected, found: confirmed.len() });
    }
    let mut earliest = absolute(transaction)?;
    for (input, height) in transaction.input.iter().zip(confirmed) {
        let lock = input.sequence.to_relative_lock_time().filter(|_| locks_relatively(transaction));
        let blocks = match lock {
            None => 0,
            Some(relative::LockTime::Blocks(blocks)) => u32::from(blocks.value()),
            Some(relative::LockTime::Time(_)) => return Err(TimelockError::ByTime),
        };
        earliest = earliest.max(height.saturating_add(blocks));
    }
    Ok(earliest)
}

/// Versions are read as unsigned numbers.
fn locks_relatively(transaction: &Transaction) -> bool {
    transaction.version.0.cast_unsigned() >= 2
}

fn absolute(transaction: &Transaction) -> Result<u32, TimelockError> {
    if !transaction.is_lock_time_enabled() {
        return Ok(0);
    }
    match transaction.lock_time {
        LockTime::Blocks(height) if height.to_consensus_u32() == 0 => Ok(0),
        LockTime::Blocks(height) => Ok(height.to_consensus_u32().saturating_add(1)),
        LockTime::Seconds(_) => Err(TimelockError::ByTime),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::transaction::Version;
    use bitcoin::{Sequence, TxIn};

    fn spending(sequences: &[Sequence], lock_time: LockTime) -> Transaction {
        let input =
            sequences.iter().map(|sequence| TxIn { sequence: *sequence, ..TxIn::default() });
        Transaction { version: Version::TWO, lock_time, input: input.collect(), output: vec![] }
    }

    #[test]
    fn a_relative_lock_counts_from_the_block_of_what_is_spent() {
        let day = Sequence::from_height(144);
        for (sequence, confirmed, expected) in [
            (day, 100, 244),
            (Sequence::from_height(1), 100, 101),
            (Sequence::from_height(0), 100, 100),
            (Sequence::ENABLE_RBF_NO_LOCKTIME, 100, 100),
            (Sequence::MAX, 7, 7),
        ] {
            let refund = spending(&[sequence], LockTime::ZERO);
            assert_eq!(earliest_height(&refund, &[confirmed]), Ok(expected), "{sequence}");
        }
        let several = spending(&[day, Sequence::MAX, Sequence::from_height(9)], LockTime::ZERO);
        assert_eq!(earliest_height(&several, &[10, 500, 400]), Ok(500));
    }

    #[test]
    fn the_first_version_of_transactions_knows_no_relative_locks() {
        let mut old = spending(&[Sequence::from_height(144)], LockTime::ZERO);
        old.version = Version::ONE;
        assert_eq!(earliest_height(&old, &[100]), Ok(100));
        old.version = Version(-1);
        assert_eq!(earliest_height(&old, &[100]), Ok(244));
    }

    #[test]
    fn an_absolute_lock_holds_unless_every_input_gives_it_up() {
        let lock = LockTime::from_height(300).unwrap();
        let held = spending(&[Sequence::MAX, Sequence::ENABLE_LOCKTIME_NO_RBF], lock);
        assert_eq!(earliest_height(&held, &[1, 1]), Ok(301));
        assert_eq!(earliest_height(&spending(&[Sequence::MAX], lock), &[1]), Ok(1));
    }

    #[test]
    fn what_no_height_answers_is_refused() {
        let by_time = Sequence::from_512_second_intervals(3);
        let cases = [
            spending(&[by_time], LockTime::ZERO),
            spending(&[Sequence::ZERO], LockTime::from_time(1_700_000_000).unwrap()),
        ];
        for case in cases {
            assert_eq!(earliest_height(&case, &[1]), Err(TimelockError::ByTime));
        }
        let refused = earliest_height(&spending(&[by_time], LockTime::ZERO), &[]).unwrap_err();
        assert_eq!(refused, TimelockError::Heights { expected: 1, found: 0 });
    }
}
