//! A gibibyte goes in and comes back while every process stays small.
//!
//! `BONDSTORE_MEMORY_BYTES` sets another size.

#[path = "support/processes.rs"]
mod support;

use rand_chacha::rand_core::{Rng, SeedableRng};
use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;
use support::{Beyond, Process, Running, Town, bondstore, offers, text, wait_for};

/// What client and provider may have in memory at their peak, each, in KiB.
const PEAK_KIB_MAX: u64 = 256 << 10;
/// How much is stored where nothing else is said.
const BYTES: u64 = 1 << 30;
/// As many slots as there are.
const PROVIDERS: usize = 6;
/// What must be free: the file, its slots at 6/4 of it, the copy, and air.
const FREE_PER_BYTE: u64 = 5;
/// What is written and compared at once.
const PIECE: usize = 1 << 20;

#[test]
fn a_gibibyte_goes_in_and_out_while_every_process_stays_below_256_mib() {
    let bytes = std::env::var("BONDSTORE_MEMORY_BYTES").map_or(BYTES, |text| {
        text.parse().expect("BONDSTORE_MEMORY_BYTES is a whole number of bytes")
    });
    let free = free_bytes();
    if free < bytes * FREE_PER_BYTE {
        println!("skipped: {} bytes are free, {} are needed", free, bytes * FREE_PER_BYTE);
        return;
    }
    let town = Town::found((PROVIDERS, "2GB", "1h"), Beyond::default());
    let quote = town.client(&["quote", "1MB"]);
    assert_eq!(offers(&quote), PROVIDERS, "{quote}");
    let (file, copy) = (town.path("file"), town.path("copy"));
    let hash = write_noise(&file, bytes);
    let put = peak_of_client(&town, &["put", &file, "noise"]);
    let got = peak_of_client(&town, &["get", "noise", &copy]);
    assert_eq!(hash_of(&copy), hash, "other bytes came back");
    let providers = town.providers.iter().flatten().map(peak);
    let most = providers.max().expect("there are providers");
    let market = peak(&town.market);
    println!(
        "{bytes} bytes: put {put} KiB, get {got} KiB, the largest provider {most} KiB, market {market} KiB"
    );
    for (who, peak) in
        [("client putting", put), ("client getting", got), ("provider", most), ("market", market)]
    {
        assert!(peak <= PEAK_KIB_MAX, "{who}: {peak} KiB at its peak, {PEAK_KIB_MAX} at most");
    }
}

/// What is free where temporary directories are made.
fn free_bytes() -> u64 {
    let stat = rustix::fs::statvfs(std::env::temp_dir()).expect("its file system says so");
    stat.f_bavail * stat.f_frsize
}

/// Writes `bytes` that follow from a seed and do not compress; gives their hash.
fn write_noise(path: &str, bytes: u64) -> types::Hash {
    let mut noise = rand_chacha::ChaCha8Rng::from_seed([7; 32]);
    let mut file = File::create(path).expect("a file can be made");
    let (mut hasher, mut piece) = (shards::RootHasher::new(), vec![0; PIECE]);
    let mut left = bytes;
    while left > 0 {
        let now = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        noise.fill_bytes(&mut piece[..now]);
        hasher.update(&piece[..now]);
        file.write_all(&piece[..now]).expect("there is room");
        left -= now as u64;
    }
    types::Hash(hasher.root().0)
}

fn hash_of(path: &str) -> types::Hash {
    let mut file = File::open(path).expect("it was written");
    let (mut hasher, mut piece) = (shards::RootHasher::new(), vec![0; PIECE]);
    loop {
        let read = file.read(&mut piece).expect("it can be read");
        if read == 0 {
            return types::Hash(hasher.root().0);
        }
        hasher.update(&piece[..read]);
    }
}

/// Runs a command of the client's to its good end; gives the most memory it was seen with, in KiB.
fn peak_of_client(town: &Town, args: &[&str]) -> u64 {
    let mut command = bondstore(args.iter().copied());
    command.args(["--json", "--data", &town.path("client")]).stdout(Stdio::null());
    let mut running = Running(command.spawn().expect("the binary runs"));
    let (pid, mut peak, mut ended) = (running.0.id(), 0, None);
    wait_for(&format!("{command:?} to end"), || {
        peak = peak.max(peak_of(pid).unwrap_or_default());
        ended = running.0.try_wait().expect("a child can be waited for");
        ended.is_some()
    });
    assert!(ended.is_some_and(|status| status.success()), "{command:?}: {ended:?}");
    assert!(peak > 0, "the system says what a process has in memory");
    peak
}

fn peak(process: &Process) -> u64 {
    let url = text(&process.said["url"]);
    peak_of(process.child.0.id()).unwrap_or_else(|| panic!("what was at {url} has ended"))
}

/// The most memory that a process ever had, in KiB (`VmHWM`, proc(5)); nothing where it has ended.
fn peak_of(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
