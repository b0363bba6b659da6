//! A third party decides disputes from their evidence alone: it has a file, the rules of evidence and no server.

#[path = "third_party/judge.rs"]
mod judge;

use bytes::Bytes;
use judge::{EvidenceFile, InTime, NoRuling, Ruling, markets_ruling, rule};
use shards::prove::{self, ReadShard};
use shards::{Entry, Root, SlotList, outboard};
use std::collections::{BTreeMap, BTreeSet};
use types::documents::{
    AuditKind, Challenge, Dispute, Proof, Receipt, SlotChallenge, SlotSize, SlotVerdict, TreeHead,
    Verdict,
};
use types::tree::{self, InclusionProof};
use types::{Document, Epoch, Hash, SecretKey, Signed, Signer, Timestamp, Verified};

const MARKET: u8 = 1;
const ACCUSED: u8 = 2;
const OTHER: u8 = 3;
/// How many chunks of each slot are asked for.
const ASKED: u32 = 40;

fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

fn sign<T: Document>(document: T, number: u8) -> Verified<T> {
    Verified::sign(document, &key(number)).expect("its own signer signs it")
}

/// What a provider keeps of one slot.
#[derive(Clone, Default)]
struct Kept {
    list: SlotList,
    shards: BTreeMap<Root, (Bytes, Bytes)>,
}

impl Kept {
    fn new(seed: u8) -> Self {
        let mut kept = Self::default();
        for place in 0..3usize {
            let byte = |at: usize| (at / 5 + usize::from(seed) * 9 + place).to_le_bytes()[0];
            let bytes: Vec<u8> = (0..9_000).map(byte).collect();
            let (root, outboard) = outboard::of(&bytes);
            kept.list.push(Entry { root, bytes: 9_000 });
            kept.shards.insert(root, (bytes.into(), outboard.into()));
        }
        kept
    }

    /// The same without one of its shards.
    fn damaged(&self) -> Self {
        let mut damaged = self.clone();
        damaged.shards.remove(&self.list.entries()[1].root);
        damaged
    }

    fn size(&self) -> SlotSize {
        let summary = self.list.summary();
        SlotSize { root: Hash(summary.root.0), bytes: summary.bytes, shards: summary.shards }
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

fn challenge(promised: &[Kept], epoch: u64) -> Verified<Challenge> {
    let slots = (0u16..).zip(promised).map(|(slot, kept)| SlotChallenge {
        contract: Hash([7; 32]),
        slot,
        size: kept.size(),
        count: ASKED,
    });
    let challenge = Challenge {
        auditor: key(MARKET).did(),
        provider: key(ACCUSED).did(),
        epoch: Epoch(epoch),
        beacon: Hash([9; 32]),
        kind: AuditKind::Routine,
        slots: slots.collect(),
        answer_by: Timestamp(5),
    };
    sign(challenge, MARKET)
}

/// The market's verdict that only a part of each of these slots is there, and that the others are whole.
fn accusation(challenge: &Verified<Challenge>, wanting: &[u16], auditor: u8) -> Verified<Verdict> {
    let found = challenge.slots.iter().map(|asked| SlotVerdict {
        contract: asked.contract,
        slot: asked.slot,
        challenges: ASKED,
        passed: if wanting.contains(&asked.slot) { 3 } else { ASKED },
        answered: true,
        latency_ms: 20,
    });
    let verdict = Verdict {
        auditor: key(auditor).did(),
        provider: challenge.provider,
        epoch: challenge.epoch,
        kind: challenge.kind,
        challenge: challenge.id(),
        proof: None,
        slots: found.collect(),
    };
    sign(verdict, auditor)
}

fn answers(challenge: &Challenge, kept: &[Kept]) -> Vec<u8> {
    let lists = challenge.slots.iter().zip(kept).map(|(slot, kept)| {
        let seed = slot.seed(&challenge.beacon, challenge.epoch, challenge.kind);
        let picks = prove::picks(seed, &kept.list.summary(), slot.count);
        let shown = picks.into_iter().map(|pick| prove::answer(pick, &kept.list, kept));
        prove::encode(&shown.collect::<Vec<_>>())
    });
    lists.collect::<Vec<_>>().concat()
}

/// The file of a dispute by `who`, of a verdict of epoch 4 that finds `wanting` slots, answered with what `kept` has.
fn file(promised: &[Kept], wanting: &[u16], kept: &[Kept], who: u8) -> EvidenceFile {
    let challenge = challenge(promised, 4);
    let verdict = accusation(&challenge, wanting, MARKET);
    let answers = answers(&challenge, kept);
    let proof =
        Proof { provider: key(who).did(), challenge: challenge.id(), answers: Hash::of(&answers) };
    let proof = sign(proof, who);
    let dispute = Dispute { provider: key(who).did(), verdict: verdict.id(), proof: proof.id() };
    EvidenceFile {
        market: key(MARKET).did(),
        in_time: said(5),
        challenge: challenge.signed().clone(),
        verdict: verdict.signed().clone(),
        proof: proof.signed().clone(),
        dispute: sign(dispute, who).signed().clone(),
        answers,
    }
}

/// Of a verdict of epoch 4 in a market that leaves three epochs for disputes.
fn said(sent: u64) -> InTime {
    InTime::Said { until: Epoch(7), sent: Epoch(sent) }
}

/// That the verdict was wrong about these slots of the contract.
fn upheld(slots: &[u16]) -> Ruling {
    Ruling::Upheld(slots.iter().map(|slot| (Hash([7; 32]), *slot)).collect())
}

/// The receipt of a journal whose one entry has taken `document` as `command`, by `market`'s word.
fn receipt(document: &Signed, (command, events): (&str, &str), market: u8) -> Receipt {
    let (id, at) = (document.id(), 77);
    let entry = format!(
        "{{\"at\":{at},\"command\":{{\"{command}\":{{\"signed\":\"{id}\"}}}},\"events\":[{events}]}}"
    );
    let root = tree::leaf(entry.as_bytes());
    let market_did = key(market).did();
    let head = TreeHead { market: market_did, size: 1, root, block: 1, time: Timestamp(at) };
    Receipt {
        document: document.clone(),
        entry,
        inclusion: InclusionProof { leaf: 0, size: 1, path: Vec::new() },
        head: sign(head, market).signed().clone(),
        anchor: None,
    }
}

/// What the judge says of a file that was written down and read again.
fn ruled(file: &EvidenceFile) -> Result<Ruling, NoRuling> {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let path = dir.path().join("evidence.json");
    std::fs::write(&path, serde_json::to_vec(file).expect("it has only text as keys"))
        .expect("a file can be written");
    let read = std::fs::read(&path).expect("it is there");
    rule(&serde_json::from_slice(&read).expect("it is what was written"))
}

fn promised() -> [Kept; 2] {
    [Kept::new(1), Kept::new(2)]
}

#[test]
fn who_is_wrongly_accused_wins() {
    let kept = promised();
    let both = file(&kept, &[0, 1], &kept, ACCUSED);
    assert_eq!(ruled(&both), Ok(upheld(&[0, 1])));
    let one = file(&kept, &[1], &kept, ACCUSED);
    assert_eq!(ruled(&one), Ok(upheld(&[1])), "what was not denied is not at stake");
    let half = file(&kept, &[0, 1], &[kept[0].clone(), kept[1].damaged()], ACCUSED);
    assert_eq!(ruled(&half), Ok(upheld(&[0])), "slot by slot");
}

#[test]
fn who_is_rightly_accused_loses() {
    let kept = promised();
    let damaged = [kept[0].damaged(), kept[1].damaged()];
    assert_eq!(ruled(&file(&kept, &[0, 1], &damaged, ACCUSED)), Ok(Ruling::Dismissed));
    let others = [Kept::new(8), Kept::new(9)];
    let bluff = file(&kept, &[0, 1], &others, ACCUSED);
    assert_eq!(ruled(&bluff), Ok(Ruling::Dismissed), "other bytes of the same length");
    let mut nothing = file(&kept, &[0, 1], &[], ACCUSED);
    assert_eq!(ruled(&nothing), Ok(Ruling::Dismissed), "no answers prove nothing");
    nothing = file(&kept, &[1], &[kept[0].clone()], ACCUSED);
    assert_eq!(ruled(&nothing), Ok(Ruling::Dismissed), "nor do those for another slot");
}

#[test]
fn foreign_evidence_decides_nothing() {
    let kept = promised();
    let sound = file(&kept, &[0], &kept, ACCUSED);
    let later = challenge(&kept, 5);
    let stranger = file(&kept, &[0], &kept, OTHER);
    let usurped = accusation(&challenge(&kept, 4), &[0], OTHER);
    let foreign = [
        EvidenceFile { challenge: later.signed().clone(), ..sound.clone() },
        EvidenceFile {
            verdict: accusation(&later, &[0], MARKET).signed().clone(),
            ..sound.clone()
        },
        EvidenceFile { verdict: usurped.signed().clone(), ..sound.clone() },
        EvidenceFile { proof: stranger.proof.clone(), ..sound.clone() },
        EvidenceFile { dispute: stranger.dispute.clone(), ..sound.clone() },
        EvidenceFile { answers: sound.answers[1..].to_vec(), ..sound.clone() },
        EvidenceFile { market: key(OTHER).did(), ..sound.clone() },
        stranger,
    ];
    for (number, file) in foreign.iter().enumerate() {
        let ruling = ruled(file);
        assert!(matches!(ruling, Err(NoRuling::Foreign(_))), "{number}: {ruling:?}");
    }
    assert_eq!(ruled(&sound), Ok(upheld(&[0])));
}

#[test]
fn what_was_not_signed_like_this_is_no_evidence() {
    let kept = promised();
    let sound = file(&kept, &[0], &kept, ACCUSED);
    // One character of the payload is another.
    let forged = |document: &Signed| {
        let mut parts: Vec<String> = document.0.split('.').map(str::to_owned).collect();
        let payload = &mut parts[1];
        let other = if payload.as_bytes()[40] == b'A' { "B" } else { "A" };
        payload.replace_range(40..41, other);
        Signed(parts.join("."))
    };
    for (file, what) in [
        (EvidenceFile { challenge: forged(&sound.challenge), ..sound.clone() }, "challenge"),
        (EvidenceFile { verdict: forged(&sound.verdict), ..sound.clone() }, "verdict"),
        (EvidenceFile { proof: forged(&sound.proof), ..sound.clone() }, "proof"),
        (EvidenceFile { dispute: forged(&sound.dispute), ..sound.clone() }, "dispute"),
    ] {
        assert_eq!(ruled(&file), Err(NoRuling::Forged(what)));
    }
}

#[test]
fn after_the_window_nothing_is_decided() {
    let kept = promised();
    let sound = file(&kept, &[0], &kept, ACCUSED);
    let last = EvidenceFile { in_time: said(7), ..sound.clone() };
    assert_eq!(ruled(&last), Ok(upheld(&[0])), "in the window's last epoch");
    let late = EvidenceFile { in_time: said(8), ..sound };
    assert_eq!(ruled(&late), Err(NoRuling::Late));
}

#[test]
fn a_receipt_says_that_it_came_in_time_and_what_the_market_made_of_it() {
    let kept = promised();
    let sound = file(&kept, &[0, 1], &kept, ACCUSED);
    let contract = Hash([7; 32]);
    let event = format!(
        "{{\"dispute_upheld\":{{\"slots\":[{{\"contract\":\"{contract}\",\"slot\":1}},\
         {{\"contract\":\"{contract}\",\"slot\":0}}]}}}}"
    );
    let with = |receipt| {
        let in_time = InTime::Judged(Box::new(receipt));
        EvidenceFile { in_time, ..sound.clone() }
    };
    let taken = receipt(&sound.dispute, ("dispute", &event), MARKET);
    assert_eq!(ruled(&with(taken.clone())), Ok(upheld(&[0, 1])));
    assert_eq!(markets_ruling(&taken), Some(upheld(&[0, 1])), "by its own word");
    let wrong = receipt(&sound.dispute, ("dispute", "{\"dispute_dismissed\":{}}"), MARKET);
    assert_eq!(ruled(&with(wrong.clone())), Ok(upheld(&[0, 1])));
    assert_eq!(markets_ruling(&wrong), Some(Ruling::Dismissed), "it has signed its misjudgement");
    assert_eq!(markets_ruling(&receipt(&sound.dispute, ("dispute", ""), MARKET)), None);

    let others = receipt(&sound.dispute, ("dispute", &event), OTHER);
    let mut forged = taken.clone();
    forged.entry = forged.entry.replace("\"slot\":1", "\"slot\":3");
    for forged in [others, forged] {
        assert_eq!(ruled(&with(forged)), Err(NoRuling::Forged("receipt")));
    }
    for strange in [
        receipt(&sound.verdict, ("dispute", &event), MARKET),
        receipt(&sound.dispute, ("record_verdict", &event), MARKET),
    ] {
        assert!(matches!(ruled(&with(strange)), Err(NoRuling::Foreign(_))));
    }
}

#[test]
fn a_verdict_that_finds_everything_leaves_nothing_to_dispute() {
    let kept = promised();
    assert_eq!(ruled(&file(&kept, &[], &kept, ACCUSED)), Err(NoRuling::NothingDenied));
}

#[test]
fn the_judge_needs_no_server_and_no_market() {
    let source = include_str!("third_party/judge.rs");
    let used = source.lines().filter_map(|line| line.strip_prefix("use "));
    let used: BTreeSet<&str> = used.filter_map(|path| path.split("::").next()).collect();
    assert_eq!(used, BTreeSet::from(["contracts", "serde", "serde_json", "types"]));
    assert!(source.contains("use contracts::evidence::"));
}
