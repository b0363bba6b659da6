//! Contracts that go on: by their client's word, or by themselves.

use super::only;
use crate::event::Event;
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::{Amendment, Contract, ContractState, Posting};
use types::documents::Extension;
use types::terms::Renewal;
use types::{ContractId, Timestamp, Verified};

impl Market {
    pub(crate) fn extend(
        &self,
        now: Timestamp,
        extension: &Verified<Extension>,
    ) -> Result<Vec<Event>, Rejection> {
        let contract = self.known_contract(&extension.contract)?;
        only("extension", extension.client, contract.client)?;
        if let Some((latest, document)) = contract.extension {
            if document == extension.id() {
                return Ok(Vec::new());
            }
            if extension.number <= latest {
                let (what, found) = ("extension number", extension.number);
                return Err(Rejection::Superseded { what, found, latest });
            }
        }
        Self::changes_no_escrow(contract, "contract")?;
        if extension.epochs < contract.epochs {
            let reason = format!(
                "{} epochs in all are fewer than its {}; a contract ends early by its cancellation",
                extension.epochs, contract.epochs
            );
            return Err(Rejection::Invalid { field: "epochs", reason });
        }
        let (amendment, postings) = self.longer(now, contract, extension.epochs)?;
        Ok(vec![Event::ContractExtended {
            contract: contract.id,
            holders: contract.holders(),
            document: extension.id(),
            number: extension.number,
            automatic: extension.automatic,
            amendment: Box::new(amendment),
            postings,
        }])
    }

    /// A contract that renews itself goes on for as long again as was agreed; where it cannot, it is said why.
    pub(crate) fn renew(&self, now: Timestamp, id: ContractId) -> Result<Vec<Event>, Rejection> {
        let contract = self.known_contract(&id)?;
        if !self.is_renewable(contract) {
            return Ok(Vec::new());
        }
        let epochs = contract.epochs.saturating_add(contract.agreed.epochs);
        let holders = contract.holders();
        Ok(vec![match self.longer(now, contract, epochs) {
            Ok((amendment, postings)) => {
                let amendment = Box::new(amendment);
                Event::ContractRenewed { contract: id, holders, amendment, postings }
            }
            Err(refusal) => {
                Event::RenewalRefused { contract: id, holders, reason: refusal.to_string() }
            }
        }])
    }

    /// Whether a contract is in its last epoch and renews itself.
    pub(crate) fn is_renewable(&self, contract: &Contract) -> bool {
        let last = contract.end().is_some_and(|end| self.epoch < end && self.epoch.plus(1) >= end);
        let automatic = contract.terms.renewal == Renewal::Automatic;
        contract.state == ContractState::Active && automatic && last
    }

    fn longer(
        &self,
        now: Timestamp,
        contract: &Contract,
        epochs: u64,
    ) -> Result<(Amendment, Vec<Posting>), Rejection> {
        let amendment = self.amendment(now, contract, contract.terms.capacity, epochs)?;
        let postings = self.amendment_postings(contract, &amendment)?;
        Ok((amendment, postings))
    }
}
