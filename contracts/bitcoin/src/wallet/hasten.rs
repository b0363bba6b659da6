//! Payments that no block takes are paid again at a higher rate, when the chain asks for more.

use super::{Payment, Wallet, WalletError};
use crate::keys::MasterKey;
use bitcoin::{Amount, FeeRate, Txid};

/// A payment is made anew for a fee that is higher by one part in so many, and by what nodes want more for another (BIP-125).
const STEP: u64 = 4;

impl Wallet {
    /// Pays anew, at `rate`, each payment that no block took within `patience` blocks of when this process first asked, and whose fee is
    /// lower by a fifth or more: what it pays bears the higher fee. Gives why others wait. The new ones are to be broadcast like any:
    /// [`Wallet::unfinished`].
    ///
    /// # Errors
    /// Where the rate is none, or the disk refuses.
    pub fn hasten(
        &mut self,
        (rate, patience): (FeeRate, u32),
        keys: &MasterKey,
    ) -> Result<Vec<String>, WalletError> {
        let tip = self.tip().height;
        let unmined: Vec<Payment> = self.unfinished(1).into_iter().cloned().collect();
        let names: Vec<Txid> = unmined.iter().map(Payment::txid).collect();
        self.asked.retain(|txid, _| names.contains(txid));
        let mut waiting = vec![];
        for payment in unmined {
            let since = *self.asked.entry(payment.txid()).or_insert(tip);
            let slow = tip >= since.saturating_add(patience);
            if !slow || !is_step(&payment, rate) {
                continue;
            }
            // One of no amount writes into the chain: nobody would bear a higher fee.
            let Some(payout) = payment.payouts.iter().find(|payout| payout.amount > Amount::ZERO)
            else {
                continue;
            };
            match self.bump(&payout.id, rate, keys) {
                Ok(again) => {
                    let (replaced, txid) = (payment.txid(), again.txid());
                    tracing::info!(%replaced, %txid, %rate, "a payment that waits is paid again");
                }
                Err(
                    error @ (WalletError::TooSmall { .. }
                    | WalletError::Unbuildable(_)
                    | WalletError::Funds(_)),
                ) => waiting.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        Ok(waiting)
    }
}

fn is_step(payment: &Payment, rate: FeeRate) -> bool {
    let paid = payment.fee().to_sat();
    let weight = payment.transaction.weight();
    let asked = rate.fee_wu(weight).unwrap_or(Amount::MAX_MONEY);
    let carriage = FeeRate::BROADCAST_MIN.fee_wu(weight).unwrap_or(Amount::MAX_MONEY);
    asked.to_sat() >= paid.saturating_add(paid.div_ceil(STEP).max(carriage.to_sat()))
}
