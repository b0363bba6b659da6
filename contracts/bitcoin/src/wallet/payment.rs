//! Withdrawals as transactions: many in one, each at most once, whatever crashes between.

use super::{Record, Wallet, WalletError};
use crate::chain::Tip;
use crate::keys::MasterKey;
use bdk_wallet::chain::ChainPosition;
use bdk_wallet::error::CreateTxError;
use bdk_wallet::tx_builder::TxOrdering;
use bitcoin::{Amount, FeeRate, OutPoint, Psbt, ScriptBuf, Transaction, TxOut, Txid, Weight};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use types::Hash;

/// The lowest fee rate that is taken, in sat per 1000 weight units: 1 sat per virtual byte, which nodes relay.
pub(super) const LEAST_RATE: u64 = 250;
/// The highest: 2,000 sat per virtual byte, above any that was ever needed.
pub(super) const MOST_RATE: u64 = 500_000;
/// What a transaction weighs without inputs and outputs (version, marker, counts, lock time), at most.
pub(super) const OVERHEAD: Weight = Weight::from_wu(44);
/// What a Taproot input weighs that is spent by its key, at most.
pub(super) const INPUT: Weight = Weight::from_wu(232);
/// A payout that pays more than one part in this of itself as fee is refused.
const FEE_PART: u64 = 2;

/// Coins that somebody is to get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payout {
    /// The document that asks for it; each is paid once.
    pub id: Hash,
    /// To whom.
    pub to: ScriptBuf,
    /// How many, its part of the fee included.
    pub amount: Amount,
}

/// Payouts in one transaction, made durable before it is shown to anyone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// What it pays.
    pub payouts: Vec<Payout>,
    /// How.
    pub transaction: Transaction,
}

impl Payment {
    /// Its name on the chain.
    pub fn txid(&self) -> Txid {
        self.transaction.compute_txid()
    }

    /// What the payouts bear together for being mined.
    pub fn fee(&self) -> Amount {
        let asked: Amount = self.payouts.iter().map(|payout| payout.amount).sum();
        let scripts: BTreeSet<&ScriptBuf> = self.payouts.iter().map(|payout| &payout.to).collect();
        let outputs = self.transaction.output.iter();
        let paid = outputs.filter(|output| scripts.contains(&output.script_pubkey));
        asked.checked_sub(paid.map(|output| output.value).sum()).unwrap_or(Amount::ZERO)
    }

    pub(super) fn pays(&self, id: &Hash) -> bool {
        self.payouts.iter().any(|payout| payout.id == *id)
    }
}

impl Wallet {
    /// Pays what of `payouts` no payment pays yet, in one transaction at `rate`, signed by `keys`. Nothing, where all are paid.
    ///
    /// The payouts bear the fee, in equal parts; so what leaves the wallet is what they say, to the satoshi. The transaction is to be
    /// broadcast, now and until it is deep enough: [`Wallet::unfinished`].
    pub fn pay(
        &mut self,
        payouts: &[Payout],
        rate: FeeRate,
        keys: &MasterKey,
    ) -> Result<Option<Payment>, WalletError> {
        let mut seen = BTreeSet::new();
        let open: Vec<Payout> = payouts
            .iter()
            .filter(|payout| !self.has_paid(&payout.id) && seen.insert(payout.id))
            .cloned()
            .collect();
        if open.is_empty() {
            return Ok(None);
        }
        check_rate(rate)?;
        let draft = self.draft(&open, rate)?;
        let fee = draft.fee().map_err(|error| WalletError::Unbuildable(error.to_string()))?;
        let coins = draft.unsigned_tx.input.iter().map(|input| input.previous_output).collect();
        let psbt = self.build(&bear(&open, fee)?, &Spend { coins, fee: Fee::Of(fee) })?;
        self.seal(open, psbt, keys).map(Some)
    }

    /// Writes `script`, of an output without coins, into the chain, once for each `id`. The wallet bears the fee: of at most
    /// `fee_max`, so that it comes from coins that are nobody else's.
    pub fn inscribe(
        &mut self,
        (id, script): (Hash, ScriptBuf),
        (rate, fee_max): (FeeRate, Amount),
        keys: &MasterKey,
    ) -> Result<Payment, WalletError> {
        if let Some(known) = self.payments.iter().rev().find(|payment| payment.pays(&id)) {
            return Ok(known.clone());
        }
        check_rate(rate)?;
        let inscription = vec![Payout { id, to: script, amount: Amount::ZERO }];
        let spend = Spend { coins: Vec::new(), fee: Fee::At(rate) };
        let psbt = self.build(&inscription, &spend)?;
        let fee = psbt.fee().map_err(|error| WalletError::Unbuildable(error.to_string()))?;
        if fee > fee_max {
            return Err(WalletError::Funds(format!(
                "{fee} of fees are needed, {fee_max} are free"
            )));
        }
        self.seal(inscription, psbt, keys)
    }

    /// Whether a payment of it was made.
    pub fn has_paid(&self, id: &Hash) -> bool {
        self.payments.iter().any(|payment| payment.pays(id))
    }

    /// Everything that payouts have taken, of each once.
    pub fn paid_out(&self) -> Amount {
        let all = self.payments.iter().flat_map(|payment| &payment.payouts);
        let once: BTreeMap<Hash, Amount> = all.map(|payout| (payout.id, payout.amount)).collect();
        once.values().copied().sum()
    }

    /// The block that holds transaction `txid` and lies at least `confirmations` deep, itself counted.
    pub fn settled_in(&self, txid: Txid, confirmations: u32) -> Option<Tip> {
        let known = self.bdk.get_tx(txid)?;
        let ChainPosition::Confirmed { anchor, .. } = known.chain_position else { return None };
        let (height, hash) = (anchor.block_id.height, anchor.block_id.hash);
        let deep = self.tip().height.saturating_add(1).saturating_sub(height);
        (deep >= confirmations.max(1)).then_some(Tip { height, hash })
    }

    /// Whether it has ever seen transaction `txid`.
    pub fn has_seen(&self, txid: Txid) -> bool {
        self.bdk.get_tx(txid).is_some()
    }

    /// The payment of `id` once more at a higher `rate`, for one that no block takes. It spends the same coins, so that only one of
    /// the two can ever be in the chain.
    pub fn bump(
        &mut self,
        id: &Hash,
        rate: FeeRate,
        keys: &MasterKey,
    ) -> Result<Payment, WalletError> {
        check_rate(rate)?;
        let last = self.payments.iter().rev().find(|payment| payment.pays(id));
        let payouts = last.ok_or(WalletError::UnknownPayment(*id))?.clone();
        let weight = payouts.transaction.weight();
        let fee = rate.fee_wu(weight).unwrap_or(Amount::MAX_MONEY);
        let recipients = bear(&payouts.payouts, fee)?;
        let mut builder = self
            .bdk
            .build_fee_bump(payouts.txid())
            .map_err(|error| WalletError::Unbuildable(error.to_string()))?;
        let outputs = recipients.into_iter().map(|payout| (payout.to, payout.amount));
        builder.set_recipients(outputs.collect()).fee_absolute(fee).manually_selected_only();
        let psbt = builder.finish().map_err(unbuildable)?;
        self.seal(payouts.payouts, psbt, keys)
    }

    /// Every payment that has not `confirmations` blocks: to be broadcast again. Of one that was paid twice as fast, the latest.
    pub fn unfinished(&self, confirmations: u32) -> Vec<&Payment> {
        let deep = |payment: &Payment| self.settled_in(payment.txid(), confirmations).is_some();
        let mut done: BTreeSet<Hash> =
            self.payments.iter().filter(|p| deep(p)).flat_map(Payment::ids).collect();
        let mut left = Vec::new();
        for payment in self.payments.iter().rev() {
            if payment.ids().any(|id| !done.contains(&id)) {
                left.push(payment);
                done.extend(payment.ids());
            }
        }
        left.reverse();
        left
    }

    /// Shows BDK again what was paid: a crash may have come between the two.
    pub(super) fn remember_payments(&mut self) {
        let paid = self.payments.iter().zip(1u64..);
        let paid: Vec<_> = paid.map(|(payment, at)| (payment.transaction.clone(), at)).collect();
        self.bdk.apply_unconfirmed_txs(paid);
    }

    /// Which coins it takes, and what that costs at `rate`: found as if they were fewer and fewer, since what the payouts bear need
    /// not be there beside them.
    fn draft(&mut self, payouts: &[Payout], rate: FeeRate) -> Result<Psbt, WalletError> {
        let most = self.bdk.list_unspent().count().max(1);
        let mut inputs = 1;
        loop {
            let fee = rate.fee_wu(weight(inputs, payouts)).unwrap_or(Amount::MAX_MONEY);
            let spend = Spend { coins: Vec::new(), fee: Fee::At(rate) };
            match self.build(&bear(payouts, fee)?, &spend) {
                Err(WalletError::Funds(_)) if inputs < most => inputs += 1,
                built => return built,
            }
        }
    }

    pub(super) fn build(&mut self, payouts: &[Payout], spend: &Spend) -> Result<Psbt, WalletError> {
        let unconfirmed = self.unconfirmed();
        let mut builder = self.bdk.build_tx();
        builder.set_recipients(payouts.iter().map(|p| (p.to.clone(), p.amount)).collect());
        builder.unspendable(unconfirmed).ordering(TxOrdering::Untouched);
        if !spend.coins.is_empty() {
            let added = builder.add_utxos(&spend.coins);
            added.map_err(|error| WalletError::Unbuildable(error.to_string()))?;
            builder.manually_selected_only();
        }
        match spend.fee {
            Fee::At(rate) => builder.fee_rate(rate),
            Fee::Of(amount) => builder.fee_absolute(amount),
        };
        builder.finish().map_err(unbuildable)
    }

    /// Signs, makes durable, and from then on counts as paid.
    pub(super) fn seal(
        &mut self,
        payouts: Vec<Payout>,
        mut psbt: Psbt,
        keys: &MasterKey,
    ) -> Result<Payment, WalletError> {
        keys.sign(&mut psbt).map_err(WalletError::Unsigned)?;
        let finished = self.bdk.try_finalize_psbt(&mut psbt);
        let finished = finished.map_err(|error| WalletError::Unsigned(error.to_string()))?;
        if !finished.is_finalized() {
            let reason = "an input has no signature; these are not the wallet's keys".to_owned();
            return Err(WalletError::Unsigned(reason));
        }
        let transaction =
            psbt.extract_tx().map_err(|error| WalletError::Unsigned(error.to_string()))?;
        let payment = Payment { payouts, transaction };
        self.save()?;
        self.log.append(&Record::Payment(payment.clone()))?;
        self.payments.push(payment.clone());
        self.remember_payments();
        Ok(payment)
    }

    /// Coins that may still come to nothing: whoever sent them can take them back, and a payment of our own can be paid again, with
    /// other change.
    fn unconfirmed(&self) -> Vec<OutPoint> {
        let unspent = self.bdk.list_unspent();
        unspent
            .filter(|output| output.chain_position.is_unconfirmed())
            .map(|output| output.outpoint)
            .collect()
    }
}

impl Payment {
    fn ids(&self) -> impl Iterator<Item = Hash> {
        self.payouts.iter().map(|payout| payout.id)
    }
}

/// From which coins, where that is not left open, and for what fee.
pub(super) struct Spend {
    pub(super) coins: Vec<OutPoint>,
    pub(super) fee: Fee,
}

pub(super) enum Fee {
    At(FeeRate),
    Of(Amount),
}

/// What a transaction of key-path inputs weighs that pays `payouts` and has no change.
pub(super) fn weight(inputs: usize, payouts: &[Payout]) -> Weight {
    let outputs = payouts.iter().map(|payout| {
        let output = TxOut { value: payout.amount, script_pubkey: payout.to.clone() };
        output.weight()
    });
    let inputs = INPUT.checked_mul(inputs as u64).unwrap_or(Weight::MAX);
    outputs.fold(OVERHEAD + inputs, |sum, weight| sum + weight)
}

pub(super) fn check_rate(rate: FeeRate) -> Result<(), WalletError> {
    let sane = (LEAST_RATE..=MOST_RATE).contains(&rate.to_sat_per_kwu());
    if sane { Ok(()) } else { Err(WalletError::FeeRate(rate.to_sat_per_kwu())) }
}

/// What arrives when each payout bears its part of `fee`; what does not divide, the first bear.
pub(super) fn bear(payouts: &[Payout], fee: Amount) -> Result<Vec<Payout>, WalletError> {
    let count = u64::try_from(payouts.len()).unwrap_or(u64::MAX).max(1);
    let (each, odd) = (fee.to_sat() / count, fee.to_sat() % count);
    let parts = (0..count).map(|place| Amount::from_sat(each + u64::from(place < odd)));
    payouts
        .iter()
        .zip(parts)
        .map(|(payout, fee)| {
            let dust = payout.to.minimal_non_dust();
            let least = (fee + dust).max(Amount::from_sat(fee.to_sat().saturating_mul(FEE_PART)));
            if payout.amount < least {
                let Payout { id, amount, .. } = *payout;
                return Err(WalletError::TooSmall { id, amount, fee, least });
            }
            Ok(Payout { amount: payout.amount - fee, ..payout.clone() })
        })
        .collect()
}

fn unbuildable(error: CreateTxError) -> WalletError {
    match error {
        CreateTxError::CoinSelection(short) => WalletError::Funds(short.to_string()),
        other => WalletError::Unbuildable(other.to_string()),
    }
}
