//! What outsiders follow of what happens: which block opened which epoch, what became of which escrow.

use crate::store::changes::{Mark, Marked};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use contracts::outcome::escrow_id;
use market::{Command, Event, Market};
use network::api::{EpochView, EscrowView};
use types::Timestamp;

/// The marks of a batch, until its entries have their places.
#[derive(Debug, Default)]
pub(super) struct Marks {
    epochs: Vec<EpochView>,
    /// Each with the place of its entry in the batch.
    escrows: Vec<(u64, EscrowView)>,
}

impl Marks {
    /// Looks at an event of the entry at `place` of the batch, once `market` has it.
    pub(super) fn hear(
        &mut self,
        market: &Market,
        (place, at): (u64, Timestamp),
        command: &Command,
        event: &Event,
    ) {
        let (slot, provider, outcome) = match event {
            Event::EpochOpened { .. } => return self.epochs.extend(opened(at, command, event)),
            Event::SlotConfirmed { slot, provider, .. } => (*slot, *provider, None),
            Event::EscrowConcluded { slot, provider, outcome, .. } => {
                (*slot, *provider, Some(*outcome))
            }
            _ => return,
        };
        if market.escrows().get(slot, provider).is_none() {
            return;
        }
        let escrow = escrow_id(slot.contract, slot.slot, provider);
        self.escrows.push((place, EscrowView { entry: 0, escrow, slot: slot.slot, at, outcome }));
    }

    /// The marks, where the batch's first entry is number `first`.
    pub(super) fn placed(self, first: u64) -> Vec<Mark> {
        let epochs = self.epochs.into_iter().map(|view| Mark {
            of: Marked::Epoch,
            number: view.epoch.0,
            place: 0,
            said: said(&view),
        });
        let escrows = (0..).zip(self.escrows).map(|(place, (leaf, view))| {
            let entry = first.saturating_add(leaf);
            let view = EscrowView { entry, ..view };
            Mark { of: Marked::Escrow, number: entry, place, said: said(&view) }
        });
        epochs.chain(escrows).collect()
    }
}

fn opened(at: Timestamp, command: &Command, event: &Event) -> Option<EpochView> {
    let Event::EpochOpened { epoch, beacon, block } = event else { return None };
    let Command::OpenEpoch { beacon: link, headers, .. } = command else { return None };
    Some(EpochView {
        epoch: *epoch,
        at,
        link: *link,
        headers: BASE64.encode(headers),
        beacon: *beacon,
        height: block.as_ref().map(|block| block.height),
        block: block.as_ref().map(|block| block.hash),
    })
}

fn said(view: &impl serde::Serialize) -> String {
    serde_json::to_string(view).expect("views have only text as keys")
}
