//! The shard store: what is kept, what is refused, what goes.

use crate::support::{SHARD, entry, file_of, lease, shard, slot};
use provider::Full;
use provider_node::store::{Lease, Store, StoreError};
use shards::{Entry, Root};
use std::fs;
use tempfile::TempDir;
use types::Bytes;
use types::terms::RailKind;

const OFFERED: Bytes = Bytes(64 << 20);

#[test]
fn the_index_comes_back_from_the_disk() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), OFFERED).unwrap();
    let room = store.reserve(slot(0), &lease(1 << 20)).unwrap();
    let shards = [shard(1, SHARD), shard(2, 100)];
    for shard in &shards {
        room.put(Root::of(shard), shard).unwrap();
        room.put(Root::of(shard), shard).unwrap();
    }
    let entries: Vec<Entry> = shards.iter().map(|shard| entry(shard)).collect();
    let list = room.commit(1, entries.clone()).unwrap();
    let used = store.used();
    assert_eq!(used, Bytes(u64::from(SHARD) + 100));
    drop((room, store));

    let store = Store::open(dir.path(), OFFERED).unwrap();
    let room = store.room(&slot(0)).unwrap();
    assert_eq!((store.used(), room.lease()), (used, lease(1 << 20)));
    assert_eq!(room.list(&list.root()), Some(list));
    assert_eq!(room.read(&entries[0].root).unwrap(), shards[0]);
    store.forget(&slot(0)).unwrap();
    assert_eq!((store.used(), store.holdings()), (Bytes(0), vec![]));
    assert!(matches!(room.put(entries[1].root, &shards[1]), Err(StoreError::Gone)));
    assert!(matches!(room.commit(2, entries), Err(StoreError::Gone)));
}

#[test]
fn a_slot_is_given_more_room_durably_and_never_less() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), OFFERED).unwrap();
    let room = store.reserve(slot(0), &lease(1 << 20)).unwrap();
    for (asked, kept) in [(2 << 20, 2 << 20), (1 << 20, 2 << 20), (3 << 20, 3 << 20)] {
        store.reserve(slot(0), &lease(asked)).unwrap();
        assert_eq!(room.lease(), lease(kept));
    }
    drop((room, store));
    let store = Store::open(dir.path(), OFFERED).unwrap();
    assert_eq!(store.room(&slot(0)).unwrap().lease(), lease(3 << 20));
}

#[test]
fn a_slot_that_was_taken_before_there_was_a_choice_of_rails_is_on_the_ledger() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), OFFERED).unwrap();
    let on_bitcoin = Lease { rail: RailKind::Bitcoin, ..lease(1 << 20) };
    for n in 0..2 {
        store.reserve(slot(n), &on_bitcoin).unwrap();
    }
    drop(store);
    let path = file_of(dir.path(), slot(1), "slot.json");
    let older = fs::read_to_string(&path).unwrap().replace(",\"rail\":\"bitcoin\"", "");
    assert!(!older.contains("rail"), "{older}");
    fs::write(&path, older).unwrap();
    let store = Store::open(dir.path(), OFFERED).unwrap();
    assert_eq!(store.room(&slot(0)).unwrap().lease(), on_bitcoin);
    assert_eq!(store.room(&slot(1)).unwrap().lease(), lease(1 << 20));
}

#[test]
fn what_a_crash_left_unfinished_goes_and_nothing_else() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), OFFERED).unwrap();
    for n in 0..4 {
        let room = store.reserve(slot(n), &lease(1 << 20)).unwrap();
        room.put(Root::of(&shard(1, 100)), &shard(1, 100)).unwrap();
        room.commit(1, vec![entry(&shard(1, 100))]).unwrap();
    }
    drop(store);
    let part = file_of(dir.path(), slot(0), "x.shard.0.part");
    fs::write(&part, b"half").unwrap();
    fs::write(file_of(dir.path(), slot(1), "slot.json"), b"{").unwrap();
    fs::remove_file(file_of(dir.path(), slot(2), "slot.json")).unwrap();
    let unfinished = file_of(dir.path(), slot(9), "");
    fs::create_dir(&unfinished).unwrap();
    fs::write(unfinished.join("slot.json.0.part"), b"{").unwrap();

    let store = Store::open(dir.path(), OFFERED).unwrap();
    assert!(!part.exists() && !unfinished.exists());
    let served: Vec<u16> = store.rooms().iter().map(|room| room.key().1).collect();
    assert_eq!(served, [0, 3], "the others go on");
    let held: Vec<u16> = store.holdings().iter().map(|key| key.1).collect();
    assert_eq!(held.len(), 4, "{held:?}");
    let kept = format!("{}.shard", Root::of(&shard(1, 100)));
    assert!(file_of(dir.path(), slot(1), &kept).exists(), "nothing was deleted");
    assert!(file_of(dir.path(), slot(2), &kept).exists());

    // Reserved again, what is there is found again; released, it goes.
    let room = store.reserve(slot(1), &lease(1 << 20)).unwrap();
    assert_eq!((room.shards().len(), room.lists().len()), (1, 1));
    store.forget(&slot(2)).unwrap();
    assert!(!file_of(dir.path(), slot(2), "").exists());
}

#[test]
fn a_lease_that_cannot_be_read_refuses_to_start_with_its_name() {
    let dir = TempDir::new().unwrap();
    let path = file_of(dir.path(), slot(0), "slot.json");
    fs::create_dir_all(&path).unwrap();
    let error = Store::open(dir.path(), OFFERED).unwrap_err();
    assert!(error.to_string().contains("slot.json"), "{error}");
    assert!(path.exists());
}

#[test]
fn slots_and_node_take_no_more_than_their_room() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), Bytes(500)).unwrap();
    let small = store.reserve(slot(0), &lease(250)).unwrap();
    let large = store.reserve(slot(1), &lease(1_000)).unwrap();
    let put = |room: &provider_node::store::Room, n, len| {
        let bytes = shard(n, len);
        room.put(Root::of(&bytes), &bytes)
    };
    put(&small, 1, 100).unwrap();
    put(&small, 2, 100).unwrap();
    assert!(matches!(put(&small, 3, 100), Err(StoreError::Full(Full::Slot { .. }))));
    put(&large, 1, 100).unwrap();
    put(&large, 4, 200).unwrap();
    assert!(matches!(put(&large, 5, 100), Err(StoreError::Full(Full::Node { .. }))));
    put(&large, 4, 200).unwrap();
    assert_eq!(store.used(), Bytes(500), "what was refused takes no room");
    assert!(matches!(put(&large, 6, SHARD + 1), Err(StoreError::Full(Full::Length { .. }))));
    assert!(matches!(large.put(Root::of(b""), b""), Err(StoreError::Full(Full::Length { .. }))));
    let wrong = large.put(Root::of(b"other"), b"bytes");
    assert!(matches!(wrong, Err(StoreError::WrongRoot { .. })));
    assert_eq!(store.committed(&slot(0)), (Bytes(1_000), Bytes(700)));
}

#[test]
fn impossible_lists_are_not_signed_for() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), OFFERED).unwrap();
    let room = store.reserve(slot(0), &lease(1_000)).unwrap();
    let kept = shard(1, 400);
    room.put(Root::of(&kept), &kept).unwrap();
    let listed = |bytes| vec![Entry { bytes, ..entry(&kept) }];
    assert!(matches!(room.commit(0, listed(400)), Err(StoreError::List(_))));
    assert!(matches!(room.commit(1, listed(u32::MAX)), Err(StoreError::List(_))));
    assert!(matches!(room.commit(1, vec![entry(&kept); 3]), Err(StoreError::List(_))));
    assert!(matches!(room.commit(1, listed(399)), Err(StoreError::Length { .. })));
    let missing = vec![entry(&kept), entry(&shard(2, 5))];
    assert!(matches!(room.commit(1, missing), Err(StoreError::Missing(_))));
    assert!(room.lists().is_empty());
    room.commit(1, listed(400)).unwrap();
}

#[test]
fn an_older_list_goes_when_an_audit_names_a_newer_one_and_not_before() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), OFFERED).unwrap();
    let room = store.reserve(slot(0), &lease(400)).unwrap();
    let shards: Vec<_> = (1..=4).map(|n| shard(n, 200)).collect();
    let put = |n: usize| room.put(Root::of(&shards[n]), &shards[n]);
    let commit = |revision, numbers: &[usize]| {
        room.commit(revision, numbers.iter().map(|n| entry(&shards[*n])).collect()).unwrap().root()
    };
    put(0).unwrap();
    put(1).unwrap();
    let first = commit(1, &[0, 1]);
    let second = commit(2, &[1]);
    // Shard 0 is only in the older list: it does not count against what comes, and is still there.
    put(2).unwrap();
    room.prune(&first);
    assert_eq!(
        (room.lists().len(), room.shards().len()),
        (2, 3),
        "the older one is the current one"
    );
    let third = commit(3, &[1, 2]);
    room.prune(&second);
    assert_eq!(room.lists().len(), 2);
    assert!(room.list(&first).is_none() && room.list(&third).is_some());
    assert!(room.len_of(&Root::of(&shards[0])).is_none(), "only the older list named it");
    assert!(room.len_of(&Root::of(&shards[1])).is_some());

    // What is put again while its list goes is kept.
    assert!(matches!(put(3), Err(StoreError::Full(Full::Slot { .. }))), "the newest list fills it");
    commit(4, &[2]);
    put(3).unwrap();
    let fifth = commit(5, &[3]);
    put(1).unwrap();
    room.prune(&fifth);
    assert_eq!(room.lists().len(), 1);
    assert!(room.len_of(&Root::of(&shards[1])).is_some());
    assert!(room.len_of(&Root::of(&shards[2])).is_none());
    drop(store);
    let store = Store::open(dir.path(), OFFERED).unwrap();
    assert_eq!(store.used(), Bytes(400));
}

#[test]
fn the_same_shard_from_many_senders_is_one_shard() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), OFFERED).unwrap();
    let room = store.reserve(slot(0), &lease(u64::from(SHARD))).unwrap();
    let bytes = shard(1, SHARD);
    std::thread::scope(|threads| {
        for _ in 0..16 {
            threads.spawn(|| {
                room.put(Root::of(&bytes), &bytes).unwrap();
                room.commit(1, vec![entry(&bytes)]).unwrap();
            });
        }
    });
    assert_eq!((store.used(), room.shards().len()), (Bytes(SHARD.into()), 1));
    assert_eq!(room.read(&Root::of(&bytes)).unwrap(), bytes);
    let left = fs::read_dir(file_of(dir.path(), slot(0), "")).unwrap();
    let parts =
        left.filter(|file| file.as_ref().unwrap().path().extension() == Some("part".as_ref()));
    assert_eq!(parts.count(), 0);
}
