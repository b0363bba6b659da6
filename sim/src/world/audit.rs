//! Audits as the live market's auditor holds them: who is asked and for what is the shipped schedule's, which chunks
//! are asked for the shipped picks', and what a verdict makes happen the market's.

use super::World;
use super::act::challenge_name;
use crate::agents::{Asked, Reply};
use crate::chance::Stream;
use crate::disks::Gone;
use crate::statistics;
use market::event::SlotId;
use market::{Command, schedule};
use shards::{Root, SlotSummary, prove};
use types::documents::{AuditKind, Measurement, SlotChallenge, SlotVerdict, Verdict};
use types::{Did, Verified};

/// How long a message that was lost takes until it is sent again, in milliseconds.
const AGAIN_MS: u32 = 1_000;
/// The longest that an answer's first byte is drawn to take, in milliseconds.
const MS_MAX: f64 = 60_000.0;
/// How many probes a measurement has.
const PROBES: u32 = 1;

impl World {
    /// The epoch's routine audits.
    pub(super) fn audit_all(&mut self) {
        if self.settings.market.unaudited {
            return;
        }
        let least = self.settings.market.audited_from.unwrap_or(0);
        for (provider, mut slots) in schedule::routine(self.market()) {
            slots.retain(|slot| slot.size.bytes >= least);
            if !slots.is_empty() {
                self.audit(provider, AuditKind::Routine, &slots);
            }
        }
    }

    /// Estimates what a slot has lost; `false` where no answer comes.
    pub(super) fn intensify(&mut self, id: SlotId, provider: Did) -> bool {
        let Some(slot) = schedule::intensified(self.market(), id) else { return true };
        self.audit(provider, AuditKind::Intensified, &[slot])
    }

    /// Asks, judges and has the verdict recorded; `false` where an intensified audit hears nothing, of which there is no verdict.
    fn audit(&mut self, provider: Did, kind: AuditKind, slots: &[SlotChallenge]) -> bool {
        let reply = self.reply(provider, kind, slots);
        let latency_ms = match (reply, self.answer_ms(&provider)) {
            (Reply::Silence, _) | (_, None) => None,
            (Reply::FromDisk, Some(taken)) => Some(taken),
            (Reply::Fetched(more), Some(taken)) => Some(taken.saturating_add(more)),
        };
        let whole = |asked: &SlotChallenge| {
            let id = SlotId { contract: asked.contract, slot: asked.slot };
            self.members.serves(&provider, id)
        };
        let heard = latency_ms.filter(|_| slots.iter().all(whole));
        self.watch.heard(provider, heard, self.desk.market().epoch());
        if kind == AuditKind::Intensified && heard.is_none() {
            return false;
        }
        let found =
            slots.iter().map(|slot| self.judged(&provider, kind, slot, (reply, latency_ms)));
        let mut found: Vec<SlotVerdict> = found.collect();
        self.watch.audited(&provider, kind, &found, (self.desk.market(), &self.members));
        self.lie_about(&provider, kind, &mut found);
        let market = self.market();
        let epoch = market.epoch();
        let challenge = self.challenge(provider, kind, slots);
        let names = !self.settings.market.unnamed_proofs;
        let answered = found.iter().all(|slot| slot.answered);
        let proof = challenge
            .as_ref()
            .filter(|_| names && answered && !found.iter().all(SlotVerdict::is_pass))
            .map(|challenge| self.proof(&provider, challenge, reply).0);
        let verdict = Verdict {
            auditor: market.genesis().market,
            provider,
            epoch,
            kind,
            challenge: challenge
                .as_ref()
                .map_or_else(|| challenge_name(&provider, epoch, kind as u8), Verified::id),
            proof: proof.as_ref().map(Verified::id),
            slots: found,
        };
        let verdict = Verified::simulated(verdict);
        self.submit(&Command::RecordVerdict(verdict.clone()));
        self.note_case(challenge, verdict);
        true
    }

    /// How a provider answers, if it is in reach.
    fn reply(&mut self, provider: Did, kind: AuditKind, slots: &[SlotChallenge]) -> Reply {
        let Some(party) = self.members.party(&provider) else { return Reply::Silence };
        if !self.reach.contains(&provider) {
            return Reply::Silence;
        }
        let agent = party.agent;
        let asked = Asked { party: provider, kind, slots };
        let view = (self.desk.market(), &self.disks, self.now);
        let (reply, deeds) =
            self.members.ask(agent, view, |agent, seat| agent.challenged(seat, &asked));
        self.perform_all(agent, deeds);
        reply
    }

    /// How long the answer's first byte takes; nothing where the message is lost twice.
    fn answer_ms(&self, provider: &Did) -> Option<u32> {
        let number = self.members.party(provider)?.number;
        let mut draws = self.seed.draws(Stream::Network, number, self.market().epoch().0);
        let network = &self.settings.network;
        let lost = f64::from(network.lost_ppm) / 1e6;
        let taken = draws.lognormal(network.answer_ms, network.answer_sigma);
        let taken = statistics::whole(libm::round(taken.min(MS_MAX)));
        let taken = u32::try_from(taken).unwrap_or(u32::MAX);
        match (draws.happens(lost), draws.happens(lost)) {
            (true, true) => None,
            (true, false) => Some(taken + AGAIN_MS),
            (false, _) => Some(taken),
        }
    }

    /// What an audit finds in one slot: of the chunks that the shipped picks ask for, those that are there.
    fn judged(
        &self,
        provider: &Did,
        kind: AuditKind,
        asked: &SlotChallenge,
        (reply, latency_ms): (Reply, Option<u32>),
    ) -> SlotVerdict {
        let verdict = |passed, answered| SlotVerdict {
            contract: asked.contract,
            slot: asked.slot,
            challenges: asked.count,
            passed,
            answered,
            latency_ms: latency_ms.unwrap_or(0),
        };
        let id = SlotId { contract: asked.contract, slot: asked.slot };
        if latency_ms.is_none() || !self.members.serves(provider, id) {
            return verdict(0, false);
        }
        let gone = match reply {
            Reply::Fetched(_) => Gone::Nothing,
            _ => self.disks.kept(provider, &id).map_or(Gone::All, |kept| kept.gone),
        };
        verdict(self.proven(kind, asked, gone), true)
    }

    fn proven(&self, kind: AuditKind, asked: &SlotChallenge, gone: Gone) -> u32 {
        if gone == Gone::Nothing {
            return asked.count;
        }
        let market = self.market();
        let beacon = self.drawn_from.unwrap_or_else(|| market.beacon());
        let seed = asked.seed(&beacon, market.epoch(), kind);
        let size = asked.size;
        let slot = SlotSummary { root: Root(size.root.0), bytes: size.bytes, shards: size.shards };
        let picks = prove::picks(seed, &slot, asked.count).into_iter();
        let there = picks.filter(|pick| !gone.takes(pick.offset)).count();
        u32::try_from(there).unwrap_or(u32::MAX)
    }

    /// Whoever keeps nothing is asked whether it is there, where the market does so.
    pub(super) fn measure_all(&mut self) {
        if !self.settings.market.measure {
            return;
        }
        for provider in schedule::unaudited(self.market(), self.now) {
            let there = self.reach.contains(&provider) && self.answer_ms(&provider).is_some();
            let market = self.market();
            let measurement = Measurement {
                auditor: market.genesis().market,
                provider,
                epoch: market.epoch(),
                vantage: "here".into(),
                probes: PROBES,
                answered: if there { PROBES } else { 0 },
                first_byte_ms: self.answer_ms(&provider).unwrap_or(0),
                throughput: 0,
            };
            self.submit(&Command::Measure(Verified::simulated(measurement)));
        }
    }
}
