//! The unspent outputs, and how a block changes them and is undone.

use super::error::{BlockError, TransactionError};
use super::rules::{self, SIGOPS_MAX};
use super::spend::{Place, check_scripts, check_spend, sigops};
use bitcoin::{Amount, Block, OutPoint, Transaction, TxOut, Txid, Wtxid};
use std::collections::HashMap;

/// An unspent output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coin {
    /// What it holds, and for whom.
    pub output: TxOut,
    /// The height of the block that made it.
    pub height: u32,
    /// Whether a miner made it.
    pub is_coinbase: bool,
}

/// What takes a block's changes back.
#[derive(Default)]
pub(super) struct Undo {
    spent: Vec<(OutPoint, Coin)>,
    made: Vec<OutPoint>,
}

/// The unspent outputs of a chain.
#[derive(Default)]
pub(super) struct Coins(HashMap<OutPoint, Coin>);

impl Coins {
    pub(super) fn get(&self, outpoint: &OutPoint) -> Option<&Coin> {
        self.0.get(outpoint)
    }

    /// Applies a block whose form was found right; `judged` names transactions whose scripts were.
    ///
    /// # Errors
    /// The rule that it breaks. Nothing is changed then.
    pub(super) fn connect(
        &mut self,
        block: &Block,
        place: &Place<'_>,
        judged: impl Fn(&Wtxid) -> bool,
    ) -> Result<Undo, BlockError> {
        let mut undo = Undo::default();
        match self.apply(block, place, &mut undo, judged) {
            Ok(()) => Ok(undo),
            Err(error) => {
                self.undo(undo);
                Err(error)
            }
        }
    }

    /// Takes a block's changes back.
    pub(super) fn undo(&mut self, undo: Undo) {
        self.0.extend(undo.spent);
        // Last, since what was made and spent in one block is gone too.
        for outpoint in undo.made {
            self.0.remove(&outpoint);
        }
    }

    fn apply(
        &mut self,
        block: &Block,
        place: &Place<'_>,
        undo: &mut Undo,
        judged: impl Fn(&Wtxid) -> bool,
    ) -> Result<(), BlockError> {
        let (mut fees, mut cost) = (Amount::ZERO, 0_usize);
        for (index, transaction) in block.txdata.iter().enumerate() {
            let wrong = |error| BlockError::Transaction { index, error };
            let spent = self.spend(transaction, undo).map_err(wrong)?;
            if !transaction.is_coinbase() {
                let fee = check_spend(transaction, &spent, place).map_err(wrong)?;
                fees = fees.checked_add(fee).filter(|sum| *sum <= Amount::MAX_MONEY).ok_or(
                    BlockError::Shape("bad-txns-accumulated-fee-outofrange: above 21 million"),
                )?;
                if !judged(&transaction.compute_wtxid()) {
                    let outputs: Vec<_> = spent.iter().map(|coin| coin.output.clone()).collect();
                    check_scripts(transaction, &outputs).map_err(wrong)?;
                }
            }
            cost = cost.saturating_add(sigops(transaction, &spent));
            if cost > SIGOPS_MAX {
                return Err(BlockError::Shape("bad-blk-sigops: signature operations above 80000"));
            }
            self.make(transaction, place.height, undo)?;
        }
        let paid = block.txdata.first().and_then(rules::paid).unwrap_or(Amount::MAX);
        let due = rules::subsidy(place.height).checked_add(fees).unwrap_or(Amount::MAX_MONEY);
        if paid > due {
            return Err(BlockError::Reward { paid, due });
        }
        Ok(())
    }

    fn spend(
        &mut self,
        transaction: &Transaction,
        undo: &mut Undo,
    ) -> Result<Vec<Coin>, TransactionError> {
        if transaction.is_coinbase() {
            return Ok(vec![]);
        }
        let mut spent = Vec::with_capacity(transaction.input.len());
        for input in &transaction.input {
            let outpoint = input.previous_output;
            let coin = self.0.remove(&outpoint).ok_or(TransactionError::Missing(outpoint))?;
            undo.spent.push((outpoint, coin.clone()));
            spent.push(coin);
        }
        Ok(spent)
    }

    fn make(&mut self, from: &Transaction, height: u32, undo: &mut Undo) -> Result<(), BlockError> {
        for (outpoint, output) in outputs(from) {
            if self.0.contains_key(&outpoint) {
                return Err(BlockError::Shape("bad-txns-BIP30: it overwrites an unspent output"));
            }
            let coin = Coin { output: output.clone(), height, is_coinbase: from.is_coinbase() };
            self.0.insert(outpoint, coin);
            undo.made.push(outpoint);
        }
        Ok(())
    }
}

/// The outputs of a transaction that can ever be spent.
fn outputs(transaction: &Transaction) -> impl Iterator<Item = (OutPoint, &TxOut)> {
    let txid: Txid = transaction.compute_txid();
    (0..).zip(&transaction.output).filter_map(move |(vout, output)| {
        let dead = output.script_pubkey.is_op_return() || output.script_pubkey.len() > 10_000;
        (!dead).then_some((OutPoint { txid, vout }, output))
    })
}
