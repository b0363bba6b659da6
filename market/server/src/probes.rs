//! Where providers can be measured: shards that their last audit has shown to be there, with leave to read them; and who is
//! only asked whether it is there.

use crate::app::App;
use contracts::SlotState;
use market::event::SlotId;
use market::schedule;
use network::api::{ProbeLine, ProbeRead};
use shards::{Answer, prove};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use types::documents::{Access, AccessToken, Challenge};
use types::{Did, Hash, Span};

/// How long a token for probes is good.
const TOKEN_SPAN: Span = Span(5 * 60 * Span::SECOND.0);
/// For how many epochs a provider that nobody audits is asked for after it has gone.
const AWAY_EPOCHS: u32 = 24;

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

/// Where `auditor` may measure whom now: who is audited by reading, everybody else whose ask stands by asking whether it is
/// there, so that a newcomer is known without a slot.
///
/// Who is audited by nobody and has been away for [`AWAY_EPOCHS`] is left out until it is back: an outage counts, and an
/// offer that nobody stands behind costs nothing.
pub(crate) fn targets(app: &App, auditor: Did) -> Vec<ProbeLine> {
    let known = app.targets.all();
    let (now, view) = (app.clock.now(), app.view());
    let market = &view.market;
    let line = |provider: Did, read: Option<ProbeRead>| {
        let endpoint = market.offers().get(&provider)?.ask.endpoint.clone();
        Some(ProbeLine { provider, endpoint, epoch: market.epoch(), read })
    };
    let reads = known.into_iter().filter_map(|(provider, id, shard)| {
        let (_, slot) = market.slot(id)?;
        let holds = slot.provider() == provider && slot.state == SlotState::Filled;
        if !holds || !schedule::is_audited(market, &provider) {
            return None;
        }
        let token = AccessToken {
            issuer: app.did,
            holder: auditor,
            provider,
            contract: id.contract,
            slot: id.slot,
            access: vec![Access::Read],
            holder_pays: false,
            expires: now.after(TOKEN_SPAN),
        };
        line(provider, Some(ProbeRead { shard, token: app.sign(token).signed().clone() }))
    });
    let away_max = away_max(app, market.genesis().epoch.as_duration());
    let here = |provider: &Did| {
        app.streams.is_online(provider) || app.streams.absence(provider) < away_max
    };
    let others = schedule::unaudited(market, now).into_iter().filter(here);
    reads.chain(others.filter_map(|provider| line(provider, None))).collect()
}

/// [`AWAY_EPOCHS`] as they really open.
fn away_max(app: &App, epoch: Duration) -> Duration {
    app.epoch_every.unwrap_or(epoch).saturating_mul(AWAY_EPOCHS)
}
