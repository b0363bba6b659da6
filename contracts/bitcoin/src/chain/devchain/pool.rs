//! Transactions that wait for a block: what is carried, what replaces it, what is mined first.

mod choose;

use super::coins::{Coin, Coins};
use super::error::TransactionError;
use super::rules::{self, SIGOPS_MAX};
use super::spend::{Place, check_scripts, check_spend, sigops};
use bitcoin::{Amount, Block, FeeRate, OutPoint, Transaction, Txid, Weight, Wtxid};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The least that is paid for being carried, and more for replacing what is: Bitcoin Core's long-standing defaults.
pub(super) const RELAY: FeeRate = FeeRate::BROADCAST_MIN;
/// How many carried transactions one may rest on, or have resting on it, itself counted.
const FAMILY_MAX: usize = 25;
/// How many carried transactions one may replace, with all that rest on them: BIP-125.
const EVICTED_MAX: usize = 100;
/// What a carried transaction may weigh.
const WEIGHT_MAX: u64 = 400_000;

/// A transaction that waits.
pub(super) struct Waiting {
    pub(super) transaction: Arc<Transaction>,
    pub(super) txid: Txid,
    wtxid: Wtxid,
    fee: Amount,
    weight: Weight,
    sigops: usize,
}

/// Everything that waits, in the order in which it came; so no one stands before what it spends.
#[derive(Default)]
pub(super) struct Pool {
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
    numbers: HashMap<Txid, u64>,
    /// Transactions whose scripts were found right.
    judged: HashMap<Wtxid, u64>,
    spends: HashMap<OutPoint, u64>,
}

impl Pool {
    /// Whether the scripts of this very transaction were found right.
    pub(super) fn has_judged(&self, wtxid: &Wtxid) -> bool {
        self.judged.contains_key(wtxid)
    }

    pub(super) fn get(&self, txid: &Txid) -> Option<&Waiting> {
        self.waiting.get(self.numbers.get(txid)?)
    }

    /// Whether something that waits spends `outpoint`.
    pub(super) fn spends(&self, outpoint: &OutPoint) -> bool {
        self.spends.contains_key(outpoint)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.values()
    }

    /// Takes a transaction that the block at `place` may hold.
    pub(super) fn accept(
        &mut self,
        transaction: &Transaction,
        coins: &Coins,
        place: &Place<'_>,
    ) -> Result<Txid, TransactionError> {
        let txid = transaction.compute_txid();
        if self.numbers.contains_key(&txid) {
            return Ok(txid);
        }
        check_form(transaction)?;
        rules::check_final(transaction, place.height, place.time())?;
        let spent = self.coins(transaction, coins, place)?;
        let fee = check_spend(transaction, &spent, place)?;
        let weight = transaction.weight();
        let least = RELAY.fee_wu(weight).unwrap_or(Amount::MAX_MONEY);
        if fee < least {
            return Err(TransactionError::Fee { fee, least });
        }
        let sigops = sigops(transaction, &spent);
        if sigops > SIGOPS_MAX / 5 {
            return Err(TransactionError::Policy("bad-txns-too-many-sigops: above 16000"));
        }
        let transaction = Arc::new(transaction.clone());
        let wtxid = transaction.compute_wtxid();
        let waiting = Waiting { transaction, txid, wtxid, fee, weight, sigops };
        let evicted = self.replaced(&waiting)?;
        self.check_family(&waiting, &evicted)?;
        let outputs: Vec<_> = spent.into_iter().map(|coin| coin.output).collect();
        check_scripts(&waiting.transaction, &outputs)?;
        for number in evicted {
            self.remove(number);
        }
        self.insert(waiting);
        Ok(txid)
    }

    /// Takes out what a block holds, and what can never be in one after it.
    pub(super) fn mined(&mut self, block: &Block) {
        for transaction in &block.txdata {
            if let Some(number) = self.numbers.get(&transaction.compute_txid()).copied() {
                self.remove(number);
            }
            for input in &transaction.input {
                if let Some(number) = self.spends.get(&input.previous_output).copied() {
                    self.with_descendants([number]).into_iter().for_each(|n| self.remove(n));
                }
            }
        }
    }

    /// Empties itself; gives what has waited, in order.
    pub(super) fn drain(&mut self) -> Vec<Arc<Transaction>> {
        let all = std::mem::take(self);
        all.waiting.into_values().map(|waiting| waiting.transaction).collect()
    }

    /// The outputs that a transaction spends, from the chain or from what waits.
    fn coins(
        &self,
        transaction: &Transaction,
        coins: &Coins,
        place: &Place<'_>,
    ) -> Result<Vec<Coin>, TransactionError> {
        let spent = transaction.input.iter().map(|input| {
            let outpoint = input.previous_output;
            let waits = || {
                let output =
                    self.get(&outpoint.txid)?.transaction.output.get(outpoint.vout as usize)?;
                Some(Coin { output: output.clone(), height: place.height, is_coinbase: false })
            };
            coins.get(&outpoint).cloned().or_else(waits).ok_or(TransactionError::Missing(outpoint))
        });
        spent.collect()
    }

    /// What a transaction would replace, with all that rests on it; BIP-125, signalled by what is replaced itself.
    fn replaced(&self, by: &Waiting) -> Result<BTreeSet<u64>, TransactionError> {
        let inputs = by.transaction.input.iter();
        let direct: BTreeSet<u64> =
            inputs.filter_map(|input| self.spends.get(&input.previous_output).copied()).collect();
        if direct.is_empty() {
            return Ok(direct);
        }
        for waiting in direct.iter().filter_map(|number| self.waiting.get(number)) {
            if !waiting.transaction.is_explicitly_rbf() {
                return Err(TransactionError::Conflict(waiting.txid));
            }
            let least = scaled(waiting.fee, by.weight, waiting.weight);
            if by.fee <= least {
                return Err(TransactionError::Replacement { fee: by.fee, least });
            }
        }
        let evicted = self.with_descendants(direct);
        if evicted.len() > EVICTED_MAX {
            return Err(TransactionError::Policy(
                "too many potential replacements: it would replace more than 100",
            ));
        }
        let parents = self.parents(&by.transaction);
        if parents.iter().any(|parent| evicted.contains(parent)) {
            return Err(TransactionError::Policy(
                "bad-txns-spends-conflicting-tx: it spends what it replaces",
            ));
        }
        let fees = evicted.iter().filter_map(|number| self.waiting.get(number)).map(|w| w.fee);
        let fees = fees.fold(Amount::ZERO, |sum, fee| sum.checked_add(fee).unwrap_or(Amount::MAX));
        let own = RELAY.fee_wu(by.weight).unwrap_or(Amount::MAX_MONEY);
        let least = fees.checked_add(own).unwrap_or(Amount::MAX_MONEY);
        if by.fee < least {
            return Err(TransactionError::Replacement { fee: by.fee, least });
        }
        Ok(evicted)
    }

    fn check_family(&self, of: &Waiting, without: &BTreeSet<u64>) -> Result<(), TransactionError> {
        let ancestors = self.with_ancestors(self.parents(&of.transaction));
        let crowded = ancestors.iter().any(|ancestor| {
            self.with_descendants([*ancestor]).difference(without).count() >= FAMILY_MAX
        });
        if crowded || ancestors.len() >= FAMILY_MAX {
            return Err(TransactionError::Policy(
                "too-long-mempool-chain: at most 25 that wait may rest on each other; wait for a block",
            ));
        }
        Ok(())
    }

    fn parents(&self, transaction: &Transaction) -> BTreeSet<u64> {
        let parents = transaction.input.iter().map(|input| &input.previous_output.txid);
        parents.filter_map(|txid| self.numbers.get(txid).copied()).collect()
    }

    fn with_ancestors(&self, numbers: impl IntoIterator<Item = u64>) -> BTreeSet<u64> {
        let (mut family, mut open) = (BTreeSet::new(), Vec::from_iter(numbers));
        while let Some(number) = open.pop() {
            if let Some(waiting) = self.waiting.get(&number).filter(|_| family.insert(number)) {
                open.extend(self.parents(&waiting.transaction));
            }
        }
        family
    }

    fn with_descendants(&self, numbers: impl IntoIterator<Item = u64>) -> BTreeSet<u64> {
        let (mut family, mut open) = (BTreeSet::new(), Vec::from_iter(numbers));
        while let Some(number) = open.pop() {
            let Some(waiting) = self.waiting.get(&number).filter(|_| family.insert(number)) else {
                continue;
            };
            let outputs = (0..).zip(&waiting.transaction.output);
            let outpoints = outputs.map(|(vout, _)| OutPoint { txid: waiting.txid, vout });
            open.extend(outpoints.filter_map(|outpoint| self.spends.get(&outpoint).copied()));
        }
        family
    }

    fn insert(&mut self, waiting: Waiting) {
        let number = self.next;
        self.next += 1;
        self.numbers.insert(waiting.txid, number);
        self.judged.insert(waiting.wtxid, number);
        let spends = waiting.transaction.input.iter().map(|input| (input.previous_output, number));
        self.spends.extend(spends);
        self.waiting.insert(number, waiting);
    }

    fn remove(&mut self, number: u64) {
        let Some(waiting) = self.waiting.remove(&number) else { return };
        self.numbers.remove(&waiting.txid);
        self.judged.remove(&waiting.wtxid);
        for input in &waiting.transaction.input {
            self.spends.remove(&input.previous_output);
        }
    }
}

/// What needs no look at anything else.
fn check_form(transaction: &Transaction) -> Result<(), TransactionError> {
    rules::check_transaction(transaction)?;
    if transaction.is_coinbase() {
        return Err(TransactionError::Shape("coinbase: only a block brings one"));
    }
    if transaction.weight().to_wu() > WEIGHT_MAX {
        return Err(TransactionError::Policy("tx-size: it weighs more than 400000"));
    }
    let is_dust = |output: &bitcoin::TxOut| output.value < output.script_pubkey.minimal_non_dust();
    if transaction.output.iter().any(is_dust) {
        return Err(TransactionError::Policy("dust: an output holds less than spending it costs"));
    }
    Ok(())
}

/// What `fee` for `of` makes for `weight`, rounded down.
fn scaled(fee: Amount, weight: Weight, of: Weight) -> Amount {
    let product = u128::from(fee.to_sat()) * u128::from(weight.to_wu());
    let scaled = product / u128::from(of.to_wu().max(1));
    Amount::from_sat(u64::try_from(scaled).unwrap_or(u64::MAX))
}
