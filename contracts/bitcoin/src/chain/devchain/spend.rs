//! Whether a transaction may spend what it spends: maturity, sums, relative locks, scripts.

use super::coins::Coin;
use super::error::TransactionError;
use super::rules;
use bitcoin::consensus::encode::serialize;
use bitcoin::{Amount, Sequence, Transaction, TxOut, relative};

/// How many blocks above a coinbase may spend it.
const MATURITY: u32 = 100;
/// All that Bitcoin Core's interpreter is asked to enforce: every soft fork up to taproot.
const FLAGS: u32 = bitcoinconsensus::VERIFY_ALL_PRE_TAPROOT | bitcoinconsensus::VERIFY_TAPROOT;

/// The place in a chain that a transaction would have.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// The height of the block that would hold it.
    pub(super) height: u32,
    /// The median time of every block below, by height.
    pub(super) medians: &'a [u32],
}

impl Place<'_> {
    /// The median time of the block at `height`; of the last one below this place where that is higher.
    fn median(&self, height: u32) -> u32 {
        let at = self.medians.get(height as usize).or(self.medians.last());
        at.copied().unwrap_or_default()
    }

    /// The median time before the block that would hold it.
    pub(super) fn time(&self) -> u32 {
        self.median(self.height.saturating_sub(1))
    }
}

/// Looks at everything but the scripts; gives the fee.
pub(super) fn check_spend(
    transaction: &Transaction,
    spent: &[Coin],
    place: &Place<'_>,
) -> Result<Amount, TransactionError> {
    let mut taken = Amount::ZERO;
    for (index, (input, coin)) in transaction.input.iter().zip(spent).enumerate() {
        let from = coin.height.saturating_add(MATURITY);
        if coin.is_coinbase && place.height < from {
            let (outpoint, height) = (input.previous_output, place.height);
            return Err(TransactionError::Immature { outpoint, from, height });
        }
        if transaction.version.0.cast_unsigned() >= 2 && !lock_is_over(input.sequence, coin, place)
        {
            return Err(TransactionError::RelativeLock { input: index });
        }
        taken = taken
            .checked_add(coin.output.value)
            .filter(|sum| *sum <= Amount::MAX_MONEY)
            .ok_or(TransactionError::Shape("bad-txns-inputvalues-outofrange: above 21 million"))?;
    }
    let paid = rules::paid(transaction).unwrap_or(Amount::MAX);
    taken.checked_sub(paid).ok_or(TransactionError::BelowOut { taken, paid })
}

/// BIP-68: the lock counts from the block that holds the coin; a time counts from the median before that block.
fn lock_is_over(sequence: Sequence, coin: &Coin, place: &Place<'_>) -> bool {
    match sequence.to_relative_lock_time() {
        None => true,
        Some(relative::LockTime::Blocks(blocks)) => {
            place.height >= coin.height.saturating_add(u32::from(blocks.value()))
        }
        Some(relative::LockTime::Time(intervals)) => {
            let begun = place.median(coin.height.saturating_sub(1));
            place.time() >= begun.saturating_add(u32::from(intervals.value()) << 9)
        }
    }
}

/// What its signature operations cost: BIP-141.
pub(super) fn sigops(transaction: &Transaction, spent: &[Coin]) -> usize {
    transaction.total_sigop_cost(|outpoint| {
        let at = transaction.input.iter().position(|input| input.previous_output == *outpoint)?;
        spent.get(at).map(|coin| coin.output.clone())
    })
}

/// Asks Bitcoin Core's interpreter whether every input of `transaction` satisfies the script of the output that it spends, under the
/// rules that hold today (taproot included). `spent` has those outputs in the inputs' order.
///
/// # Errors
/// [`TransactionError::Script`] with the first input that does not; [`TransactionError::Shape`] where `spent` does not fit.
pub fn check_scripts(transaction: &Transaction, spent: &[TxOut]) -> Result<(), TransactionError> {
    if spent.len() != transaction.input.len() {
        return Err(TransactionError::Shape("one spent output is needed for each input"));
    }
    let bytes = serialize(transaction);
    let mut outputs = Vec::with_capacity(spent.len());
    for output in spent {
        let script = output.script_pubkey.as_bytes();
        let fits = u32::try_from(script.len()).ok().zip(i64::try_from(output.value.to_sat()).ok());
        let (script_pubkey_len, value) =
            fits.ok_or(TransactionError::Shape("a spent output is larger than any can be"))?;
        let script_pubkey = script.as_ptr();
        outputs.push(bitcoinconsensus::Utxo { script_pubkey, script_pubkey_len, value });
    }
    for (input, output) in spent.iter().enumerate() {
        let (script, value) = (output.script_pubkey.as_bytes(), output.value.to_sat());
        bitcoinconsensus::verify_with_flags(script, value, &bytes, Some(&outputs), input, FLAGS)
            .map_err(|_| TransactionError::Script { input })?;
    }
    Ok(())
}
