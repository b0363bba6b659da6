//! A slot's contract that real oracles close: announced, signed beforehand, attested, and judged by Bitcoin Core's interpreter.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "other tests need more of it")]
mod escrow_world;

use contracts_bitcoin::escrow::Party;
use contracts_bitcoin::keys::MasterKey;
use contracts_bitcoin::oracle::Oracle;
use contracts_bitcoin::oracle::messages::{Announcement, Descriptor, Digits, Event};
use contracts_bitcoin::oracle::points::announcement_message;
use contracts_bitcoin::oracle::rule::Rule;
use contracts_bitcoin::outcome::oracle::OracleError;
use contracts_bitcoin::outcome::{Auditor, Quorum, Setup};
use escrow_world::{CLIENT, PROVIDER, key, public, sla, spends, terms};
use types::{Hash, Timestamp};

const CONTRACT: types::ContractId = Hash([3; 32]);
const MATURITY: u32 = 1_700_000_000;
const LATER: Timestamp = Timestamp(1_700_000_001_000_000);

fn oracle(folder: &std::path::Path, seed: u8) -> Oracle {
    let master = MasterKey::new(&[seed; 64], bitcoin::Network::Regtest).unwrap();
    let folder = folder.join(seed.to_string());
    std::fs::create_dir(&folder).unwrap();
    Oracle::open(&folder, master).unwrap()
}

#[test]
fn what_oracles_attest_opens_the_payout_that_was_signed_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let oracles = [1, 2].map(|seed| oracle(folder.path(), seed));
    let announcements = oracles.each_ref().map(|oracle| {
        let alone = Rule::alone(oracle.public_key());
        oracle.announce((CONTRACT, 0), MATURITY, &alone).unwrap()
    });
    let auditors = announcements.iter().map(|one| Auditor::announced(one).unwrap()).collect();
    let quorum = Quorum::new(auditors, 2).unwrap();
    let setup = Setup::new(terms(quorum.clone(), sla())).unwrap();
    let halves = [CLIENT, PROVIDER].map(|signer| setup.sign(&key(signer), &[signer; 32]).unwrap());
    setup.verify(Party::Client, &halves[0]).unwrap();
    setup.verify(Party::Provider, &halves[1]).unwrap();

    let attested = |at: usize, score: u16| {
        let event = announcements[at].event.id();
        let attestation = oracles[at].attest(event, score, LATER).unwrap();
        quorum.attested(at, &announcements[at], &attestation).unwrap()
    };
    let both = [attested(0, 987), attested(1, 987)];
    assert!(setup.complete(&both[..1], &halves[1], &key(CLIENT), &[9; 32]).is_err());
    for (signer, theirs) in [(CLIENT, &halves[1]), (PROVIDER, &halves[0])] {
        let payout = setup.complete(&both, theirs, &key(signer), &[9; 32]).unwrap();
        assert_eq!(payout.compute_txid(), setup.payout(987).unwrap().compute_txid());
        assert!(spends(&payout, &setup.terms().coin));
    }
}

#[test]
fn what_announces_or_attests_no_compliance_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (oracle(folder.path(), 1), oracle(folder.path(), 2));
    let announce = |oracle: &Oracle, slot| {
        let alone = Rule::alone(oracle.public_key());
        oracle.announce((CONTRACT, slot), MATURITY, &alone).unwrap()
    };
    let (announced, of_another_slot) = (announce(&one, 0), announce(&one, 1));
    let foreign = announce(&other, 0);
    let quorum = Quorum::new(vec![Auditor::announced(&announced).unwrap()], 1).unwrap();
    let attest = |oracle: &Oracle, announcement: &Announcement| {
        oracle.attest(announcement.event.id(), 500, LATER).unwrap()
    };
    let (right, slot, theirs) =
        (attest(&one, &announced), attest(&one, &of_another_slot), attest(&other, &foreign));
    assert_eq!(quorum.attested(0, &announced, &right).unwrap().value(), 500);
    for (announcement, attestation) in
        [(&announced, &slot), (&announced, &theirs), (&of_another_slot, &slot), (&foreign, &theirs)]
    {
        let refused = quorum.attested(0, announcement, attestation).unwrap_err();
        assert!(matches!(refused, OracleError::Message(_)), "{refused}");
    }
    assert_eq!(quorum.attested(1, &announced, &right), Err(OracleError::NoAuditor(1)));

    let mut forged = announced.clone();
    forged.oracle = foreign.oracle;
    assert!(matches!(Auditor::announced(&forged), Err(OracleError::Message(_))));
    let digits = |base, count, is_signed| {
        Descriptor::Digits(Digits { base, is_signed, unit: String::new(), precision: 0, count })
    };
    let (secp, signer) = (bitcoin::secp256k1::Secp256k1::new(), key(CLIENT));
    for descriptor in [
        Descriptor::Enumerated(vec!["kept".into(), "lost".into()]),
        digits(10, 10, false),
        digits(2, 9, false),
        digits(2, 11, false),
        digits(2, 9, true),
    ] {
        let nonces = (1..).take(descriptor.nonces()).map(public).collect();
        let event = Event::new("kept?".into(), MATURITY, descriptor, nonces).unwrap();
        let message = announcement_message(&event);
        let signature = secp.sign_schnorr_no_aux_rand(&message, &signer);
        let announcement = Announcement { signature, oracle: public(CLIENT), event };
        let refused = Auditor::announced(&announcement);
        assert_eq!(refused, Err(OracleError::NoScore("kept?".into())));
    }
}
