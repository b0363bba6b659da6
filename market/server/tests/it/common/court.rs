//! A market that lies, and disputes of what it says.

use super::provider::sign;
use crate::life::Town;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use contracts::Account;
use market::Command;
use market_server::writer::Submission;
use network::api::{ContractView, DisputeBody};
use types::documents::{AuditKind, Challenge, Dispute, Proof, SlotChallenge, SlotVerdict, Verdict};
use types::{DocId, Epoch, Hash, Msat, SecretKey, Signer, Verified};

/// How many chunks a slander says that it asked for.
const ASKED: u32 = 9;

/// Records a verdict, signed by the market's own key, that these slots of one provider fail every challenge.
pub(crate) async fn slander_all(
    town: &Town,
    slots: &[(&ContractView, u16)],
) -> (Verified<Challenge>, Verified<Verdict>) {
    let drawn = town.market.view(|view| (view.market.epoch(), view.market.beacon()));
    slander_drawn(town, slots, drawn, drawn.0).await
}

/// The same by a challenge of this epoch, drawn from this beacon, in a verdict on the epoch `judged`.
pub(crate) async fn slander_drawn(
    town: &Town,
    slots: &[(&ContractView, u16)],
    (epoch, beacon): (Epoch, Hash),
    judged: Epoch,
) -> (Verified<Challenge>, Verified<Verdict>) {
    let (market, market_key) = (&town.market, &town.house.key);
    let (view, number) = slots[0];
    let provider = view.slots[usize::from(number)].provider;
    let asked = slots.iter().map(|(view, slot)| {
        let size = view.slots[usize::from(*slot)].size;
        SlotChallenge { contract: view.id, slot: *slot, size, count: ASKED }
    });
    let challenge = Challenge {
        auditor: market.did(),
        provider,
        epoch,
        beacon,
        kind: AuditKind::Routine,
        slots: asked.collect(),
        answer_by: network::clock::now(),
    };
    let challenge = Verified::sign(challenge, market_key).unwrap();
    let found = slots.iter().map(|(view, slot)| SlotVerdict {
        contract: view.id,
        slot: *slot,
        challenges: ASKED,
        passed: 0,
        answered: true,
        latency_ms: 3,
    });
    let verdict = Verdict {
        auditor: market.did(),
        provider,
        epoch: judged,
        kind: AuditKind::Routine,
        challenge: challenge.id(),
        proof: None,
        slots: found.collect(),
    };
    let verdict = Verified::sign(verdict, market_key).unwrap();
    let command = Command::RecordVerdict(verdict.clone());
    let evidence = vec![(challenge.id(), challenge.signed().clone())];
    market.submit(Submission { evidence, ..Submission::from(command) }).await.unwrap();
    (challenge, verdict)
}

/// As [`slander_all`], of one slot.
pub(crate) async fn slander(
    town: &Town,
    view: &ContractView,
    slot: u16,
) -> (Verified<Challenge>, DocId) {
    let (challenge, verdict) = slander_all(town, &[(view, slot)]).await;
    (challenge, verdict.id())
}

/// A dispute as the API takes it.
pub(crate) fn body(
    key: &SecretKey,
    verdict: DocId,
    (proof, answers): &(Verified<Proof>, Vec<u8>),
) -> DisputeBody {
    let dispute = Dispute { provider: key.did(), verdict, proof: proof.id() };
    let (dispute, proof) = (sign(dispute, key), proof.signed().clone());
    DisputeBody { dispute, proof, answers: BASE64.encode(answers) }
}

/// What an account holds.
pub(crate) fn balance(town: &Town, account: Account) -> Msat {
    town.market.view(|view| view.market.ledger().balance(account))
}
