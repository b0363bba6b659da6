use super::*;
use crate::words::Master;
use crate::{ContractRecord, ObjectRecord};
use shards::{Cipher, ObjectKey, ObjectLayout, Root, SegmentLayout, Shape};
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
    let scope = Scope::Prefix(name("a/"));
    let sealed = share.seal_to((me, grantee.did()), &scope, &[9; 32]).unwrap();
    assert_eq!(ShareKey::open(me, &grantee, &sealed), Ok((share.clone(), Some(scope))));
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

/// An object of two segments that `keys` can open, sealed by object key number `number`.
fn object(bucket: &BucketKey, text: &str, number: u8) -> ObjectRecord {
    let shape = Shape { data: 2, parity: 1, shard_bytes: 256 << 10 };
    let stored_bytes = shape.segment_bytes() + 16;
    let segments = [0, 1].map(|index| {
        let used = shape.used_bytes(stored_bytes, index);
        let part = u8::try_from(index).unwrap();
        let roots = (0..3).map(|slot| Root(Hash::of(&[number, slot, part]).0));
        SegmentLayout { shard_bytes: shape.shard_bytes_for(used), roots: roots.collect() }
    });
    let layout = ObjectLayout {
        shape,
        cipher: Cipher::Aes256Gcm,
        compressed: true,
        plain_bytes: 5,
        stored_bytes,
        segments: segments.to_vec(),
    };
    layout.check().unwrap();
    let wrapped = bucket.wrap(text, &ObjectKey::new([number; 32]), [number; 12]);
    ObjectRecord {
        name: name(text),
        contract: contract(1),
        first_segment: 0,
        layout,
        wrapped,
        hash: Hash([number; 32]),
        stored_at: Timestamp(number.into()),
    }
}

fn holding(objects: &[ObjectRecord]) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for object in objects {
        catalogue.put_object(object.clone());
    }
    catalogue
}

fn names<'a>(objects: impl IntoIterator<Item = &'a ObjectRecord>) -> Vec<&'a str> {
    objects.into_iter().map(|object| object.name.name.as_str()).collect()
}

#[test]
fn what_is_there_decides_between_the_list_and_the_catalogue() {
    let (owner, scope) = (keys(1), Scope::Prefix(name("in/")));
    let (own, share) = (owner.bucket("default"), owner.share(1));
    let guests = share.bucket("default");
    let record = catalogue(&owner, &[("x", 1)]).contracts[&contract(1)].value.clone();
    let joint = joint::Joint { keys: &owner, key: &share, scope: &scope, contract: &record };
    let there: Vec<u8> = vec![1, 3, 5, 6, 7, 8];
    let join = |own: &Catalogue, list: &Catalogue| {
        let is_there = |object: &ObjectRecord| there.contains(&object.hash.0[0]);
        joint.join(own, list, is_there, || [7; 12]).unwrap()
    };
    let elsewhere = ObjectRecord { contract: contract(2), ..object(&own, "in/else", 9) };
    let catalogue = holding(&[
        object(&own, "in/own", 1),
        object(&own, "in/own removed by the guest", 2),
        object(&own, "in/both", 5),
        elsewhere,
    ]);
    let mut broken = object(&guests, "in/broken", 8);
    broken.layout.shape.shard_bytes = 0;
    let list = holding(&[
        object(&guests, "in/theirs", 3),
        object(&guests, "in/theirs removed by the owner", 4),
        object(&guests, "in/both", 5),
        object(&guests, "in/own removed by the guest", 6),
        object(&guests, "out", 7),
        broken,
        object(&own, "in/not for us to open", 8),
    ]);
    let joined = join(&catalogue, &list);
    assert_eq!(names(&joined.gone), ["in/own removed by the guest"]);
    assert_eq!(names(&joined.taken_in), ["in/own removed by the guest", "in/theirs"]);
    let key = own.unwrap("in/theirs", &joined.taken_in[1].wrapped).unwrap();
    assert_eq!(key.as_bytes(), &[3; 32]);
    let after = joined.list.unwrap();
    let shared = after.object(&name("in/own")).unwrap();
    assert_eq!(guests.unwrap("in/own", &shared.wrapped).unwrap().as_bytes(), &[1; 32]);
    assert!(after.object(&name("in/theirs removed by the owner")).is_none());
    assert!(after.object(&name("in/else")).is_none());
    assert_eq!(after.object(&name("in/both")), list.object(&name("in/both")));
    assert!(after.contracts[&contract(1)].value.paid.is_empty(), "not what was paid");

    // Once both know, nothing is left to do.
    let mut known = catalogue;
    for object in &joined.gone {
        known.remove_object(&object.name);
    }
    for object in &joined.taken_in {
        known.put_object(object.clone());
    }
    let again = join(&known, &after);
    assert_eq!(again, joint::Joined { list: None, taken_in: Vec::new(), gone: Vec::new() });
}

#[test]
fn of_two_objects_of_one_name_each_side_keeps_its_own() {
    let (owner, scope) = (keys(1), Scope::Prefix(name("in/")));
    let (own, share) = (owner.bucket("default"), owner.share(1));
    let record = catalogue(&owner, &[("x", 1)]).contracts[&contract(1)].value.clone();
    let joint = joint::Joint { keys: &owner, key: &share, scope: &scope, contract: &record };
    let catalogue = holding(&[object(&own, "in/a", 1)]);
    let mut list = holding(&[object(&share.bucket("default"), "in/a", 2)]);
    list.put_contract(ContractRecord { paid: BTreeMap::new(), ..record.clone() });
    let joined = joint.join(&catalogue, &list, |_| true, || [7; 12]).unwrap();
    assert_eq!(joined, joint::Joined { list: None, taken_in: Vec::new(), gone: Vec::new() });
}

#[test]
fn a_memo_is_its_owners_alone() {
    let sealed = keys(1).seal_memo(4, [1; 12], b"a");
    assert_eq!(keys(1).open_memo(4, &sealed).unwrap().as_slice(), b"a");
    assert!(keys(1).open_memo(5, &sealed).is_none());
    assert!(keys(2).open_memo(4, &sealed).is_none());
}
