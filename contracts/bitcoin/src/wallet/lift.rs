//! A child that pays for its parent (CPFP): a transaction that pays too little is mined with one that spends an output of it and pays for
//! both.

use super::fund::finished;
use super::payment::{INPUT, OVERHEAD, check_rate};
use super::{Wallet, WalletError};
use crate::escrow::funding::{Funder, FundingInput};
use crate::keys::MasterKey;
use bdk_wallet::KeychainKind;
use bdk_wallet::miniscript::psbt::PsbtExt;
use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, FeeRate, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Weight,
};
use types::Hash;

/// What a Taproot output must hold to be carried.
const DUST: Amount = Amount::from_sat(330);

/// A transaction that waits for a block.
#[derive(Clone, Copy, Debug)]
pub struct Parent<'a> {
    /// The transaction.
    pub transaction: &'a Transaction,
    /// What it pays by itself.
    pub fee: Amount,
}

/// A child that pays for its parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lift {
    /// The child.
    pub transaction: Transaction,
    /// What it pays itself.
    pub fee: Amount,
}

/// What a child is made of.
struct Child {
    inputs: Vec<FundingInput>,
    change: ScriptBuf,
}

impl Wallet {
    /// A child of `parent` with which the two pay `rate` together; nothing where the parent pays that alone. It spends the largest output
    /// that is this wallet's, or the parent's anchor; where that is too little, coins besides, which are kept aside for `id` until they
    /// are released. The same arguments give the same transaction, but for its
    /// signatures, and each replaces one of a lower rate (BIP-125).
    ///
    /// # Errors
    /// Where that takes more than `fee_max`, or more coins than are free; where nothing of the parent can be spent here; or the disk
    /// refuses.
    pub fn lift(
        &mut self,
        (id, parent): (Hash, Parent<'_>),
        (rate, fee_max): (FeeRate, Amount),
        keys: &MasterKey,
    ) -> Result<Option<Lift>, WalletError> {
        check_rate(rate)?;
        let weight = parent.transaction.weight();
        if rate.fee_wu(weight).is_some_and(|fee| fee <= parent.fee) {
            return Ok(None);
        }
        let handle = self.handle(parent.transaction)?;
        let own = handle.output.script_pubkey.clone();
        let fee_of = |child: &Child| lifting_fee(parent, child.weight(), rate);
        let alone = Child { inputs: vec![handle.clone()], change: own };
        let fee = fee_of(&alone)?;
        let name = parent.transaction.compute_txid();
        let dear = |fee: Amount| WalletError::Dear { parent: name, fee, fee_max };
        // No child is lighter: so nothing is kept aside for one that would be too dear.
        if fee > fee_max {
            return Err(dear(fee));
        }
        if let Some(value) = alone.spare(fee).filter(|_| self.is_own(&alone.change)) {
            let transaction = self.sign_child(&alone, value, keys)?;
            return Ok(Some(Lift { transaction, fee }));
        }
        let before = self.reserved.get(&id).cloned();
        let made = self.child_with_coins(id, (&handle, parent), rate).and_then(|(child, value)| {
            let fee = fee_of(&child)?;
            if fee > fee_max {
                return Err(dear(fee));
            }
            let transaction = self.sign_child(&child, value, keys)?;
            Ok(Some(Lift { transaction, fee }))
        });
        if made.is_err() {
            // A cheaper child may wait that spends them.
            self.put_back(id, before)?;
        }
        made
    }

    /// A child with coins, and what it pays back. What was kept aside when less was needed is let go, and other coins are taken:
    /// whichever they are, both children spend the same of the parent.
    fn child_with_coins(
        &mut self,
        id: Hash,
        (handle, parent): (&FundingInput, Parent<'_>),
        rate: FeeRate,
    ) -> Result<(Child, Amount), WalletError> {
        let mut fee = Amount::ZERO;
        for _ in 0..2 {
            let child = self.with_coins(id, (handle, parent), rate)?;
            fee = lifting_fee(parent, child.weight(), rate)?;
            if let Some(value) = child.spare(fee) {
                return Ok((child, value));
            }
            self.release(id)?;
        }
        Err(WalletError::Funds(format!("{fee} are needed to lift a fee")))
    }

    /// A child of what stands in `handle` and of coins that are kept aside for `id`.
    fn with_coins(
        &mut self,
        id: Hash,
        (handle, parent): (&FundingInput, Parent<'_>),
        rate: FeeRate,
    ) -> Result<Child, WalletError> {
        let least = lifting_fee(parent, OVERHEAD + INPUT, rate)?;
        // What comes back must be worth an output.
        let least = least.checked_add(DUST).unwrap_or(Amount::MAX_MONEY);
        let least = least.checked_sub(handle.output.value).unwrap_or(Amount::ZERO);
        let Funder { inputs, change } = self.reserve(id, least, rate)?;
        Ok(Child { inputs: std::iter::once(handle.clone()).chain(inputs).collect(), change })
    }

    /// What of `parent` this wallet can spend at once.
    fn handle(&self, parent: &Transaction) -> Result<FundingInput, WalletError> {
        let txid = parent.compute_txid();
        let outputs = (0..).zip(&parent.output);
        let all = outputs.map(|(vout, output)| (OutPoint { txid, vout }, output));
        let own = all.clone().filter(|(_, output)| self.is_own(&output.script_pubkey));
        let own = own.max_by_key(|(_, output)| output.value);
        let anchor = || all.clone().find(|(_, output)| is_anchor(&output.script_pubkey));
        let (outpoint, output) = own.or_else(anchor).ok_or(WalletError::NotOurs(txid))?;
        Ok(FundingInput { outpoint, output: output.clone() })
    }

    fn is_own(&self, script: &ScriptBuf) -> bool {
        self.bdk.derivation_of_spk(script.clone()).is_some()
    }

    fn sign_child(
        &self,
        child: &Child,
        value: Amount,
        keys: &MasterKey,
    ) -> Result<Transaction, WalletError> {
        let unbuildable =
            |error: &dyn std::fmt::Display| WalletError::Unbuildable(error.to_string());
        let mut psbt = Psbt::from_unsigned_tx(child.transaction(value))
            .map_err(|error| unbuildable(&error))?;
        for (index, input) in child.inputs.iter().enumerate() {
            psbt.inputs[index].witness_utxo = Some(input.output.clone());
            let script = input.output.script_pubkey.clone();
            let Some((keychain, number)) = self.bdk.derivation_of_spk(script) else { continue };
            let descriptor = self.descriptor(keychain, number)?;
            let described = psbt.update_input_with_descriptor(index, &descriptor);
            described.map_err(|error| unbuildable(&error))?;
        }
        keys.sign(&mut psbt).map_err(WalletError::Unsigned)?;
        let done = self.bdk.try_finalize_psbt(&mut psbt);
        done.map_err(|error| WalletError::Unsigned(error.to_string()))?;
        let mut transaction = psbt.unsigned_tx.clone();
        for (index, input) in child.inputs.iter().enumerate() {
            if !is_anchor(&input.output.script_pubkey) {
                transaction.input[index].witness = finished(&mut psbt, index)?;
            }
        }
        Ok(transaction)
    }

    fn descriptor(
        &self,
        keychain: KeychainKind,
        number: u32,
    ) -> Result<
        bdk_wallet::miniscript::Descriptor<bdk_wallet::miniscript::DefiniteDescriptorKey>,
        WalletError,
    > {
        let descriptor = self.bdk.public_descriptor(keychain).at_derivation_index(number);
        descriptor.map_err(|error| WalletError::Unbuildable(error.to_string()))
    }
}

impl Child {
    fn transaction(&self, value: Amount) -> Transaction {
        let input = |input: &FundingInput| TxIn {
            previous_output: input.outpoint,
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            ..TxIn::default()
        };
        let change = TxOut { value, script_pubkey: self.change.clone() };
        Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: self.inputs.iter().map(input).collect(),
            output: vec![change],
        }
    }

    /// What it weighs once it is signed, at most.
    fn weight(&self) -> Weight {
        let output = TxOut { value: Amount::ZERO, script_pubkey: self.change.clone() };
        let inputs = INPUT.checked_mul(self.inputs.len() as u64).unwrap_or(Weight::MAX);
        OVERHEAD + inputs + output.weight()
    }

    /// What is left after `fee`, where that is no dust.
    fn spare(&self, fee: Amount) -> Option<Amount> {
        let held = self.inputs.iter().map(|input| input.output.value).sum::<Amount>();
        held.checked_sub(fee).filter(|left| *left >= self.change.minimal_non_dust())
    }
}

/// What a child of so much weight has to pay, so that it and its parent pay `rate`; its own carriage at least.
fn lifting_fee(parent: Parent<'_>, weight: Weight, rate: FeeRate) -> Result<Amount, WalletError> {
    let both = rate.fee_wu(parent.transaction.weight() + weight);
    let both = both.ok_or_else(|| WalletError::FeeRate(rate.to_sat_per_kwu()))?;
    let least = FeeRate::BROADCAST_MIN.fee_wu(weight).unwrap_or(Amount::MAX_MONEY);
    Ok(both.checked_sub(parent.fee).unwrap_or(Amount::ZERO).max(least))
}

fn is_anchor(script: &ScriptBuf) -> bool {
    *script == ScriptBuf::new_p2a()
}
