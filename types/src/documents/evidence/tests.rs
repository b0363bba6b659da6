use super::*;
use crate::documents::{BlockProof, Deposit, Withdrawal};
use crate::tree::{ConsistencyProof, Frontier};
use crate::{Msat, SecretKey, Signer};
use proptest::prelude::*;

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn deposit() -> Verified<Deposit> {
    let (market, party) = (key(1).did(), key(2).did());
    let deposit = Deposit { market, party, amount: Msat(7), reference: "bank line 1".into() };
    Verified::sign(deposit, &key(1)).unwrap()
}

fn entry(id: DocId) -> String {
    format!(r#"{{"at":5,"command":{{"deposit":{{"signed":"{id}"}}}},"events":[]}}"#)
}

/// A receipt for a deposit that is the third of five entries.
fn receipt() -> Receipt {
    let document = deposit();
    let mine = entry(document.id());
    let (mut frontier, mut nodes) = (Frontier::default(), Vec::new());
    for text in ["a", "b", mine.as_str(), "d", "e"] {
        frontier.append(tree::leaf(text.as_bytes()), |hash| nodes.push(hash));
    }
    let Tip { size, root } = frontier.tip();
    let head = TreeHead { market: key(1).did(), size, root, block: 2, time: Timestamp(9) };
    Receipt {
        document: document.signed().clone(),
        entry: mine,
        inclusion: InclusionProof::make(2, size, nodes.as_slice()).unwrap().unwrap(),
        head: Verified::sign(head, &key(1)).unwrap().signed().clone(),
        anchor: None,
    }
}

#[test]
fn a_receipt_says_what_it_proves() {
    let proven = receipt().verify(Some(key(1).did())).unwrap();
    assert_eq!(proven.document, deposit().id());
    assert_eq!((proven.typ.as_str(), proven.command.as_str()), ("bondstore.deposit", "deposit"));
    assert_eq!((proven.signer, proven.at, proven.head.size), (key(1).did(), Timestamp(5), 5));
    assert!(receipt().verify(None).is_ok());
}

#[test]
fn each_part_that_does_not_fit_is_named() {
    let codes = |receipt: &Receipt| receipt.verify(Some(key(1).did())).unwrap_err().code();
    let good = receipt();
    let other_market = good.verify(Some(key(3).did())).unwrap_err();
    assert_eq!(other_market.code(), "receipt_other_market");
    let withdrawal = Withdrawal { party: key(2).did(), amount: Msat(1), to: "x".into(), nonce: 1 };
    let other = Verified::sign(withdrawal, &key(2)).unwrap().signed().clone();
    assert_eq!(codes(&Receipt { document: other, ..good.clone() }), "receipt_not_named");
    let forged = Signed(good.document.0.replacen('.', "..", 1));
    assert_eq!(codes(&Receipt { document: forged, ..good.clone() }), "receipt_document");
    assert_eq!(codes(&Receipt { head: good.document.clone(), ..good.clone() }), "receipt_head");
    assert_eq!(codes(&Receipt { entry: "{}".into(), ..good.clone() }), "receipt_entry");
    let later = good.entry.replace("\"at\":5", "\"at\":6");
    assert_eq!(codes(&Receipt { entry: later, ..good.clone() }), "receipt_not_included");
}

/// An anchor of a journal of `size` entries, which begins as the receipt's does.
fn anchor(size: u64, consistency: bool) -> Anchor {
    let (mut frontier, mut nodes) = (Frontier::default(), Vec::new());
    let mine = receipt().entry;
    for text in
        ["a", "b", mine.as_str(), "d", "e", "f", "g"].iter().take(usize::try_from(size).unwrap())
    {
        frontier.append(tree::leaf(text.as_bytes()), |hash| nodes.push(hash));
    }
    let proof = BlockProof {
        network: "regtest".into(),
        files: String::new(),
        transaction: String::new(),
        index: 0,
        branch: vec![],
        header: String::new(),
        height: 1,
    };
    let path = ConsistencyProof::make(5, size, nodes.as_slice()).unwrap();
    let consistency = path.filter(|_| consistency);
    Anchor { size, root: frontier.tip().root, consistency, proof }
}

#[test]
fn an_anchor_is_of_the_same_journal_or_of_one_that_continues_it() {
    let with = |anchor| Receipt { anchor: Some(anchor), ..receipt() };
    let codes = |anchor| with(anchor).verify(None).map_err(|error| error.code()).err();
    for (size, consistency) in [(5, false), (5, true), (6, true), (7, true)] {
        assert_eq!(codes(anchor(size, consistency)), None, "{size}");
        let other = Anchor { root: Hash::of(b"x"), ..anchor(size, consistency) };
        assert_eq!(codes(other), Some("receipt_not_anchored"), "{size}");
    }
    for (size, consistency) in [(7, false), (4, false), (4, true)] {
        assert_eq!(codes(anchor(size, consistency)), Some("receipt_not_anchored"), "{size}");
    }
}

#[test]
fn receipts_from_before_anchors_are_what_they_were() {
    let written = serde_json::to_value(receipt()).unwrap();
    assert_eq!(written.get("anchor"), None);
    let read: Receipt = serde_json::from_value(written).unwrap();
    assert_eq!(read, receipt());
    let anchored = Receipt { anchor: Some(anchor(6, true)), ..receipt() };
    let text = serde_json::to_string(&anchored).unwrap();
    assert_eq!(serde_json::from_str::<Receipt>(&text).unwrap(), anchored);
}

#[test]
fn a_command_is_written_with_names_and_read_with_documents() {
    let written = serde_json::to_value(deposit()).unwrap();
    assert_eq!(written, serde_json::json!({ "signed": deposit().id() }));
    let mut resolved = written.clone();
    resolve(&mut resolved, &mut |id| (id == deposit().id()).then(|| deposit().signed().clone()))
        .unwrap();
    let read: Verified<Deposit> = serde_json::from_value(resolved).unwrap();
    assert_eq!(read, deposit());
    assert!(serde_json::from_value::<Verified<Deposit>>(written.clone()).is_err());
    let mut nothing = written;
    assert_eq!(resolve(&mut nothing, &mut |_| None), Err(deposit().id()));
}

#[test]
fn an_entry_names_each_document_once_wherever_it_stands() {
    let (a, b, c) = (Hash::of(b"a"), Hash::of(b"b"), Hash::of(b"c"));
    let text = format!(
        r#"{{"at":1,"command":{{"revise":{{"receipts":[{{"signed":"{a}"}},{{"signed":"{b}"}}]}}}},
            "evidence":["{b}"],"issued":["{c}"],"events":[{{"x":1}}]}}"#
    );
    let entry = EntryNames::read(&text).unwrap();
    assert_eq!((entry.kind(), entry.documents()), ("revise", vec![a, b, c]));
}

proptest! {
    #[test]
    fn no_changed_byte_of_a_receipt_passes(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let bytes = serde_json::to_vec(&receipt()).unwrap();
        let (mut changed, at) = (bytes.clone(), at.index(bytes.len()));
        changed[at] = to;
        let Ok(read) = serde_json::from_slice::<Receipt>(&changed) else { return Ok(()) };
        // The same content in other words is the same receipt.
        prop_assert!(read == receipt() || read.verify(Some(key(1).did())).is_err());
    }
}
