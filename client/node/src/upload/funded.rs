//! On Bitcoin, between a contract that is confirmed and its first byte: the escrows that its client's treasurer funds.
//!
//! Each provider takes bytes when its own view of the chain shows its slot's escrow funded deep enough. So it is the providers who
//! are asked, and the upload goes on once all of them say so.

use crate::account::Client;
use crate::agree;
use crate::error::Error;
use crate::holding::Holding;
use crate::progress::{Event, Progress};
use futures_util::future::try_join_all;
use network::api::{ContractView, SlotView};
use std::time::{Duration, Instant};
use types::Did;
use types::terms::RailKind;

/// The first pause before the providers are asked again.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// The longest pause.
const ASK_AGAIN_MAX: Duration = Duration::from_secs(2);

impl Client {
    /// The slots of a confirmed contract, once all of them take bytes: at once on the ledger.
    ///
    /// # Errors
    /// [`Error::NotFunded`] where that takes longer than [`Options::fund_within`](crate::Options::fund_within);
    /// [`Error::ContractState`] where the contract ends meanwhile.
    pub(crate) async fn funded(
        &self,
        mut view: ContractView,
        progress: &dyn Progress,
    ) -> Result<(ContractView, Vec<Holding>), Error> {
        let mut slots = self.holdings(&view).await?;
        if view.terms.rail == RailKind::Ledger {
            return Ok((view, slots));
        }
        let (start, mut pause, mut told) = (Instant::now(), ASK_AGAIN, Vec::new());
        loop {
            let asked = slots.iter().zip(&view.slots).map(|(holding, slot)| waits(holding, slot));
            let waiting: Vec<Waiting> = try_join_all(asked).await?.into_iter().flatten().collect();
            let Some(first) = waiting.first() else {
                progress.notice(&Event::Funded { slots: slots.len() });
                return Ok((view, slots));
            };
            let waited = start.elapsed();
            if waited >= self.options.fund_within {
                let numbers: Vec<String> = waiting.iter().map(|w| w.slot.to_string()).collect();
                let (contract, slots) = (view.id, numbers.join(", "));
                let reason = first.reason.clone();
                return Err(Error::NotFunded { contract, slots, waited, reason });
            }
            if told != waiting {
                let numbers: Vec<u16> = waiting.iter().map(|w| w.slot).collect();
                progress.notice(&Event::Unfunded { slots: &numbers, reason: &first.reason });
                told = waiting;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(ASK_AGAIN_MAX);
            view = self.market.contract(view.id).await?;
            if !agree::takes_bytes(&view) {
                return Err(Error::ContractState { contract: view.id, state: view.state });
            }
            // A slot may have come to another provider meanwhile.
            if !slots.iter().map(|holding| holding.provider).eq(keepers(&view)) {
                slots = self.holdings(&view).await?;
            }
        }
    }
}

/// A slot that takes no bytes yet.
#[derive(PartialEq, Eq)]
struct Waiting {
    slot: u16,
    reason: String,
}

fn keepers(view: &ContractView) -> impl Iterator<Item = Did> {
    view.slots.iter().map(|slot| slot.provider)
}

/// Whether a slot's provider takes no bytes yet, and why. One that is out of reach for a moment is asked again.
async fn waits(holding: &Holding, view: &SlotView) -> Result<Option<Waiting>, Error> {
    let reason = if view.confirmed {
        match holding.client.content().await {
            Ok(content) => content.not_funded,
            Err(error) if error.is_transient() => Some(error.to_string()),
            Err(error) => return Err(holding.failed(&error)),
        }
    } else {
        Some("its provider has not confirmed it yet".to_owned())
    };
    Ok(reason.map(|reason| Waiting { slot: holding.slot, reason }))
}
