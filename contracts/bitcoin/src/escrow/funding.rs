//! The transaction that makes the escrows of all slots of a contract at once, paid by the client and every provider.
//!
//! Everybody builds it from the same plan and so knows its id before anybody signs: every input is a segwit one, whose signature is
//! no part of the id. Everybody pays for the weight of its own inputs and change, the client for the rest. Where a contract goes on, its
//! old escrows are inputs too, and each side has brought what it had in them. A higher fee later (the transaction signals RBF) is
//! another plan and another id: outcomes and refunds are signed anew before it.

mod build;
#[cfg(test)]
mod tests;

use super::{Escrow, Funded};
use bitcoin::{Amount, FeeRate, OutPoint, Psbt, ScriptBuf, Transaction, TxOut, Txid, Weight};

/// Why there is no such funding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FundingError {
    /// Nothing to fund.
    #[error("a funding without a slot; a contract has at least one")]
    NoSlots,
    /// A slot names a provider that is not in the plan.
    #[error("slot {slot} names provider {provider}, but the plan has {providers}")]
    NoProvider {
        /// Which slot.
        slot: usize,
        /// Whom it names.
        provider: usize,
        /// How many there are.
        providers: usize,
    },
    /// What somebody brings does not cover what it owes.
    #[error("{who} brings {brought} of {owed}; add inputs")]
    Short {
        /// Whose inputs.
        who: Payer,
        /// What they hold.
        brought: Amount,
        /// Its part of the escrows and of the fee.
        owed: Amount,
    },
    /// An output is named twice.
    #[error("{0} is an input twice; each output is spent once")]
    DuplicateInput(OutPoint),
    /// Its signature would change the transaction's id, or its weight is not known.
    #[error("{0} pays to neither P2WPKH nor P2TR; bring inputs that do")]
    InputKind(OutPoint),
    /// Too little for the network to carry.
    #[error("an output of {value} is dust; at least {least}")]
    Dust {
        /// What it would hold.
        value: Amount,
        /// The least that its script is carried with.
        least: Amount,
    },
    /// More than there is of bitcoin.
    #[error("these amounts sum to more than 21 million bitcoin")]
    Overflow,
    /// No node carries it, or nobody should pay it.
    #[error("a rate of {0} sat/kwu; a rate is from 250 to 2500000 (1 to 10000 sat/vB)")]
    Rate(u64),
    /// More than nodes carry.
    #[error(
        "a weight of {0}; nodes carry up to 400000. Fund fewer slots at once, or bring fewer inputs"
    )]
    TooHeavy(Weight),
    /// Another transaction than the plan's: an input.
    #[error("input {0} is not the plan's")]
    ForeignInput(usize),
    /// Another transaction than the plan's: an output.
    #[error("output {0} is not the plan's")]
    ForeignOutput(usize),
    /// Another transaction than the plan's: its version or lock.
    #[error("version or locktime is not the plan's")]
    ForeignForm,
    /// A PSBT that cannot be joined with ours.
    #[error("the PSBT does not go with ours: {0}")]
    Psbt(String),
}

/// Who pays into a funding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payer {
    /// The client.
    Client,
    /// The provider of this number.
    Provider(usize),
}

impl std::fmt::Display for Payer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Client => f.write_str("the client"),
            Self::Provider(number) => write!(f, "provider {number}"),
        }
    }
}

/// An output that somebody brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FundingInput {
    /// Where it is.
    pub outpoint: OutPoint,
    /// What it is: P2WPKH, or P2TR spent by its key.
    pub output: TxOut,
}

/// What one payer brings, and where its change goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funder {
    /// What it brings.
    pub inputs: Vec<FundingInput>,
    /// Its wallet's next change script.
    pub change: ScriptBuf,
}

/// An old escrow that a new one takes up.
#[derive(Clone, Debug)]
pub struct Brought {
    /// The old output.
    pub coin: Funded,
    /// What of it the client brings.
    pub client: Amount,
    /// What of it the slot's provider brings.
    pub provider: Amount,
}

/// What goes into one slot's escrow.
#[derive(Clone, Debug)]
pub struct SlotFunding {
    /// The output.
    pub escrow: Escrow,
    /// Which of the plan's providers serves it.
    pub provider: usize,
    /// The client's part of the collateral: the slot's price.
    pub price: Amount,
    /// The provider's part: its bond.
    pub bond: Amount,
    /// For the fee of what spends it; from the client.
    pub fee_reserve: Amount,
    /// The old escrow whose money goes on in it.
    pub spends: Option<Brought>,
}

impl SlotFunding {
    /// What the output holds, where that is an amount.
    pub fn value(&self) -> Option<Amount> {
        self.price.checked_add(self.bond)?.checked_add(self.fee_reserve)
    }
}

/// All that a funding is made of.
#[derive(Clone, Debug)]
pub struct FundingPlan {
    /// What the client brings.
    pub client: Funder,
    /// What each provider brings.
    pub providers: Vec<Funder>,
    /// The escrows, in the order of the slots.
    pub slots: Vec<SlotFunding>,
    /// The market's fees, from the client.
    pub market_fee: Option<TxOut>,
    /// What the transaction pays to be mined.
    pub rate: FeeRate,
}

/// A funding that nobody has to have signed yet.
#[derive(Clone, Debug)]
pub struct Funding {
    psbt: Psbt,
    slots: Vec<Escrow>,
    fee: Amount,
}

impl FundingPlan {
    /// The one transaction of this plan: inputs of the client, then of each provider, then old escrows in the order of the slots; one
    /// output a slot, the market's fees, change of the client, change of each provider. Change that would be dust goes to the miner.
    ///
    /// # Errors
    /// Where an input is named twice or of another kind, somebody brings too little, an output is dust, or the rate is none.
    pub fn build(&self) -> Result<Funding, FundingError> {
        let (transaction, spent, fee) = build::transaction(self)?;
        let refused = |error: bitcoin::psbt::Error| FundingError::Psbt(error.to_string());
        let mut psbt = Psbt::from_unsigned_tx(transaction).map_err(refused)?;
        for (input, output) in psbt.inputs.iter_mut().zip(spent) {
            input.witness_utxo = Some(output);
        }
        let slots = self.slots.iter().map(|slot| slot.escrow.clone()).collect();
        Ok(Funding { psbt, slots, fee })
    }
}

impl Funding {
    /// The transaction's id, signed or not.
    pub fn txid(&self) -> Txid {
        self.psbt.unsigned_tx.compute_txid()
    }

    /// The transaction, as far as it has been signed: for wallets.
    pub fn psbt(&self) -> &Psbt {
        &self.psbt
    }

    /// What goes to the miner: inputs less outputs.
    pub fn fee(&self) -> Amount {
        self.fee
    }

    /// The escrow of slot `slot`.
    pub fn slot(&self, slot: usize) -> Option<Funded> {
        let escrow = self.slots.get(slot)?.clone();
        let output = self.psbt.unsigned_tx.output.get(slot)?;
        let outpoint = OutPoint::new(self.txid(), u32::try_from(slot).ok()?);
        Some(escrow.funded(outpoint, output.value))
    }

    /// Whether another's PSBT is this transaction: to be asked before signing it.
    ///
    /// # Errors
    /// Which part of it is foreign.
    pub fn check(&self, theirs: &Psbt) -> Result<(), FundingError> {
        let (ours, theirs) = (&self.psbt.unsigned_tx, &theirs.unsigned_tx);
        if let Some(index) = first_difference(&ours.input, &theirs.input) {
            return Err(FundingError::ForeignInput(index));
        }
        if let Some(index) = first_difference(&ours.output, &theirs.output) {
            return Err(FundingError::ForeignOutput(index));
        }
        if ours == theirs { Ok(()) } else { Err(FundingError::ForeignForm) }
    }

    /// Takes over what another has signed.
    ///
    /// # Errors
    /// Where it is another transaction, or contradicts what is known of this one.
    pub fn join(&mut self, theirs: Psbt) -> Result<(), FundingError> {
        self.check(&theirs)?;
        let pairs = self.psbt.inputs.iter().zip(&theirs.inputs);
        let other = pairs.map(|(ours, theirs)| {
            theirs.witness_utxo.is_some() && theirs.witness_utxo != ours.witness_utxo
        });
        if let Some(index) = other.enumerate().find_map(|(index, other)| other.then_some(index)) {
            return Err(FundingError::ForeignInput(index));
        }
        self.psbt.combine(theirs).map_err(|error| FundingError::Psbt(error.to_string()))
    }

    /// The transaction to broadcast, once every input is final.
    ///
    /// # Errors
    /// Where one is not signed yet.
    pub fn transaction(&self) -> Result<Transaction, FundingError> {
        let mut transaction = self.psbt.unsigned_tx.clone();
        let inputs = transaction.input.iter_mut().zip(&self.psbt.inputs);
        for (index, (input, known)) in inputs.enumerate() {
            let witness = known.final_script_witness.clone();
            let unsigned = || FundingError::Psbt(format!("input {index} is not final"));
            input.witness = witness.ok_or_else(unsigned)?;
        }
        Ok(transaction)
    }
}

fn first_difference<T: PartialEq>(ours: &[T], theirs: &[T]) -> Option<usize> {
    let common = ours.iter().zip(theirs).position(|(one, other)| one != other);
    let shorter = ours.len().min(theirs.len());
    common.or((ours.len() != theirs.len()).then_some(shorter))
}
