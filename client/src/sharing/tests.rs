use super::*;
use crate::words::Master;
use crate::{ContractRecord, ObjectRecord};
use shards::{Cipher, ObjectKey, ObjectLayout, Shape};
use std::collections::BTreeMap;
use types::{Bytes, Hash, Redundancy, Signer, Timestamp};

fn name(text: &str) -> ObjectName {
    ObjectName::new(text).unwrap()
}

fn keys(seed: u8) -> Keys {
    Keys::of(Master::new([seed; 32]))
}

fn contract(number: u8) -> ContractId {
    Hash([number; 32])
}

/// A catalogue with an object of each name, under the contract beside it.
fn catalogue(keys: &Keys, objects: &[(&str, u8)]) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for (number, (text, id)) in (1_u8..).zip(objects) {
        let key = ObjectKey::new([number; 32]);
        let layout = ObjectLayout {
            shape: Shape::default(),
            cipher: Cipher::Aes256Gcm,
            compressed: false,
            plain_bytes: 0,
            stored_bytes: 16,
            segments: Vec::new(),
        };
        catalogue.put_contract(ContractRecord {
            id: contract(*id),
            capacity: Bytes(1),
            redundancy: Redundancy { data: 4, parity: 2 },
            shard_bytes: 1 << 20,
            revision: 1,
            holders: Vec::new(),
            paid: BTreeMap::from([((0, Did([1; 32])), 7)]),
        });
        catalogue.put_object(ObjectRecord {
            name: name(text),
            contract: contract(*id),
            first_segment: 0,
            layout,
            wrapped: keys.bucket("default").wrap(text, &key, [number; 12]),
            hash: Hash::of(text.as_bytes()),
            stored_at: Timestamp(0),
        });
    }
    catalogue
}

#[test]
fn a_scope_covers_its_names_and_no_others() {
    let other_bucket = ObjectName::in_bucket("photos", "a/b").unwrap();
    for (scope, covered, not) in [
        (Scope::Object(name("a/b")), vec!["a/b"], vec!["a/b2", "a", "b"]),
        (Scope::Prefix(name("a/")), vec!["a/b", "a/", "a/b/c"], vec!["a", "b/a/", "A/b"]),
    ] {
        assert!(covered.iter().all(|covered| scope.covers(&name(covered))), "{scope}");
        assert!(!not.iter().any(|not| scope.covers(&name(not))), "{scope}");
        assert!(!scope.covers(&other_bucket));
        assert_eq!(Scope::decode(&scope.encode()), Some(scope));
    }
}

#[test]
fn only_the_grantee_opens_the_key() {
    let (owner, grantee, other) = (keys(1), keys(2).identity(), keys(3).identity());
    let share = owner.share(7);
    let me = owner.identity().did();
    let sealed = share.seal_to((me, grantee.did()), &[9; 32]).unwrap();
    assert_eq!(ShareKey::open(me, &grantee, &sealed), Ok(share.clone()));
    assert_eq!(ShareKey::open(me, &other, &sealed), Err(ShareError::Sealed(me)));
    assert!(ShareKey::open(other.did(), &grantee, &sealed).is_err(), "not as another owner's");
    for at in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        // The highest bit of an X25519 key does not count (RFC 7748), but it is bound in all the same.
        assert!(ShareKey::open(me, &grantee, &altered).is_err(), "byte {at}");
    }
    assert!(ShareKey::open(me, &grantee, &sealed[..40]).is_err());
    assert_ne!(owner.share(8), share, "every grant has a key of its own");
    assert_eq!(keys(1).share(7), share, "the words bring it back");
}

#[test]
fn the_contents_are_the_objects_in_scope_with_keys_the_guest_can_open() {
    let owner = keys(1);
    let catalogue = catalogue(&owner, &[("a/1", 1), ("a/2", 2), ("b", 1)]);
    let share = owner.share(1);
    let shared = |scope: &Scope, only| {
        contents(&owner, &catalogue, (scope, only), &share, || [5; 12]).unwrap()
    };
    let names = |shared: &Catalogue| -> Vec<String> {
        shared.live().map(|o| o.name.name.clone()).collect()
    };
    let prefix = Scope::Prefix(name("a/"));
    assert_eq!(names(&shared(&prefix, None)), ["a/1", "a/2"]);
    assert_eq!(names(&shared(&prefix, Some(contract(2)))), ["a/2"]);
    assert_eq!(names(&shared(&Scope::Object(name("b")), None)), ["b"]);
    let list = shared(&prefix, None);
    assert!(list.contracts.values().all(|entry| entry.value.paid.is_empty()), "not what was paid");

    let me = owner.identity().did();
    let sealed = share.seal_contents(3, [6; 12], &list);
    let opened = share.open_contents(me, 3, &sealed).unwrap();
    let object = opened.object(&name("a/2")).unwrap();
    let key = share.bucket("default").unwrap("a/2", &object.wrapped).unwrap();
    assert_eq!(key.as_bytes(), &[2; 32]);
    assert!(owner.bucket("default").unwrap("a/2", &object.wrapped).is_err());
    assert_eq!(share.open_contents(me, 4, &sealed), Err(ShareError::Contents(me)));
    assert_eq!(owner.share(2).open_contents(me, 3, &sealed), Err(ShareError::Contents(me)));
}

#[test]
fn a_memo_is_its_owners_alone() {
    let sealed = keys(1).seal_memo(4, [1; 12], b"a");
    assert_eq!(keys(1).open_memo(4, &sealed).unwrap().as_slice(), b"a");
    assert!(keys(1).open_memo(5, &sealed).is_none());
    assert!(keys(2).open_memo(4, &sealed).is_none());
}
