//! Audits: who has the bytes passes, who has not does not, and no byte of an answer is idle.

use bytes::Bytes;
use proptest::prelude::*;
use shards::prove::{self, Need, ReadShard};
use shards::{Answer, Entry, Pick, ProofError, Root, SlotList, outboard};
use std::collections::BTreeMap;

/// A provider that keeps its shards in memory.
#[derive(Default)]
struct Provider {
    slot: SlotList,
    shards: BTreeMap<Root, (Bytes, Bytes)>,
}

impl Provider {
    fn with_shards(lengths: &[usize], seed: u8) -> Self {
        let mut provider = Self::default();
        for (place, &len) in lengths.iter().enumerate() {
            let mut bytes = vec![0; len];
            let mut noise = blake3::Hasher::new();
            noise.update(&[seed]).update(&place.to_le_bytes()).finalize_xof().fill(&mut bytes);
            let (root, outboard) = outboard::of(&bytes);
            let bytes_len = u32::try_from(len).unwrap_or(u32::MAX);
            provider.slot.push(Entry { root, bytes: bytes_len });
            provider.shards.insert(root, (bytes.into(), outboard.into()));
        }
        provider
    }

    fn answer(&self, offset: u64) -> Answer {
        prove::answer(Pick { offset }, &self.slot, self)
    }

    fn verify(&self, offset: u64, answer: &Answer) -> Result<(), ProofError> {
        prove::verify(Pick { offset }, &self.slot.summary(), answer)
    }
}

impl ReadShard for Provider {
    fn read(&self, root: &Root, start: u32, len: u32) -> Option<Bytes> {
        let (bytes, _) = self.shards.get(root)?;
        assert!(len <= 16 << 10, "an answer reads no more than a group");
        Some(bytes.slice(start as usize..(start + len) as usize))
    }

    fn outboard(&self, root: &Root) -> Option<Bytes> {
        self.shards.get(root).map(|(_, outboard)| outboard.clone())
    }
}

const LENGTHS: [usize; 7] = [64, 1_024, 20_032, 16 << 10, 100_032, 64, 262_144];

#[test]
fn an_honest_provider_proves_every_chunk_of_its_slot() {
    for count in 1..=LENGTHS.len() {
        let provider = Provider::with_shards(&LENGTHS[..count], 1);
        for offset in (0..provider.slot.bytes()).step_by(509) {
            assert_eq!(provider.verify(offset, &provider.answer(offset)), Ok(()));
        }
    }
}

#[test]
fn a_routine_audit_passes_over_the_wire() -> Result<(), ProofError> {
    let provider = Provider::with_shards(&LENGTHS, 1);
    let summary = provider.slot.summary();
    let picks = prove::picks([9; 32], &summary, 459);
    let answers: Vec<Answer> =
        picks.iter().map(|&pick| prove::answer(pick, &provider.slot, &provider)).collect();
    let received = prove::decode(&prove::encode(&answers))?;
    assert_eq!(received, answers);
    picks
        .iter()
        .zip(&received)
        .try_for_each(|(&pick, answer)| prove::verify(pick, &summary, answer))
}

#[test]
fn a_proof_takes_two_kilobytes_in_a_slot_of_ten_gigabytes() {
    let mut provider = Provider::with_shards(&[1 << 20], 1);
    let filler = Entry { root: Root::of(b"other"), bytes: 1 << 20 };
    let slot: SlotList =
        provider.slot.entries().iter().copied().chain(vec![filler; 9_999]).collect();
    provider.slot = slot;
    let answer = provider.answer(500_000);
    assert_eq!(provider.verify(500_000, &answer), Ok(()));
    let bytes = prove::encode(&[answer]).len();
    assert!((1_800..2_000).contains(&bytes), "{bytes}");
}

#[test]
fn a_lost_shard_is_answered_missing() {
    let mut provider = Provider::with_shards(&LENGTHS, 1);
    let root = provider.slot.entries()[2].root;
    provider.shards.remove(&root);
    assert_eq!(provider.answer(64 + 1_024), Answer::Missing);
    assert_eq!(provider.verify(64 + 1_024, &Answer::Missing), Err(ProofError::Missing));
    assert_ne!(provider.answer(0), Answer::Missing);
}

#[test]
fn a_truncated_outboard_or_group_is_answered_missing() {
    let provider = Provider::with_shards(&LENGTHS, 1);
    let pick = Pick { offset: 64 + 1_024 };
    let need = Need::of(pick, &provider.slot);
    let answer = |group: usize, outboard: usize| {
        let need = need?;
        let bytes = provider.read(&need.root, need.start, need.len)?;
        let full = provider.outboard(&need.root)?;
        Some(need.answer(&provider.slot, &bytes.slice(group..), full.get(outboard..)?))
    };
    assert!(matches!(answer(0, 0), Some(Answer::Proof(_))));
    assert_eq!(answer(1, 0), Some(Answer::Missing));
    assert_eq!(answer(0, 64), Some(Answer::Missing));
}

#[test]
fn damaged_bytes_do_not_prove() {
    let mut provider = Provider::with_shards(&LENGTHS, 1);
    let root = provider.slot.entries()[2].root;
    if let Some((bytes, _)) = provider.shards.get_mut(&root) {
        let mut damaged = bytes.to_vec();
        damaged[5_000] ^= 1;
        *bytes = damaged.into();
    }
    let offset = 64 + 1_024 + 5_000;
    assert_eq!(provider.verify(offset, &provider.answer(offset)), Err(ProofError::ChunkRoot));
}

#[test]
fn an_answer_does_not_serve_another_pick_or_another_slot() {
    let provider = Provider::with_shards(&LENGTHS, 1);
    let other = Provider::with_shards(&LENGTHS, 2);
    let offset = 64 + 1_024 + 5_000;
    let answer = provider.answer(offset);
    let (first, last) = (1_088 + 4_096, 1_088 + 5_119);
    assert_eq!(provider.verify(first, &answer), Ok(()));
    assert_eq!(provider.verify(last, &answer), Ok(()));
    assert_eq!(provider.verify(first - 1, &answer), Err(ProofError::ChunkRoot));
    assert_eq!(provider.verify(offset + 1_024, &answer), Err(ProofError::ChunkRoot));
    let elsewhere = provider.verify(0, &answer);
    assert_eq!(elsewhere, Err(ProofError::OtherShard { offset: 0, start: 1_088, end: 21_120 }));
    assert_eq!(other.verify(offset, &answer), Err(ProofError::SlotRoot));
    let mut longer = provider.slot.clone();
    longer.push(provider.slot.entries()[0]);
    let pick = Pick { offset };
    assert!(prove::verify(pick, &longer.summary(), &answer).is_err());
    let mut summary = provider.slot.summary();
    summary.bytes += 1;
    assert_eq!(prove::verify(pick, &summary, &answer), Err(ProofError::SlotRoot));
    let beyond = provider.verify(1 << 40, &answer).map_err(|error| error.code());
    assert_eq!(beyond, Err("beyond_slot"));
}

#[test]
fn every_bit_of_an_answer_counts() {
    let provider = Provider::with_shards(&LENGTHS, 1);
    for offset in [0, 1_088 + 20_031, 300_000] {
        let honest = prove::encode(&[provider.answer(offset)]);
        for at in 0..honest.len() {
            let mut bytes = honest.to_vec();
            bytes[at] ^= 1 << (at % 8);
            let verdict = prove::decode(&bytes.into()).and_then(|answers| {
                let answer = answers.first().ok_or(ProofError::Missing)?;
                provider.verify(offset, answer)
            });
            assert!(verdict.is_err(), "byte {at} of the answer for {offset} is idle");
        }
    }
}

#[test]
fn a_list_cut_anywhere_or_continued_is_malformed() {
    let provider = Provider::with_shards(&LENGTHS, 1);
    let honest = prove::encode(&[provider.answer(0), Answer::Missing, provider.answer(30_000)]);
    for end in 0..honest.len() {
        let cut = prove::decode(&honest.slice(..end)).map_err(|error| error.code());
        assert_eq!(cut, Err("malformed"), "{end}");
    }
    let longer: Bytes = [honest.as_ref(), &[0]].concat().into();
    let at = honest.len();
    assert_eq!(
        prove::decode(&longer),
        Err(ProofError::Malformed { at, what: "the list ends here" })
    );
}

#[test]
fn the_shard_path_is_the_one_bao_makes() -> Result<(), Box<dyn std::error::Error>> {
    use bao_tree::io::{outboard::PreOrderMemOutboard, sync::encode_ranges_validated};
    use bao_tree::{BlockSize, ChunkNum, ChunkRanges};
    let provider = Provider::with_shards(&[262_144 + 4_160], 1);
    let root = provider.slot.entries()[0].root;
    let bytes = provider.shards[&root].0.as_ref();
    let tree = PreOrderMemOutboard::create(bytes, BlockSize::from_chunk_log(4));
    for chunk in [0, 5, 200, 255, 256, 259, 260] {
        let Answer::Proof(proof) = provider.answer(chunk * 1_024) else {
            return Err("lost".into());
        };
        let ranges = ChunkRanges::from(ChunkNum(chunk)..ChunkNum(chunk + 1));
        let mut slice = Vec::new();
        encode_ranges_validated(bytes, &tree, &ranges, &mut slice)?;
        let (pairs, leaf) = slice.split_at(proof.chunk_path.len() * 64);
        assert_eq!(leaf, proof.chunk);
        for (pair, sibling) in pairs.chunks(64).rev().zip(&proof.chunk_path) {
            assert!(pair[..32] == *sibling || pair[32..] == *sibling);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..4_000), offset in any::<u64>()) {
        let provider = Provider::with_shards(&LENGTHS[..3], 1);
        let framed = [&[1, 1, 0, 0, 0, 1], bytes.as_slice()].concat();
        for bytes in [bytes, framed] {
            if let Ok(answers) = prove::decode(&bytes.into()) {
                for answer in answers {
                    prop_assert!(provider.verify(offset % 20_000, &answer).is_err());
                }
            }
        }
    }

    #[test]
    fn hostile_proofs_never_panic(
        place in any::<u64>(),
        bytes in any::<u32>(),
        chunk in prop::collection::vec(any::<u8>(), 0..1_025),
        levels in (0_usize..65, 0_usize..65),
        slot in (any::<u64>(), any::<u64>()),
        offset in any::<u64>(),
    ) {
        let node = shards::slot::Node { digest: [3; 32], bytes: place / 7 };
        let proof = prove::Proof {
            place,
            entry: Entry { root: Root::of(&chunk), bytes },
            slot_path: vec![node; levels.0],
            chunk: chunk.into(),
            chunk_path: vec![[5; 32]; levels.1],
        };
        let slot = shards::SlotSummary { root: Root::default(), bytes: slot.0, shards: slot.1 };
        let answer = Answer::Proof(Box::new(proof));
        let verdict = prove::verify(Pick { offset }, &slot, &answer);
        prop_assert!(verdict.is_err());
        prop_assert_eq!(prove::decode(&prove::encode(std::slice::from_ref(&answer))), Ok(vec![answer]));
    }
}
