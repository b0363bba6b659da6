//! Medians over vantage points, and what a penalty rests on.

use super::*;
use types::Hash;

fn reading(
    vantage: &str,
    probes: u32,
    answered: u32,
    first_byte_ms: u32,
    throughput: u64,
) -> Reading {
    Reading {
        document: Hash::of(vantage.as_bytes()),
        auditor: Did([1; 32]),
        vantage: vantage.into(),
        probes,
        answered,
        first_byte_ms,
        throughput,
    }
}

fn docket(readings: Vec<Reading>) -> Docket {
    let measured = OrdMap::from_iter([((Epoch(3), Did([9; 32])), readings)]);
    Docket { measured, ..Docket::default() }
}

#[test]
fn one_bad_vantage_point_among_three_changes_nothing() {
    let docket = docket(vec![
        reading("a", 10, 10, 40, 1_000),
        reading("b", 10, 0, 0, 0),
        reading("c", 10, 9, 60, 3_000),
    ]);
    let measured = docket.measured(&Did([9; 32]), Epoch(3)).unwrap();
    assert_eq!(measured.availability_permille, 900);
    assert_eq!((measured.first_byte_ms, measured.throughput), (40, 3_000));
    assert_eq!(docket.typical(&Did([9; 32]), Epoch(3)).map(|r| r.vantage.as_str()), Some("c"));
    assert_eq!(docket.measured(&Did([9; 32]), Epoch(4)), None);
    assert_eq!(docket.measured(&Did([8; 32]), Epoch(3)), None);
}

#[test]
fn of_two_the_better_counts() {
    let docket = docket(vec![reading("a", 4, 4, 40, 1_000), reading("b", 4, 1, 900, 10)]);
    let measured = docket.measured(&Did([9; 32]), Epoch(3)).unwrap();
    let Measured { availability_permille, first_byte_ms, throughput } = measured;
    assert_eq!((availability_permille, first_byte_ms, throughput), (1000, 40, 1_000));
}

#[test]
fn a_penalty_rests_on_the_whole_chain_of_verdicts() {
    let slot = SlotId { contract: Hash([1; 32]), slot: 2 };
    let accusation = |follows| Accusation {
        provider: Did([9; 32]),
        recorded: Epoch(1),
        until: Epoch(4),
        charges: vec![Charge {
            slot,
            answered: true,
            bytes: 0,
            paid: PayoutShare::FULL,
            deserved: PayoutShare::FULL,
            shortfall: Msat::ZERO,
            outcomes: Vec::new(),
            follows,
        }],
        disputed: None,
    };
    let (first, second) = (Hash([3; 32]), Hash([4; 32]));
    let verdicts =
        OrdMap::from_iter([(first, accusation(None)), (second, accusation(Some(first)))]);
    let docket = Docket { verdicts, ..Docket::default() };
    assert_eq!(docket.grounds(second, slot), [second, first]);
    assert_eq!(docket.grounds(first, slot), [first]);
    assert_eq!(docket.grounds(Hash([5; 32]), slot), Vec::<DocId>::new());
}

#[test]
fn a_notice_covers_from_its_first_to_its_last_epoch() {
    let notice = Notice { document: Hash([0; 32]), from: Epoch(4), to: Epoch(6) };
    let covered: Vec<u64> = (0..9).filter(|epoch| notice.covers(Epoch(*epoch))).collect();
    assert_eq!(covered, [4, 5]);
}
