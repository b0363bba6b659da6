//! The contract that an object is put into: a new one, or that of an interrupted upload.

use super::journal::{Journal, UploadPlan};
use super::source::Stamp;
use crate::account::Client;
use crate::agree::{self, Offer};
use crate::chance;
use crate::error::Error;
use crate::progress::{Event, Progress};
use client::ObjectName;
use shards::{Cipher, ObjectKey};
use types::{ContractId, Terms};

/// How many quotes are asked for when others keep taking the room first.
const QUOTES_MAX: u32 = 4;

/// What a first look at the source tells.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) stamp: Option<Stamp>,
    pub(crate) compress: bool,
}

/// An upload whose contract is agreed.
pub(crate) struct Agreed {
    pub(crate) plan: UploadPlan,
    pub(crate) journal: Option<Journal>,
    pub(crate) contract: ContractId,
    pub(crate) resumed: bool,
}

impl Client {
    /// Goes on with the contract of an interrupted upload, or makes a new one.
    pub(crate) async fn agree(
        &self,
        look: Look,
        name: &ObjectName,
        terms: Terms,
        progress: &dyn Progress,
    ) -> Result<Agreed, Error> {
        let mut journal = None;
        if look.stamp.is_some() {
            let (open, earlier) = Journal::open(&self.uploads(), name)?;
            if let Some(plan) =
                earlier.filter(|plan| plan.stamp == look.stamp && plan.terms == terms)
                && let Some(contract) = self.revived(&plan).await?
            {
                return Ok(Agreed { plan, journal: Some(open), contract, resumed: true });
            }
            journal = Some(open);
        }
        let mut quotes_left = QUOTES_MAX;
        loop {
            quotes_left -= 1;
            let offer = agree::ask_for_quote(&self.market, &*self.signer, terms.clone()).await?;
            progress.notice(&Event::Quoted(offer.quote()));
            let plan = self.plan(look, name, terms.clone(), &offer)?;
            if let Some(journal) = &mut journal {
                journal.begin(&plan)?;
            }
            match agree::accept(&self.market, &plan.quote, &plan.acceptance).await {
                Ok(view) => {
                    let contract = plan.acceptance.id();
                    progress.notice(&Event::Agreed { contract, escrow: view.escrow });
                    return Ok(Agreed { plan, journal, contract, resumed: false });
                }
                // Somebody else took the room that was quoted: ask for other room.
                Err(error) if error.code() == Some("quote_stale") && quotes_left > 0 => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn plan(
        &self,
        look: Look,
        name: &ObjectName,
        terms: Terms,
        offer: &Offer,
    ) -> Result<UploadPlan, Error> {
        let key = ObjectKey::new(chance::random());
        Ok(UploadPlan {
            name: name.clone(),
            stamp: look.stamp,
            terms,
            quote: offer.signed().clone(),
            acceptance: agree::acceptance(offer, &*self.signer)?,
            wrapped: self.keys.bucket(&name.bucket).wrap(&name.name, &key, chance::random()),
            cipher: Cipher::for_this_cpu(),
            compress: look.compress,
        })
    }

    /// The contract of an interrupted upload, if it still takes bytes. One that the market has not heard of
    /// is accepted again, if its quote is still firm.
    async fn revived(&self, plan: &UploadPlan) -> Result<Option<ContractId>, Error> {
        let contract = plan.acceptance.id();
        let view = match self.market.contract(contract).await {
            Err(error) if error.problem().is_some_and(|problem| problem.status == 404) => {
                agree::accept(&self.market, &plan.quote, &plan.acceptance).await
            }
            other => other,
        };
        match view {
            Ok(view) => Ok(agree::takes_bytes(&view).then_some(contract)),
            Err(error) if error.problem().is_some() && !error.is_transient() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
