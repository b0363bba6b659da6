//! A client's part in the usual end: once the auditors' word on a slot is known it proposes the close that follows from it.

use super::client::{Peer, Peers};
use super::record::Deal;
use super::{Role, Round, Treasurer, TreasurerError, WITHIN_BLOCKS, signer};
use crate::chain::Chain;
use crate::deal::watch::{Closing, Consent, Proposal, SlotState};
use crate::deal::{DealError, Watch};
use crate::escrow::spend::{RATE_MIN, SpendError, Split};
use bitcoin::FeeRate;
use contracts::outcome::escrow_id;
use futures_util::future::join_all;
use std::time::Duration;
use tokio::time::timeout;
use types::{ContractId, Hash};

/// A close that no block took is made anew where fees have risen by more than one part in this.
const RISE: u64 = 4;

/// A close under way. Its nonce signs once, so none outlives a round.
struct Pending {
    number: u32,
    peer: Peer,
    contract: ContractId,
    escrow: Hash,
    closing: Closing,
    proposal: Proposal,
}

impl Treasurer {
    /// Proposes what is due to every provider at once, and takes their signatures.
    pub(super) async fn agree<C: Chain, P: Peers>(
        &mut self,
        chain: &C,
        peers: &P,
        round: &mut Round,
    ) -> Result<(), TreasurerError> {
        let rate = chain.fee_rate(WITHIN_BLOCKS).await?;
        let rate = rate.clamp(RATE_MIN, self.manner.rate_max);
        let mut pending = vec![];
        for number in self.live() {
            pending.extend(self.proposals(number, rate, round)?);
        }
        let within = self.manner.answer_within;
        let asked = pending.into_iter().map(|pending| ask(peers, pending, within));
        for (pending, said) in join_all(asked).await {
            let Pending { number, peer, escrow, closing, .. } = pending;
            let key = self.key(number)?;
            let Some(watching) = self.watching(number) else { continue };
            let concluded = said.and_then(|consent| {
                let concluded = watching.watch.conclude(closing, &consent, &signer_of(&key)?);
                concluded.map(drop).map_err(|error| error.to_string())
            });
            match concluded {
                Ok(()) => {
                    self.save(number)?;
                    round.agreed.push(escrow);
                }
                Err(reason) => round.wait(format!("{}: a close: {reason}", peer.provider)),
            }
        }
        Ok(())
    }

    /// What is to be proposed in one deal.
    fn proposals(
        &self,
        number: u32,
        rate: FeeRate,
        round: &mut Round,
    ) -> Result<Vec<Pending>, TreasurerError> {
        let Some(deal) = self.deals.get(&number).filter(|deal| deal.about.role == Role::Client)
        else {
            return Ok(vec![]);
        };
        let mut pending = vec![];
        for (index, split) in due(deal, rate) {
            let (Some(watching), Some(subject)) = (deal.watching(), deal.subject(index)) else {
                continue;
            };
            let key = self.key(number)?;
            let proposed = match propose(&watching.watch, index, (split, rate), &signer(&key)?) {
                Ok(proposed) => proposed,
                Err(error) => {
                    round.wait(format!("a close of slot {}: {error}", subject.slot));
                    continue;
                }
            };
            let (closing, proposal) = proposed;
            let contract = deal.about.contract;
            let (slot, provider) = (subject.slot, subject.provider);
            let peer = Peer { provider, endpoint: subject.endpoint.clone() };
            let escrow = escrow_id(contract, slot, provider);
            pending.push(Pending { number, peer, contract, escrow, closing, proposal });
        }
        Ok(pending)
    }
}

fn signer_of(key: &bitcoin::secp256k1::Keypair) -> Result<crate::deal::Signer<'_>, String> {
    signer(key).map_err(|error| error.to_string())
}

async fn ask<P: Peers>(
    peers: &P,
    pending: Pending,
    within: Duration,
) -> (Pending, Result<Consent, String>) {
    let asked = peers.close(&pending.peer, pending.contract, &pending.proposal);
    let said = timeout(within, asked).await;
    let said = said.unwrap_or_else(|_| Err(format!("no answer within {within:?}")));
    (pending, said)
}

/// The slots of a deal that are open and judged, with what is due, unless they have a close that pays enough.
fn due(deal: &Deal, rate: FeeRate) -> Vec<(usize, Split)> {
    let Some(watching) = deal.watching() else { return vec![] };
    let Some(look) = &watching.look else { return vec![] };
    let open = watching.watch.slots().filter(|(index, _)| {
        let open = matches!(look.slots.get(index), Some(SlotState::Open));
        let slow = watching.watch.close_of(*index).is_none_or(|close| {
            let held = watching.watch.slots().find(|(slot, _)| slot == index);
            let held = held.map(|(_, terms)| terms.coin.value());
            let paid: bitcoin::Amount = close.output.iter().map(|output| output.value).sum();
            let fee = held.and_then(|held| held.checked_sub(paid)).unwrap_or_default();
            let before = fee / close.weight();
            let risen = before.to_sat_per_kwu().saturating_add(before.to_sat_per_kwu() / RISE);
            rate.to_sat_per_kwu() > risen
        });
        open && slow
    });
    open.filter_map(|(index, _)| Some((index, watching.watch.due(index)?))).collect()
}

/// Proposes at `rate`, or at what the fee reserve allows.
fn propose(
    watch: &Watch,
    index: usize,
    (split, rate): (Split, FeeRate),
    signer: &crate::deal::Signer<'_>,
) -> Result<(Closing, Proposal), DealError> {
    match watch.propose(index, (split, rate), signer) {
        Err(DealError::Spend(SpendError::FeeAboveReserve { fee, fee_reserve })) => {
            let scaled = rate.to_sat_per_kwu().saturating_mul(fee_reserve.to_sat());
            let scaled = scaled.checked_div(fee.to_sat()).unwrap_or(0);
            let rate = FeeRate::from_sat_per_kwu(scaled).max(RATE_MIN);
            watch.propose(index, (split, rate), signer)
        }
        proposed => proposed,
    }
}
