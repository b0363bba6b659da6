//! A third party's judge, which knows neither market nor server, and the market come to the same ruling on every dispute.

#[path = "../../../../tests/third_party/judge.rs"]
mod judge;

use crate::common::court::{body, slander_all};
use crate::common::provider::{Provider, sign};
use crate::common::{client, key};
use crate::life::{Town, town, until};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use judge::{EvidenceFile, InTime, NoRuling, Ruling, markets_ruling, rule};
use market::command::Contest;
use market::{Command, Event, Market};
use network::api::{ContractView, DisputeBody, VerdictLine};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use shards::{Answer, prove};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use types::documents::{Challenge, Dispute, Proof, SlotVerdict, Verdict};
use types::{Epoch, Hash, SecretKey, Signed, Signer, Timestamp, Verified};

/// Through how many epochs after the verdicts a market is kept: one more than its window.
const KEPT: u64 = 5;

/// A market's two verdicts on two slots of one provider each, with what those can answer, and the market as it was in the
/// epoch of the verdicts and in each after it.
struct Court {
    market_key: SecretKey,
    accused: [Accused; 2],
    /// With the last epoch in which each verdict can be disputed, as the market said then.
    states: Vec<(Market, [Epoch; 2])>,
}

struct Accused {
    key: SecretKey,
    challenge: Verified<Challenge>,
    verdict: Verified<Verdict>,
    /// Slot by slot, what proves everything that was asked.
    whole: Vec<Vec<u8>>,
}

/// The answers to a challenge, slot by slot.
fn by_slot(provider: &Provider, challenge: &Verified<Challenge>) -> Vec<Vec<u8>> {
    let mut rest = provider.prove(challenge).1;
    let mut slots = Vec::new();
    while !rest.is_empty() {
        let behind = prove::decode_first(&rest.clone().into()).unwrap().1.len();
        let next = rest.split_off(rest.len() - behind);
        slots.push(std::mem::replace(&mut rest, next));
    }
    assert_eq!(slots.len(), challenge.slots.len());
    slots
}

/// What the market says of `accused`'s verdict over its API.
async fn line(town: &Town, accused: &Accused) -> Option<VerdictLine> {
    let lines = client(&town.market, &accused.key).verdicts(accused.key.did()).await.unwrap();
    lines.into_iter().find(|line| line.id == accused.verdict.id())
}

async fn accuse(town: &Town, [one, two]: &[ContractView; 2], slot: u16) -> Accused {
    let provider = one.slots[usize::from(slot)].provider;
    let other = two.slots.iter().find(|slot| slot.provider == provider).unwrap().slot;
    let (challenge, verdict) = slander_all(town, &[(one, slot), (two, other)]).await;
    let holder = town.holder(one, usize::from(slot));
    let whole = by_slot(holder, &challenge);
    Accused { key: holder.key.clone(), challenge, verdict, whole }
}

async fn court() -> Court {
    let town = town(6).await;
    let contracts = [town.stored().await, town.stored().await];
    let accused = [accuse(&town, &contracts, 0).await, accuse(&town, &contracts, 1).await];
    let mut untils = [Epoch(0); 2];
    let mut states = Vec::new();
    for _ in 0..=KEPT {
        for (until, accused) in untils.iter_mut().zip(&accused) {
            *until = line(&town, accused).await.map_or(*until, |line| line.until);
        }
        states.push((town.market.view(|view| view.market.clone()), untils));
        town.epoch().await;
    }
    Court { market_key: town.house.key.clone(), accused, states }
}

/// What a provider sends for one slot.
#[derive(Clone, Copy, Debug)]
enum Sent {
    Whole,
    /// Every chunk is said to be missing.
    Missing,
    /// One byte is another, at so many thousandths of the list.
    Rotten(usize),
}

/// What is done to all that was sent.
#[derive(Clone, Copy, Debug)]
enum Tail {
    Kept,
    CutAt(usize),
    Longer,
    Nothing,
}

/// What does not belong here.
#[derive(Clone, Copy, Debug)]
enum Foreign {
    Nothing,
    Challenge,
    Verdict,
    ProofForOther,
    ProofByOther,
    DisputeByOther,
    DisputeOnOther,
    OtherAnswers,
    Usurped,
    UsurpedChallenge,
    AllWell,
}

/// A dispute of one of the verdicts, sent so many epochs after it.
#[derive(Clone, Debug)]
struct Case {
    accused: usize,
    later: usize,
    sent: [Sent; 2],
    tail: Tail,
    foreign: Foreign,
    /// Which of the four documents has another character in it, and where in thousandths.
    forged: Option<(usize, usize)>,
}

fn cases() -> impl Strategy<Value = Case> {
    let sent = || {
        prop_oneof![
            5 => Just(Sent::Whole),
            1 => Just(Sent::Missing),
            1 => (0usize..1_000).prop_map(Sent::Rotten),
        ]
    };
    let tail = prop_oneof![
        12 => Just(Tail::Kept),
        1 => (0usize..1_000).prop_map(Tail::CutAt),
        1 => Just(Tail::Longer),
        1 => Just(Tail::Nothing),
    ];
    let foreign = prop_oneof![
        20 => Just(Foreign::Nothing),
        10 => prop::sample::select(vec![
            Foreign::Challenge, Foreign::Verdict, Foreign::ProofForOther, Foreign::ProofByOther,
            Foreign::DisputeByOther, Foreign::DisputeOnOther, Foreign::OtherAnswers, Foreign::Usurped,
            Foreign::UsurpedChallenge, Foreign::AllWell,
        ]),
    ];
    let forged = prop::option::weighted(0.1, (0usize..4, 0usize..1_000));
    let later = 0..usize::try_from(KEPT).unwrap() + 1;
    ((0usize..2, later), [sent(), sent()], tail, foreign, forged).prop_map(
        |((accused, later), sent, tail, foreign, forged)| Case {
            accused,
            later,
            sent,
            tail,
            foreign,
            forged,
        },
    )
}

impl Case {
    fn answers(&self, accused: &Accused) -> Vec<u8> {
        let lists = accused.whole.iter().zip(&accused.challenge.slots).zip(self.sent);
        let lists = lists.map(|((whole, asked), sent)| match sent {
            Sent::Whole => whole.clone(),
            Sent::Missing => prove::encode(&vec![Answer::Missing; asked.count as usize]).to_vec(),
            Sent::Rotten(place) => {
                let mut rotten = whole.clone();
                let at = rotten.len() * place / 1_000;
                rotten[at] ^= 1;
                rotten
            }
        });
        let mut answers = lists.collect::<Vec<_>>().concat();
        match self.tail {
            Tail::Kept => {}
            Tail::CutAt(place) => answers.truncate(answers.len() * place / 1_000),
            Tail::Longer => answers.extend([1, 2, 3]),
            Tail::Nothing => answers.clear(),
        }
        answers
    }

    /// The file that this dispute comes to.
    fn file(&self, court: &Court) -> EvidenceFile {
        let (accused, other) = (&court.accused[self.accused], &court.accused[1 - self.accused]);
        let (market, me, them) = (&court.market_key, &accused.key, &other.key);
        let (mut challenge, mut verdict) = (accused.challenge.clone(), accused.verdict.clone());
        match self.foreign {
            Foreign::Challenge => challenge = other.challenge.clone(),
            Foreign::Verdict => verdict = other.verdict.clone(),
            Foreign::Usurped => verdict = resigned(&verdict, them, |v| v.auditor = them.did()),
            Foreign::UsurpedChallenge => {
                challenge = resigned(&challenge, them, |c| c.auditor = them.did());
                verdict = resigned(&verdict, market, |v| v.challenge = challenge.id());
            }
            Foreign::AllWell => {
                let well = |slot: &mut SlotVerdict| slot.passed = slot.challenges;
                verdict = resigned(&verdict, market, |v| v.slots.iter_mut().for_each(well));
            }
            _ => {}
        }
        let mut answers = self.answers(accused);
        let who = if matches!(self.foreign, Foreign::ProofByOther) { them } else { me };
        let asked = if matches!(self.foreign, Foreign::ProofForOther) {
            other.challenge.id()
        } else {
            challenge.id()
        };
        let proof = Proof { provider: who.did(), challenge: asked, answers: Hash::of(&answers) };
        let proof: Verified<Proof> = Verified::sign(proof, who).unwrap();
        let who = if matches!(self.foreign, Foreign::DisputeByOther) { them } else { me };
        let on = match self.foreign {
            Foreign::DisputeOnOther => other.verdict.id(),
            Foreign::Verdict => accused.verdict.id(),
            _ => verdict.id(),
        };
        let dispute = Dispute { provider: who.did(), verdict: on, proof: proof.id() };
        if matches!(self.foreign, Foreign::OtherAnswers) {
            answers.push(0);
        }
        let (state, untils) = &court.states[self.later];
        let mut file = EvidenceFile {
            market: market.did(),
            in_time: InTime::Said { until: untils[self.accused], sent: state.epoch() },
            challenge: challenge.signed().clone(),
            verdict: verdict.signed().clone(),
            proof: proof.signed().clone(),
            dispute: sign(dispute, who),
            answers,
        };
        if let Some((which, place)) = self.forged {
            let EvidenceFile { challenge, verdict, proof, dispute, .. } = &mut file;
            forge([challenge, verdict, proof, dispute][which], place);
        }
        file
    }
}

fn resigned<T: types::Document + Clone>(
    document: &Verified<T>,
    signer: &SecretKey,
    change: impl FnOnce(&mut T),
) -> Verified<T> {
    let mut document = (**document).clone();
    change(&mut document);
    Verified::sign(document, signer).unwrap()
}

/// Another character at so many thousandths of a document.
fn forge(document: &mut Signed, place: usize) {
    let at = document.0.len() * place / 1_000;
    let other = if document.0.as_bytes()[at] == b'A' { "B" } else { "A" };
    document.0.replace_range(at..=at, other);
}

/// What the market's own code makes of a file, in the judge's words.
fn decided(market: &Market, file: &EvidenceFile) -> Result<Ruling, NoRuling> {
    let contest = || {
        Some(Contest {
            dispute: file.dispute.verify().ok()?,
            verdict: file.verdict.verify().ok()?,
            challenge: file.challenge.verify().ok()?,
            proof: file.proof.verify().ok()?,
            answers: file.answers.clone().into(),
        })
    };
    let contest = contest().ok_or(NoRuling::Forged("one of them"))?;
    let now = Timestamp(i64::MAX / 2);
    match market.decide(now, &Command::Dispute(Box::new(contest))) {
        Ok(events) => match &events[0] {
            Event::DisputeDismissed { .. } => Ok(Ruling::Dismissed),
            Event::DisputeUpheld { slots, .. } => {
                let mut slots: Vec<_> = slots.iter().map(|id| (id.contract, id.slot)).collect();
                slots.sort_unstable();
                Ok(Ruling::Upheld(slots))
            }
            other => panic!("no ruling: {other:?}"),
        },
        Err(refusal) => Err(match refusal.code() {
            "foreign_evidence" | "foreign_party" => NoRuling::Foreign(refusal.to_string()),
            "dispute_too_late" => NoRuling::Late,
            "not_disputable" => NoRuling::NothingDenied,
            code => panic!("{code}: {refusal}"),
        }),
    }
}

/// A ruling as both sides must agree on it: why documents do not belong together, each says in its own words.
fn kind(ruling: &Result<Ruling, NoRuling>) -> (&'static str, Option<&Ruling>) {
    match ruling {
        Ok(ruling @ Ruling::Upheld(slots)) => {
            (if slots.len() == 2 { "upheld" } else { "upheld in part" }, Some(ruling))
        }
        Ok(Ruling::Dismissed) => ("dismissed", None),
        Err(NoRuling::Forged(_)) => ("forged", None),
        Err(NoRuling::Foreign(_)) => ("foreign", None),
        Err(NoRuling::NothingDenied) => ("nothing denied", None),
        Err(NoRuling::Late) => ("late", None),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn judge_and_market_rule_alike_on_whatever_is_disputed() {
    let court = court().await;
    let ruled: RefCell<BTreeMap<&str, u32>> = RefCell::default();
    let config = ProptestConfig { cases: 600, failure_persistence: None, ..Default::default() };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let alike = runner.run(&cases(), |case| {
        let file = case.file(&court);
        let market = decided(&court.states[case.later].0, &file);
        let judge = rule(&file);
        prop_assert_eq!(kind(&judge), kind(&market), "judge {:?}, market {:?}", judge, market);
        *ruled.borrow_mut().entry(kind(&judge).0).or_default() += 1;
        Ok(())
    });
    alike.unwrap_or_else(|failure| panic!("{failure}"));
    let ruled = ruled.into_inner();
    for kind in
        ["upheld", "upheld in part", "dismissed", "forged", "foreign", "nothing denied", "late"]
    {
        assert!(ruled.get(kind).is_some_and(|times| *times >= 10), "{kind}: {ruled:?}");
    }
}

/// Disputes over the API; the judge's file is made of what that gives and of what the provider has signed itself.
async fn disputed(
    town: &Town,
    accused: &SecretKey,
    line: &VerdictLine,
    body: &DisputeBody,
) -> EvidenceFile {
    let speaks = client(&town.market, accused);
    speaks.dispute(body).await.unwrap();
    let receipt = speaks.receipt(body.dispute.id()).await.unwrap();
    EvidenceFile {
        market: town.market.did(),
        in_time: InTime::Judged(Box::new(receipt)),
        challenge: line.challenge.clone().unwrap(),
        verdict: line.verdict.clone(),
        proof: body.proof.clone(),
        dispute: body.dispute.clone(),
        answers: BASE64.decode(&body.answers).unwrap(),
    }
}

/// What the judge says of a file that was written down and read again, and what the market said by its own word.
fn both(file: &EvidenceFile) -> (Ruling, Ruling) {
    let written = serde_json::to_vec(file).unwrap();
    let file: EvidenceFile = serde_json::from_slice(&written).unwrap();
    let InTime::Judged(receipt) = &file.in_time else { panic!("it has the market's receipt") };
    // The entry that the market signed for has the answers too: nobody need keep them.
    assert!(receipt.entry.contains(&BASE64.encode(&file.answers)));
    (rule(&file).unwrap(), markets_ruling(receipt).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_markets_own_documents_are_all_that_a_judge_needs() {
    let town = town(7).await;
    let view = town.stored().await;
    let (slandered, guilty) = (town.holder(&view, 0), town.holder(&view, 1));
    let (challenge, verdict) = slander_all(&town, &[(&view, 0)]).await;
    let answer = slandered.prove(&challenge);
    let lines = client(&town.market, &slandered.key).verdicts(slandered.key.did()).await.unwrap();
    let line = lines.iter().find(|line| line.id == verdict.id()).unwrap();
    let dispute = body(&slandered.key, line.id, &answer);
    let file = disputed(&town, &slandered.key, line, &dispute).await;
    let upheld = Ruling::Upheld(vec![(view.id, 0)]);
    assert_eq!(both(&file), (upheld.clone(), upheld));
    let strangers = EvidenceFile { market: key(99).did(), ..file.clone() };
    assert!(matches!(rule(&strangers), Err(NoRuling::Foreign(_))));

    guilty.mood.damaged.store(true, Ordering::SeqCst);
    town.market.open_epoch().await.unwrap();
    let speaks = client(&town.market, &guilty.key);
    until("it is found out", async || {
        speaks.verdicts(guilty.key.did()).await.unwrap().iter().any(|line| line.penalised)
    })
    .await;
    let lines = speaks.verdicts(guilty.key.did()).await.unwrap();
    let line = lines.iter().find(|line| line.penalised).unwrap();
    let challenge: Verified<Challenge> = line.challenge.as_ref().unwrap().verify().unwrap();
    let dispute = body(&guilty.key, line.id, &guilty.answered(&challenge));
    let guilty = disputed(&town, &guilty.key, line, &dispute).await;
    assert_eq!(both(&guilty), (Ruling::Dismissed, Ruling::Dismissed));
    let swapped = EvidenceFile { in_time: guilty.in_time.clone(), ..file };
    assert!(matches!(rule(&swapped), Err(NoRuling::Foreign(_))), "a receipt for another dispute");
}
