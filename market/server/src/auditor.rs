//! The auditor: challenges a provider over its stream, judges the answer, signs the verdict.

use crate::app::App;
use crate::clock::span;
use crate::streams::{Answered, Connection};
use crate::writer::{Refusal, Submission};
use contracts::evidence;
use market::event::SlotId;
use market::{Command, schedule};
use network::api::ToProvider;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use types::documents::{AuditKind, Challenge, SlotChallenge, SlotVerdict, Verdict};
use types::{Did, Epoch, Hash, Verified};

/// The most chunks asked for in one exchange: their proofs stay well below a message's limit.
const PICKS_MAX: u32 = 8_192;

/// How long providers are waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For the answer to a challenge.
    pub(crate) answer: Duration,
    /// For a provider to connect again after it was lost, or after the market's start.
    pub(crate) absence: Duration,
}

/// Holds audits.
#[derive(Clone, Debug)]
pub(crate) struct Auditor {
    pub(crate) app: Arc<App>,
    pub(crate) patience: Patience,
}

/// What is asked of one provider at once.
#[derive(Clone, Debug)]
struct Audit {
    provider: Did,
    kind: AuditKind,
    epoch: Epoch,
    beacon: Hash,
    slots: Vec<SlotChallenge>,
}

impl Auditor {
    /// Audits every slot that has no verdict for the open epoch yet; returns when all have one.
    pub(crate) async fn hold_routine(&self) -> Result<(), Refusal> {
        let audits = {
            let view = self.app.view();
            let (epoch, beacon) = (view.market.epoch(), view.market.beacon());
            let all = schedule::routine(&view.market)
                .into_iter()
                .flat_map(|(provider, slots)| portions(slots).map(move |slots| (provider, slots)));
            let kind = AuditKind::Routine;
            let audit = |(provider, slots)| Audit { provider, kind, epoch, beacon, slots };
            all.map(audit).collect::<Vec<_>>()
        };
        let mut held = JoinSet::new();
        for audit in audits {
            let auditor = self.clone();
            held.spawn(async move { auditor.hold(audit).await });
        }
        let mut result = Ok(());
        while let Some(one) = held.join_next().await {
            let one = one.unwrap_or_else(|error| Err(Refusal::Unavailable(error.to_string())));
            result = result.and(one);
        }
        result
    }

    /// Estimates what a slot has lost. An answer that does not come changes nothing: the slot stays at fault
    /// and is replaced when its time is up.
    pub(crate) async fn intensify(&self, id: SlotId, provider: Did) -> Result<(), Refusal> {
        let audit = {
            let view = self.app.view();
            let Some(slot) = schedule::intensified(&view.market, id) else { return Ok(()) };
            Audit {
                provider,
                kind: AuditKind::Intensified,
                epoch: view.market.epoch(),
                beacon: view.market.beacon(),
                slots: vec![slot],
            }
        };
        let Some(connection) = self.app.streams.get(&provider) else { return Ok(()) };
        let challenge = self.challenge(&audit);
        let Some((answered, latency)) = self.ask(&connection, &challenge).await else {
            return Ok(());
        };
        self.record(&challenge, Some((answered, latency))).await
    }

    async fn hold(&self, audit: Audit) -> Result<(), Refusal> {
        let challenge = self.challenge(&audit);
        let mut answer = None;
        while let Some(connection) = self.reach(&audit.provider).await {
            answer = self.ask(&connection, &challenge).await;
            if answer.is_some() || self.app.clock.now() > challenge.answer_by {
                break;
            }
        }
        self.record(&challenge, answer).await
    }

    fn challenge(&self, audit: &Audit) -> Verified<Challenge> {
        self.app.sign(Challenge {
            auditor: self.app.did,
            provider: audit.provider,
            epoch: audit.epoch,
            beacon: audit.beacon,
            kind: audit.kind,
            slots: audit.slots.clone(),
            answer_by: self.app.clock.now().after(span(self.patience.answer)),
        })
    }

    /// The way to a provider, if it is connected or comes back in time.
    async fn reach(&self, provider: &Did) -> Option<Arc<Connection>> {
        let mut changes = self.app.streams.changes();
        loop {
            changes.mark_unchanged();
            if let Some(connection) = self.app.streams.get(provider) {
                return Some(connection);
            }
            let left = self.patience.absence.checked_sub(self.app.streams.absence(provider))?;
            tokio::select! {
                () = sleep(left) => return self.app.streams.get(provider),
                result = changes.changed() => result.ok()?,
            }
        }
    }

    /// Asks, and waits for the answer; nothing where none came in time, or the stream ended.
    async fn ask(
        &self,
        connection: &Connection,
        challenge: &Verified<Challenge>,
    ) -> Option<(Answered, Duration)> {
        let answer = connection.expect(challenge.id());
        let asked = Instant::now();
        if !connection.send(ToProvider::Challenge(challenge.signed().clone())) {
            return None;
        }
        let Ok(answer) = timeout(self.patience.answer, answer).await else {
            connection.forget(&challenge.id());
            // Whoever does not answer challenges is not reachable, whatever its socket says.
            connection.closed.cancel();
            return None;
        };
        let answer = answer.ok()?;
        let latency = answer.at.saturating_duration_since(asked);
        Some((answer, latency))
    }

    /// Judges the answer and has the verdict recorded, with everything that it rests on.
    async fn record(
        &self,
        challenge: &Verified<Challenge>,
        answer: Option<(Answered, Duration)>,
    ) -> Result<(), Refusal> {
        let mut evidence = vec![(challenge.id(), challenge.signed().clone())];
        let (mut answers, mut proof) = (None, None);
        let slots = match answer {
            None => challenge.slots.iter().map(silent).collect(),
            Some((answered, latency)) => {
                let latency_ms = u32::try_from(latency.as_millis()).unwrap_or(u32::MAX);
                let asked = challenge.clone();
                let app = self.app.clone();
                let judged = tokio::task::spawn_blocking(move || {
                    let slots = judge(&asked, &answered, latency_ms);
                    if slots.iter().any(|slot| slot.passed > 0) {
                        app.targets.learn(&asked, &answered.answers.concat().into());
                    }
                    (slots, answered)
                });
                let (slots, answered) =
                    judged.await.map_err(|error| Refusal::Unavailable(error.to_string()))?;
                proof = Some(answered.proof.id());
                evidence.push((answered.proof.id(), answered.proof.signed().clone()));
                if slots.iter().any(|slot| !slot.is_pass()) {
                    answers = Some((answered.proof.id(), answered.answers.concat()));
                }
                slots
            }
        };
        let verdict = self.app.sign(Verdict {
            auditor: self.app.did,
            provider: challenge.provider,
            epoch: challenge.epoch,
            kind: challenge.kind,
            challenge: challenge.id(),
            proof,
            slots,
        });
        let told = (!verdict.slots.iter().all(SlotVerdict::is_pass)).then(|| ToProvider::Verdict {
            verdict: verdict.signed().clone(),
            challenge: challenge.signed().clone(),
        });
        let command = Command::RecordVerdict(verdict);
        let submission = Submission { evidence, answers, ..Submission::from(command) };
        self.app.writer.submit(submission).await?;
        // One that is away asks for its verdicts when it is back.
        if let (Some(told), Some(connection)) = (told, self.app.streams.get(&challenge.provider)) {
            connection.send(told);
        }
        Ok(())
    }
}

/// Challenges in portions that fit a message.
fn portions(slots: Vec<SlotChallenge>) -> impl Iterator<Item = Vec<SlotChallenge>> {
    let mut portions: Vec<Vec<SlotChallenge>> = Vec::new();
    let mut picks = 0u32;
    for slot in slots {
        if portions.is_empty() || picks.saturating_add(slot.count) > PICKS_MAX {
            portions.push(Vec::new());
            picks = 0;
        }
        picks = picks.saturating_add(slot.count);
        if let Some(portion) = portions.last_mut() {
            portion.push(slot);
        }
    }
    portions.into_iter()
}

/// What is found where no answer came.
fn silent(slot: &SlotChallenge) -> SlotVerdict {
    SlotVerdict {
        contract: slot.contract,
        slot: slot.slot,
        challenges: slot.count,
        passed: 0,
        answered: false,
        latency_ms: 0,
    }
}

/// What an answer shows, slot by slot; one whose documents do not belong together proves nothing.
fn judge(
    challenge: &Verified<Challenge>,
    answered: &Answered,
    latency_ms: u32,
) -> Vec<SlotVerdict> {
    let answers = answered.answers.concat().into();
    let findings = evidence::judge(challenge, &answered.proof, &answers);
    let findings = findings.unwrap_or_else(|error| {
        tracing::debug!(provider = %challenge.provider, %error, "no answers");
        Vec::new()
    });
    let passed = findings.iter().map(|finding| finding.passed).chain(std::iter::repeat(0));
    let slots = challenge.slots.iter().zip(passed);
    slots
        .map(|(slot, passed)| SlotVerdict { passed, answered: true, latency_ms, ..silent(slot) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::documents::SlotSize;

    #[test]
    fn challenges_are_portioned_by_their_picks() {
        let slot = |number, count| SlotChallenge {
            contract: Hash::default(),
            slot: number,
            size: SlotSize::default(),
            count,
        };
        let portions: Vec<Vec<u16>> =
            portions(vec![slot(0, 8_000), slot(1, 192), slot(2, 1), slot(3, 60_000), slot(4, 1)])
                .map(|portion| portion.iter().map(|slot| slot.slot).collect())
                .collect();
        assert_eq!(portions, [vec![0, 1], vec![2], vec![3], vec![4]]);
        assert_eq!(super::portions(Vec::new()).count(), 0);
    }
}
