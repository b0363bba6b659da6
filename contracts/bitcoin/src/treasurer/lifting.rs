//! What waits too long for a block gets a child that pays for it: fundings by their client, what ends an escrow by whoever is paid by it.

use super::{Round, Treasurer, TreasurerError, WITHIN_BLOCKS, coins_of};
use crate::chain::{Chain, ChainError};
use crate::deal::watch::Paying;
use crate::escrow::Party;
use crate::wallet::{Lift, Parent, WalletError};
use bitcoin::{Amount, FeeRate, Transaction, Txid};
use std::collections::{BTreeMap, BTreeSet};
use types::Hash;

/// A child is made anew at a rate that is higher by one part in so many.
const STEP: u64 = 4;

/// What was broadcast and is in no block yet, as far as this process knows. Nothing is lost with it: who begins anew waits anew.
#[derive(Debug, Default)]
pub(super) struct Carried(BTreeMap<Txid, Waiting>);

#[derive(Debug)]
struct Waiting {
    /// The last block when it was broadcast first.
    since: u32,
    child: Option<(FeeRate, Lift)>,
}

impl Treasurer {
    /// Has a child pay for `transaction` of deal `number`, which was broadcast, where no block took it and the chain asks for more.
    pub(super) async fn lift<C: Chain>(
        &mut self,
        chain: &C,
        (number, transaction): (u32, &Transaction),
        round: &mut Round,
    ) -> Result<(), TreasurerError> {
        let watching = self.deals.get(&number).and_then(super::record::Deal::watching);
        let Some(watch) = watching.map(|watching| &watching.watch) else { return Ok(()) };
        let Some(paying) = watch.paying(transaction) else { return Ok(()) };
        if paying.slot.is_none() && watch.party() == Party::Provider {
            return Ok(());
        }
        let (txid, tip) = (transaction.compute_txid(), self.wallet.tip().height);
        let waiting = self.carried.0.entry(txid).or_insert(Waiting { since: tip, child: None });
        if tip < waiting.since.saturating_add(self.manner.lift_after) {
            return Ok(());
        }
        let known = waiting.child.clone();
        let rate = chain.fee_rate(WITHIN_BLOCKS).await?;
        let rate = rate.clamp(self.manner.rate_min, self.manner.rate_max);
        let child = match known {
            Some((paid, child)) if !is_step(paid, rate) => Some(child),
            known => match self.child((number, transaction), paying, rate)? {
                Ok(child) => child,
                Err(reason) => {
                    round.wait(reason);
                    known.map(|(_, child)| child)
                }
            },
        };
        let Some(child) = child else { return Ok(()) };
        if let Some(waiting) = self.carried.0.get_mut(&txid)
            && waiting.child.as_ref().is_none_or(|(_, known)| *known != child)
        {
            let lift = child.transaction.compute_txid();
            tracing::info!(%txid, %lift, %rate, "a child pays for what waits");
            waiting.child = Some((rate, child.clone()));
        }
        match chain.broadcast_pair(transaction, &child.transaction).await {
            Err(refused @ ChainError::Refused { .. }) => round.wait(refused.to_string()),
            carried => drop(carried?),
        }
        Ok(())
    }

    /// Forgets what was not broadcast again: it is mined, or of no use any more.
    pub(super) fn forget_all_but(&mut self, broadcast: &BTreeSet<Txid>) {
        self.carried.0.retain(|txid, _| broadcast.contains(txid));
    }

    /// What this process has paid for lifting a deal's funding.
    pub(super) fn lifted(&self, funding: Txid) -> Amount {
        let waiting = self.carried.0.get(&funding);
        let child = waiting.and_then(|waiting| waiting.child.as_ref());
        child.map_or(Amount::ZERO, |(_, child)| child.fee)
    }

    fn child(
        &mut self,
        (number, transaction): (u32, &Transaction),
        paying: Paying,
        rate: FeeRate,
    ) -> Result<Result<Option<Lift>, String>, TreasurerError> {
        let fee_max = paying.own.map_or(Amount::MAX_MONEY, |own| own / 2);
        let fee_max = fee_max.min(self.manner.lift_max);
        if fee_max == Amount::ZERO {
            return Ok(Ok(None));
        }
        let parent = Parent { transaction, fee: paying.fee };
        let id = lift_of(number, paying.slot);
        match self.wallet.lift((id, parent), (rate, fee_max), &self.keys) {
            Ok(child) => Ok(Ok(child)),
            Err(WalletError::NotOurs(_)) => Ok(Ok(None)),
            Err(
                error @ (WalletError::Dear { .. }
                | WalletError::Funds(_)
                | WalletError::Unbuildable(_)),
            ) => Ok(Err(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// Lets go what was kept aside for a deal's funding, and for lifting it.
    pub(super) fn release_funding(&mut self, number: u32) -> Result<(), TreasurerError> {
        self.wallet.release(coins_of(number))?;
        Ok(self.wallet.release(lift_of(number, None))?)
    }

    /// Lets go what was kept aside for lifting what ends a slot.
    pub(super) fn release_slot(&mut self, number: u32, slot: usize) -> Result<(), TreasurerError> {
        Ok(self.wallet.release(lift_of(number, Some(slot)))?)
    }
}

/// What the wallet calls the coins that lift a deal's funding, or what ends its slot.
fn lift_of(number: u32, slot: Option<usize>) -> Hash {
    let slot = slot.map_or(u64::MAX, |slot| slot as u64);
    let parts: [&[u8]; 2] = [&number.to_be_bytes(), &slot.to_be_bytes()];
    Hash::derive("bondstore treasurer lift v1", &parts)
}

/// Whether `rate` is so much above what a child pays that another is made.
fn is_step(paid: FeeRate, rate: FeeRate) -> bool {
    let paid = paid.to_sat_per_kwu();
    rate.to_sat_per_kwu() >= paid.saturating_add(paid.div_ceil(STEP))
}
