//! Payouts by attestation: each outcome opens its own payout and no other, judged by Bitcoin Core's interpreter.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod escrow_world;

use bitcoin::hashes::Hash;
use bitcoin::secp256k1::schnorr;
use bitcoin::{Amount, ScriptBuf, Transaction, WPubkeyHash};
use contracts_bitcoin::escrow::Party;
use contracts_bitcoin::escrow::spend::{ANCHOR, Payees, SpendError, Split};
use contracts_bitcoin::escrow::timelock::earliest_height;
use contracts_bitcoin::outcome::oracle::OracleError;
use contracts_bitcoin::outcome::setup::{HalfError, SetupError};
use contracts_bitcoin::outcome::{Attestation, Half, PayoutTable, Quorum, Setup, Terms};
use escrow_world::{
    BOND, CLIENT, Oracle, PRICE, PROVIDER, REFUND_BLOCKS, RESERVE, STRANGER, coin, key, payees,
    public, quorum, refund, sats, setup, sla, spends, terms,
};
use proptest::prelude::*;
use std::sync::LazyLock;

/// One auditor's contract, with both halves.
static ONE: LazyLock<(Setup, [Half; 2])> = LazyLock::new(|| with_halves(setup(1, 1)));

fn with_halves(setup: Setup) -> (Setup, [Half; 2]) {
    let halves = [CLIENT, PROVIDER].map(|signer| setup.sign(&key(signer), &[signer; 32]).unwrap());
    (setup, halves)
}

fn attested(quorum: &Quorum, auditor: usize, value: u16) -> Attestation {
    let oracle = Oracle::new(u8::try_from(auditor).unwrap() + 1);
    quorum.attestation(auditor, value, &oracle.attest(value)).unwrap()
}

fn complete(setup: &Setup, halves: &[Half; 2], values: &[(usize, u16)]) -> Option<Transaction> {
    let quorum = &setup.terms().quorum;
    let attestations: Vec<_> =
        values.iter().map(|(auditor, value)| attested(quorum, *auditor, *value)).collect();
    let by = |signer, theirs| setup.complete(&attestations, theirs, &key(signer), &[9; 32]);
    let (client, provider) = (by(CLIENT, &halves[1]).ok()?, by(PROVIDER, &halves[0]).ok()?);
    assert_eq!(client.compute_txid(), provider.compute_txid());
    assert!(spends(&client, &setup.terms().coin) && spends(&provider, &setup.terms().coin));
    Some(client)
}

/// The usual curve, but for a satoshi in the range of one compliance.
fn a_satoshi_moved(compliance: u16) -> PayoutTable {
    let (table, mut splits) = (sla(), vec![]);
    for outcome in 0..=1000 {
        let mut split = table.at(outcome);
        if table.range_of(outcome) == table.range_of(compliance) {
            split.provider += Amount::ONE_SAT;
            split.client -= Amount::ONE_SAT;
        }
        splits.push(split);
    }
    PayoutTable::new(table.collateral(), &splits).unwrap()
}

/// What the transaction pays, by where it goes.
fn paid(transaction: &Transaction) -> Split {
    let to = payees();
    let of = |script| {
        let own = transaction.output.iter().filter(|output| output.script_pubkey == script);
        own.map(|output| output.value).sum()
    };
    Split { provider: of(to.provider), client: of(to.client), pool: of(to.pool) }
}

#[test]
fn either_side_alone_completes_what_was_attested() {
    let (setup, halves) = &*ONE;
    setup.verify(Party::Client, &halves[0]).unwrap();
    setup.verify(Party::Provider, &halves[1]).unwrap();
    for value in [0, 1, 499, 500, 501, 502, 503, 750, 989, 990, 999, 1000, 1001, 1023] {
        let transaction = complete(setup, halves, &[(0, value)]).unwrap();
        assert_eq!(paid(&transaction), setup.terms().payouts.at(value), "{value}");
        assert_eq!(transaction.output.last().unwrap().value, ANCHOR);
        assert_eq!(earliest_height(&transaction, &[100]), Ok(100));
    }
    assert_eq!(paid(&complete(setup, halves, &[(0, 1000)]).unwrap()).provider, PRICE + BOND);
    assert_eq!(paid(&complete(setup, halves, &[(0, 0)]).unwrap()).provider, BOND);
}

#[test]
fn a_contract_is_as_large_as_it_was_measured() {
    let (setup, halves) = &*ONE;
    assert_eq!(setup.terms().payouts.ranges().len(), 101);
    assert_eq!(setup.adaptors(), 254);
    assert_eq!(halves[0].to_bytes().len(), 64 + 65 * 254);
    let two_shares = complete(setup, halves, &[(0, 750)]).unwrap();
    let one_share = complete(setup, halves, &[(0, 1000)]).unwrap();
    assert_eq!((two_shares.vsize(), one_share.vsize()), (209, 166));
    assert_eq!(self::setup(2, 3).adaptors(), 3 * 254);
    let mut terms = terms(quorum(1, 1), sla());
    let short = |seed: u8| ScriptBuf::new_p2wpkh(&WPubkeyHash::hash(&[seed]));
    terms.payees = Payees { provider: short(1), client: short(2), pool: short(3) };
    let (setup, halves) = with_halves(Setup::new(terms).unwrap());
    assert_eq!(complete(&setup, &halves, &[(0, 750)]).unwrap().vsize(), 185);
}

#[test]
fn another_payouts_witness_is_refused() {
    let (setup, halves) = &*ONE;
    let right = complete(setup, halves, &[(0, 750)]).unwrap();
    for value in [0, 600, 740, 1000] {
        let mut wrong = setup.payout(value).unwrap();
        assert_ne!(wrong.compute_txid(), right.compute_txid());
        wrong.input[0].witness = right.input[0].witness.clone();
        assert!(!spends(&wrong, &setup.terms().coin), "{value}");
    }
}

#[test]
fn a_foreign_attestation_is_refused() {
    let quorum = quorum(1, 1);
    let (own, foreign) = (Oracle::new(1), Oracle::new(2));
    let refused = |value, signatures: &[schnorr::Signature]| {
        quorum.attestation(0, value, signatures).unwrap_err()
    };
    let at = |digit| OracleError::Foreign { auditor: 0, digit };
    assert_eq!(refused(750, &foreign.attest(750)), at(0));
    assert_eq!(refused(750, &own.attest(751)), at(9));
    assert_eq!(refused(751, &own.attest(239)), at(0));
    let mut mixed = own.attest(750);
    mixed[4] = foreign.attest(750)[4];
    assert_eq!(refused(750, &mixed), at(4));
    let mut swapped = own.attest(0);
    swapped.swap(2, 3);
    assert_eq!(refused(0, &swapped), at(2));
    assert_eq!(refused(750, &own.attest(750)[..9]), OracleError::Digits(9));
    assert_eq!(refused(1024, &own.attest(0)), OracleError::Value(1024));
    let nobody = quorum.attestation(1, 0, &own.attest(0)).unwrap_err();
    assert_eq!(nobody, OracleError::NoAuditor(1));
}

#[test]
fn another_contracts_attestation_completes_nothing() {
    let (setup, halves) = &*ONE;
    let other = Setup::new(terms(Quorum::new(vec![Oracle::new(2).announced()], 1).unwrap(), sla()))
        .unwrap();
    let value = 750;
    let foreign =
        other.terms().quorum.attestation(0, value, &Oracle::new(2).attest(value)).unwrap();
    let refused = setup.complete(&[foreign], &halves[1], &key(CLIENT), &[0; 32]).unwrap_err();
    assert!(matches!(refused, SetupError::Adaptor { party: Party::Provider, .. }), "{refused}");
}

#[test]
fn two_of_three_auditors_open_a_payout_whichever_they_are() {
    let (setup, halves) = with_halves(setup(2, 3));
    setup.verify(Party::Client, &halves[0]).unwrap();
    setup.verify(Party::Provider, &halves[1]).unwrap();
    for who in [[0, 1], [0, 2], [1, 2]] {
        for value in [0, 640, 1000] {
            let transaction = complete(&setup, &halves, &who.map(|one| (one, value))).unwrap();
            assert_eq!(paid(&transaction), setup.terms().payouts.at(value));
        }
    }
    let outvoted = complete(&setup, &halves, &[(0, 0), (1, 900), (2, 900)]).unwrap();
    assert_eq!(paid(&outvoted), setup.terms().payouts.at(900));
}

#[test]
fn auditors_that_do_not_agree_open_nothing() {
    let (setup, halves) = with_halves(setup(2, 3));
    let quorum = &setup.terms().quorum;
    for values in [&[(0, 750)][..], &[(0, 750), (0, 750)], &[(0, 750), (1, 760), (2, 0)], &[]] {
        let attestations: Vec<_> =
            values.iter().map(|(who, value)| attested(quorum, *who, *value)).collect();
        let refused = setup.complete(&attestations, &halves[1], &key(CLIENT), &[0; 32]);
        assert_eq!(refused.unwrap_err(), SetupError::NoQuorum(2));
    }
}

#[test]
fn auditors_without_a_word_leave_the_refund() {
    let (setup, halves) = &*ONE;
    for (signer, theirs) in [(CLIENT, &halves[1]), (PROVIDER, &halves[0])] {
        let refunded = setup.refund(theirs, &key(signer), &[0; 32]).unwrap();
        assert!(spends(&refunded, &setup.terms().coin));
        assert_eq!(paid(&refunded), refund());
        assert_eq!(earliest_height(&refunded, &[100]), Ok(100 + u32::from(REFUND_BLOCKS)));
        let fee = setup.terms().coin.value() - PRICE - BOND - ANCHOR;
        assert_eq!(fee, RESERVE - ANCHOR);
    }
}

#[test]
fn every_adaptor_signature_is_checked_before_anybody_funds() {
    let (setup, halves) = &*ONE;
    let bytes = halves[0].to_bytes();
    for index in (0..254).step_by(23).chain([253]) {
        for byte in [0, 20, 64] {
            let mut changed = bytes.clone();
            changed[64 + 65 * index + byte] ^= 1;
            let changed = Half::from_bytes(&changed).unwrap();
            let refused = setup.verify(Party::Client, &changed).unwrap_err();
            let SetupError::Adaptor { party, index: found, first, last } = refused else {
                panic!("{refused}");
            };
            assert_eq!((party, found), (Party::Client, index));
            assert!(first <= last);
        }
    }
}

#[test]
fn a_half_of_other_terms_another_key_or_another_length_is_refused() {
    let (setup, halves) = &*ONE;
    let swapped = setup.verify(Party::Client, &halves[1]).unwrap_err();
    assert_eq!(swapped, SetupError::RefundSignature(Party::Client));
    let stranger = setup.sign(&key(STRANGER), &[0; 32]).unwrap_err();
    assert_eq!(stranger, SetupError::ForeignKey(public(STRANGER)));
    let refused = |change: &dyn Fn(&mut Terms)| {
        let mut terms = terms(quorum(1, 1), sla());
        change(&mut terms);
        let other = Setup::new(terms).unwrap().sign(&key(CLIENT), &[1; 32]).unwrap();
        setup.verify(Party::Client, &other).unwrap_err()
    };
    let first = SetupError::Adaptor { party: Party::Client, index: 0, first: 0, last: 255 };
    let of_refund = SetupError::RefundSignature(Party::Client);
    assert_eq!(refused(&|terms| terms.payees.client = payees().pool), of_refund);
    let moved = SetupError::Adaptor { party: Party::Client, index: 132, first: 748, last: 751 };
    assert_eq!(refused(&|terms| terms.payouts = a_satoshi_moved(748)), moved);
    assert_eq!(refused(&|terms| terms.refund_blocks += 1), of_refund);
    assert_eq!(
        refused(&|terms| terms.quorum = quorum(1, 2)),
        SetupError::Count { party: Party::Client, found: 508, expected: 254 }
    );
    let other = Quorum::new(vec![Oracle::new(5).announced()], 1).unwrap();
    assert_eq!(refused(&|terms| terms.quorum = other.clone()), first);
}

#[test]
fn terms_that_cannot_be_are_refused_before_anybody_signs() {
    let refused = |change: &dyn Fn(&mut Terms)| {
        let mut terms = terms(quorum(1, 1), sla());
        change(&mut terms);
        Setup::new(terms).unwrap_err()
    };
    let collateral = PRICE + BOND;
    assert_eq!(
        refused(&|terms| terms.refund.pool = Amount::ONE_SAT),
        SetupError::Refund(collateral)
    );
    assert_eq!(refused(&|terms| terms.refund_blocks = 0), SetupError::RefundAtOnce);
    let poor = coin(false).escrow().clone().funded(coin(false).outpoint(), collateral);
    let short = refused(&|terms| terms.coin = poor.clone());
    assert!(matches!(short, SetupError::Spend(SpendError::ReserveShort { .. })), "{short}");
}

#[test]
fn a_half_survives_json_and_bytes() {
    let (setup, halves) = &*ONE;
    let json = serde_json::to_string(&halves[0]).unwrap();
    assert_eq!(json.len(), 22_101);
    let again: Half = serde_json::from_str(&json).unwrap();
    assert_eq!(again, halves[0]);
    setup.verify(Party::Client, &again).unwrap();
    let bytes = halves[0].to_bytes();
    for length in [0, 63, 65, bytes.len() - 1] {
        assert_eq!(Half::from_bytes(&bytes[..length]), Err(HalfError::Length(length)));
    }
    assert!(serde_json::from_str::<Half>("\"~\"").is_err());
    assert_eq!(Half::from_bytes(&bytes[..64]).unwrap().to_bytes(), bytes[..64]);
}

/// Tables of up to eight steps of anything.
fn tables() -> impl Strategy<Value = PayoutTable> {
    let shares = (0..=1_400_000_u64, 0..=1_400_000_u64);
    prop::collection::vec((0..=1000_usize, shares), 1..8).prop_map(|mut steps| {
        steps.sort_unstable();
        let splits: Vec<Split> = (0..=1000)
            .map(|outcome| {
                let step = steps.iter().rfind(|(from, _)| *from <= outcome);
                let (provider, pool) = step.map_or((0, 0), |(_, shares)| *shares);
                let pool = pool.min(1_400_000 - provider);
                sats(provider, 1_400_000 - provider - pool, pool)
            })
            .collect();
        PayoutTable::new(PRICE + BOND, &splits).unwrap()
    })
}

fn unrecorded(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(unrecorded(24))]

    #[test]
    fn an_attestation_opens_its_own_payout_and_no_other(
        table in tables(), value in 0..=1023_u16, other in 0..=1023_u16,
    ) {
        let (setup, halves) = with_halves(Setup::new(terms(quorum(1, 1), table)).unwrap());
        let right = complete(&setup, &halves, &[(0, value)]).unwrap();
        let split = setup.terms().payouts.at(value);
        let whole = |share: Amount| if share.to_sat() < 330 { Amount::ZERO } else { share };
        let carried = Split {
            provider: whole(split.provider), client: whole(split.client), pool: whole(split.pool),
        };
        prop_assert_eq!(paid(&right), carried);
        let mut wrong = setup.payout(other).unwrap();
        let same = setup.terms().payouts.at(other) == split;
        wrong.input[0].witness = right.input[0].witness.clone();
        prop_assert_eq!(spends(&wrong, &setup.terms().coin), same);
    }

    #[test]
    fn an_attestation_completes_one_adaptor_signature_of_all(value in 0..=1023_u16) {
        let (setup, halves) = &*ONE;
        let attestation = attested(&setup.terms().quorum, 0, value);
        let bytes = halves[1].to_bytes();
        let (refund, adaptors) = bytes.split_at(64);
        let completing = adaptors.chunks(65).filter(|adaptor| {
            let only = [refund, &adaptor.repeat(setup.adaptors())].concat();
            let only = Half::from_bytes(&only).unwrap();
            let attestations = std::slice::from_ref(&attestation);
            setup.complete(attestations, &only, &key(CLIENT), &[0; 32]).is_ok()
        });
        prop_assert_eq!(completing.count(), 1);
    }
}
