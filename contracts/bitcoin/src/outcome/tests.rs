use super::adaptor::{self, Claim};
use super::oracle::{OracleError, digit_message};
use super::payouts::{FULL, PayoutError};
use super::prefix::{HIGHEST, Prefix, cover};
use super::{Auditor, PayoutTable, Quorum};
use crate::escrow::curve;
use crate::escrow::spend::Split;
use bitcoin::Amount;
use bitcoin::secp256k1::Message;
use musig2::secp::{G, MaybePoint, MaybeScalar, Point, Scalar};
use proptest::prelude::*;
use std::num::NonZeroU16;

const COLLATERAL: u64 = 1_400_000;

fn split(provider: u64, pool: u64) -> Split {
    let pool = pool.min(COLLATERAL - provider);
    let [provider, client, pool] =
        [provider, COLLATERAL - provider - pool, pool].map(Amount::from_sat);
    Split { provider, client, pool }
}

fn table(splits: &[Split]) -> Result<PayoutTable, PayoutError> {
    PayoutTable::new(Amount::from_sat(COLLATERAL), splits)
}

fn steps(steps: u16) -> NonZeroU16 {
    NonZeroU16::new(steps).unwrap()
}

/// Payouts that walk up and down.
fn walks() -> impl Strategy<Value = Vec<Split>> {
    prop::collection::vec((0..=COLLATERAL, 0..=COLLATERAL / 2), 2..6).prop_map(|corners| {
        let along = |outcome: u64| {
            let legs = corners.len() as u64 - 1;
            let leg = (outcome * legs / 1000).min(legs - 1);
            let (from, to) = (corners[leg as usize], corners[leg as usize + 1]);
            let done = outcome * legs - leg * 1000;
            let mix = |from: u64, to: u64| (from * (1000 - done) + to * done) / 1000;
            split(mix(from.0, to.0), mix(from.1, to.1))
        };
        (0..=1000).map(along).collect()
    })
}

#[test]
fn a_table_that_leaves_an_outcome_out_or_does_not_sum_is_refused() {
    let splits = vec![split(7, 0); 1001];
    assert_eq!(table(&splits[1..]).unwrap_err(), PayoutError::Coverage(1000));
    assert_eq!(table(&[]).unwrap_err(), PayoutError::Coverage(0));
    for change in [Amount::ZERO, Amount::from_sat(8), Amount::from_sat(u64::MAX)] {
        let mut wrong = splits.clone();
        wrong[640].provider = change;
        let collateral = Amount::from_sat(COLLATERAL);
        assert_eq!(table(&wrong).unwrap_err(), PayoutError::Sum { outcome: 640, collateral });
    }
}

#[test]
fn a_payout_that_never_changes_is_one_range_but_wants_an_attestation() {
    let table = table(&vec![split(7, 1); 1001]).unwrap();
    let [range] = table.ranges() else { panic!("{:?}", table.ranges()) };
    assert_eq!((range.first, range.last), (0, HIGHEST));
    assert!(cover(range.first, range.last).iter().all(|prefix| prefix.len() == 1));
}

#[test]
fn values_above_full_compliance_pay_what_full_compliance_pays() {
    let splits: Vec<Split> = (0..=1000).map(|outcome| split(outcome, 0)).collect();
    let table = table(&splits).unwrap();
    for value in [1000, 1001, 1023, u16::MAX] {
        assert_eq!(table.at(value), splits[usize::from(FULL)]);
    }
    assert_eq!(table.ranges().len(), 1001);
}

fn unrecorded(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(unrecorded(32))]

    #[test]
    fn each_outcome_is_in_one_range_and_one_prefix_which_pay_what_it_should(splits in walks()) {
        let table = table(&splits).unwrap();
        let prefixes: Vec<(usize, Prefix)> = table.ranges().iter().enumerate()
            .flat_map(|(at, range)| {
                cover(range.first, range.last).into_iter().map(move |own| (at, own))
            })
            .collect();
        for value in 0..=HIGHEST {
            let due = splits[usize::from(value.min(FULL))];
            let ranges: Vec<_> = table.ranges().iter()
                .filter(|range| (range.first..=range.last).contains(&value)).collect();
            prop_assert_eq!(ranges.len(), 1);
            prop_assert_eq!(ranges[0].split, due);
            prop_assert_eq!(table.at(value), due);
            let holding: Vec<_> =
                prefixes.iter().filter(|(_, prefix)| prefix.contains(value)).collect();
            prop_assert_eq!(holding.len(), 1);
            prop_assert_eq!(holding[0].0, table.range_of(value));
        }
        for pair in table.ranges().windows(2) {
            prop_assert_ne!(pair[0].split, pair[1].split);
        }
    }

    #[test]
    fn rounding_moves_nobody_further_than_half_a_step_and_keeps_the_sum(
        splits in walks(), count in 1..=200_u16,
    ) {
        let exact = table(&splits).unwrap();
        let rounded = exact.rounded(steps(count));
        let span = |share: fn(&Split) -> Amount| {
            let shares = || splits.iter().map(|split| share(split).to_sat());
            shares().max().unwrap() - shares().min().unwrap()
        };
        let (provider, pool) = (span(|split| split.provider), span(|split| split.pool));
        for (split, value) in splits.iter().zip(0..) {
            let moved = rounded.at(value);
            prop_assert_eq!(moved.total(), Some(Amount::from_sat(COLLATERAL)));
            let by = moved.provider.to_sat().abs_diff(split.provider.to_sat());
            prop_assert!(by <= provider / u64::from(count) / 2 + 1, "{by}");
            let by = moved.pool.to_sat().abs_diff(split.pool.to_sat());
            prop_assert!(by <= (provider + pool) / u64::from(count) / 2 + 2, "{by}");
        }
        let ends = |table: &PayoutTable| {
            let paid = || table.ranges().iter().map(|range| range.split.provider);
            (paid().min(), paid().max())
        };
        prop_assert_eq!(ends(&rounded), ends(&exact));
        let again = rounded.rounded(steps(count));
        for value in 0..=FULL {
            prop_assert_eq!(again.at(value).provider, rounded.at(value).provider);
        }
    }
}

fn scalar(byte: u8) -> Scalar {
    let scalar = Scalar::try_from([byte; 32]).unwrap();
    scalar.negate_if(scalar.base_point_mul().parity())
}

#[test]
fn two_adaptor_signatures_of_one_payout_never_share_a_nonce() {
    let message = Message::from_digest([4; 32]);
    let points: Vec<Point> = (1..=5).map(|byte| scalar(byte).base_point_mul()).collect();
    let nonces: std::collections::BTreeSet<_> = points
        .iter()
        .map(|point| adaptor::sign(scalar(77), &[0; 32], &message, *point)[1..33].to_vec())
        .collect();
    assert_eq!(nonces.len(), points.len());
}

fn verifies(bytes: &[u8; 65], key: Point, message: &Message, point: Point) -> bool {
    let claim = Claim { bytes, message, point };
    let holds = claim.holds(key);
    assert_eq!(adaptor::first_wrong(key, &[claim]).is_none(), holds);
    holds
}

#[test]
fn among_many_adaptor_signatures_the_wrong_one_is_found() {
    let messages: Vec<Message> = (0..40).map(|number| Message::from_digest([number; 32])).collect();
    let (key, point) = (scalar(77).base_point_mul(), scalar(3).base_point_mul());
    let signed: Vec<[u8; 65]> = messages
        .iter()
        .map(|message| adaptor::sign(scalar(77), &[0; 32], message, point))
        .collect();
    let wrong = |signed: &[[u8; 65]]| {
        let claims: Vec<Claim<'_>> = signed
            .iter()
            .zip(&messages)
            .map(|(bytes, message)| Claim { bytes, message, point })
            .collect();
        adaptor::first_wrong(key, &claims)
    };
    assert_eq!(wrong(&signed), None);
    assert_eq!(wrong(&[]), None);
    for place in [0, 17, 39] {
        for byte in [0, 1, 33, 64] {
            let mut changed = signed.clone();
            changed[place][byte] ^= 1;
            assert_eq!(wrong(&changed), Some(place), "byte {byte}");
        }
    }
    // What is too much in one is too little in another: a plain sum would not see it.
    let mut balanced = signed;
    for (place, by) in [(3, MaybeScalar::one()), (4, -MaybeScalar::one())] {
        let scalar = MaybeScalar::from_slice(&balanced[place][33..]).unwrap() + by;
        balanced[place][33..].copy_from_slice(&scalar.serialize());
    }
    assert_eq!(wrong(&balanced), Some(3));
}

#[test]
fn an_adaptor_signature_holds_for_its_own_key_message_and_point_alone() {
    let (message, other) = (Message::from_digest([4; 32]), Message::from_digest([5; 32]));
    let (key, point) = (scalar(77).base_point_mul(), scalar(3).base_point_mul());
    let signed = adaptor::sign(scalar(77), &[0; 32], &message, point);
    assert!(verifies(&signed, key, &message, point));
    assert!(!verifies(&signed, key, &other, point));
    assert!(!verifies(&signed, point, &message, point));
    assert!(!verifies(&signed, key, &message, key));
    assert!(!verifies(&[0; 65], key, &message, point));
    assert!(!verifies(&[0xff; 65], key, &message, point));
    let public = curve::x_only(key);
    assert!(adaptor::complete(&signed, scalar(3), &message, &public).is_some());
    assert!(adaptor::complete(&signed, scalar(4), &message, &public).is_none());
    assert!(adaptor::complete(&signed, scalar(3), &other, &public).is_none());
}

fn auditor(number: u8) -> Auditor {
    let key = |byte| curve::x_only(scalar(byte).base_point_mul());
    Auditor {
        key: key(number),
        nonces: std::array::from_fn(|place| key(number + 1 + u8::try_from(place).unwrap())),
    }
}

#[test]
fn auditors_who_count_twice_or_cannot_agree_are_refused() {
    let [one, other] = [auditor(10), auditor(30)];
    for (auditors, threshold) in [(0, 0), (0, 1), (1, 0), (1, 2), (2, 3)] {
        let some = [one.clone(), other.clone()][..auditors].to_vec();
        let refused = Quorum::new(some, threshold).unwrap_err();
        assert_eq!(refused, OracleError::Threshold { threshold, auditors });
    }
    let many: Vec<Auditor> = (0..9).map(|number| auditor(20 * number + 1)).collect();
    assert_eq!(Quorum::new(many.clone(), 8).unwrap().combinations().len(), 9);
    let refused = Quorum::new(many, 4).unwrap_err();
    assert_eq!(refused, OracleError::Threshold { threshold: 4, auditors: 9 });
    let twice = Quorum::new(vec![one.clone(), one.clone()], 1).unwrap_err();
    assert_eq!(twice, OracleError::SameKey(1));
    let mut repeated = other.clone();
    repeated.nonces[7] = repeated.nonces[2];
    let refused = Quorum::new(vec![one.clone(), repeated], 2).unwrap_err();
    assert_eq!(refused, OracleError::SameNonce { auditor: 1, digit: 7 });
    let mut borrowed = other;
    borrowed.nonces[0] = one.nonces[0];
    let refused = Quorum::new(vec![one, borrowed], 2).unwrap_err();
    assert_eq!(refused, OracleError::SameNonce { auditor: 1, digit: 0 });
}

#[test]
fn combinations_are_in_order_and_complete() {
    let auditors = (0..4).map(|number| auditor(20 * number + 1)).collect();
    let quorum = Quorum::new(auditors, 2).unwrap();
    let expected = [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]];
    assert_eq!(quorum.combinations(), expected.map(|pair| pair.to_vec()));
}

/// The last to announce takes the nonce that leaves, of the sum of both points for a first digit of 1, only what it knows itself.
#[test]
fn the_last_auditor_cannot_announce_the_others_word_away() {
    let honest = auditor(10);
    let (key, known) = (scalar(90), scalar(91));
    let challenge = |nonce: &[u8; 32], key: Point| -> MaybeScalar {
        musig2::compute_challenge_hash_tweak(nonce, &key, digit_message(true))
    };
    let of_honest = curve::point(honest.nonces[0])
        + challenge(&honest.nonces[0].serialize(), curve::point(honest.key))
            * curve::point(honest.key);
    let nonce = (known * G - of_honest).unwrap();
    let mut rogue = Auditor { key: curve::x_only(key.base_point_mul()), ..auditor(30) };
    rogue.nonces[0] = curve::x_only(nonce);
    let lifted = curve::point(rogue.nonces[0]);
    let of_rogue = challenge(&nonce.serialize_xonly(), key.base_point_mul()) * key;
    let plain: MaybePoint =
        if lifted == nonce { of_honest + (lifted + of_rogue * G) } else { of_honest - lifted };
    let opened = if lifted == nonce { of_rogue + known } else { MaybeScalar::from(known) };
    assert_eq!(plain, opened * G, "plain sums would be open to the rogue alone");
    let quorum = Quorum::new(vec![honest, rogue], 2).unwrap();
    let first = cover(512, HIGHEST);
    let points = quorum.points().unwrap().of(&first[0], quorum.combinations()).unwrap();
    assert_ne!(MaybePoint::from(points[0]), opened * G);
    assert_eq!(first[0].len(), 1);
}
