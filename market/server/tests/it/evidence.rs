//! A journal that was written out is verified by whoever has it; receipts and statements are for whom they concern.

use crate::common::{House, client, key};
use market_server::export::{export_journal, verify_export};
use market_server::verify::VerifyError;
use network::market_api::Period;
use types::documents::Withdrawal;
use types::{Msat, Signer, Timestamp, Verified};

/// A market's directory with deposits, a withdrawal and an epoch in its journal, and the journal written out.
pub(crate) async fn exported() -> (House, Vec<u8>) {
    let house = House::founded();
    let market = house.start().await;
    for number in 0..3u8 {
        market.credit(key(number).did(), Msat(10), &format!("line {number}")).await.unwrap();
    }
    let (party, to) = (key(1).did(), "an address".to_owned());
    let withdrawal = Withdrawal { party, amount: Msat(4), to, nonce: 1 };
    let withdrawal = Verified::sign(withdrawal, &key(1)).unwrap();
    market.submit(market::Command::Withdraw(withdrawal)).await.unwrap();
    market.open_epoch().await.unwrap();
    // While the market runs: what is written is one moment of it.
    let mut file = Vec::new();
    let head = export_journal(house.place(), &mut file).unwrap();
    assert_eq!(head.hash, market.journal().head);
    (house, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_journal_is_verified_with_nothing_else_at_hand() {
    let (house, file) = exported().await;
    let report = verify_export(file.as_slice(), Some(house.key.did())).unwrap();
    assert_eq!((report.market, report.blocks, report.counted.entries), (house.key.did(), 5, 5));
    assert_eq!(report.counted.documents, 4);
    let verified = market_server::verify_journal(house.place()).unwrap();
    assert_eq!((report.head, report.tree_root), (verified.head, verified.tree_root));
    assert_eq!(report.state_root, verified.replayed_root);

    let other = verify_export(file.as_slice(), Some(key(9).did())).unwrap_err();
    assert!(matches!(&other, VerifyError::Genesis(reason) if reason.contains("not of")), "{other}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_journal_is_a_journal() {
    let house = House::founded();
    let mut file = Vec::new();
    export_journal(house.place(), &mut file).unwrap();
    let report = verify_export(file.as_slice(), None).unwrap();
    assert_eq!((report.blocks, report.market), (0, house.key.did()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_for_those_whom_its_document_concerns_and_stays_true() {
    let house = House::founded();
    let market = house.start().await;
    let (alice, bob) = (client(&market, &key(1)), client(&market, &key(2)));
    assert_eq!(alice.head().await.unwrap_err().code(), Some("not_found"));
    let deposit = market_server::deposit(&house.key, key(1).did(), Msat(10), "line 1");
    let strange = alice.receipt(deposit.id()).await.unwrap_err();
    assert_eq!(strange.code(), Some("not_found"));
    alice.deposit(deposit.signed()).await.unwrap();

    let early = alice.receipt(deposit.id()).await.unwrap();
    let proven = early.verify(Some(market.did())).unwrap();
    assert_eq!((proven.document, proven.command.as_str()), (deposit.id(), "deposit"));
    assert_eq!((proven.head.size, proven.head.block), (1, 1));
    assert_eq!(alice.head().await.unwrap(), early.head);
    assert_eq!(bob.receipt(deposit.id()).await.unwrap_err().code(), Some("not_found"));
    assert!(client(&market, &house.key).receipt(deposit.id()).await.is_ok());

    for number in 0..20 {
        market.credit(key(2).did(), Msat(1), &format!("more {number}")).await.unwrap();
    }
    market.kill();
    let market = house.start().await;
    let alice = client(&market, &key(1));
    let late = alice.receipt(deposit.id()).await.unwrap();
    let later = late.verify(Some(market.did())).unwrap();
    assert_eq!((later.head.size, early.entry == late.entry), (21, true));
    let proof = alice.consistency(1, 21).await.unwrap();
    proof.verify(&proven.head.tip(), &later.head.tip()).unwrap();
    for (from, to) in [(1, 22), (3, 2)] {
        assert_eq!(alice.consistency(from, to).await.unwrap_err().code(), Some("not_found"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_for_their_party_over_sensible_periods() {
    let house = House::founded();
    let market = house.start().await;
    market.credit(key(1).did(), Msat(10), "line 1").await.unwrap();
    let (alice, bob) = (client(&market, &key(1)), client(&market, &key(2)));
    let party = key(1).did();
    let statement = alice.statement(party, Period::default()).await.unwrap();
    let deposit = market_server::deposit(&house.key, party, Msat(10), "line 1").id();
    assert_eq!(statement.lines.len(), 1);
    assert_eq!(statement.lines[0].document, Some(deposit));
    assert_eq!(statement.closing[0].balance, Msat(10));
    assert!(statement.to_csv().contains("deposited"));
    let foreign = bob.statement(party, Period::default()).await.unwrap_err();
    assert_eq!(foreign.code(), Some("not_yours"));
    let backwards = Period { from: Some(Timestamp(9)), to: Some(Timestamp(8)) };
    let refused = alice.statement(party, backwards).await.unwrap_err();
    assert_eq!(refused.code(), Some("period_malformed"));
    let unknown = alice.invoice(deposit, Period::default(), None).await.unwrap_err();
    assert_eq!(unknown.code(), Some("not_found"));
}
