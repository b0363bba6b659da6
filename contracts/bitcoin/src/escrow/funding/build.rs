//! Sums, change and fees of a funding, to the satoshi.

use super::{Brought, Funder, FundingError, FundingInput, FundingPlan, Payer};
use crate::escrow::spend::{RATE_MAX, RATE_MIN};
use bitcoin::absolute::LockTime;
use bitcoin::transaction::{InputWeightPrediction, Version};
use bitcoin::{
    Amount, FeeRate, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, VarInt, Weight,
    Witness,
};
use std::collections::BTreeSet;

/// An input's outpoint and sequence number.
const REFERENCE: Weight = Weight::from_wu((36 + 4) * 4);

/// The transaction, the outputs it spends, and its fee.
pub(super) fn transaction(
    plan: &FundingPlan,
) -> Result<(Transaction, Vec<TxOut>, Amount), FundingError> {
    check(plan)?;
    let mut output = common_outputs(plan)?;
    let common = output.iter().map(TxOut::weight).chain(old(plan).map(Brought::weight));
    let common = common.fold(overhead(plan), |sum, each| sum + each);
    for (payer, funder) in payers(plan) {
        let sums = (contribution(plan, payer)?, brought(plan, payer)?);
        let weight = if payer == Payer::Client { common } else { Weight::ZERO };
        output.extend(change((plan.rate, payer), funder, sums, weight)?);
    }
    let inputs = payers(plan).flat_map(|(_, funder)| &funder.inputs);
    let inputs = inputs.map(|input| (input.outpoint, input.output.clone()));
    let inputs = inputs.chain(old(plan).map(|old| (old.coin.outpoint(), old.coin.output())));
    let (outpoints, spent): (Vec<OutPoint>, Vec<TxOut>) = inputs.unzip();
    let input = outpoints.into_iter().map(unsigned).collect();
    let fee = sum(spent.iter().map(|output| output.value))?
        .checked_sub(sum(output.iter().map(|output| output.value))?)
        .ok_or(FundingError::Overflow)?;
    let transaction =
        Transaction { version: Version::TWO, lock_time: LockTime::ZERO, input, output };
    Ok((carried(plan, transaction)?, spent, fee))
}

/// The client, then the providers.
fn payers(plan: &FundingPlan) -> impl Iterator<Item = (Payer, &Funder)> {
    let providers = plan.providers.iter().enumerate();
    let providers = providers.map(|(number, funder)| (Payer::Provider(number), funder));
    std::iter::once((Payer::Client, &plan.client)).chain(providers)
}

fn check(plan: &FundingPlan) -> Result<(), FundingError> {
    if !(RATE_MIN..=RATE_MAX).contains(&plan.rate) {
        return Err(FundingError::Rate(plan.rate.to_sat_per_kwu()));
    }
    if plan.slots.is_empty() {
        return Err(FundingError::NoSlots);
    }
    let providers = plan.providers.len();
    for (slot, funding) in plan.slots.iter().enumerate() {
        if funding.provider >= providers {
            let provider = funding.provider;
            return Err(FundingError::NoProvider { slot, provider, providers });
        }
    }
    let mut seen = BTreeSet::new();
    for input in payers(plan).flat_map(|(_, funder)| &funder.inputs) {
        if !seen.insert(input.outpoint) {
            return Err(FundingError::DuplicateInput(input.outpoint));
        }
        satisfaction(input)?;
    }
    let again = old(plan).map(|old| old.coin.outpoint()).find(|outpoint| !seen.insert(*outpoint));
    again.map_or(Ok(()), |outpoint| Err(FundingError::DuplicateInput(outpoint)))
}

/// The old escrows, in the order of the slots.
fn old(plan: &FundingPlan) -> impl Iterator<Item = &Brought> {
    plan.slots.iter().filter_map(|slot| slot.spends.as_ref())
}

impl Brought {
    /// What it weighs as an input, signed by both under its outcome leaf.
    pub fn weight(&self) -> Weight {
        let witness = self.coin.unsigned_witness();
        TxIn { witness, ..unsigned(self.coin.outpoint()) }.segwit_weight()
    }
}

/// What old escrows bring of `payer`'s.
fn brought(plan: &FundingPlan, payer: Payer) -> Result<Amount, FundingError> {
    let own = plan.slots.iter().filter_map(|slot| {
        let old = slot.spends.as_ref()?;
        match payer {
            Payer::Client => Some(old.client),
            Payer::Provider(number) => (slot.provider == number).then_some(old.provider),
        }
    });
    sum(own)
}

/// One output a slot, and the market's.
fn common_outputs(plan: &FundingPlan) -> Result<Vec<TxOut>, FundingError> {
    let slots = plan.slots.iter().map(|slot| {
        let value = slot.value().ok_or(FundingError::Overflow)?;
        Ok(TxOut { value, script_pubkey: slot.escrow.script_pubkey().clone() })
    });
    let outputs: Vec<TxOut> = slots
        .chain(plan.market_fee.iter().cloned().map(Ok))
        .collect::<Result<_, FundingError>>()?;
    for TxOut { value, script_pubkey } in &outputs {
        let least = script_pubkey.minimal_non_dust();
        if *value < least {
            return Err(FundingError::Dust { value: *value, least });
        }
    }
    Ok(outputs)
}

/// What `payer` puts into the common outputs.
fn contribution(plan: &FundingPlan, payer: Payer) -> Result<Amount, FundingError> {
    match payer {
        Payer::Client => {
            let slots = plan.slots.iter().flat_map(|slot| [slot.price, slot.fee_reserve]);
            sum(slots.chain(plan.market_fee.iter().map(|output| output.value)))
        }
        Payer::Provider(number) => {
            let own = plan.slots.iter().filter(|slot| slot.provider == number);
            sum(own.map(|slot| slot.bond))
        }
    }
}

/// What a payer gets back of its inputs and old escrows after it paid `owed` and the fee for `weight`, its inputs and the change itself.
fn change(
    (rate, who): (FeeRate, Payer),
    funder: &Funder,
    (owed, brought): (Amount, Amount),
    mut weight: Weight,
) -> Result<Option<TxOut>, FundingError> {
    let brought = sum(funder.inputs.iter().map(|input| input.output.value).chain([brought]))?;
    for input in &funder.inputs {
        weight += satisfaction(input)?;
    }
    let owed = rate.fee_wu(weight).and_then(|fee| owed.checked_add(fee));
    let owed = owed.ok_or(FundingError::Overflow)?;
    let left = brought.checked_sub(owed).ok_or(FundingError::Short { who, brought, owed })?;
    let script_pubkey: ScriptBuf = funder.change.clone();
    let least = script_pubkey.minimal_non_dust();
    let cost = TxOut { value: least, script_pubkey: script_pubkey.clone() }.weight();
    let value = rate.fee_wu(cost).and_then(|fee| left.checked_sub(fee));
    let value = value.filter(|value| *value >= least);
    Ok(value.map(|value| TxOut { value, script_pubkey }))
}

/// Version, locktime, segwit's two bytes, and how many inputs and (at most) outputs there are.
fn overhead(plan: &FundingPlan) -> Weight {
    let inputs: usize = payers(plan).map(|(_, funder)| funder.inputs.len()).sum();
    let inputs = inputs.saturating_add(old(plan).count());
    let outputs = plan.slots.len() + usize::from(plan.market_fee.is_some()) + payers(plan).count();
    let counts = VarInt::from(inputs).size() + VarInt::from(outputs).size();
    Weight::from_non_witness_data_size(8 + counts as u64) + Weight::from_witness_data_size(2)
}

/// What an input weighs, signed: P2WPKH, or P2TR by its key.
fn satisfaction(input: &FundingInput) -> Result<Weight, FundingError> {
    let base = REFERENCE;
    match &input.output.script_pubkey {
        script if script.is_p2wpkh() => Ok(base + InputWeightPrediction::P2WPKH_MAX.weight()),
        script if script.is_p2tr() => {
            Ok(base + InputWeightPrediction::P2TR_KEY_DEFAULT_SIGHASH.weight())
        }
        _ => Err(FundingError::InputKind(input.outpoint)),
    }
}

fn unsigned(previous_output: OutPoint) -> TxIn {
    TxIn {
        previous_output,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        witness: Witness::new(),
    }
}

/// `transaction`, where nodes carry what it weighs when it is signed.
fn carried(plan: &FundingPlan, transaction: Transaction) -> Result<Transaction, FundingError> {
    let mut weight = overhead(plan);
    for input in payers(plan).flat_map(|(_, funder)| &funder.inputs) {
        weight += satisfaction(input)?;
    }
    let outputs = transaction.output.iter().map(TxOut::weight);
    let weight = outputs.chain(old(plan).map(Brought::weight)).fold(weight, |sum, each| sum + each);
    let fits = weight <= Transaction::MAX_STANDARD_WEIGHT;
    if fits { Ok(transaction) } else { Err(FundingError::TooHeavy(weight)) }
}

fn sum(amounts: impl IntoIterator<Item = Amount>) -> Result<Amount, FundingError> {
    let total = amounts.into_iter().try_fold(Amount::ZERO, Amount::checked_add);
    total.filter(|sum| *sum <= Amount::MAX_MONEY).ok_or(FundingError::Overflow)
}
