//! Coins for transactions that others pay into as well: kept aside under a name, signed for that name alone, let go again.

use super::payment::{Fee, INPUT, Payment, Payout, Spend, bear, check_rate, weight};
use super::{Record, Wallet, WalletError};
use crate::escrow::funding::{Funder, FundingInput};
use crate::keys::MasterKey;
use bdk_wallet::{KeychainKind, LocalOutput};
use bitcoin::{Amount, FeeRate, OutPoint, Psbt, ScriptBuf, TxOut, Witness, psbt};
use serde::{Deserialize, Serialize};
use types::Hash;

/// How deep a coinbase must be to be spent.
const MATURITY: u32 = 100;

/// Coins that are kept aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reserved {
    coins: Vec<OutPoint>,
    change: ScriptBuf,
}

impl Wallet {
    /// Keeps coins aside for `id` that hold `least` and what they and their change cost at `rate`; until they are released nothing else
    /// takes them. Asked again for the same `id` it gives the same.
    ///
    /// # Errors
    /// Where the rate is none, or confirmed coins and own change are too few; or the disk refuses.
    pub fn reserve(
        &mut self,
        id: Hash,
        least: Amount,
        rate: FeeRate,
    ) -> Result<Funder, WalletError> {
        if let Some(reserved) = self.reserved.get(&id) {
            return self.funder(reserved);
        }
        check_rate(rate)?;
        let like = self.bdk.peek_address(KeychainKind::Internal, 0).script_pubkey();
        let coins = self.choose(least, rate, &like)?;
        let change = self.bdk.reveal_next_address(KeychainKind::Internal).script_pubkey();
        let reserved = Reserved { coins, change };
        let funder = self.funder(&reserved)?;
        self.save()?;
        self.log.append(&Record::Reserved { id, coins: Some(reserved.clone()) })?;
        self.keep_aside(id, Some(reserved));
        Ok(funder)
    }

    /// Lets the coins of `id` go: after its transaction is mined, or can never be. Not known is released too.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn release(&mut self, id: Hash) -> Result<(), WalletError> {
        if self.reserved.contains_key(&id) {
            self.log.append(&Record::Reserved { id, coins: None })?;
            self.keep_aside(id, None);
        }
        Ok(())
    }

    /// `psbt` with final signatures of the coins that are kept aside for `id`, and of nothing else. Whether it is the transaction that
    /// was agreed on has been asked before ([`Funding::check`](crate::escrow::funding::Funding::check)).
    ///
    /// # Errors
    /// Where it spends other coins of this wallet, or the keys are not its own.
    pub fn sign_reserved(
        &self,
        id: Hash,
        psbt: &Psbt,
        keys: &MasterKey,
    ) -> Result<Psbt, WalletError> {
        let reserved = self.reserved.get(&id).ok_or(WalletError::UnknownPayment(id))?;
        let mut drawn = psbt.clone();
        let mut own = vec![];
        let inputs = psbt.unsigned_tx.input.iter().zip(&mut drawn.inputs);
        for (index, (input, known)) in inputs.enumerate() {
            let outpoint = input.previous_output;
            if let Some(coin) = self.coin(outpoint) {
                if !reserved.coins.contains(&outpoint) {
                    let reason = format!("input {index} spends a coin that was not kept aside");
                    return Err(WalletError::Unsigned(reason));
                }
                *known = self.describe(coin)?;
                own.push(index);
            }
        }
        keys.sign(&mut drawn).map_err(WalletError::Unsigned)?;
        let done = self.bdk.try_finalize_psbt(&mut drawn);
        done.map_err(|error| WalletError::Unsigned(error.to_string()))?;
        let mut signed = psbt.clone();
        for index in own {
            signed.inputs[index].final_script_witness = Some(finished(&mut drawn, index)?);
        }
        Ok(signed)
    }

    /// Pays `coins`, which were kept aside, to this wallet itself, once for each `id`: whatever else spends one of them can be in no
    /// block after that. It is to be broadcast as any payment.
    ///
    /// # Errors
    /// Where the rate is none, the coins are not worth the fee, or are not this wallet's; or the disk refuses.
    pub fn sweep(
        &mut self,
        (id, coins): (Hash, Vec<OutPoint>),
        rate: FeeRate,
        keys: &MasterKey,
    ) -> Result<Payment, WalletError> {
        if let Some(known) = self.payments.iter().rev().find(|payment| payment.pays(&id)) {
            return Ok(known.clone());
        }
        check_rate(rate)?;
        let held = coins.iter().filter_map(|coin| self.coin(*coin)).map(|coin| coin.txout.value);
        let amount = held.sum();
        let to = self.bdk.reveal_next_address(KeychainKind::Internal).script_pubkey();
        let payouts = vec![Payout { id, to, amount }];
        let fee = rate.fee_wu(weight(coins.len(), &payouts)).unwrap_or(Amount::MAX_MONEY);
        let psbt = self.build(&bear(&payouts, fee)?, &Spend { coins, fee: Fee::Of(fee) })?;
        self.seal(payouts, psbt, keys)
    }

    /// Counts coins as kept aside for `id`, or no longer.
    pub(super) fn keep_aside(&mut self, id: Hash, reserved: Option<Reserved>) {
        let before = match reserved {
            Some(reserved) => {
                reserved.coins.iter().for_each(|coin| self.bdk.lock_outpoint(*coin));
                self.reserved.insert(id, reserved)
            }
            None => self.reserved.remove(&id),
        };
        for coin in before.iter().flat_map(|before| &before.coins) {
            if !self.reserved.values().any(|reserved| reserved.coins.contains(coin)) {
                self.bdk.unlock_outpoint(*coin);
            }
        }
    }

    /// The largest coins that suffice.
    fn choose(
        &self,
        least: Amount,
        rate: FeeRate,
        change: &ScriptBuf,
    ) -> Result<Vec<OutPoint>, WalletError> {
        let next = self.tip().height.saturating_add(1);
        let mut coins: Vec<LocalOutput> =
            self.bdk.list_unspent().filter(|coin| self.is_free(coin, next)).collect();
        coins.sort_by_key(|coin| (std::cmp::Reverse(coin.txout.value), coin.outpoint));
        let output = TxOut { value: change.minimal_non_dust(), script_pubkey: change.clone() };
        let mut weight = output.weight();
        let (mut chosen, mut held, mut needed) = (vec![], Amount::ZERO, Amount::MAX_MONEY);
        for coin in coins {
            weight += INPUT;
            held = held.checked_add(coin.txout.value).unwrap_or(Amount::MAX_MONEY);
            chosen.push(coin.outpoint);
            let fee = rate.fee_wu(weight).and_then(|fee| least.checked_add(fee));
            needed = fee.unwrap_or(Amount::MAX_MONEY);
            if held >= needed {
                return Ok(chosen);
            }
        }
        let needed = needed.max(least);
        Err(WalletError::Funds(format!("{held} are free, {needed} are needed with the fee")))
    }

    fn is_free(&self, coin: &LocalOutput, next: u32) -> bool {
        let height = coin.chain_position.confirmation_height_upper_bound();
        let parent = self.bdk.get_tx(coin.outpoint.txid);
        let mined = parent.is_some_and(|parent| parent.tx_node.tx.is_coinbase());
        let deep = height.is_some_and(|height| next >= height.saturating_add(MATURITY));
        !self.bdk.is_outpoint_locked(coin.outpoint)
            && (height.is_some() || coin.keychain == KeychainKind::Internal)
            && (deep || !mined)
    }

    fn funder(&self, reserved: &Reserved) -> Result<Funder, WalletError> {
        let input = |outpoint: &OutPoint| {
            let gone = || WalletError::Unbuildable(format!("{outpoint} is not known any more"));
            let output = self.coin(*outpoint).ok_or_else(gone)?.txout;
            Ok(FundingInput { outpoint: *outpoint, output })
        };
        let inputs = reserved.coins.iter().map(input).collect::<Result<_, WalletError>>()?;
        Ok(Funder { inputs, change: reserved.change.clone() })
    }

    /// A coin of this wallet, spent or not.
    fn coin(&self, outpoint: OutPoint) -> Option<LocalOutput> {
        self.bdk.list_output().find(|output| output.outpoint == outpoint)
    }

    /// What a signer has to know of a coin.
    fn describe(&self, coin: LocalOutput) -> Result<psbt::Input, WalletError> {
        let described = self.bdk.get_psbt_input(coin, None, true);
        described.map_err(|error| WalletError::Unbuildable(error.to_string()))
    }
}

/// The witness of an input that has been signed and finalized.
pub(super) fn finished(psbt: &mut Psbt, index: usize) -> Result<Witness, WalletError> {
    let witness = psbt.inputs[index].final_script_witness.take();
    let unsigned = || "these are not the wallet's keys".to_owned();
    witness.ok_or_else(|| WalletError::Unsigned(unsigned()))
}
