//! Sharing: grants, their revocation, and what guests pay for reading.

use super::{only, wrong_state};
use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::sharing::{GuestReads, StandingGrant};
use crate::state::Market;
use contracts::{Account, Contract, ContractState, Posting, Slot};
use types::documents::{Access, Grant, Revocation, Voucher};
use types::{Bytes, Did, DocId, Msat, Timestamp, Verified};

/// The longest sealed part of a grant, in characters.
const SEALED_MAX: usize = 4096;
/// How many grants of one owner stand at a time.
const GRANTS_MAX: usize = 1_000;

impl Market {
    pub(crate) fn give_grant(
        &self,
        now: Timestamp,
        grant: &Verified<Grant>,
    ) -> Result<Vec<Event>, Rejection> {
        let id = grant.id();
        if self.sharing.grant(&id).is_some() {
            return Ok(Vec::new());
        }
        if let Some(latest) = self.sharing.nonce(&grant.owner).filter(|n| *n >= grant.nonce) {
            return Err(Rejection::Superseded { what: "grant", found: grant.nonce, latest });
        }
        sensible(now, grant)?;
        match grant.contract {
            Some(contract) => {
                let contract = self.known_contract(&contract)?;
                only("grant", grant.owner, contract.client)?;
            }
            None if self.contracts_of(&grant.owner).next().is_none() => {
                return Err(invalid("owner", "it has no contract to share; store something first"));
            }
            None => {}
        }
        let own = || self.sharing.of(&grant.owner).filter(|(_, g)| g.owner == grant.owner);
        let over: Vec<DocId> = own().filter(|(_, g)| g.is_over(now)).map(|(id, _)| *id).collect();
        if own().count().saturating_sub(over.len()) >= GRANTS_MAX {
            let reason =
                format!("{GRANTS_MAX} grants stand already; revoke one, or share a prefix");
            return Err(Rejection::Invalid { field: "grant", reason });
        }
        let standing = StandingGrant {
            owner: grant.owner,
            grantee: grant.grantee,
            contract: grant.contract,
            access: grant.access.clone(),
            expires: grant.expires,
        };
        Ok(vec![Event::Granted { id, nonce: grant.nonce, grant: Box::new(standing), over }])
    }

    pub(crate) fn revoke_grant(
        &self,
        revocation: &Verified<Revocation>,
    ) -> Result<Vec<Event>, Rejection> {
        let id = revocation.grant;
        let grant = self.sharing.grant(&id).ok_or(Rejection::UnknownGrant(id))?;
        only("revocation", revocation.owner, grant.owner)?;
        Ok(vec![Event::GrantRevoked {
            grant: id,
            owner: grant.owner,
            grantee: grant.grantee,
            contract: grant.contract,
            document: revocation.id(),
        }])
    }

    /// Whether `party` may say at `now` what the slots of `contract` hold: its client, and whom that lets write there.
    pub fn may_write(&self, now: Timestamp, contract: &Contract, party: &Did) -> bool {
        let of = (&contract.client, &contract.id);
        contract.client == *party || self.sharing.allows(of, party, Access::Write, now)
    }

    /// A guest pays for what it read: out of its own money, never the client's.
    pub(super) fn redeem_guests(
        &self,
        voucher: &Verified<Voucher>,
        (id, contract, slot): (SlotId, &Contract, &Slot),
    ) -> Result<Vec<Event>, Rejection> {
        if !self.sharing.have_met(&contract.client, &voucher.client) {
            only("voucher", voucher.client, contract.client)?;
        }
        only("voucher", voucher.provider, slot.provider())?;
        let (provider, guest) = (voucher.provider, voucher.client);
        let before = self.sharing.reads(id, &provider, &guest);
        if voucher.bytes <= before.bytes {
            return Ok(Vec::new());
        }
        if !matches!(contract.state, ContractState::Active | ContractState::Completed) {
            let allowed = "vouchers are redeemed before the contract is settled";
            let what = format!("contract {}", contract.id);
            return Err(wrong_state(what, contract.state.name(), allowed));
        }
        let price = |e: types::PriceError| Rejection::Pricing(e.to_string());
        let paid = slot.quoted.egress.charge(Bytes(voucher.bytes)).map_err(price)?;
        let amount = paid.sub(before.paid)?;
        if amount <= Msat::ZERO {
            return Err(invalid("bytes", "so few cost nothing; redeem a later voucher"));
        }
        let left = self.available(guest);
        if amount > left {
            return Err(Rejection::ReadsUnpaid { owed: amount, left });
        }
        let (debit, credit) = (Account::Available(guest), Account::Available(provider));
        let postings = self.posted(vec![Posting { debit, credit, amount }])?;
        let (document, reads) = (voucher.id(), GuestReads { bytes: voucher.bytes, paid });
        Ok(vec![Event::GuestPaid { slot: id, provider, guest, document, reads, postings }])
    }
}

fn sensible(now: Timestamp, grant: &Grant) -> Result<(), Rejection> {
    if grant.grantee == grant.owner {
        return Err(invalid("grantee", "that is the owner itself; name another party"));
    }
    let writes = grant.access == [Access::Read, Access::Write];
    if !writes && grant.access != [Access::Read] {
        return Err(invalid("access", "give [\"read\"], or [\"read\",\"write\"]"));
    }
    if writes && grant.contract.is_none() {
        let right =
            "whoever writes may fill and empty a whole contract; name the one that it is for";
        return Err(invalid("contract", right));
    }
    if grant.expires.is_some_and(|expires| expires <= now) {
        return Err(invalid("expires", "it is over already; give a later time, or none"));
    }
    for (field, text) in [("sealed", &grant.sealed), ("memo", &grant.memo)] {
        if text.is_empty() || text.len() > SEALED_MAX {
            let reason = format!("{} characters; give 1 to {SEALED_MAX}", text.len());
            return Err(Rejection::Invalid { field, reason });
        }
    }
    Ok(())
}

fn invalid(field: &'static str, reason: &str) -> Rejection {
    Rejection::Invalid { field, reason: reason.to_owned() }
}
