use super::*;
use crate::keys::WrappedKey;
use proptest::prelude::*;
use shards::{Cipher, ObjectLayout, Root, SegmentLayout, Shape};
use types::{Bytes, Did, Hash, Redundancy, Timestamp};

fn name(number: u8) -> ObjectName {
    ObjectName::new(&format!("object-{number}")).unwrap()
}

fn segment(number: u8) -> SegmentLayout {
    SegmentLayout { shard_bytes: 64, roots: vec![Root([number; 32]); 6] }
}

fn object(number: u8, first_segment: u64, segments: u8) -> ObjectRecord {
    let segments: Vec<_> = (0..segments).map(|index| segment(number * 16 + index)).collect();
    ObjectRecord {
        name: name(number),
        contract: Hash([1; 32]),
        first_segment,
        layout: ObjectLayout {
            plain_bytes: 5,
            stored_bytes: 21,
            compressed: false,
            cipher: Cipher::Aes256Gcm,
            shape: Shape::default(),
            segments,
        },
        wrapped: WrappedKey(vec![number; 60]),
        hash: Hash([number; 32]),
        stored_at: Timestamp(number.into()),
    }
}

fn contract(number: u8, revision: u64, paid: &[(u16, u64)]) -> ContractRecord {
    ContractRecord {
        id: Hash([number; 32]),
        capacity: Bytes(1 << 20),
        redundancy: Redundancy { data: 4, parity: 2 },
        shard_bytes: 1 << 18,
        revision,
        holders: vec![Holder { provider: Did([3; 32]), endpoint: None }; 6],
        paid: paid.iter().map(|(slot, bytes)| ((*slot, Did([3; 32])), *bytes)).collect(),
    }
}

#[test]
fn every_change_has_its_generation() {
    let mut catalogue = Catalogue::default();
    catalogue.put_object(object(1, 0, 2));
    catalogue.put_contract(contract(1, 1, &[]));
    catalogue.remove_object(&name(1));
    assert_eq!(catalogue.generation, 3);
    assert_eq!(catalogue.object(&name(1)), None);
    assert_eq!(catalogue.live().count(), 0);
    assert_eq!(catalogue.objects[&name(1)].changed, 3);
}

#[test]
fn what_was_removed_is_not_brought_back_by_an_older_copy() {
    let mut catalogue = Catalogue::default();
    catalogue.put_object(object(1, 0, 2));
    let older = catalogue.clone();
    catalogue.remove_object(&name(1));
    catalogue.merge(&older);
    assert_eq!(catalogue.object(&name(1)), None);
    let mut restored = older;
    restored.merge(&catalogue);
    assert_eq!(restored, catalogue);
}

#[test]
fn payments_never_go_back() {
    let (mut mine, mut theirs) = (Catalogue::default(), Catalogue::default());
    mine.put_contract(contract(1, 1, &[(0, 50), (1, 10)]));
    theirs.put_contract(contract(1, 1, &[]));
    theirs.put_contract(contract(1, 2, &[(0, 20), (2, 7)]));
    mine.merge(&theirs);
    let merged = &mine.contracts[&Hash([1; 32])].value;
    assert_eq!(
        (merged.revision, &merged.paid),
        (2, &contract(1, 2, &[(0, 50), (1, 10), (2, 7)]).paid)
    );
}

#[test]
fn other_bytes_are_told_from_newer_versions_and_damage() {
    let bytes = Catalogue::default().encode();
    let mut newer = bytes.clone();
    newer[7] = 9;
    assert_eq!(Catalogue::decode(b"something"), Err(CatalogueError::NotACatalogue));
    assert_eq!(Catalogue::decode(b"bondcat"), Err(CatalogueError::NotACatalogue));
    assert_eq!(Catalogue::decode(&newer), Err(CatalogueError::Version(9)));
    let longer = [bytes.as_slice(), &[0]].concat();
    for damaged in [&bytes[..bytes.len() - 1], &longer] {
        assert!(matches!(Catalogue::decode(damaged), Err(CatalogueError::Damaged(_))));
    }
}

/// Changes as a machine makes them, one after the other.
fn changes() -> impl Strategy<Value = Vec<(u8, u8, u64)>> {
    prop::collection::vec((0..3_u8, 0..4_u8, 0..100_u64), 0..12)
}

fn made_of(start: &Catalogue, changes: &[(u8, u8, u64)]) -> Catalogue {
    let mut catalogue = start.clone();
    for (kind, number, figure) in changes {
        match kind {
            0 => catalogue.put_object(object(*number, *figure, 1)),
            1 => catalogue.remove_object(&name(*number)),
            _ => catalogue.put_contract(contract(*number, *figure, &[(0, *figure)])),
        }
    }
    catalogue
}

proptest! {
    #[test]
    fn merging_is_the_same_in_any_order_and_any_number_of_times(
        common in changes(), a in changes(), b in changes(), c in changes(),
    ) {
        let common = made_of(&Catalogue::default(), &common);
        let [a, b, c] = [a, b, c].map(|changes| made_of(&common, &changes));
        let merged = |parts: &[&Catalogue]| {
            let mut merged = parts[0].clone();
            parts[1..].iter().for_each(|part| merged.merge(part));
            merged
        };
        let all = merged(&[&a, &b, &c]);
        prop_assert_eq!(&merged(&[&c, &b, &a]), &all);
        prop_assert_eq!(&merged(&[&b, &merged(&[&c, &a])]), &all);
        prop_assert_eq!(&merged(&[&all, &a, &b, &all]), &all);
        prop_assert_eq!(&merged(&[&common, &a]), &a, "a copy and what it became");
    }

    #[test]
    fn a_catalogue_survives_being_written(changes in changes()) {
        let catalogue = made_of(&Catalogue::default(), &changes);
        prop_assert_eq!(Catalogue::decode(&catalogue.encode()).unwrap(), catalogue);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut framed = b"bondcat\x01".to_vec();
        framed.extend(bytes);
        let _ = Catalogue::decode(&framed);
    }
}
