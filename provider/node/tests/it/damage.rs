//! What a disk does to files, and what becomes of it.

use crate::support::{SHARD, entry, file_of, flip, lease, shard, slot};
use provider_node::store::{Health, Room, Store, StoreError};
use shards::prove::{Need, Pick};
use shards::{Answer, Entry, Root, prove};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use types::Bytes;

fn open(dir: &Path) -> (Store, Option<Arc<Room>>) {
    let store = Store::open(dir, Bytes(64 << 20)).unwrap();
    let room = store.room(&slot(0));
    (store, room)
}

/// A slot with one listed shard, and the shard's file.
fn kept(dir: &TempDir) -> (Store, Arc<Room>, Entry, PathBuf) {
    let (store, _) = open(dir.path());
    let room = store.reserve(slot(0), &lease(1 << 20)).unwrap();
    let bytes = shard(1, SHARD);
    room.put(Root::of(&bytes), &bytes).unwrap();
    room.commit(1, vec![entry(&bytes)]).unwrap();
    let path = file_of(dir.path(), slot(0), &format!("{}.shard", Root::of(&bytes)));
    (store, room, entry(&bytes), path)
}

fn proves(room: &Room, entry: Entry) -> bool {
    let list = room.lists().pop().unwrap();
    let pick = Pick { offset: u64::from(entry.bytes) - 1 };
    let need = Need::of(pick, &list).unwrap();
    let answer = match room.group(&need.root, need.start, need.len) {
        Some((group, outboard)) => need.answer(&list, &group, &outboard),
        None => Answer::Missing,
    };
    prove::verify(pick, &list.summary(), &answer).is_ok()
}

#[test]
fn a_flipped_byte_is_never_served_nor_signed_for_and_heals_when_put_again() {
    let dir = TempDir::new().unwrap();
    let (store, room, entry, path) = kept(&dir);
    flip(&path, SHARD as usize - 1);
    assert!(matches!(room.read(&entry.root), Err(StoreError::Damaged(_))));
    assert_eq!(room.examine(entry).unwrap(), Health::Lost);
    assert!(!proves(&room, entry));
    drop((room, store));

    // After a restart nothing is signed for that was not looked at.
    let (_store, room) = open(dir.path());
    let room = room.unwrap();
    assert_eq!(room.len_of(&entry.root), Some(SHARD), "it is found by its length");
    assert!(matches!(room.commit(2, vec![entry]), Err(StoreError::Missing(_))));
    room.put(entry.root, &shard(1, SHARD)).unwrap();
    room.commit(2, vec![entry]).unwrap();
    assert!(room.read(&entry.root).is_ok() && proves(&room, entry));
}

#[test]
fn a_flipped_outboard_is_written_anew() {
    let dir = TempDir::new().unwrap();
    let (_store, room, entry, path) = kept(&dir);
    flip(&path, SHARD as usize + 1);
    assert!(room.read(&entry.root).is_ok(), "the content is right");
    assert!(!proves(&room, entry));
    assert_eq!(room.examine(entry).unwrap(), Health::Mended);
    assert!(proves(&room, entry));
    assert_eq!(room.examine(entry).unwrap(), Health::Whole);
}

#[test]
fn a_wrong_trailer_is_mended_and_a_truncated_file_is_lost() {
    let dir = TempDir::new().unwrap();
    let (store, room, entry, path) = kept(&dir);
    let len = std::fs::metadata(&path).unwrap().len();
    flip(&path, usize::try_from(len).unwrap() - 1);
    drop((room, store));
    let (store, room) = open(dir.path());
    let room = room.unwrap();
    assert_eq!((room.len_of(&entry.root), store.used()), (None, Bytes(0)));
    assert_eq!(room.listed(), [entry], "the list remembers it");
    assert_eq!(room.examine(entry).unwrap(), Health::Mended);
    assert_eq!(store.used(), Bytes(SHARD.into()));
    assert!(proves(&room, entry));

    std::fs::write(&path, &shard(1, SHARD)[..100]).unwrap();
    assert_eq!(room.examine(entry).unwrap(), Health::Lost);
    assert!(matches!(room.read(&entry.root), Err(StoreError::Damaged(_))));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(room.examine(entry).unwrap(), Health::Lost);
}

#[test]
fn a_list_that_is_damaged_is_known_to_be_lost() {
    let dir = TempDir::new().unwrap();
    let (store, room, entry, _) = kept(&dir);
    let root = room.lists().pop().unwrap().root();
    drop((room, store));
    flip(&file_of(dir.path(), slot(0), &format!("{root}.list")), 5);
    let (_store, room) = open(dir.path());
    let room = room.unwrap();
    assert!(room.has_lost_list() && room.list(&root).is_none());
    room.commit(2, vec![entry]).unwrap();
    assert!(room.list(&root).is_some(), "signed for again, it is there again");
}
