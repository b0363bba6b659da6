//! Coins for transactions that others pay into as well: kept aside under a name, signed for that name alone, let go again.

use super::payment::{Fee, INPUT, Payment, Payout, Spend, bear, check_rate, weight};
use super::{Record, Wallet, WalletError};
use crate::escrow::funding::{Funder, FundingInput};
use crate::keys::MasterKey;
use bdk_wallet::{KeychainKind, LocalOutput};
use bitcoin::{Amount, FeeRate, OutPoint, Psbt, ScriptBuf, TxOut, Weight, Witness, psbt};
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
        let known = coins.into_iter().filter_map(|coin| self.coin(coin));
        let (coins, values): (Vec<OutPoint>, Vec<Amount>) =
            known.map(|coin| (coin.outpoint, coin.txout.value)).unzip();
        let amount = values.into_iter().sum();
        let to = self.bdk.reveal_next_address(KeychainKind::Internal).script_pubkey();
        let payouts = vec![Payout { id, to, amount }];
        let fee = rate.fee_wu(weight(coins.len(), &payouts)).unwrap_or(Amount::MAX_MONEY);
        let psbt = self.build(&bear(&payouts, fee)?, &Spend { coins, fee: Fee::Of(fee) })?;
        self.seal(payouts, psbt, keys)
    }

    /// Keeps aside for `id` what was before, whatever is now.
    pub(super) fn put_back(
        &mut self,
        id: Hash,
        before: Option<Reserved>,
    ) -> Result<(), WalletError> {
        if self.reserved.get(&id) == before.as_ref() {
            return Ok(());
        }
        self.log.append(&Record::Reserved { id, coins: before.clone() })?;
        self.keep_aside(id, before);
        Ok(())
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

    /// As few coins as suffice, and as small: one where one does, else the largest, and in the place of the last the smallest that does.
    fn choose(
        &self,
        least: Amount,
        rate: FeeRate,
        change: &ScriptBuf,
    ) -> Result<Vec<OutPoint>, WalletError> {
        let next = self.tip().height.saturating_add(1);
        let mut coins: Vec<LocalOutput> =
            self.bdk.list_unspent().filter(|coin| self.is_free(coin, next)).collect();
        coins.sort_by_key(|coin| (coin.txout.value, std::cmp::Reverse(coin.outpoint)));
        let output = TxOut { value: change.minimal_non_dust(), script_pubkey: change.clone() };
        let needed = |count: usize| {
            let inputs = INPUT.to_wu().saturating_mul(u64::try_from(count).unwrap_or(u64::MAX));
            let weight = output.weight().to_wu().saturating_add(inputs);
            let fee = rate.fee_wu(Weight::from_wu(weight));
            fee.and_then(|fee| least.checked_add(fee)).unwrap_or(Amount::MAX_MONEY)
        };
        let values: Vec<Amount> = coins.iter().map(|coin| coin.txout.value).collect();
        let places = fewest(&values, needed).map_err(|(held, needed)| {
            WalletError::Funds(format!("{held} are free, {needed} are needed with the fee"))
        })?;
        Ok(places.into_iter().filter_map(|place| coins.get(place)).map(|c| c.outpoint).collect())
    }

    fn is_free(&self, coin: &LocalOutput, next: u32) -> bool {
        let height = coin.chain_position.confirmation_height_upper_bound();
        let parent = self.bdk.get_tx(coin.outpoint.txid);
        let mined = parent.is_some_and(|parent| parent.tx_node.tx.is_coinbase());
        let deep = height.is_some_and(|height| next >= height.saturating_add(MATURITY));
        !self.bdk.is_outpoint_locked(coin.outpoint) && height.is_some() && (deep || !mined)
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

/// The places of as few of these rising `values` as come to what so many need, and as small ones: one where one does; else the largest, the
/// last of which is the smallest that does.
///
/// # Errors
/// What all of them come to, and what they would have to.
fn fewest(
    values: &[Amount],
    needed: impl Fn(usize) -> Amount,
) -> Result<Vec<usize>, (Amount, Amount)> {
    let (mut chosen, mut held) = (vec![], Amount::ZERO);
    for (largest, value) in values.iter().enumerate().rev() {
        let needed = needed(chosen.len().saturating_add(1));
        let lacks = needed.checked_sub(held).unwrap_or(Amount::ZERO);
        if let Some(last) = values.iter().take(largest.saturating_add(1)).position(|v| *v >= lacks)
        {
            chosen.push(last);
            return Ok(chosen);
        }
        held = held.checked_add(*value).unwrap_or(Amount::MAX_MONEY);
        chosen.push(largest);
    }
    Err((held, needed(chosen.len().max(1))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chosen(values: &[u64], least: u64) -> Result<Vec<usize>, (u64, u64)> {
        let values: Vec<Amount> = values.iter().copied().map(Amount::from_sat).collect();
        // Each coin costs ten more.
        let needed = |count: usize| Amount::from_sat(least + 10 * count as u64);
        fewest(&values, needed).map_err(|(held, needed)| (held.to_sat(), needed.to_sat()))
    }

    #[test]
    fn the_smallest_coin_that_does_is_taken_and_else_as_few_as_do() {
        let coins = [5, 50, 100, 200, 400];
        for (least, places) in [
            (40, vec![1]),
            (41, vec![2]),
            (390, vec![4]),
            (391, vec![4, 1]),
            (440, vec![4, 2]),
            (600, vec![4, 3, 1]),
            (710, vec![4, 3, 2, 1]),
        ] {
            assert_eq!(chosen(&coins, least), Ok(places), "{least}");
        }
        assert_eq!(chosen(&coins, 711), Err((755, 761)), "the least is not worth its cost");
        assert_eq!(chosen(&[], 1), Err((0, 11)));
    }

    proptest! {
        #[test]
        fn what_is_chosen_suffices_and_each_once(
            mut coins in proptest::collection::vec(1u64..1_000, 0..12),
            least in 0u64..4_000,
        ) {
            coins.sort_unstable();
            let all: u64 = coins.iter().sum();
            match chosen(&coins, least) {
                Ok(places) => {
                    let held: u64 = places.iter().map(|place| coins[*place]).sum();
                    prop_assert!(held >= least + 10 * places.len() as u64);
                    let mut once = places.clone();
                    once.sort_unstable();
                    once.dedup();
                    prop_assert_eq!(once.len(), places.len());
                }
                Err((held, needed)) => prop_assert!(held == all && held < needed),
            }
        }
    }
}
