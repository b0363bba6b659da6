//! Auditors that agree, wait, split, lie and vanish.

use super::super::points::verify_attestation;
use super::super::rule::EventName;
use super::super::{Oracle, OracleError};
use super::*;
use crate::keys::MasterKey;
use bitcoin::Network;
use proptest::prelude::*;
use std::path::Path;
use types::{ContractId, Timestamp};

const MATURITY: u32 = 1_000;
const LATER: Timestamp = Timestamp(1_000_000_000);
const CONTRACT: (ContractId, u16) = (types::Hash([1; 32]), 0);

/// Three auditors, by the order of their keys, and the event that two of them must agree on.
fn three(folder: &Path) -> (Vec<Oracle>, String) {
    let mut oracles: Vec<Oracle> = (1..=3_u8)
        .map(|number| {
            let master = MasterKey::new(&[number; 32], Network::Regtest).unwrap();
            Oracle::open(&folder.join(number.to_string()), master).unwrap()
        })
        .collect();
    oracles.sort_by_key(Oracle::public_key);
    let rule = Rule::new(2, oracles.iter().map(Oracle::public_key).collect()).unwrap();
    for oracle in &oracles {
        oracle.announce(CONTRACT, MATURITY, &rule).unwrap();
    }
    (oracles, EventName::new(CONTRACT.0, CONTRACT.1, &rule).to_string())
}

/// Everybody of `present` tells everybody what it knows, until nothing changes.
fn talk(present: &[&Oracle], event: &str, now: Timestamp) {
    for _ in 0..4 {
        for speaker in present {
            let minutes = speaker.hear(event, Minutes::default(), now).unwrap();
            for listener in present {
                listener.hear(event, minutes.clone(), now).unwrap();
            }
        }
    }
}

fn after(seconds: u64) -> Timestamp {
    LATER.after(Span(seconds * Span::SECOND.0))
}

fn outcomes(oracles: &[Oracle], event: &str) -> Vec<Option<u16>> {
    oracles.iter().map(|oracle| oracle.known(event).unwrap().outcome).collect()
}

#[test]
fn three_auditors_with_three_scores_attest_the_median() {
    let home = tempfile::tempdir().unwrap();
    let (oracles, event) = three(home.path());
    for (oracle, score) in oracles.iter().zip([990, 700, 950]) {
        assert_eq!(oracle.say(&event, score, LATER).unwrap(), None);
    }
    talk(&oracles.iter().collect::<Vec<_>>(), &event, LATER);
    assert_eq!(outcomes(&oracles, &event), [Some(950); 3]);
    for oracle in &oracles {
        let (announced, attested) =
            (oracle.announcement(&event).unwrap(), oracle.attestation(&event).unwrap());
        verify_attestation(&attested.unwrap(), &announced).unwrap();
    }
}

#[test]
fn with_one_auditor_gone_two_wait_for_their_patience_and_agree() {
    let home = tempfile::tempdir().unwrap();
    let (oracles, event) = three(home.path());
    let present = [&oracles[0], &oracles[2]];
    present[0].say(&event, 901, LATER).unwrap();
    present[1].say(&event, 900, LATER).unwrap();
    talk(&present, &event, LATER);
    assert_eq!(outcomes(&oracles, &event), [None; 3], "the third may still come");
    talk(&present, &event, after(60));
    assert_eq!(outcomes(&oracles, &event), [Some(900), None, Some(900)], "rounded down");
    // Who comes too late attests the same, whatever it has measured itself.
    oracles[1].say(&event, 100, after(90)).unwrap();
    talk(&oracles.iter().collect::<Vec<_>>(), &event, after(90));
    assert_eq!(outcomes(&oracles, &event), [Some(900); 3]);
}

#[test]
fn one_auditor_alone_decides_nothing_however_long_it_waits() {
    let home = tempfile::tempdir().unwrap();
    let (oracles, event) = three(home.path());
    oracles[0].say(&event, 1000, LATER).unwrap();
    talk(&[&oracles[0], &oracles[1]], &event, after(1_000_000));
    assert_eq!(outcomes(&oracles, &event), [None; 3]);
}

#[test]
fn nothing_is_said_before_maturity_and_nothing_said_is_changed() {
    let home = tempfile::tempdir().unwrap();
    let (oracles, event) = three(home.path());
    let early = oracles[0].say(&event, 1, Timestamp(999_999_999)).unwrap_err();
    assert!(matches!(early, OracleError::Early { .. }), "{early}");
    oracles[0].say(&event, 1, LATER).unwrap();
    let changed = oracles[0].say(&event, 2, LATER).unwrap_err();
    assert!(matches!(changed, OracleError::Reported { reported: 1, asked: 2, .. }), "{changed}");
}

#[test]
fn reports_and_votes_outlive_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let (oracles, event) = three(home.path());
    oracles[0].say(&event, 901, LATER).unwrap();
    oracles[2].say(&event, 900, LATER).unwrap();
    let others = oracles[2].hear(&event, Minutes::default(), LATER).unwrap();
    // The first votes, and dies before anybody hears of it.
    let said = oracles[0].hear(&event, others, after(60)).unwrap();
    assert_eq!(said.votes.len(), 1);
    drop(oracles);
    let (oracles, event) = three(home.path());
    assert_eq!(oracles[0].known(&event).unwrap().vote, Some(900));
    let again = oracles[0].hear(&event, Minutes::default(), after(61)).unwrap();
    assert_eq!(again.votes, said.votes);
    talk(&[&oracles[0], &oracles[2]], &event, after(61));
    assert_eq!(outcomes(&oracles, &event), [Some(900), None, Some(900)]);
}

#[test]
fn what_is_forged_foreign_unjustified_or_two_faced_is_refused_by_name() {
    let home = tempfile::tempdir().unwrap();
    let (oracles, event) = three(home.path());
    for (oracle, score) in oracles.iter().zip([900, 800, 700]) {
        oracle.say(&event, score, LATER).unwrap();
    }
    let said = oracles.iter().map(|o| o.hear(&event, Minutes::default(), LATER).unwrap());
    let reports: Vec<Report> = said.flat_map(|minutes| minutes.reports).collect();
    let rule = oracles[0].known(&event).unwrap().rule;
    let hear = |reports: Vec<Report>, votes| {
        let mut agreement = Agreement::new(event.clone(), rule.clone());
        agreement.hear(Minutes { reports, votes })
    };
    assert_eq!(hear(reports.clone(), vec![]), Ok(true));
    let forged = Report { score: 1, ..reports[0].clone() };
    let refused = hear(vec![forged], vec![]).unwrap_err();
    assert_eq!(refused, AgreeError::Signature(reports[0].auditor));
    let foreign = Report { event: "another".into(), ..reports[0].clone() };
    assert!(matches!(hear(vec![foreign], vec![]), Err(AgreeError::OtherEvent(_))));
    let stranger = bitcoin::secp256k1::Keypair::from_seckey_slice(&SECP, &[9; 32]).unwrap();
    let stranger = Report { auditor: stranger.x_only_public_key().0, ..reports[0].clone() };
    assert!(matches!(hear(vec![stranger], vec![]), Err(AgreeError::Stranger(_))));
    // Votes that their own auditor has signed, for numbers that do not follow.
    let key = (1..=3_u8)
        .map(|n| MasterKey::new(&[n; 32], Network::Regtest).unwrap().oracle().unwrap())
        .find(|key| key.x_only_public_key().0 == reports[0].auditor)
        .unwrap();
    let signed = |tag: &str, score: u16| {
        let digest = tagged(tag, &statement(&event, &score.to_be_bytes()));
        SECP.sign_schnorr_no_aux_rand(&Message::from_digest(*digest.as_ref()), &key)
    };
    let vote = |score, reports: &[Report]| Vote {
        event: event.clone(),
        auditor: reports[0].auditor,
        score,
        signature: signed(VOTE_TAG, score),
        reports: reports.to_vec(),
    };
    assert_eq!(hear(vec![], vec![vote(800, &reports)]), Ok(true));
    let twice = [reports[0].clone(), reports[0].clone()];
    for (score, shown) in [(801, &reports[..]), (900, &reports[..1]), (900, &twice[..])] {
        let refused = hear(vec![], vec![vote(score, shown)]).unwrap_err();
        assert!(matches!(refused, AgreeError::Unjustified { .. }), "{refused}");
    }
    let other = Report { score: 3, signature: signed(REPORT_TAG, 3), ..reports[0].clone() };
    let refused = hear(vec![reports[0].clone(), other], vec![]).unwrap_err();
    assert!(matches!(refused, AgreeError::TwoFaced { first: 900, second: 3, .. }), "{refused}");
    let votes = vec![vote(800, &reports), vote(850, &reports[..2])];
    assert!(matches!(hear(vec![], votes), Err(AgreeError::TwoFaced { .. })));
}

proptest! {
    /// More than half of the scores are honest: the median lies between two honest ones.
    #[test]
    fn fewer_than_half_cannot_move_the_median_beyond_honest_scores(
        honest in proptest::collection::vec(0_u16..=1000, 3),
        lies in proptest::collection::vec(0_u16..=1000, 0..=2),
    ) {
        let all: Vec<u16> = honest.iter().chain(&lies).copied().collect();
        let median = median(all).unwrap();
        prop_assert!(honest.iter().min().unwrap() <= &median);
        prop_assert!(&median <= honest.iter().max().unwrap());
    }
}

#[test]
fn the_median_of_an_even_number_is_the_mean_of_the_middle_rounded_down() {
    for (scores, expected) in
        [(vec![], None), (vec![7], Some(7)), (vec![8, 3], Some(5)), (vec![9, 1, 4], Some(4))]
    {
        assert_eq!(median(scores), expected);
    }
}
