//! Whose inputs of a funding are whose, and whether they are signed as the network wants it.

use super::{Agreed, DealError};
use crate::escrow::funding::Funding;
use bitcoin::{Psbt, Transaction, TxOut, Witness, consensus};
use bitcoinconsensus::{Utxo, VERIFY_ALL_PRE_TAPROOT, VERIFY_TAPROOT, verify_with_flags};
use std::ops::Range;

/// The inputs of the client (no number) or of a provider.
pub(super) fn range(agreed: &Agreed, provider: Option<usize>) -> Range<usize> {
    let client = agreed.offer.client.inputs.len();
    let Some(provider) = provider else { return 0..client };
    let counts = agreed.sides.iter().map(|side| side.inputs.len());
    let start = counts.clone().take(provider).fold(client, usize::saturating_add);
    start..start.saturating_add(counts.skip(provider).take(1).sum())
}

/// What signs the inputs in `range`: checked to be for this funding, and one by one by Bitcoin Core's interpreter. Whatever else
/// `psbt` says is not looked at.
pub(super) fn witnesses(
    funding: &Funding,
    psbt: &Psbt,
    range: Range<usize>,
) -> Result<Vec<Witness>, DealError> {
    funding.check(psbt)?;
    let mut transaction = funding.psbt().unsigned_tx.clone();
    let spent = spent(funding);
    let mut signed = vec![];
    for index in range.clone() {
        let witness = psbt.inputs.get(index).and_then(|input| input.final_script_witness.clone());
        let witness = witness.ok_or(DealError::Unsigned(index))?;
        let input = transaction.input.get_mut(index).ok_or(DealError::Unsigned(index))?;
        input.witness = witness.clone();
        signed.push(witness);
    }
    verify(&transaction, &spent, range)?;
    Ok(signed)
}

/// Whether `transaction` is this funding, signed by all.
pub(super) fn check(funding: &Funding, transaction: &Transaction) -> Result<(), DealError> {
    let (found, ours) = (transaction.compute_txid(), funding.txid());
    if found != ours {
        return Err(DealError::OtherFunding { found, ours });
    }
    verify(transaction, &spent(funding), 0..transaction.input.len())
}

fn spent(funding: &Funding) -> Vec<TxOut> {
    let inputs = funding.psbt().inputs.iter();
    inputs.filter_map(|input| input.witness_utxo.clone()).collect()
}

fn verify(
    transaction: &Transaction,
    spent: &[TxOut],
    mut range: Range<usize>,
) -> Result<(), DealError> {
    let bytes = consensus::serialize(transaction);
    let utxo = |output: &TxOut| {
        let script = output.script_pubkey.as_bytes();
        let script_pubkey_len = u32::try_from(script.len()).ok()?;
        let value = i64::try_from(output.value.to_sat()).ok()?;
        Some(Utxo { script_pubkey: script.as_ptr(), script_pubkey_len, value })
    };
    let utxos: Option<Vec<Utxo>> = spent.iter().map(utxo).collect();
    let utxos = utxos.ok_or(DealError::Unsigned(range.start))?;
    let signed = |index: usize| {
        let Some(output) = spent.get(index) else { return false };
        let (script, value) = (output.script_pubkey.as_bytes(), output.value.to_sat());
        let flags = VERIFY_ALL_PRE_TAPROOT | VERIFY_TAPROOT;
        verify_with_flags(script, value, &bytes, Some(&utxos), index, flags).is_ok()
    };
    range.find(|index| !signed(*index)).map_or(Ok(()), |index| Err(DealError::Unsigned(index)))
}
