//! Data is readable while any k slots answer; with fewer, the error names the missing ones. Damage is found, paid for, repaired.

#[path = "support/town.rs"]
mod town;

use contracts::{Cause, SlotState};
use market::Event;
use market::event::SlotId;
use std::path::PathBuf;
use town::Town;

/// Bytes that nothing can compress.
fn noise(bytes: usize) -> Vec<u8> {
    let blocks = (0u64..).flat_map(|n| types::Hash::of(&n.to_le_bytes()).0);
    blocks.take(bytes).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_two_of_six_may_go_and_a_third_is_named() {
    let mut town = Town::founded(6).await;
    let bytes = noise(9_000_000);
    let put = town.put("object", bytes.clone()).await;
    let holders = town.holders(put.contract);
    let copy = town.dir.path().join("copy");
    for first in 0..6 {
        for second in first + 1..6 {
            let gone = [holders[first], holders[second]];
            for provider in gone {
                town.kill(provider).await;
            }
            let got = town.get("object", &copy).await.expect("four of six are enough");
            assert_eq!(got.bytes.0, bytes.len() as u64);
            assert!(
                std::fs::read(&copy).expect("the file is there") == bytes,
                "without {first} and {second}"
            );
            std::fs::remove_file(&copy).expect("removed");
            for provider in gone {
                town.start(provider).await;
            }
        }
    }
    for slot in [1, 3, 4] {
        town.kill(holders[slot]).await;
    }
    let error =
        town.get("object", &copy).await.expect_err("three of six are not enough").to_string();
    for slot in [1, 3, 4] {
        assert!(error.contains(&format!("slot {slot}")), "{error}");
    }
    for slot in [0, 2, 5] {
        assert!(!error.contains(&format!("slot {slot} ")), "{error}");
    }
    assert!(!copy.exists(), "wrong bytes are never left behind");
    town.check();
}

/// The files of a provider that hold shards.
fn shard_files(town: &Town, provider: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![town.home(provider).join("slots")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "shard") {
                found.push(path);
            }
        }
    }
    found
}

/// Flips one bit in the middle of a file.
fn flip(path: &std::path::Path) {
    let mut bytes = std::fs::read(path).expect("a shard");
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).expect("written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_is_found_by_audits_paid_for_and_repaired() {
    let town = Town::founded(7).await;
    let bytes = noise(3_000);
    let put = town.put("object", bytes.clone()).await;
    let slot = SlotId { contract: put.contract, slot: 2 };
    let guilty = town.holders(put.contract)[2];
    town.day().await;
    let files = shard_files(&town, guilty);
    assert_eq!(files.len(), 1, "a small object is one shard a slot");
    flip(&files[0]);
    let lost = |event: &Event| matches!(event, Event::SlotFaulted { slot: found, fault, .. } if *found == slot && fault.cause == Cause::Lost);
    let mut days = 0;
    while !town.happened(lost) {
        assert!(days < 20, "a slot of one chunk is challenged every day");
        town.day().await;
        days += 1;
    }
    let paid = |event: &Event| matches!(event, Event::Penalised { slot: found, slashed, .. } if *found == slot && slashed.0 > 0);
    let rebuilt = |event: &Event| matches!(event, Event::RebuildFinished { slot: found, .. } if *found == slot);
    while !town.happened(rebuilt) {
        assert!(days < 25, "the slot is never rebuilt");
        town.day().await;
        days += 1;
    }
    assert!(town.happened(paid), "the bond pays");
    let filled = town.market.view(|view| view.market.slot(slot).map(|(_, slot)| slot.state));
    assert_eq!(filled, Some(SlotState::Filled));
    town.day().await;
    let copy = town.dir.path().join("copy");
    town.get("object", &copy).await.expect("it is all there");
    assert_eq!(std::fs::read(&copy).expect("the file is there"), bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_right_whatever_a_disk_has_become() {
    let town = Town::founded(6).await;
    let bytes = noise(6_000_000);
    let put = town.put("object", bytes.clone()).await;
    for slot in [0, 3] {
        for file in shard_files(&town, town.holders(put.contract)[slot]) {
            flip(&file);
        }
    }
    let copy = town.dir.path().join("copy");
    let got = town.get("object", &copy).await.expect("four whole slots are enough");
    assert!(std::fs::read(&copy).expect("the file is there") == bytes);
    let gave: Vec<u16> =
        got.slots.iter().filter(|slot| slot.bytes.0 > 0).map(|slot| slot.slot).collect();
    assert_eq!(gave, [1, 2, 4, 5], "nothing wrong was used");
    town.check();
}
