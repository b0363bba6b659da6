//! The coins that others bring into a funding: looked up before anything of one's own is tied to them.
//!
//! What is there can still be spent elsewhere before the funding is mined; but that costs whoever does it a fee, and an invented coin
//! would cost nothing.

use crate::chain::{Chain, ChainError, Unspent};
use crate::deal::message::{ToClient, Word};
use crate::escrow::funding::FundingInput;

/// How many blocks must hold a miner's coin before it may be spent.
const MATURITY: u32 = 100;

/// What is wrong with the first of `inputs` that could not be spent now, in words.
///
/// # Errors
/// Where the chain does not answer.
pub(super) async fn wrong<C: Chain>(
    chain: &C,
    inputs: &[FundingInput],
) -> Result<Option<String>, ChainError> {
    for input in inputs {
        let found = chain.unspent(input.outpoint).await?;
        if let Err(reason) = judge(input, found) {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}

/// What a provider said, with a no in the place of a yes that brings coins that are not there.
///
/// # Errors
/// Where the chain does not answer.
pub(super) async fn doubt<C: Chain>(chain: &C, said: ToClient) -> Result<ToClient, ChainError> {
    let ToClient::Answer(mut answer) = said else { return Ok(said) };
    if let Word::Takes(side) = &answer.word
        && let Some(reason) = wrong(chain, &side.inputs).await?
    {
        answer.word = Word::Declines(reason);
    }
    Ok(ToClient::Answer(answer))
}

fn judge(input: &FundingInput, found: Option<Unspent>) -> Result<(), String> {
    let outpoint = input.outpoint;
    let Some(Unspent { output, confirmations, is_coinbase }) = found else {
        return Err(format!("the coin {outpoint} is spent, or not there; bring another"));
    };
    if output != input.output {
        return Err(format!("the coin {outpoint} holds {}, for another script", output.value));
    }
    if is_coinbase && confirmations < MATURITY {
        return Err(format!(
            "the coin {outpoint} was mined {confirmations} blocks ago; bring one of {MATURITY} blocks"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::{Amount, OutPoint, ScriptBuf, TxOut};

    #[test]
    fn a_coin_is_there_unspent_as_it_is_said_and_old_enough() {
        let output = TxOut { value: Amount::from_sat(5_000), script_pubkey: ScriptBuf::new() };
        let input = FundingInput { outpoint: OutPoint::null(), output: output.clone() };
        let more = TxOut { value: Amount::from_sat(5_001), ..output.clone() };
        let found = |output: &TxOut, confirmations, is_coinbase| {
            Some(Unspent { output: output.clone(), confirmations, is_coinbase })
        };
        for (found, says) in [
            (None, "is spent, or not there"),
            (found(&more, 3, false), "0.00005001"),
            (found(&output, 99, true), "bring one of 100 blocks"),
            (found(&output, 100, true), ""),
            (found(&output, 0, false), ""),
        ] {
            match judge(&input, found) {
                Ok(()) => assert_eq!(says, ""),
                Err(reason) => assert!(!says.is_empty() && reason.contains(says), "{reason}"),
            }
        }
    }
}
