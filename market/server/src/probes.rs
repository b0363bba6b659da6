//! Where providers can be measured: shards that their last audit has shown to be there, with leave to read them.

use crate::app::App;
use contracts::SlotState;
use market::event::SlotId;
use network::api::ProbeLine;
use shards::{Answer, prove};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use types::documents::{Access, AccessToken, Challenge};
use types::{Did, Hash, Span};

/// How long a token for probes is good.
const TOKEN_SPAN: Span = Span(5 * 60 * Span::SECOND.0);

/// What is known to be there, provider by provider. Begins anew with each start: the next audits fill it.
#[derive(Debug, Default)]
pub(crate) struct Targets(Mutex<BTreeMap<Did, (SlotId, Hash)>>);

impl Targets {
    /// Remembers one shard of those that `answers` prove.
    pub(crate) fn learn(&self, challenge: &Challenge, answers: &bytes::Bytes) {
        let (Some(slot), Ok((list, _))) = (challenge.slots.first(), prove::decode_first(answers))
        else {
            return;
        };
        let proven = list.iter().find_map(|answer| match answer {
            Answer::Proof(proof) => Some(Hash(proof.entry.root.0)),
            Answer::Missing => None,
        });
        if let Some(root) = proven {
            let slot = SlotId { contract: slot.contract, slot: slot.slot };
            let mut targets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            targets.insert(challenge.provider, (slot, root));
        }
    }

    fn all(&self) -> Vec<(Did, SlotId, Hash)> {
        let targets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        targets.iter().map(|(provider, (slot, root))| (*provider, *slot, *root)).collect()
    }
}

/// Where `auditor` may measure whom now.
pub(crate) fn targets(app: &App, auditor: Did) -> Vec<ProbeLine> {
    let known = app.targets.all();
    let expires = app.clock.now().after(TOKEN_SPAN);
    let view = app.view();
    let line = |(provider, id, shard): (Did, SlotId, Hash)| {
        let (_, slot) = view.market.slot(id)?;
        let holds = slot.provider() == provider && slot.state == SlotState::Filled;
        let endpoint = view.market.offers().get(&provider)?.ask.endpoint.clone();
        let token = AccessToken {
            issuer: app.did,
            holder: auditor,
            provider,
            contract: id.contract,
            slot: id.slot,
            access: vec![Access::Read],
            holder_pays: false,
            expires,
        };
        let token = app.sign(token).signed().clone();
        let epoch = view.market.epoch();
        holds.then_some(ProbeLine { provider, endpoint, epoch, shard, token })
    };
    known.into_iter().filter_map(line).collect()
}
