//! The funding and the set-ups that an offer and its answers make: everybody makes the same of the same.

use super::message::{Offer, Side, SlotOffer};
use super::{DealError, respend, stakes};
use crate::escrow::funding::{Brought, Funding, FundingError, FundingPlan, SlotFunding};
use crate::escrow::spend::{Payees, Split};
use crate::escrow::{Escrow, EscrowKeys};
use crate::outcome::{PayoutTable, Quorum, Setup, Terms};
use bitcoin::secp256k1::{Keypair, XOnlyPublicKey};
use bitcoin::{Amount, Network, ScriptBuf, TxOut, Weight};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use types::{Did, Hash};

/// What the funding weighs beside inputs, change and the outputs that it is for; at most, up to 252 inputs.
const OVERHEAD: Weight = Weight::from_wu(50);

impl Offer {
    /// Its name: whoever answers says by it what the answer is to.
    ///
    /// # Errors
    /// None: an offer has a text.
    pub fn id(&self) -> Hash {
        let text = serde_json::to_vec(self).expect("an offer is plain data");
        Hash::derive("bondstore bitcoin offer v1", &[&text])
    }

    /// Whether such a contract can be, as far as the client alone says.
    ///
    /// # Errors
    /// What about it cannot be.
    pub fn check(&self, network: Network) -> Result<(), DealError> {
        if self.network != network {
            return Err(DealError::Network { found: self.network, ours: network });
        }
        if self.slots.is_empty() {
            return Err(FundingError::NoSlots.into());
        }
        for (slot, offered) in self.slots.iter().enumerate() {
            if offered.provider >= self.providers.len() {
                return Err(DealError::NoProvider(offered.provider));
            }
            offered.table(slot)?;
            offered.quorum(slot)?;
        }
        respend::check(self)?;
        let asked = |number: &usize| {
            let (before, party) = (self.providers.get(..*number), self.providers.get(*number));
            party.is_some_and(|party| before.is_some_and(|before| before.contains(party)))
        };
        let idle = |number: &usize| self.slots_of(*number).next().is_none() || asked(number);
        if let Some(number) = (0..self.providers.len()).find(idle) {
            return Err(DealError::Idle(number));
        }
        self.distinct_nonces()?;
        check_side(&self.client)?;
        let fee = self.market_fee.iter().map(|output| &output.script_pubkey);
        std::iter::once(&self.pool).chain(fee).try_for_each(usual)
    }

    /// The number of `party` among those who are asked.
    pub fn number(&self, party: &Did) -> Option<usize> {
        self.providers.iter().position(|provider| provider == party)
    }

    /// The slots of a provider, in order.
    pub fn slots_of(&self, provider: usize) -> impl Iterator<Item = usize> {
        let slots = self.slots.iter().enumerate();
        slots.filter(move |(_, slot)| slot.provider == provider).map(|(number, _)| number)
    }

    /// What a provider has to bring beside old escrows, its own inputs' and change's fee aside.
    ///
    /// # Errors
    /// Where a stake is none.
    pub fn provider_part(&self, provider: usize) -> Result<Amount, DealError> {
        let bonds = self.slots_of(provider).map(|slot| Ok(self.parts(slot)?.provider));
        let old = self.slots_of(provider).filter_map(|slot| self.slots.get(slot)?.spends.as_ref());
        let old = sum(old.map(|spent| Ok(spent.bond)))?;
        Ok(sum(bonds)?.checked_sub(old).unwrap_or(Amount::ZERO))
    }

    /// What the client has to bring beside old escrows, its own inputs' and change's fee aside: prices, reserves, the market's fees, and
    /// what the common outputs and the old escrows weigh. Its own side is not looked at.
    ///
    /// # Errors
    /// Where a stake is none.
    pub fn client_part(&self) -> Result<Amount, DealError> {
        let like = ScriptBuf::new_p2tr_tweaked(
            bitcoin::key::TweakedPublicKey::dangerous_assume_tweaked(self.client.key),
        );
        let output = TxOut { value: Amount::ZERO, script_pubkey: like }.weight();
        let outputs = self.slots.iter().map(|_| output);
        let outputs = outputs.chain(self.market_fee.iter().map(TxOut::weight));
        let mut weight = outputs.fold(OVERHEAD, |sum, weight| sum + weight);
        let mut old = vec![];
        for slot in 0..self.slots.len() {
            if let Some(brought) = self.spends(slot)? {
                weight += brought.weight();
                old.push(Ok(brought.client));
            }
        }
        let fee = self.rate.fee_wu(weight).ok_or(FundingError::Overflow)?;
        let prices = (0..self.slots.len()).map(|slot| Ok(self.parts(slot)?.client));
        let reserves = self.slots.iter().map(|_| Ok(self.fee_reserve));
        let market = self.market_fee.iter().map(|output| Ok(output.value));
        let owed = sum(prices.chain(reserves).chain(market).chain([Ok(fee)]))?;
        Ok(owed.checked_sub(sum(old)?).unwrap_or(Amount::ZERO))
    }

    /// The old escrow whose money goes on in a slot's.
    fn spends(&self, slot: usize) -> Result<Option<Brought>, DealError> {
        let offered = self.slots.get(slot).ok_or(DealError::NoSlot(slot))?;
        offered.spends.as_ref().map(|spent| spent.brings(slot)).transpose()
    }

    /// What each side puts into a slot.
    pub(super) fn parts(&self, slot: usize) -> Result<Split, DealError> {
        let offered = self.slots.get(slot).ok_or(DealError::NoSlot(slot))?;
        stakes::parts(&offered.stake).map_err(|source| DealError::Stake { slot, source })
    }

    /// An auditor that announced one nonce for two slots would end both by one word, or give its key away.
    fn distinct_nonces(&self) -> Result<(), DealError> {
        let mut seen: BTreeMap<XOnlyPublicKey, usize> = BTreeMap::new();
        for (slot, offered) in self.slots.iter().enumerate() {
            for nonce in offered.auditors.iter().flat_map(|auditor| auditor.nonces) {
                match seen.insert(nonce, slot) {
                    Some(other) if other != slot => {
                        return Err(DealError::SharedNonce { slot, other });
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

impl SlotOffer {
    fn table(&self, slot: usize) -> Result<PayoutTable, DealError> {
        stakes::payouts(&self.stake).map_err(|source| DealError::Stake { slot, source })
    }

    fn quorum(&self, slot: usize) -> Result<Quorum, DealError> {
        let quorum = Quorum::new(self.auditors.clone(), self.threshold);
        quorum.map_err(|source| DealError::Oracle { slot, source })
    }
}

/// An offer that every provider took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreed {
    /// What the client offered.
    pub offer: Offer,
    /// What each provider brings, in the offer's order.
    pub sides: Vec<Side>,
}

impl Agreed {
    /// Whose money a slot holds: the client's and this provider's.
    pub(super) fn provider_of(&self, slot: usize) -> Result<(usize, &Side), DealError> {
        let offered = self.offer.slots.get(slot).ok_or(DealError::NoSlot(slot))?;
        let side = self.sides.get(offered.provider);
        Ok((offered.provider, side.ok_or(DealError::NoProvider(offered.provider))?))
    }

    /// The one funding of all slots.
    ///
    /// # Errors
    /// Where keys, scripts, inputs or sums cannot be.
    pub fn funding(&self) -> Result<Funding, DealError> {
        self.distinct_keys()?;
        self.sides.iter().try_for_each(check_side)?;
        let slots = (0..self.offer.slots.len()).map(|slot| self.slot_funding(slot));
        let plan = FundingPlan {
            client: self.offer.client.funder(),
            providers: self.sides.iter().map(Side::funder).collect(),
            slots: slots.collect::<Result<_, DealError>>()?,
            market_fee: self.offer.market_fee.clone(),
            rate: self.offer.rate,
        };
        Ok(plan.build()?)
    }

    /// One slot's set-up in that funding.
    ///
    /// # Errors
    /// Where its terms cannot be.
    pub fn setup(&self, funding: &Funding, slot: usize) -> Result<Setup, DealError> {
        let offered = self.offer.slots.get(slot).ok_or(DealError::NoSlot(slot))?;
        let (_, provider) = self.provider_of(slot)?;
        let terms = Terms {
            coin: funding.slot(slot).ok_or(DealError::NoSlot(slot))?,
            payees: Payees {
                provider: provider.payout.clone(),
                client: self.offer.client.payout.clone(),
                pool: self.offer.pool.clone(),
            },
            payouts: offered.table(slot)?.rounded(self.offer.steps),
            refund: self.offer.parts(slot)?,
            refund_blocks: self.offer.refund_blocks,
            quorum: offered.quorum(slot)?,
        };
        Setup::new(terms).map_err(|source| DealError::Setup { slot, source })
    }

    fn slot_funding(&self, slot: usize) -> Result<SlotFunding, DealError> {
        let (number, provider) = self.provider_of(slot)?;
        let arbiter = self.offer.slots.get(slot).and_then(|slot| slot.arbiter);
        let keys = EscrowKeys { client: self.offer.client.key, provider: provider.key, arbiter };
        let parts = self.offer.parts(slot)?;
        Ok(SlotFunding {
            escrow: Escrow::new(keys).map_err(|source| DealError::Escrow { slot, source })?,
            provider: number,
            price: parts.client,
            bond: parts.provider,
            fee_reserve: self.offer.fee_reserve,
            spends: self.offer.spends(slot)?,
        })
    }

    fn distinct_keys(&self) -> Result<(), DealError> {
        let mut seen = BTreeSet::new();
        let sides = self.sides.iter().map(|side| side.key);
        let again = std::iter::once(self.offer.client.key).chain(sides).find(|k| !seen.insert(*k));
        again.map_or(Ok(()), |key| Err(DealError::SameKey(key)))
    }
}

/// Whether `key` is what its party named.
pub(super) fn check_key(key: &Keypair, named: XOnlyPublicKey) -> Result<(), DealError> {
    let (found, _) = key.x_only_public_key();
    if found == named { Ok(()) } else { Err(DealError::OtherKey(named)) }
}

/// Whether everything that pays a party would be carried.
pub(super) fn check_side(side: &Side) -> Result<(), DealError> {
    usual(&side.payout)?;
    usual(&side.change)
}

/// A payout that no node carries is as good as none, for both.
fn usual(script: &ScriptBuf) -> Result<(), DealError> {
    let usual = script.is_p2tr()
        || script.is_p2wpkh()
        || script.is_p2wsh()
        || script.is_p2sh()
        || script.is_p2pkh();
    if usual { Ok(()) } else { Err(DealError::Script(script.clone())) }
}

fn sum(amounts: impl IntoIterator<Item = Result<Amount, DealError>>) -> Result<Amount, DealError> {
    let add = |sum: Amount, amount: Result<Amount, DealError>| {
        let overflow = FundingError::Overflow;
        sum.checked_add(amount?).ok_or(DealError::Funding(overflow))
    };
    amounts.into_iter().try_fold(Amount::ZERO, add)
}
