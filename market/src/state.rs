//! The whole economic state, and the questions it answers.

use crate::docket::Docket;
use crate::due::Reminders;
use crate::escrows::Escrows;
use crate::event::SlotId;
use crate::genesis::Genesis;
use crate::parts::Part;
use crate::reviews::Reviews;
use crate::roster::Roster;
use crate::shared::Shared;
use crate::sharing::Sharing;
use contracts::beacon::course::Course;
use contracts::{Account, Contract, Ledger, Slot};
use imbl::{OrdMap, OrdSet};
use reputation::Record;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::{Bound, Deref};
use types::documents::Ask;
use types::{Bytes, ContractId, Did, DocId, Epoch, Hash, Msat, Score, Timestamp};

/// Everything behind `after`; everything where there is no such thing.
fn behind<T>(after: Option<T>) -> (Bound<T>, Bound<T>) {
    (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

/// A provider's standing ask and what is sold of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The ask's name.
    pub id: DocId,
    /// The ask.
    pub ask: Ask,
    /// The /24 or /64 its endpoint is in.
    pub network: String,
}

impl Offer {
    /// Whether it can be taken up at `now`: neither withdrawn nor expired.
    pub fn stands(&self, now: Timestamp) -> bool {
        self.ask.capacity.0 > 0 && self.ask.expires > now
    }
}

/// The market.
///
/// Its maps are persistent: a copy shares everything with its original, and costs what is changed of either afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Market {
    pub(crate) genesis: Genesis,
    pub(crate) epoch: Epoch,
    pub(crate) course: Course,
    pub(crate) ledger: Ledger,
    pub(crate) offers: OrdMap<Did, Shared<Offer>>,
    pub(crate) committed: OrdMap<Did, Bytes>,
    pub(crate) records: OrdMap<Did, Shared<Record>>,
    pub(crate) contracts: OrdMap<ContractId, Shared<Contract>>,
    /// Contracts that are not over, for what time makes happen.
    pub(crate) open: OrdSet<ContractId>,
    /// When each open contract must be looked at next.
    pub(crate) reminders: Reminders,
    /// Which slots a provider is in.
    pub(crate) holdings: OrdMap<Did, OrdSet<SlotId>>,
    /// Which contracts a client has.
    pub(crate) by_client: OrdMap<Did, OrdSet<ContractId>>,
    /// Which contract a quote became.
    pub(crate) by_quote: OrdMap<DocId, ContractId>,
    /// The offers once more, laid out for placement.
    pub(crate) roster: Roster,
    /// Deposits by the operator's reference.
    pub(crate) references: OrdMap<String, DocId>,
    /// Each party's latest withdrawal.
    pub(crate) withdrawals: OrdMap<Did, (u64, DocId)>,
    /// When the next provider of a vacated or leaving slot was last looked for.
    pub(crate) delayed: OrdMap<SlotId, Epoch>,
    /// Who has been in a slot of an open contract and is not any more, and through which epoch it is not asked again.
    pub(crate) former: OrdMap<SlotId, BTreeMap<Did, Epoch>>,
    /// What of the repair pool an open contract's own penalties have paid in, and its repairs may take out.
    pub(crate) pooled: OrdMap<ContractId, Msat>,
    /// Who shares what with whom.
    pub(crate) sharing: Sharing,
    /// What may still be disputed, what was announced and what was measured.
    pub(crate) docket: Docket,
    /// The escrows of contracts on Bitcoin.
    pub(crate) escrows: Escrows,
    /// Whom the opening of an epoch looks at: it follows from the records, and no snapshot has it.
    pub(crate) reviews: Reviews,
}

impl Market {
    /// A market that has just been founded.
    pub fn new(genesis: Genesis) -> Self {
        Self {
            epoch: Epoch(0),
            course: Course::founded(genesis.beacon_anchor, genesis.chain.as_ref()),
            ledger: Ledger::default(),
            offers: OrdMap::new(),
            committed: OrdMap::new(),
            records: OrdMap::new(),
            contracts: OrdMap::new(),
            open: OrdSet::new(),
            reminders: Reminders::default(),
            holdings: OrdMap::new(),
            by_client: OrdMap::new(),
            by_quote: OrdMap::new(),
            roster: Roster::default(),
            references: OrdMap::new(),
            withdrawals: OrdMap::new(),
            delayed: OrdMap::new(),
            former: OrdMap::new(),
            pooled: OrdMap::new(),
            sharing: Sharing::default(),
            docket: Docket::default(),
            escrows: Escrows::default(),
            reviews: Reviews::default(),
            genesis,
        }
    }

    /// What it was founded with.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The epoch that is open.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// That epoch's public randomness.
    pub fn beacon(&self) -> Hash {
        self.course.value
    }

    /// What the beacons of epochs to come follow from.
    pub fn course(&self) -> &Course {
        &self.course
    }

    /// The books.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Standing offers by provider.
    pub fn offers(&self) -> &OrdMap<Did, Shared<Offer>> {
        &self.offers
    }

    /// A provider's standing offer.
    pub(crate) fn offer(&self, provider: &Did) -> Option<&Offer> {
        self.offers.get(provider).map(Shared::deref)
    }

    /// Slot bytes a provider is committed to.
    pub fn committed(&self, provider: &Did) -> Bytes {
        self.committed.get(provider).copied().unwrap_or_default()
    }

    /// What reputation says of a provider.
    pub fn score(&self, provider: &Did) -> Score {
        self.record(provider).map(Record::score).unwrap_or_default()
    }

    /// What is known of a provider, if it ever offered anything or was judged.
    pub fn record(&self, provider: &Did) -> Option<&Record> {
        self.records.get(provider).map(Shared::deref)
    }

    /// What may still be disputed, what was announced and what was measured.
    pub fn docket(&self) -> &Docket {
        &self.docket
    }

    /// The escrows of contracts on Bitcoin.
    pub fn escrows(&self) -> &Escrows {
        &self.escrows
    }

    /// All contracts there have been.
    pub fn contracts(&self) -> &OrdMap<ContractId, Shared<Contract>> {
        &self.contracts
    }

    /// The contracts that are not over.
    pub fn open_contracts(&self) -> impl Iterator<Item = &Contract> {
        self.open.iter().filter_map(|id| self.contract(id))
    }

    /// How many contracts are not over.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// One contract.
    pub fn contract(&self, id: &ContractId) -> Option<&Contract> {
        self.contracts.get(id).map(Shared::deref)
    }

    /// One slot, with its contract.
    pub fn slot(&self, id: SlotId) -> Option<(&Contract, &Slot)> {
        let contract = self.contracts.get(&id.contract)?;
        Some((contract, contract.slots.get(usize::from(id.slot))?))
    }

    /// The slots a provider is in.
    pub fn holdings(&self, provider: &Did) -> impl Iterator<Item = SlotId> {
        self.holdings.get(provider).into_iter().flatten().copied()
    }

    /// The providers that are in any slot.
    pub fn holders(&self) -> impl Iterator<Item = &Did> {
        self.holdings.keys()
    }

    /// A client's contracts.
    pub fn contracts_of(&self, client: &Did) -> impl Iterator<Item = &Contract> {
        self.by_client.get(client).into_iter().flatten().filter_map(|id| self.contract(id))
    }

    /// The contracts that `party` buys or holds slots of, by name, behind `after`.
    pub fn contracts_concerning(
        &self,
        party: &Did,
        after: Option<ContractId>,
    ) -> impl Iterator<Item = &Contract> {
        let last = after.map(|contract| SlotId { contract, slot: u16::MAX });
        let bought = self.by_client.get(party).into_iter();
        let held = self.holdings.get(party).into_iter();
        let mut bought = bought.flat_map(move |ids| ids.range(behind(after))).copied().peekable();
        let mut held =
            held.flat_map(move |ids| ids.range(behind(last))).map(|id| id.contract).peekable();
        let names = std::iter::from_fn(move || {
            let next = bought.peek().into_iter().chain(held.peek()).min().copied()?;
            while bought.next_if_eq(&next).is_some() || held.next_if_eq(&next).is_some() {}
            Some(next)
        });
        names.filter_map(|id| self.contract(&id))
    }

    /// The standing offers behind `after`, by provider.
    pub fn offers_behind(&self, after: Option<Did>) -> impl Iterator<Item = (&Did, &Offer)> {
        self.offers.range(behind(after)).map(|(provider, offer)| (provider, &**offer))
    }

    /// What a party can use or withdraw.
    pub fn available(&self, party: Did) -> Msat {
        self.ledger.balance(Account::Available(party))
    }

    /// What of the repair pool a contract's repairs may use: what its own penalties have paid in and none has used yet.
    pub fn pooled(&self, contract: &ContractId) -> Msat {
        self.pooled.get(contract).copied().unwrap_or_default()
    }

    /// Who shares what with whom.
    pub fn sharing(&self) -> &Sharing {
        &self.sharing
    }

    /// What a slot has earned that is not posted yet.
    pub fn unposted(&self, id: SlotId) -> Msat {
        self.slot(id).map_or(Msat::ZERO, |(contract, slot)| self.unposted_in(contract, slot))
    }

    /// What `slot` of `contract` has earned that is not posted yet.
    pub fn unposted_in(&self, contract: &Contract, slot: &Slot) -> Msat {
        let accrual = slot.accrued(contract.payable(self.epoch));
        let earned = slot.earned(&accrual).unwrap_or(accrual.posted);
        earned.sub(accrual.posted).unwrap_or(Msat::ZERO)
    }

    /// The state as bytes: its parts, one behind the other.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let add = |part: Part| {
            bytes.extend_from_slice(&part.bytes);
            Ok::<(), Infallible>(())
        };
        let Ok(()) = self.write_parts(add);
        bytes
    }
}
