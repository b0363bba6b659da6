//! Messages that come back as they went, and everything else refused.

use super::*;
use bitcoin::secp256k1::{Keypair, Secp256k1, SecretKey};
use proptest::prelude::*;

fn point(number: u16) -> XOnlyPublicKey {
    let mut secret = [1; 32];
    secret[..2].copy_from_slice(&number.to_be_bytes());
    let key = SecretKey::from_slice(&secret).unwrap();
    Keypair::from_secret_key(&Secp256k1::new(), &key).x_only_public_key().0
}

fn points(count: usize) -> Vec<XOnlyPublicKey> {
    (0..count).map(|number| point(u16::try_from(number).unwrap())).collect()
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::char::range('a', 'ž'), 0..300).prop_map(|letters| {
        use unicode_normalization::UnicodeNormalization;
        letters.into_iter().nfc().collect()
    })
}

fn descriptor() -> impl Strategy<Value = Descriptor> {
    let named = proptest::collection::btree_set(text(), 1..6)
        .prop_map(|outcomes| Descriptor::Enumerated(outcomes.into_iter().collect()));
    let digits = (2_u16.., any::<bool>(), text(), any::<i32>(), 1_u16..24);
    let digits = digits.prop_map(|(base, is_signed, unit, precision, count)| {
        Descriptor::Digits(Digits { base, is_signed, unit, precision, count })
    });
    prop_oneof![named, digits]
}

fn signature() -> impl Strategy<Value = Signature> {
    any::<[[u8; 32]; 2]>().prop_map(|halves| Signature::from_slice(&halves.concat()).unwrap())
}

fn announcement() -> impl Strategy<Value = Announcement> {
    (signature(), descriptor(), any::<u32>(), text()).prop_map(
        |(signature, descriptor, maturity, id)| {
            let nonces = points(descriptor.nonces());
            let event = Event::new(id, maturity, descriptor, nonces).unwrap();
            Announcement { signature, oracle: point(999), event }
        },
    )
}

fn attestation() -> impl Strategy<Value = Attestation> {
    (text(), proptest::collection::vec((signature(), text()), 1..12))
        .prop_map(|(event, signed)| Attestation::new(event, point(7), signed).unwrap())
}

fn digits(count: u16) -> Descriptor {
    let unit = "permille".to_owned();
    Descriptor::Digits(Digits { base: 2, is_signed: false, unit, precision: 0, count })
}

fn announced() -> Announcement {
    let event = Event::new("an event".into(), 7, digits(10), points(10)).unwrap();
    let signature = Signature::from_slice(&[3; 64]).unwrap();
    Announcement { signature, oracle: point(999), event }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_announcement_comes_back_and_none_of_its_beginnings_does(sent in announcement()) {
        let bytes = sent.encode();
        prop_assert_eq!(Announcement::decode(&bytes).unwrap(), sent);
        for end in 0..bytes.len() {
            prop_assert!(Announcement::decode(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn an_attestation_comes_back_and_none_of_its_beginnings_does(sent in attestation()) {
        let bytes = sent.encode();
        prop_assert_eq!(Attestation::decode(&bytes).unwrap(), sent);
        for end in 0..bytes.len() {
            prop_assert!(Attestation::decode(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn whatever_is_read_is_written_as_it_was(bytes in any::<Vec<u8>>(), at in any::<usize>(), to: u8) {
        prop_assert!(Announcement::decode(&bytes).is_err());
        prop_assert!(Attestation::decode(&bytes).is_err());
        let mut altered = announced().encode();
        let at = at % altered.len();
        altered[at] = to;
        if let Ok(read) = Announcement::decode(&altered) {
            prop_assert_eq!(read.encode(), altered);
        }
    }
}

#[test]
fn what_stands_behind_the_end_or_is_written_too_long_is_refused() {
    let whole = announced().encode();
    let behind = [whole.as_slice(), &[0]].concat();
    assert_eq!(Announcement::decode(&behind), Err(MessageError::Trailing(1)));
    let kind = [0xfe, 0, 0, 0xd8, 0x24];
    let long = [kind.as_slice(), &whole[3..]].concat();
    assert_eq!(Announcement::decode(&long), Err(MessageError::Number(ANNOUNCEMENT)));
    let other = Attestation::decode(&whole).unwrap_err();
    assert_eq!(other, MessageError::Type { expected: ATTESTATION, found: ANNOUNCEMENT });
}

#[test]
fn a_length_that_lies_is_refused() {
    let event = announced().event.encode();
    // The event's own length stands behind its type and the byte that says how it is written.
    for (by, refused) in [(-1_i16, "short"), (1, "long")] {
        let mut body = [3; 64].to_vec();
        body.extend(point(999).serialize());
        let mut lying = event.clone();
        let length = u16::from_be_bytes([lying[4], lying[5]]);
        lying[4..6].copy_from_slice(&length.checked_add_signed(by).unwrap().to_be_bytes());
        body.extend(lying);
        let mut bytes = Vec::new();
        put_tlv(&mut bytes, ANNOUNCEMENT, &body);
        assert!(Announcement::decode(&bytes).is_err(), "{refused}");
    }
}

#[test]
fn parts_that_make_no_event_are_refused_by_name() {
    let event = |id: &str, descriptor, nonces| Event::new(id.to_owned(), 0, descriptor, nonces);
    let refused = |made: Result<Event, _>| made.unwrap_err();
    let few = refused(event("e", digits(10), points(9)));
    assert_eq!(few, MessageError::Nonces { expected: 10, found: 9 });
    let twice = vec![point(1), point(1)];
    assert_eq!(refused(event("e", digits(2), twice)), MessageError::NonceTwice);
    let none = MessageError::Base { base: 2, count: 0 };
    assert_eq!(refused(event("e", digits(0), vec![])), none);
    let same = Descriptor::Enumerated(vec!["a".into(), "a".into()]);
    assert_eq!(refused(event("e", same, points(1))), MessageError::Outcomes);
    let decomposed = "e\u{301}";
    let refusal = refused(event(decomposed, digits(1), points(1)));
    assert_eq!(refusal, MessageError::Unnormalised(decomposed.to_owned()));
    assert!(event("\u{e9}", digits(1), points(1)).is_ok());
    let nothing = Attestation::new("e".into(), point(1), vec![]).unwrap_err();
    assert_eq!(nothing, MessageError::Unequal { signatures: 0, outcomes: 0 });
}
