//! Upload and download through HTTP on loopback, in GiB of user data per core-second of the client alone.
//!
//! The market and the providers run in a process of their own, so that only the client's work is counted.
//! `cargo bench -p client-node` moves 1 GiB each way and prints the client's peak memory beside the figures.

#[path = "../tests/engines/world/mod.rs"]
#[expect(dead_code, reason = "the bench needs the servers and not their faults")]
mod world;

use client_node::{Client, Options, Source, Target};
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;
use world::market::FakeMarket;
use world::provider::FakeProvider;

const GIB: f64 = (1_u64 << 30) as f64;
/// What seal + code + hash + HTTP reached together when the project was planned, in GiB per core-second.
const PLANNED_LIMIT: f64 = 1.37;
/// Told to the process that serves.
const SERVE: &str = "BONDSTORE_BENCH_SERVE";
/// So many bytes are moved; another number can be given in the environment.
const BYTES: &str = "BONDSTORE_BENCH_BYTES";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("tokio starts");
    if std::env::var_os(SERVE).is_some() {
        runtime.block_on(serve());
    } else {
        runtime.block_on(measure());
    }
}

/// Serves until its input ends.
async fn serve() {
    let mut providers = Vec::new();
    for number in 0..6 {
        providers.push(FakeProvider::start(number).await);
    }
    let market = FakeMarket::start(&providers).await;
    println!("{}", market.url());
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()))
        .await
        .expect("reading does not panic")
        .expect("the input can be read");
}

fn start_servers() -> (Child, String) {
    let program = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(program)
        .env(SERVE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started again");
    let out = child.stdout.as_mut().expect("its output is piped");
    let mut url = String::new();
    BufReader::new(out).read_line(&mut url).expect("it says where the market is");
    (child, url.trim().to_owned())
}

async fn measure() {
    let bytes =
        std::env::var(BYTES).ok().and_then(|text| text.parse().ok()).unwrap_or(1_usize << 30);
    let (mut servers, url) = start_servers();
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    write_noise(&input, bytes);
    let home = dir.path().join("client");
    let options = Options::default();
    let made = Client::init(&home, &url, &world::password(), options).await;
    let (client, _) = made.expect("the client can be made");
    let name = world::name("bench");

    compute_alone(&input, bytes);
    let start = Clock::now();
    let put = client.put(Source::file(&input), &name, &world::wish(), Arc::new(())).await;
    put.expect("the object can be put");
    start.report("upload", bytes);
    if std::env::args().any(|argument| argument == "upload") {
        return;
    }

    let start = Clock::now();
    let got = client.get(&name, Target::file(&output), Arc::new(())).await;
    got.expect("the object can be fetched");
    start.report("download", bytes);
    drop(servers.stdin.take());
    servers.wait().expect("the servers end");
}

/// The same work without network, catalogue and threads: read, hash, seal, code and hash again.
fn compute_alone(input: &std::path::Path, bytes: usize) {
    let key = shards::ObjectKey::new([1; 32]);
    let (shape, cipher) = (shards::Shape::default(), shards::Cipher::for_this_cpu());
    let mut encoder = shards::Encoder::new(shape, cipher, &key, false).expect("the shape is right");
    let mut file = std::fs::File::open(input).expect("the input is there");
    let mut piece = vec![0; 256 << 10];
    for (what, hashed) in [("compute", false), ("and hash", true)] {
        let start = Clock::now();
        file.rewind().expect("the input can be read again");
        let mut hasher = blake3::Hasher::new();
        loop {
            let read = file.read(&mut piece).expect("the input can be read");
            if read == 0 {
                break;
            }
            if hashed {
                hasher.update(&piece[..read]);
            }
            encoder.push(&piece[..read]).expect("nothing is compressed");
        }
        std::hint::black_box(hasher.finalize());
        start.report(what, bytes);
    }
}

fn write_noise(path: &std::path::Path, bytes: usize) {
    let mut file = std::fs::File::create(path).expect("the input can be made");
    let mut noise = blake3::Hasher::new().finalize_xof();
    let mut piece = vec![0; 1 << 20];
    let mut left = bytes;
    while left > 0 {
        let now = left.min(piece.len());
        noise.fill(&mut piece[..now]);
        file.write_all(&piece[..now]).expect("there is room for the input");
        left -= now;
    }
}

/// Wall clock and this process's time on the cores.
struct Clock {
    wall: Instant,
    ticks: u64,
}

impl Clock {
    fn now() -> Self {
        Self { wall: Instant::now(), ticks: cpu_ticks() }
    }

    fn report(&self, what: &str, bytes: usize) {
        let seconds = self.wall.elapsed().as_secs_f64();
        // Linux counts a hundred ticks a second for /proc.
        let cpu = (cpu_ticks() - self.ticks) as f64 / 100.0;
        let gib = bytes as f64 / GIB;
        println!(
            "{what:<8} {gib:.2} GiB: {:.2} GiB/s, {:.2} GiB per core-second of the client \
             ({:.0} % of {PLANNED_LIMIT}), {} MiB of memory at most",
            gib / seconds,
            gib / cpu,
            100.0 * gib / cpu / PLANNED_LIMIT,
            peak_memory_kib() / 1024,
        );
    }
}

/// User and system time of this process, fields 14 and 15 of its line.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this is Linux");
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum()
}

fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}
