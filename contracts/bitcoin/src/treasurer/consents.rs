//! What a provider has agreed to: the reservations that its market has signed and it has confirmed. An offer is held against them before
//! anybody else is asked, and whatever the market shows of a slot afterwards.

use crate::wallet::{Log, LogError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use types::documents::{QuotedSlot, Reservation};
use types::terms::RailKind;
use types::{ContractId, Did, JwsError, Signed, Verified};

/// A file that is longer than this is made anew when it is opened.
const BYTES_MAX: u64 = 1 << 20;

/// Why a reservation is not to be confirmed.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// The slot is held as something else.
    #[error(
        "slot {slot} of contract {contract} is held at another price or bond than this reservation has; they are agreed once"
    )]
    Changed {
        /// Of which contract.
        contract: ContractId,
        /// Which slot.
        slot: u16,
    },
    /// It is of another market than the treasurer's.
    #[error("the reservation is signed by {found}; this treasurer deals with the market {ours}")]
    OtherMarket {
        /// Who signed it.
        found: Did,
        /// Who should have.
        ours: Did,
    },
    /// Not kept.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    Given(Signed),
    Gone { contract: ContractId, slot: u16 },
}

type Known = BTreeMap<(ContractId, u16), Verified<Reservation>>;

/// What a provider has agreed to, slot by slot. Asked and told beside its treasurer's rounds.
#[derive(Debug)]
pub struct Consents {
    market: Did,
    inside: Mutex<(Log, Known)>,
}

impl Consents {
    /// Opens, or makes, the file at `path`, about reservations of `market`.
    ///
    /// # Errors
    /// Where the file cannot be used, is in use, or holds something else.
    pub fn open(path: &Path, market: Did) -> Result<Self, LogError> {
        let (mut log, records) = Log::open::<Record>(path)?;
        let mut known = Known::new();
        for (line, record) in (1..).zip(records) {
            match record {
                Record::Given(signed) => {
                    let unreadable = |error: JwsError| LogError::Unreadable {
                        path: path.to_owned(),
                        line,
                        reason: error.to_string(),
                    };
                    let given: Verified<Reservation> = signed.verify().map_err(unreadable)?;
                    known.insert((given.contract, given.slot), given);
                }
                Record::Gone { contract, slot } => drop(known.remove(&(contract, slot))),
            }
        }
        if log.bytes()? > BYTES_MAX {
            let now: Vec<Record> =
                known.values().map(|given| Record::Given(given.signed().clone())).collect();
            log.rewrite(&now)?;
        }
        Ok(Self { market, inside: Mutex::new((log, known)) })
    }

    /// The provider is about to confirm `reservation`; `holds` says whether it has the slot already. Durable when it returns.
    ///
    /// # Errors
    /// [`ConsentError`] says why it must not.
    pub fn give(
        &self,
        reservation: &Verified<Reservation>,
        holds: bool,
    ) -> Result<(), ConsentError> {
        if reservation.market != self.market {
            let (found, ours) = (reservation.market, self.market);
            return Err(ConsentError::OtherMarket { found, ours });
        }
        let (contract, slot) = (reservation.contract, reservation.slot);
        let mut inside = self.inside();
        let (log, known) = &mut *inside;
        if let Some(before) = known.get(&(contract, slot)) {
            if before.id() == reservation.id() {
                return Ok(());
            }
            let same = (before.client, &before.quoted) == (reservation.client, &reservation.quoted);
            if holds && !same {
                return Err(ConsentError::Changed { contract, slot });
            }
        }
        log.append(&Record::Given(reservation.signed().clone()))?;
        known.insert((contract, slot), reservation.clone());
        Ok(())
    }

    /// The provider has let a slot go.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn forget(&self, contract: ContractId, slot: u16) -> Result<(), LogError> {
        let mut inside = self.inside();
        let (log, known) = &mut *inside;
        if known.contains_key(&(contract, slot)) {
            log.append(&Record::Gone { contract, slot })?;
            known.remove(&(contract, slot));
        }
        Ok(())
    }

    /// For whom the provider has agreed to slots of a contract; nobody where it has to none.
    pub(super) fn client(&self, contract: ContractId) -> Option<Did> {
        let inside = self.inside();
        let own = inside.1.range((contract, 0)..=(contract, u16::MAX)).next();
        own.map(|(_, given)| given.client)
    }

    /// What the provider has agreed to for a slot on Bitcoin.
    pub(super) fn quoted(&self, contract: ContractId, slot: u16) -> Option<QuotedSlot> {
        let inside = self.inside();
        let given = inside.1.get(&(contract, slot));
        given.filter(|given| given.rail == RailKind::Bitcoin).map(|given| given.quoted.clone())
    }

    fn inside(&self) -> MutexGuard<'_, (Log, Known)> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
