//! A court: slots that hold real shards, auditors that may lie, providers that answer with what they have.

use super::stage::{FIRST, GB, terms};
use super::{MARKET, World, did, signed};
use bytes::Bytes as Buffer;
use contracts::Slot;
use market::Command;
use market::command::Contest;
use shards::prove::{self, ReadShard};
use shards::{Answer, Entry, Root, SlotList, outboard};
use std::collections::BTreeMap;
use types::documents::{
    AuditKind, Challenge, Dispute, Proof, Revision, SlotChallenge, SlotSize, SlotVerdict,
    StorageReceipt, Verdict,
};
use types::{Bytes, ContractId, Did, Epoch, Hash, Verified};

/// What a provider keeps of one slot.
#[derive(Clone, Default)]
pub(crate) struct Kept {
    list: SlotList,
    shards: BTreeMap<Root, (Buffer, Buffer)>,
}

impl Kept {
    pub(crate) fn new(seed: u8) -> Self {
        let mut kept = Self::default();
        for place in 0..4usize {
            let byte = |at: usize| (at / 3 + usize::from(seed) * 7 + place).to_le_bytes()[0];
            let bytes: Vec<u8> = (0..3_000).map(byte).collect();
            let (root, outboard) = outboard::of(&bytes);
            kept.list.push(Entry { root, bytes: 3_000 });
            kept.shards.insert(root, (bytes.into(), outboard.into()));
        }
        kept
    }

    pub(crate) fn size(&self) -> SlotSize {
        let summary = self.list.summary();
        SlotSize { root: Hash(summary.root.0), bytes: summary.bytes, shards: summary.shards }
    }

    /// The same without its first shard: a quarter is lost.
    pub(crate) fn damaged(&self) -> Self {
        let mut damaged = self.clone();
        damaged.shards.remove(&self.list.entries()[0].root);
        damaged
    }

    fn answers(&self, challenge: &Challenge, slot: &SlotChallenge) -> Vec<Answer> {
        self.answer(slot.seed(&challenge.beacon, challenge.epoch, challenge.kind), slot.count)
    }

    /// The answers to `count` picks from `seed`.
    pub(crate) fn answer(&self, seed: [u8; 32], count: u32) -> Vec<Answer> {
        let picks = prove::picks(seed, &self.list.summary(), count);
        picks.into_iter().map(|pick| prove::answer(pick, &self.list, self)).collect()
    }
}

impl ReadShard for Kept {
    fn read(&self, root: &Root, start: u32, len: u32) -> Option<Buffer> {
        let (bytes, _) = self.shards.get(root)?;
        Some(bytes.slice(start as usize..(start + len) as usize))
    }

    fn outboard(&self, root: &Root) -> Option<Buffer> {
        self.shards.get(root).map(|(_, outboard)| outboard.clone())
    }
}

/// One slot's audit with everything that it left behind.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) challenge: Verified<Challenge>,
    pub(crate) verdict: Verified<Verdict>,
}

impl Case {
    pub(crate) fn command(&self) -> Command {
        Command::RecordVerdict(self.verdict.clone())
    }

    /// The same, with a verdict that names the proof that it judged.
    pub(crate) fn naming(&self, proof: types::DocId) -> Self {
        let verdict = Verdict { proof: Some(proof), ..(*self.verdict).clone() };
        Self { challenge: self.challenge.clone(), verdict: signed(verdict) }
    }

    /// What `kept` answers to the challenge, in the name of `provider`.
    pub(crate) fn contest(&self, provider: Did, kept: &Kept) -> Contest {
        let slot = &self.challenge.slots[0];
        self.contest_with(provider, &prove::encode(&kept.answers(&self.challenge, slot)))
    }

    /// The dispute of the verdict by `provider` with `answers`.
    pub(crate) fn contest_with(&self, provider: Did, answers: &[u8]) -> Contest {
        let (challenge, hash) = (self.challenge.id(), Hash::of(answers));
        let proof = signed(Proof { provider, challenge, answers: hash });
        let dispute = Dispute { provider, verdict: self.verdict.id(), proof: proof.id() };
        Contest {
            dispute: signed(dispute),
            verdict: self.verdict.clone(),
            challenge: self.challenge.clone(),
            proof,
            answers: answers.to_vec().into(),
        }
    }

    pub(crate) fn dispute(&self, provider: Did, kept: &Kept) -> Command {
        Command::Dispute(Box::new(self.contest(provider, kept)))
    }
}

impl World {
    /// As `staged`, with slots that are paid for 1 GB however little they hold.
    pub(crate) fn court(providers: u8) -> (Self, ContractId, Vec<Kept>) {
        let mut world = Self::staged(providers);
        for n in FIRST..FIRST + providers {
            let mut ask = world.ask_of(n);
            ask.minimum_use = Bytes(GB);
            world.publish(ask);
        }
        let contract = world.agree(&terms());
        for slot in 0..4 {
            let confirm = world.confirmation(contract, slot, None);
            world.done(&confirm);
        }
        let kept: Vec<Kept> = (0..4).map(Kept::new).collect();
        let revise = world.fill(contract, &kept);
        world.done(&revise);
        (world, contract, kept)
    }

    fn fill(&self, contract: ContractId, kept: &[Kept]) -> Command {
        let number = self.known(contract).revision + 1;
        let slots: Vec<SlotSize> = kept.iter().map(Kept::size).collect();
        let receipt = |(slot, size): (u16, &SlotSize)| {
            let provider = self.provider(contract, slot);
            signed(StorageReceipt { provider, contract, slot, revision: number, size: *size })
        };
        let receipts = (0u16..).zip(&slots).map(receipt).collect();
        let signer = self.known(contract).client;
        let revision = Revision { signer, contract, number, slots, layout: Hash::of(&[1]) };
        Command::Revise { revision: signed(revision), receipts }
    }

    /// An audit of `count` chunks of one slot, whose verdict says that `passed` were proven, or that nothing came.
    pub(crate) fn case(
        &self,
        (contract, number): (ContractId, u16),
        kind: AuditKind,
        (count, passed): (u32, Option<u32>),
    ) -> Case {
        let slot: &Slot = self.slot(contract, number);
        let (provider, epoch) = (slot.provider(), self.market.epoch());
        let asked = SlotChallenge { contract, slot: number, size: slot.size, count };
        let challenge = signed(Challenge {
            auditor: did(MARKET),
            provider,
            epoch,
            beacon: self.market.beacon(),
            kind,
            slots: vec![asked],
            answer_by: self.now,
        });
        let found = SlotVerdict {
            contract,
            slot: number,
            challenges: count,
            passed: passed.unwrap_or(0),
            answered: passed.is_some(),
            latency_ms: 20,
        };
        let verdict = verdict_of(&challenge, epoch, vec![found]);
        Case { challenge, verdict }
    }
}

pub(super) fn verdict_of(
    challenge: &Verified<Challenge>,
    epoch: Epoch,
    slots: Vec<SlotVerdict>,
) -> Verified<Verdict> {
    let (auditor, provider, kind) = (did(MARKET), challenge.provider, challenge.kind);
    let challenge = challenge.id();
    signed(Verdict { auditor, provider, epoch, kind, challenge, proof: None, slots })
}
