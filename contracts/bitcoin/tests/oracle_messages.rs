//! Oracle messages against other people's: the published vectors, rust-dlc's messages and dlcdevkit's.

use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::secp256k1::{Keypair, Message, Scalar, Secp256k1, SecretKey, XOnlyPublicKey};
use contracts_bitcoin::oracle::messages::{Announcement, Attestation, Descriptor, Digits, Event};
use contracts_bitcoin::oracle::points::{
    Outcome, announcement_message, attestation_message, signature_point, verify_announcement,
    verify_attestation,
};
use ddk_messages::TlvRecord;
use dlc_messages::ser_impls::{read_as_tlv, write_as_tlv};
use serde_json::Value;
use std::path::PathBuf;

/// A file of published vectors; nothing, with a word about it, where there are none.
fn vectors(name: &str) -> Option<Value> {
    let Some(folder) = std::env::var_os("BONDSTORE_VECTORS") else {
        println!("skipped: BONDSTORE_VECTORS names no folder of published vectors");
        return None;
    };
    let path = PathBuf::from(folder).join("dlcspecs").join(name);
    let text = std::fs::read_to_string(&path).expect("the vectors are there");
    Some(serde_json::from_str(&text).expect("vectors are JSON"))
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(text(value)).expect("hexadecimal")
}

/// Every announcement in an offer's JSON.
fn announcements(offer: &Value) -> Vec<&Value> {
    let info = &offer["message"]["contractInfo"]["singleContractInfo"]["contractInfo"];
    let info = &info["oracleInfo"];
    match info["multi"]["oracleAnnouncements"].as_array() {
        Some(many) => many.iter().collect(),
        None => vec![&info["single"]["oracleAnnouncement"]],
    }
}

/// The announcement that a vector describes field by field.
fn described(announced: &Value) -> Announcement {
    let point = |value: &Value| XOnlyPublicKey::from_slice(&bytes(value)).expect("a point");
    let event = &announced["oracleEvent"];
    let descriptor = &event["eventDescriptor"];
    let number = |value: &Value| value.as_i64().expect("a number");
    let descriptor = if let Some(named) = descriptor["enumEvent"]["outcomes"].as_array() {
        Descriptor::Enumerated(named.iter().map(|name| text(name).to_owned()).collect())
    } else {
        let digits = &descriptor["digitDecompositionEvent"];
        Descriptor::Digits(Digits {
            base: number(&digits["base"]).try_into().expect("small"),
            is_signed: digits["isSigned"].as_bool().expect("yes or no"),
            unit: text(&digits["unit"]).to_owned(),
            precision: number(&digits["precision"]).try_into().expect("small"),
            count: number(&digits["nbDigits"]).try_into().expect("small"),
        })
    };
    let nonces = event["oracleNonces"].as_array().expect("a list").iter().map(point).collect();
    let maturity = number(&event["eventMaturityEpoch"]).try_into().expect("a time");
    let id = text(&event["eventId"]).to_owned();
    Announcement {
        signature: Signature::from_slice(&bytes(&announced["announcementSignature"])).expect("64"),
        oracle: point(&announced["oraclePublicKey"]),
        event: Event::new(id, maturity, descriptor, nonces).expect("an event"),
    }
}

#[test]
fn the_published_announcements_are_read_and_written_as_they_are() {
    let mut read = 0;
    for name in [
        "enum_single_oracle_test.json",
        "single_oracle_numerical_test.json",
        "three_of_three_oracle_numerical_test.json",
        "two_of_five_oracle_numerical_test.json",
    ] {
        let Some(vector) = vectors(name) else { return };
        let offer = &vector["offer_message"];
        let serialized = bytes(&offer["serialized"]);
        for announced in announcements(offer) {
            let expected = described(announced);
            let written = expected.encode();
            let found = serialized.windows(written.len()).any(|window| window == written);
            assert!(found, "{name}: what we write stands in the published bytes");
            assert_eq!(Announcement::decode(&written), Ok(expected), "{name}");
            read += 1;
        }
    }
    assert_eq!(read, 1 + 1 + 3 + 5);
}

#[test]
fn the_published_signatures_open_the_points_that_we_compute() {
    let Some(vectors) = vectors("dlc_schnorr_test.json") else { return };
    let secp = Secp256k1::new();
    let vectors = vectors.as_array().expect("a list");
    assert!(!vectors.is_empty());
    for vector in vectors {
        let key = XOnlyPublicKey::from_slice(&bytes(&vector["pubKey"])).expect("a point");
        let nonce = XOnlyPublicKey::from_slice(&bytes(&vector["pubNonce"])).expect("a point");
        let message = Message::from_digest_slice(&bytes(&vector["inputs"]["msgHash"])).expect("32");
        let point = signature_point(&key, &nonce, &message).expect("there is one");
        assert_eq!(point.to_string(), text(&vector["sigPoint"]));
        let signature = Signature::from_slice(&bytes(&vector["signature"])).expect("64 bytes");
        secp.verify_schnorr(&signature, &message, &key).expect("the vector holds");
        let secret = SecretKey::from_slice(&signature.serialize()[32..]).expect("a scalar");
        assert_eq!(secret.public_key(&secp), point);
    }
}

/// A key and nonces that everybody may know.
fn secret(number: u8) -> Keypair {
    Keypair::from_seckey_slice(&Secp256k1::new(), &[number; 32]).expect("a key")
}

/// s = k + e·d by dlcspecs, with everything in the open.
fn signed(key: &Keypair, nonce: &Keypair, outcome: &str) -> Signature {
    let even = |pair: &Keypair| match pair.x_only_public_key().1 {
        bitcoin::secp256k1::Parity::Even => pair.secret_key(),
        bitcoin::secp256k1::Parity::Odd => pair.secret_key().negate(),
    };
    let message = attestation_message(outcome);
    let (point, name) = (nonce.x_only_public_key().0, key.x_only_public_key().0);
    let tag = bitcoin::hashes::Hash::hash(b"BIP0340/challenge");
    let tag: bitcoin::hashes::sha256::Hash = tag;
    let whole = [
        tag.as_ref() as &[u8],
        tag.as_ref(),
        &point.serialize(),
        &name.serialize(),
        message.as_ref(),
    ]
    .concat();
    let hash: bitcoin::hashes::sha256::Hash = bitcoin::hashes::Hash::hash(&whole);
    let challenge = Scalar::from_be_bytes(*hash.as_ref()).expect("below the order");
    let s = even(key).mul_tweak(&challenge).expect("not zero");
    let s = s.add_tweak(&Scalar::from(even(nonce))).expect("not zero");
    Signature::from_slice(&[point.serialize(), s.secret_bytes()].concat()).expect("64 bytes")
}

fn announced(descriptor: Descriptor) -> Announcement {
    let count = u8::try_from(descriptor.nonces()).expect("few");
    let nonces = (0..count).map(|at| secret(at + 2).x_only_public_key().0).collect();
    let event = Event::new("a name".into(), 1_800_000_000, descriptor, nonces).expect("an event");
    let signature = Secp256k1::new().sign_schnorr(&announcement_message(&event), &secret(1));
    Announcement { signature, oracle: secret(1).x_only_public_key().0, event }
}

fn attested(outcomes: &[&str]) -> Attestation {
    let nonces = (2..).map(secret);
    let signed = outcomes
        .iter()
        .zip(nonces)
        .map(|(outcome, nonce)| (signed(&secret(1), &nonce, outcome), (*outcome).to_owned()));
    let oracle = secret(1).x_only_public_key().0;
    Attestation::new("a name".into(), oracle, signed.collect()).expect("an attestation")
}

fn both() -> [(Announcement, Attestation, Outcome); 3] {
    let digits = |is_signed, count| {
        let unit = "permille".to_owned();
        Descriptor::Digits(Digits { base: 2, is_signed, unit, precision: 0, count })
    };
    let named = Descriptor::Enumerated(["été", "b", "日"].map(str::to_owned).to_vec());
    let ten = ["1", "1", "1", "1", "1", "0", "1", "0", "0", "0"];
    [
        (announced(digits(false, 10)), attested(&ten), Outcome::Number(1000)),
        (announced(digits(true, 3)), attested(&["-", "1", "0", "1"]), Outcome::Number(-5)),
        (announced(named), attested(&["été"]), Outcome::Named("été".into())),
    ]
}

#[test]
fn dlcdevkit_reads_verifies_and_writes_the_same() {
    let secp = Secp256k1::new();
    for (announcement, attestation, outcome) in both() {
        let theirs = ddk_messages::oracle_msgs::OracleAnnouncement::from_tlv_bytes;
        let theirs = theirs(&announcement.encode()).expect("they read it");
        theirs.validate(&secp).expect("they verify it");
        assert_eq!(Announcement::decode(&theirs.to_tlv_bytes()).as_ref(), Ok(&announcement));
        let read = ddk_messages::oracle_msgs::OracleAttestation::from_tlv_bytes;
        let read = read(&attestation.encode()).expect("they read it");
        read.validate(&secp, &theirs).expect("they verify it");
        assert_eq!(Attestation::decode(&read.to_tlv_bytes()).as_ref(), Ok(&attestation));
        verify_announcement(&announcement).expect("so do we");
        assert_eq!(verify_attestation(&attestation, &announcement), Ok(outcome));
    }
}

/// rust-dlc 0.8 hashes attestations without their tag, so that only its bytes can be compared.
#[test]
fn rust_dlc_reads_and_writes_the_same() {
    for (announcement, attestation, _) in both() {
        let bytes = announcement.encode();
        let theirs: dlc_messages::oracle_msgs::OracleAnnouncement =
            read_as_tlv(&mut bytes.as_slice()).expect("they read it");
        let mut written = Vec::new();
        write_as_tlv(&theirs, &mut written).expect("they write it");
        assert_eq!(written, bytes);
        theirs.oracle_event.validate().expect("nonces fit the descriptor");
        assert_eq!(theirs.oracle_event.oracle_nonces, announcement.event.nonces());
        let bytes = attestation.encode();
        let theirs: dlc_messages::oracle_msgs::OracleAttestation =
            read_as_tlv(&mut bytes.as_slice()).expect("they read it");
        let mut written = Vec::new();
        write_as_tlv(&theirs, &mut written).expect("they write it");
        assert_eq!(written, bytes);
        assert_eq!(theirs.outcomes, attestation.outcomes());
    }
}

#[test]
fn what_an_oracle_did_not_announce_or_sign_is_refused() {
    let [(announcement, attestation, _), (other, _, _), _] = both();
    let mut forged = announcement.clone();
    forged.oracle = secret(9).x_only_public_key().0;
    assert!(verify_announcement(&forged).is_err());
    assert!(verify_attestation(&attestation, &forged).is_err());
    assert!(verify_attestation(&attestation, &other).is_err(), "more signatures than digits");
    let outcomes: Vec<&str> = attestation.outcomes().iter().map(String::as_str).collect();
    for at in 0..outcomes.len() {
        let mut altered: Vec<(Signature, String)> = attestation
            .signatures()
            .iter()
            .copied()
            .zip(outcomes.iter().map(|outcome| (*outcome).to_owned()))
            .collect();
        altered[at].1 = if outcomes[at] == "1" { "0".into() } else { "1".into() };
        let altered = Attestation::new("a name".into(), attestation.oracle(), altered);
        assert!(verify_attestation(&altered.expect("an attestation"), &announcement).is_err());
    }
    for (at, strange) in [(0, "2"), (3, "01"), (9, "+1"), (5, "")] {
        let mut strangely = outcomes.clone();
        strangely[at] = strange;
        assert!(verify_attestation(&attested(&strangely), &announcement).is_err(), "{strange}");
    }
}
