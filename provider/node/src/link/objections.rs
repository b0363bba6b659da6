//! Verdicts against this node: what it can prove against them is written down, and held against those that are wrong.

use super::Link;
use crate::{objections, proofs};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use network::api::DisputeBody;
use types::documents::{Challenge, Dispute, SlotVerdict, Verdict};
use types::{Signed, Verified};

impl Link {
    /// A verdict has come that found something wrong: where the shards prove otherwise, it is disputed at once.
    pub(super) async fn accused(&self, verdict: &Signed, challenge: &Signed) {
        let Ok(verdict) = verdict.verify::<Verdict>() else { return };
        if let Some(objection) = self.write_down(&verdict, challenge).await
            && verdict.slots.iter().any(|slot| slot.answered && !slot.is_pass())
        {
            self.object(&verdict, &objection).await;
        }
    }

    /// Asks for the verdicts that came while nobody listened, writes down what can be proven against them, and
    /// disputes those that are wrong: also those of silence, once the slot was lost over it.
    pub(super) async fn catch_up(&self) {
        let lines = match self.node.market.verdicts(self.node.did).await {
            Ok(lines) => lines,
            Err(error) => return tracing::debug!(%error, "no verdicts are known"),
        };
        for line in lines.into_iter().filter(|line| line.disputed.is_none()) {
            let Ok(verdict) = line.verdict.verify::<Verdict>() else { continue };
            let (id, data) = (verdict.id(), self.node.data.clone());
            let kept = self.node.blocking(move |_| Ok(objections::read(&data, &id))).await;
            let objection = match (kept, &line.challenge) {
                (Ok(Ok(Some(objection))), _) => Some(objection),
                (Ok(_), Some(challenge)) => self.write_down(&verdict, challenge).await,
                _ => None,
            };
            let answered = verdict.slots.iter().any(|slot| slot.answered && !slot.is_pass());
            if let Some(objection) = objection.filter(|_| answered || line.penalised) {
                self.object(&verdict, &objection).await;
            }
        }
    }

    /// Makes the proof that the verdict denies, if the shards give it, and keeps it.
    async fn write_down(
        &self,
        verdict: &Verified<Verdict>,
        challenge: &Signed,
    ) -> Option<DisputeBody> {
        let challenge: Verified<Challenge> = challenge.verify().ok()?;
        let ours = (self.node.settings.market_key, self.node.did);
        let foreign = (challenge.auditor, challenge.provider) != ours
            || verdict.provider != ours.1
            || verdict.challenge != challenge.id()
            || verdict.slots.iter().all(SlotVerdict::is_pass);
        if foreign {
            return None;
        }
        let (id, judged, asked) = (verdict.id(), verdict.proof, challenge);
        let made = self.node.blocking(move |node| {
            let (proof, answers) = proofs::answer(node, &asked);
            let answers = answers.concat().into();
            // A verdict on an answer is contested by that answer alone.
            let is_judged = judged.is_none_or(|judged| judged == proof.id());
            if !is_judged || !objections::is_sound(&asked, &proof, &answers) {
                return Ok(None);
            }
            let dispute = Dispute { provider: node.did, verdict: id, proof: proof.id() };
            let objection = DisputeBody {
                dispute: node.sign(dispute).signed().clone(),
                proof: proof.signed().clone(),
                answers: BASE64.encode(&answers),
            };
            if let Err(error) = objections::keep(&node.data, &id, &objection) {
                tracing::warn!(verdict = %id, %error, "an objection was not written down");
            }
            Ok(Some(objection))
        });
        made.await.ok().flatten()
    }

    async fn object(&self, verdict: &Verified<Verdict>, objection: &DisputeBody) {
        let verdict = verdict.id();
        match self.node.market.dispute(objection).await {
            Ok(_) => tracing::info!(%verdict, "a wrong verdict is disputed"),
            Err(error) => tracing::debug!(%verdict, %error, "a verdict was not disputed"),
        }
    }
}
