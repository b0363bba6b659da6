//! Judging answers: who kept the bytes passes, and documents that do not belong together show nothing.

use super::*;
use proptest::prelude::*;
use shards::prove::ReadShard;
use shards::{Entry, SlotList, outboard};
use std::collections::BTreeMap;
use types::documents::{AuditKind, SlotSize};
use types::{Epoch, SecretKey, Signer, Timestamp};

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

/// What a provider keeps of one slot.
#[derive(Clone, Default)]
struct Kept {
    list: SlotList,
    shards: BTreeMap<Root, (Bytes, Bytes)>,
}

impl Kept {
    fn new(shards: usize, seed: u8) -> Self {
        let mut kept = Self::default();
        for place in 0..shards {
            let bytes: Vec<u8> = (0..20_000 + place)
                .map(|at| (at / 7 + usize::from(seed)).to_le_bytes()[0])
                .collect();
            let (root, outboard) = outboard::of(&bytes);
            kept.list.push(Entry { root, bytes: u32::try_from(bytes.len()).unwrap() });
            kept.shards.insert(root, (bytes.into(), outboard.into()));
        }
        kept
    }

    fn size(&self) -> SlotSize {
        let summary = self.list.summary();
        SlotSize { root: Hash(summary.root.0), bytes: summary.bytes, shards: summary.shards }
    }

    fn lose(mut self, place: usize) -> Self {
        self.shards.remove(&self.list.entries()[place].root);
        self
    }
}

impl ReadShard for Kept {
    fn read(&self, root: &Root, start: u32, len: u32) -> Option<Bytes> {
        let (bytes, _) = self.shards.get(root)?;
        Some(bytes.slice(start as usize..(start + len) as usize))
    }

    fn outboard(&self, root: &Root) -> Option<Bytes> {
        self.shards.get(root).map(|(_, outboard)| outboard.clone())
    }
}

fn challenge(kept: &[Kept], count: u32) -> Verified<Challenge> {
    let slots = (0u16..).zip(kept).map(|(slot, kept)| SlotChallenge {
        contract: Hash([7; 32]),
        slot,
        size: kept.size(),
        count,
    });
    let challenge = Challenge {
        auditor: key(1).did(),
        provider: key(2).did(),
        epoch: Epoch(3),
        beacon: Hash([9; 32]),
        kind: AuditKind::Routine,
        slots: slots.collect(),
        answer_by: Timestamp(5),
    };
    Verified::sign(challenge, &key(1)).unwrap()
}

fn lists(challenge: &Challenge, kept: &[Kept]) -> Vec<Bytes> {
    let answer = |(slot, kept): (&SlotChallenge, &Kept)| {
        let seed = slot.seed(&challenge.beacon, challenge.epoch, challenge.kind);
        let picks = prove::picks(seed, &kept.list.summary(), slot.count);
        let answers: Vec<Answer> =
            picks.into_iter().map(|pick| prove::answer(pick, &kept.list, kept)).collect();
        prove::encode(&answers)
    };
    challenge.slots.iter().zip(kept).map(answer).collect()
}

fn proof(challenge: DocId, answers: &[u8], provider: u8) -> Verified<Proof> {
    let provider = key(provider);
    let proof = Proof { provider: provider.did(), challenge, answers: Hash::of(answers) };
    Verified::sign(proof, &provider).unwrap()
}

fn passed(challenge: &Verified<Challenge>, answers: Vec<u8>) -> Vec<u32> {
    let proof = proof(challenge.id(), &answers, 2);
    let findings = judge(challenge, &proof, &answers.into()).unwrap();
    findings.iter().map(|finding| finding.passed).collect()
}

#[test]
fn who_kept_everything_proves_everything() {
    let kept = [Kept::new(3, 1), Kept::new(1, 2)];
    let challenge = challenge(&kept, 40);
    let answers: Bytes = lists(&challenge, &kept).concat().into();
    let findings = judge(&challenge, &proof(challenge.id(), &answers, 2), &answers).unwrap();
    assert!(findings.iter().all(Finding::is_pass), "{findings:?}");
    assert_eq!(findings.iter().map(|f| (f.slot, f.asked)).collect::<Vec<_>>(), [(0, 40), (1, 40)]);
}

#[test]
fn what_is_lost_is_counted_and_named() {
    let whole = [Kept::new(3, 1)];
    let challenge = challenge(&whole, 60);
    let answers: Bytes = lists(&challenge, &[whole[0].clone().lose(1)]).concat().into();
    let findings = judge(&challenge, &proof(challenge.id(), &answers, 2), &answers).unwrap();
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    assert!((20..60).contains(&finding.passed), "{finding:?}");
    assert!(matches!(finding.failure, Some((_, ProofError::Missing))), "{finding:?}");
}

#[test]
fn other_bytes_of_the_same_length_prove_nothing() {
    let kept = [Kept::new(3, 1)];
    let challenge = challenge(&kept, 20);
    assert_eq!(passed(&challenge, lists(&challenge, &[Kept::new(3, 8)]).concat()), [0]);
}

#[test]
fn from_what_cannot_be_read_on_nothing_is_proven() {
    let kept = [Kept::new(1, 1), Kept::new(1, 2), Kept::new(1, 3)];
    let challenge = challenge(&kept, 5);
    let mut lists = lists(&challenge, &kept);
    assert_eq!(passed(&challenge, lists.concat()), [5, 5, 5]);
    lists[1] = Bytes::from_static(&[9]);
    assert_eq!(passed(&challenge, lists.concat()), [5, 0, 0]);
    lists.truncate(1);
    assert_eq!(passed(&challenge, lists.concat()), [5, 0, 0]);
    assert_eq!(passed(&challenge, Vec::new()), [0, 0, 0]);
}

#[test]
fn too_few_answers_are_missing_and_too_many_do_not_help() {
    let kept = [Kept::new(2, 1)];
    let challenge = challenge(&kept, 6);
    let answers = prove::decode(&lists(&challenge, &kept)[0]).unwrap();
    assert_eq!(passed(&challenge, prove::encode(&answers[..4]).to_vec()), [4]);
    let twice = [answers.clone(), answers].concat();
    assert_eq!(passed(&challenge, prove::encode(&twice).to_vec()), [6]);
}

#[test]
fn documents_that_do_not_belong_together_show_nothing() {
    let kept = [Kept::new(1, 1)];
    let challenge = challenge(&kept, 5);
    let answers: Bytes = lists(&challenge, &kept).concat().into();
    let code = |proof: &Verified<Proof>, bytes: &Bytes| {
        judge(&challenge, proof, bytes).map_err(|error| error.code())
    };
    assert_eq!(code(&proof(challenge.id(), &answers, 3), &answers), Err("other_provider"));
    assert_eq!(code(&proof(Hash([1; 32]), &answers, 2), &answers), Err("other_challenge"));
    let own = proof(challenge.id(), &answers, 2);
    assert_eq!(code(&own, &answers.slice(1..)), Err("other_answers"));
    assert!(code(&own, &answers).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_stop_the_judge_or_prove_what_is_not_there(noise in prop::collection::vec(any::<u8>(), 0..400)) {
        let challenge = challenge(&[Kept::new(2, 1), Kept::new(1, 2)], 8);
        prop_assert_eq!(passed(&challenge, noise), [0, 0]);
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed(place in any::<prop::sample::Index>(), bit in 0u8..8) {
        let kept = [Kept::new(2, 1)];
        let challenge = challenge(&kept, 3);
        let mut answers = lists(&challenge, &kept).concat();
        let place = place.index(answers.len());
        answers[place] ^= 1 << bit;
        prop_assert!(passed(&challenge, answers)[0] < 3);
    }
}
