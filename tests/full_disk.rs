//! A provider whose disk is really full: it refuses new bytes by name and goes on serving what it has.

#[path = "support/town.rs"]
#[expect(dead_code, reason = "the whole-system tests share one town")]
mod town;

use client::{ObjectName, StorageWish};
use client_node::{Event, Source};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use town::Town;
use types::{Bytes, Span};

/// Tells the inner run that it has file systems of its own.
const INSIDE: &str = "BONDSTORE_TEST_OWN_MOUNTS";
/// The provider whose disk is small.
const SMALL: usize = 0;

fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let blocks = (seed << 32..).flat_map(|n: u64| types::Hash::of(&n.to_le_bytes()).0);
    blocks.take(bytes).collect()
}

#[test]
fn a_full_disk_refuses_new_bytes_and_serves_the_old() {
    if std::env::var_os(INSIDE).is_some() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        return runtime.expect("tokio starts").block_on(inside());
    }
    let probe = tempfile::tempdir().expect("a temporary directory");
    let place = probe.path().to_str().expect("a path in UTF-8");
    let unshared = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--map-root-user"])
            .arg(program)
            .args(arguments)
            .env(INSIDE, "yes")
            // What the inner run leaves goes with the outer one.
            .env("TMPDIR", place);
        command.output()
    };
    let mount = ["-t", "tmpfs", "-o", "size=1m", "none", place];
    if !unshared(Path::new("mount"), &mount).is_ok_and(|output| output.status.success()) {
        println!(
            "skipped: this machine lets no test mount a small disk (unshare --mount --map-root-user)"
        );
        return;
    }
    let own = std::env::current_exe().expect("this test has a file");
    let name = "a_full_disk_refuses_new_bytes_and_serves_the_old";
    let output = unshared(&own, &["--exact", name, "--nocapture"]).expect("it ran a moment ago");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Writes until the disk takes no more.
fn fill(place: &Path) -> PathBuf {
    let filler = place.join("filler");
    let full = std::fs::write(&filler, vec![1; 64 << 20]).expect_err("the disk is smaller");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
    filler
}

async fn inside() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let small = dir.path().join(format!("provider-{SMALL}"));
    std::fs::create_dir(&small).expect("made");
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m", "none"]).arg(&small).status();
    assert!(mounted.expect("mount runs").success());
    let mut town = Town::founded_in(dir, 6).await;
    let before = noise(2_000_000, 1);
    let put = town.put("before", before.clone()).await;
    // The slot is promised while there is room; then the room goes.
    let place = small.clone();
    let progress = move |event: &Event<'_>| {
        if matches!(event, Event::Confirmed { slots: 6, of: 6 }) {
            fill(&place);
        }
    };
    let wish = StorageWish::new(Bytes(1), Span(30 * Span::DAY.0));
    let name = ObjectName::new("during").expect("a name");
    let source = Source::bytes(noise(3_000_000, 2));
    let refused = town.client.put(source, &name, &wish, Arc::new(progress)).await;
    let refused = refused.expect_err("there is no room").to_string();
    assert!(refused.contains("disk is full"), "{refused}");
    let holders = town.holders(put.contract);
    let others: Vec<usize> =
        holders.iter().copied().filter(|holder| *holder != SMALL).take(2).collect();
    for other in others {
        town.kill(other).await;
    }
    let copy = town.dir.path().join("copy");
    let got = town.get("before", &copy).await.expect("what was there is served");
    assert!(std::fs::read(&copy).expect("the file is there") == before);
    let own = holders.iter().position(|holder| *holder == SMALL).expect("it holds a slot");
    assert!(got.slots.iter().any(|slot| usize::from(slot.slot) == own && slot.bytes.0 > 0));
    town.check();
}
