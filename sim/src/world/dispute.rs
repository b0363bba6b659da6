//! Disputes: who is accused is told at the next epoch's beginning, and may answer with what is on its disk.

use super::World;
use super::real::Real;
use crate::agents::Reply;
use crate::disks::{Gone, Kept};
use market::Command;
use market::command::Contest;
use market::event::SlotId;
use std::collections::BTreeMap;
use types::documents::{AuditKind, Challenge, Dispute, Proof, SlotChallenge, SlotVerdict, Verdict};
use types::{Did, DocId, Hash, Timestamp, Verified};

/// A verdict that finds something wrong, and the challenge that it rests on.
pub(super) type Case = (Verified<Challenge>, Verified<Verdict>);
/// The cases that can be disputed still, by their verdicts' names.
pub(super) type Cases = BTreeMap<DocId, Case>;

impl World {
    /// The document that asks for an audit's answers, where somebody may ever look at it.
    pub(super) fn challenge(
        &self,
        provider: Did,
        kind: AuditKind,
        slots: &[SlotChallenge],
    ) -> Option<Verified<Challenge>> {
        let market = self.market();
        self.settings.market.real_bytes.then(|| {
            Verified::simulated(Challenge {
                auditor: market.genesis().market,
                provider,
                epoch: market.epoch(),
                beacon: market.beacon(),
                kind,
                slots: slots.to_vec(),
                answer_by: Timestamp(self.now.0),
            })
        })
    }

    /// Keeps what a verdict rests on while it can be disputed.
    pub(super) fn note_case(
        &mut self,
        challenge: Option<Verified<Challenge>>,
        verdict: Verified<Verdict>,
    ) {
        let finds_fault = !verdict.slots.iter().all(SlotVerdict::is_pass);
        if let Some(challenge) = challenge.filter(|_| finds_fault) {
            self.cases.insert(verdict.id(), (challenge, verdict));
        }
    }

    /// Whoever a verdict of the last epoch accuses is told.
    pub(super) fn tell_accused(&mut self) {
        let now = self.market().epoch();
        let window = self.market().genesis().dispute_epochs + 1;
        self.cases.retain(|_, (_, verdict)| now.since(verdict.epoch) <= window);
        let fresh = self.cases.iter().filter(|(_, (_, v))| now.since(v.epoch) == 1);
        let fresh: Vec<(DocId, Did, Vec<SlotId>)> = fresh
            .map(|(id, (_, verdict))| (*id, verdict.provider, accused_slots(verdict)))
            .collect();
        for (verdict, party, slots) in fresh {
            let Some(agent) = self.members.party(&party).map(|party| party.agent) else { continue };
            let view = (self.desk.market(), &self.disks, self.now);
            let ((), deeds) = self
                .members
                .ask(agent, view, |agent, seat| agent.accused(seat, party, verdict, &slots));
            self.perform_all(agent, deeds);
        }
    }

    /// A party contests a verdict with everything that it can prove.
    pub(super) fn dispute(&mut self, agent: u32, (party, verdict): (Did, DocId), with: Reply) {
        let Some((challenge, verdict)) = self.cases.get(&verdict).cloned() else {
            return self.watch.count("disputes.without_case");
        };
        let (proof, answers) = self.proof(&party, &challenge, with);
        let dispute = Dispute { provider: party, verdict: verdict.id(), proof: proof.id() };
        let dispute = self.signed(agent, dispute);
        let contest = Contest { dispute, verdict, challenge, proof, answers };
        self.submit(&Command::Dispute(Box::new(contest)));
    }

    /// What a party answers to a challenge, with the bytes that it signs for.
    pub(super) fn proof(
        &self,
        party: &Did,
        challenge: &Verified<Challenge>,
        with: Reply,
    ) -> (Verified<Proof>, bytes::Bytes) {
        let slots = challenge.slots.iter();
        let answers: Vec<u8> =
            slots.flat_map(|slot| self.evidence(party, challenge, slot, with)).collect();
        let (challenge, hash) = (challenge.id(), Hash::of(&answers));
        let proof = Proof { provider: *party, challenge, answers: hash };
        (Verified::simulated(proof), answers.into())
    }

    /// What a party answers about one slot. One that was taken from it is put aside as long as it can be disputed.
    fn evidence(
        &self,
        party: &Did,
        challenge: &Challenge,
        slot: &SlotChallenge,
        with: Reply,
    ) -> bytes::Bytes {
        let id = SlotId { contract: slot.contract, slot: slot.slot };
        let kept = self.disks.kept(party, &id).or_else(|| self.disks.aside(party, &id));
        let gone = match with {
            Reply::Fetched(_) => Gone::Nothing,
            _ => kept.map_or(Gone::All, |kept: &Kept| kept.gone),
        };
        let seed = slot.seed(&challenge.beacon, challenge.epoch, challenge.kind);
        Real::of(id).answers(slot, seed, gone)
    }
}

fn accused_slots(verdict: &Verdict) -> Vec<SlotId> {
    let wanting = verdict.slots.iter().filter(|slot| !slot.is_pass());
    wanting.map(|slot| SlotId { contract: slot.contract, slot: slot.slot }).collect()
}
