//! Slots with real bytes: one shard each, made from the slot's name whenever it is looked at, so that nothing is kept.

use super::named;
use crate::disks::Gone;
use bytes::Bytes;
use market::event::SlotId;
use shards::prove::{self, ReadShard};
use shards::{Entry, Root, SlotList, outboard};
use types::Hash;
use types::documents::{SlotChallenge, SlotSize};

/// How much a slot holds: 64 chunks.
const BYTES: u32 = 64 * 1024;

/// A slot's only shard.
pub(super) struct Real {
    list: SlotList,
    bytes: Bytes,
    outboard: Bytes,
}

/// A shard on a disk from which something is gone.
struct Disk<'a> {
    real: &'a Real,
    gone: Gone,
}

impl Real {
    /// What is stored in a slot.
    pub(super) fn of(id: SlotId) -> Self {
        let name = named("slot bytes", &[&id.contract.0, &id.slot.to_le_bytes()]);
        let mut bytes = vec![0; BYTES as usize];
        blake3::Hasher::new_keyed(&name.0).finalize_xof().fill(&mut bytes);
        let (root, outboard) = outboard::of(&bytes);
        let mut list = SlotList::default();
        list.push(Entry { root, bytes: BYTES });
        Self { list, bytes: bytes.into(), outboard: outboard.into() }
    }

    /// Its size, as documents give it.
    pub(super) fn size(&self) -> SlotSize {
        let summary = self.list.summary();
        SlotSize { root: Hash(summary.root.0), bytes: summary.bytes, shards: summary.shards }
    }

    /// What a disk from which `gone` is gone answers to `asked`, drawn from `seed`.
    pub(super) fn answers(&self, asked: &SlotChallenge, seed: [u8; 32], gone: Gone) -> Bytes {
        let picks = prove::picks(seed, &self.list.summary(), asked.count).into_iter();
        let disk = Disk { real: self, gone };
        let answers: Vec<_> = picks.map(|pick| prove::answer(pick, &self.list, &disk)).collect();
        prove::encode(&answers)
    }
}

impl ReadShard for Disk<'_> {
    fn read(&self, _root: &Root, start: u32, len: u32) -> Option<Bytes> {
        let (from, to) = (start as usize, start as usize + len as usize);
        // What is read together with a chunk that is gone proves nothing either.
        let mut chunks = (from as u64..to as u64).step_by(prove::CHUNK_BYTES);
        let there = to <= self.real.bytes.len() && !chunks.any(|at| self.gone.takes(at));
        there.then(|| self.real.bytes.slice(from..to))
    }

    fn outboard(&self, _root: &Root) -> Option<Bytes> {
        Some(self.real.outboard.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::evidence;
    use types::documents::{AuditKind, Challenge, Proof};
    use types::{Did, Epoch, Timestamp, Verified};

    /// How many of 40 chunks the shipped rules of evidence find proven.
    fn proven(gone: Gone) -> u32 {
        let id = SlotId { contract: Hash([7; 32]), slot: 3 };
        let real = Real::of(id);
        let asked =
            SlotChallenge { contract: id.contract, slot: id.slot, size: real.size(), count: 40 };
        let (provider, beacon, epoch) = (Did([2; 32]), Hash([9; 32]), Epoch(4));
        let challenge = Verified::simulated(Challenge {
            auditor: Did([1; 32]),
            provider,
            epoch,
            beacon,
            kind: AuditKind::Routine,
            slots: vec![asked],
            answer_by: Timestamp(0),
        });
        let seed = asked.seed(&beacon, epoch, AuditKind::Routine);
        let answers = real.answers(&asked, seed, gone);
        let proof = Proof { provider, challenge: challenge.id(), answers: Hash::of(&answers) };
        evidence::judge(&challenge, &Verified::simulated(proof), &answers).unwrap()[0].passed
    }

    #[test]
    fn what_is_there_is_proven_by_the_shipped_rules_and_nothing_else() {
        assert_eq!(proven(Gone::Nothing), 40);
        assert_eq!(proven(Gone::All), 0);
        // One chunk of 64 at least, and a slot is not all that is read with it.
        let part = (0..20).map(|salt| proven(Gone::Part { ppm: 20_000, salt })).sum::<u32>();
        assert!((400..800).contains(&part), "{part} of 800 where a fiftieth is gone");
    }
}
