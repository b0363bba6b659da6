//! The transactions themselves: outputs, fees, and the rule for dust.

use super::{Funded, Path, Payees, SpendError, Split};
use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, FeeRate, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};

/// What an anchor output holds: the least that nodes carry in one (pay-to-anchor, `OP_1 <4e73>`).
pub const ANCHOR: Amount = Amount::from_sat(240);
/// The least rate: what nodes carry unless told otherwise, 1 sat/vB.
pub const RATE_MIN: FeeRate = FeeRate::from_sat_per_kwu(250);
/// The highest rate that is taken for meant, 10,000 sat/vB.
pub const RATE_MAX: FeeRate = FeeRate::from_sat_per_kwu(2_500_000);

/// `rate`, where it is one.
pub(crate) fn sensible(rate: FeeRate) -> Result<FeeRate, SpendError> {
    let fits = (RATE_MIN..=RATE_MAX).contains(&rate);
    if fits { Ok(rate) } else { Err(SpendError::Rate(rate.to_sat_per_kwu())) }
}

pub(super) fn settlement(
    coin: &Funded,
    split: &Split,
    payees: &Payees,
    sequence: Sequence,
) -> Result<Transaction, SpendError> {
    let fee_reserve = fee_reserve(coin, split)?;
    let mut outputs = shares(split, payees);
    outputs.push(TxOut { value: ANCHOR, script_pubkey: ScriptBuf::new_p2a() });
    let transaction = spending(coin, sequence, outputs);
    let path = Path::Script(super::Leaf::Outcome);
    let fee = RATE_MIN.fee_wu(coin.weight(&transaction, path)?).ok_or(SpendError::Overflow)?;
    let least = fee.checked_add(ANCHOR).ok_or(SpendError::Overflow)?;
    if fee_reserve < least {
        return Err(SpendError::ReserveShort { fee_reserve, least });
    }
    Ok(transaction)
}

pub(super) fn agreed(
    coin: &Funded,
    split: &Split,
    payees: &Payees,
    (path, rate): (Path, FeeRate),
) -> Result<Transaction, SpendError> {
    let (rate, fee_reserve) = (sensible(rate)?, fee_reserve(coin, split)?);
    let spend = |extra: Amount| {
        let client = split.client.checked_add(extra).ok_or(SpendError::Overflow)?;
        let outputs = shares(&Split { client, ..*split }, payees);
        Ok(spending(coin, Sequence::ENABLE_RBF_NO_LOCKTIME, outputs))
    };
    let weight = coin.weight(&spend(fee_reserve)?, path)?;
    let fee = rate.fee_wu(weight).ok_or(SpendError::Overflow)?;
    let back =
        fee_reserve.checked_sub(fee).ok_or(SpendError::FeeAboveReserve { fee, fee_reserve })?;
    spend(back)
}

/// What the escrow holds beside the shares.
fn fee_reserve(coin: &Funded, split: &Split) -> Result<Amount, SpendError> {
    let shares = split.total().ok_or(SpendError::Overflow)?;
    let short = SpendError::AboveEscrow { shares, value: coin.value };
    coin.value.checked_sub(shares).ok_or(short)
}

/// The shares that are no dust, provider first.
fn shares(split: &Split, payees: &Payees) -> Vec<TxOut> {
    let shares = [
        (split.provider, &payees.provider),
        (split.client, &payees.client),
        (split.pool, &payees.pool),
    ];
    let paid = shares.into_iter().filter(|(value, to)| *value >= to.minimal_non_dust());
    paid.map(|(value, to)| TxOut { value, script_pubkey: to.clone() }).collect()
}

fn spending(coin: &Funded, sequence: Sequence, output: Vec<TxOut>) -> Transaction {
    let input = TxIn {
        previous_output: coin.outpoint,
        script_sig: ScriptBuf::new(),
        sequence,
        witness: Witness::new(),
    };
    Transaction { version: Version::TWO, lock_time: LockTime::ZERO, input: vec![input], output }
}

/// The fee reserve that lets outcomes and refunds of `escrow` pay `rate`, where every one of `payees` gets
/// a share.
///
/// # Errors
/// Where the rate is none.
pub(crate) fn fee_reserve_at(
    escrow: &super::Escrow,
    payees: &Payees,
    rate: FeeRate,
) -> Result<Amount, SpendError> {
    let share = Amount::from_sat(10_000);
    let split = Split { provider: share, client: share, pool: share };
    let coin = escrow.clone().funded(bitcoin::OutPoint::null(), Amount::ONE_BTC);
    let largest = settlement(&coin, &split, payees, Sequence::ZERO)?;
    let weight = coin.weight(&largest, Path::Script(super::Leaf::Outcome))?;
    let fee = sensible(rate)?.fee_wu(weight).ok_or(SpendError::Overflow)?;
    fee.checked_add(ANCHOR).ok_or(SpendError::Overflow)
}
