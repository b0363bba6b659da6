//! The coins that others bring into a funding: looked up before anything of one's own is tied to them.
//!
//! What is there can still be spent elsewhere before the funding is mined; but that costs whoever does it a fee, and an invented coin
//! would cost nothing.

use crate::chain::{Chain, ChainError, Unspent};
use crate::deal::message::{ToClient, Word};
use crate::escrow::funding::FundingInput;
use std::time::Duration;
use tokio::time::timeout;

/// How many coins one look is for, at most: a funding has no more.
const COINS_MAX: usize = 252;

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
    if inputs.len() > COINS_MAX {
        return Ok(Some(format!("{} coins are brought; bring {COINS_MAX} at most", inputs.len())));
    }
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
/// In words, where the chain does not answer within that time: then it is as if the provider had not.
pub(super) async fn doubt<C: Chain>(
    chain: &C,
    said: Result<Option<ToClient>, String>,
    within: Duration,
) -> Result<Option<ToClient>, String> {
    let Ok(Some(ToClient::Answer(mut answer))) = said else { return said };
    if let Word::Takes(side) = &answer.word {
        let looked = timeout(within, wrong(chain, &side.inputs)).await;
        let slow = |_| format!("its coins are not looked up within {within:?}");
        let wrong = looked.map_err(slow)?.map_err(|error| error.to_string())?;
        if let Some(reason) = wrong {
            answer.word = Word::Declines(reason);
        }
    }
    Ok(Some(ToClient::Answer(answer)))
}

fn judge(input: &FundingInput, found: Option<Unspent>) -> Result<(), String> {
    let outpoint = input.outpoint;
    let Some(Unspent { output, confirmations, is_coinbase }) = found else {
        return Err(format!("the coin {outpoint} is spent, or not there; bring another"));
    };
    if output != input.output {
        return Err(format!("the coin {outpoint} holds {}, for another script", output.value));
    }
    // Were its own transaction replaced, nothing would ever spend the coin, and the funding would be waited for in vain.
    if confirmations == 0 {
        return Err(format!("the coin {outpoint} is in no block yet; bring one that is"));
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
            (found(&output, 1, false), ""),
            (found(&output, 0, false), "in no block yet"),
        ] {
            match judge(&input, found) {
                Ok(()) => assert_eq!(says, ""),
                Err(reason) => assert!(!says.is_empty() && reason.contains(says), "{reason}"),
            }
        }
    }
}
