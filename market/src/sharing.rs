//! Who shares what with whom, and what guests have read: part of the state.

use crate::event::SlotId;
use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use types::documents::Access;
use types::{ContractId, Did, DocId, Msat, Timestamp};

/// A grant that was not revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingGrant {
    /// Who shares.
    pub owner: Did,
    /// With whom.
    pub grantee: Did,
    /// Only in this contract; nothing: in any of the owner's.
    pub contract: Option<ContractId>,
    /// What the grantee may do.
    pub access: Vec<Access>,
    /// Until when it stands.
    pub expires: Option<Timestamp>,
}

impl StandingGrant {
    /// Whether it is over by `now`.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// What one guest has read from one provider's slot and paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestReads {
    /// Bytes, cumulatively.
    pub bytes: u64,
    /// What was paid for them.
    pub paid: Msat,
}

/// All grants that stand, and guests' reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    standing: OrdMap<DocId, StandingGrant>,
    /// The grants that a party gave or was given.
    of: OrdMap<Did, OrdSet<DocId>>,
    /// Each owner's latest number.
    nonces: OrdMap<Did, u64>,
    /// Owners and those that they ever shared with: what these read is to be paid though a grant is revoked.
    met: OrdSet<(Did, Did)>,
    /// By slot, provider and guest.
    reads: OrdMap<(SlotId, Did, Did), GuestReads>,
}

impl Sharing {
    /// A grant, while it is not revoked.
    pub fn grant(&self, id: &DocId) -> Option<&StandingGrant> {
        self.standing.get(id)
    }

    /// The grants that `party` gave or was given and that are not revoked, over or not.
    pub fn of(&self, party: &Did) -> impl Iterator<Item = (&DocId, &StandingGrant)> {
        let ids = self.of.get(party).into_iter().flatten();
        ids.filter_map(|id| Some((id, self.standing.get(id)?)))
    }

    /// Whether `grantee` may do `access` in `contract`, which is `owner`'s, at `now`.
    pub fn allows(
        &self,
        (owner, contract): (&Did, &ContractId),
        grantee: &Did,
        access: Access,
        now: Timestamp,
    ) -> bool {
        self.of(grantee).any(|(_, grant)| {
            grant.owner == *owner
                && grant.grantee == *grantee
                && grant.contract.is_none_or(|only| only == *contract)
                && grant.access.contains(&access)
                && !grant.is_over(now)
        })
    }

    /// Whether `owner` has ever shared with `guest`.
    pub fn have_met(&self, owner: &Did, guest: &Did) -> bool {
        self.met.contains(&(*owner, *guest))
    }

    /// The latest number of an owner's grants.
    pub fn nonce(&self, owner: &Did) -> Option<u64> {
        self.nonces.get(owner).copied()
    }

    /// What `guest` has read from the slot while `provider` held it.
    pub fn reads(&self, slot: SlotId, provider: &Did, guest: &Did) -> GuestReads {
        self.reads.get(&(slot, *provider, *guest)).copied().unwrap_or_default()
    }

    pub(crate) fn give(&mut self, id: DocId, nonce: u64, grant: &StandingGrant) {
        for party in [grant.owner, grant.grantee] {
            self.of.entry(party).or_default().insert(id);
        }
        self.met.insert((grant.owner, grant.grantee));
        self.nonces.insert(grant.owner, nonce);
        self.standing.insert(id, grant.clone());
    }

    pub(crate) fn take_back(&mut self, id: &DocId) {
        let Some(grant) = self.standing.remove(id) else { return };
        for party in [grant.owner, grant.grantee] {
            if let Some(ids) = self.of.get_mut(&party) {
                ids.remove(id);
                if ids.is_empty() {
                    self.of.remove(&party);
                }
            }
        }
    }

    pub(crate) fn read(&mut self, (slot, provider, guest): (SlotId, Did, Did), reads: GuestReads) {
        self.reads.insert((slot, provider, guest), reads);
    }

    /// A contract is settled: what guests read from it need not be counted any more.
    pub(crate) fn forget_reads(&mut self, contract: &ContractId) {
        let of_contract = |slot| SlotId { contract: *contract, slot };
        let (first, last) = (
            (of_contract(0), Did([0; 32]), Did([0; 32])),
            (of_contract(u16::MAX), Did([255; 32]), Did([255; 32])),
        );
        let over: Vec<_> = self.reads.range(first..=last).map(|(of, _)| *of).collect();
        for of in over {
            self.reads.remove(&of);
        }
    }
}
