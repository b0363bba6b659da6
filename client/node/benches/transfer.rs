//! Upload and download through HTTP on loopback, in GiB of user data per core-second of the client alone.
//!
//! The market and the providers run in a process of their own, so that only the client's work is counted.
//! Beside the upload stands the limit measured the same way on the same machine: sealing, coding and hashing
//! without a network, and sending shards without making them.
//!
//! `cargo bench -p client-node --bench transfer` moves 1 GiB each way; `-- 128` moves 128 MiB.

#[path = "../tests/engines/world/mod.rs"]
#[expect(dead_code, reason = "the bench needs the servers and not their faults")]
mod world;

use client_node::{Client, Options, Source, Target};
use futures_util::{StreamExt, TryStreamExt};
use network::auth::Pass;
use network::client::{ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};
use network::node_api::{NodeClient, SlotClient};
use shards::{Cipher, Encoder, ObjectKey, Root, Shape};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;
use types::documents::Access;
use types::{Hash, SecretKey};
use world::market::FakeMarket;
use world::provider::FakeProvider;

/// What seal + code + hash + HTTP reached together when the project was planned, on the machine it was
/// planned on, in GiB per core-second.
const PLANNED_LIMIT: f64 = 1.37;
/// Told to the process that serves.
const SERVE: &str = "BONDSTORE_BENCH_SERVE";
/// What the client reads at a time.
const PIECE_BYTES: usize = 256 << 10;
/// How many shards of a slot are on their way at a time.
const FLYING: usize = 3;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("tokio starts");
    if std::env::var_os(SERVE).is_some() {
        runtime.block_on(serve());
    } else {
        let given = std::env::args().find_map(|argument| argument.parse().ok());
        runtime.block_on(measure(given.unwrap_or(1024)));
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
    for provider in &providers {
        println!("{}#{}", provider.url(), provider.did());
    }
    println!();
    let input = || std::io::stdin().read_to_end(&mut Vec::new());
    let ended = tokio::task::spawn_blocking(input).await;
    ended.expect("reading does not panic").expect("the input can be read");
}

/// Starts the servers; gives the addresses of the market and of the providers.
fn start_servers() -> (Child, Vec<String>) {
    let program = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(program)
        .env(SERVE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started again");
    let out = BufReader::new(child.stdout.as_mut().expect("its output is piped"));
    let lines = out.lines().map(|line| line.expect("it says where it listens"));
    let addresses = lines.take_while(|line| !line.is_empty()).collect();
    (child, addresses)
}

async fn measure(mib: u32) {
    let (mut servers, addresses) = start_servers();
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    write_noise(&input, mib);
    let home = dir.path().join("client");
    let made = Client::init(&home, &addresses[0], &world::password(), Options::default()).await;
    let (client, _) = made.expect("the client can be made");
    let name = world::name("bench");

    let compute = compute_alone(mib);
    let transport = transport_alone(&addresses[1..], mib).await;
    let limit = 1.0 / (1.0 / compute + 1.0 / transport);
    println!("limit of an upload, both together: {limit:.2} GiB per core-second");

    let start = Clock::now();
    let put = client.put(Source::file(&input), &name, &world::wish(), Arc::new(())).await;
    put.expect("the object can be put");
    let upload = start.report("upload", mib);
    println!(
        "upload is {:.0} % of the limit here, {:.0} % of the planned {PLANNED_LIMIT}",
        100.0 * upload / limit,
        100.0 * upload / PLANNED_LIMIT
    );

    let start = Clock::now();
    let got = client.get(&name, Target::file(&output), Arc::new(())).await;
    got.expect("the object can be fetched");
    start.report("download to a file", mib);
    let start = Clock::now();
    let got = client.get(&name, Target::stream(std::io::sink()), Arc::new(())).await;
    got.expect("the object can be fetched");
    start.report("download to nowhere", mib);
    drop(servers.stdin.take());
    servers.wait().expect("the servers end");
}

/// Seals, codes and hashes what lies in memory.
fn compute_alone(mib: u32) -> f64 {
    let (key, cipher) = (ObjectKey::new([1; 32]), Cipher::for_this_cpu());
    let encoder = Encoder::new(Shape::default(), cipher, &key, false);
    let mut encoder = encoder.expect("the default shape is possible");
    let piece = world::noise(PIECE_BYTES, 1);
    let start = Clock::now();
    for _ in 0..4 * mib {
        encoder.push(&piece).expect("nothing is compressed");
    }
    start.report("seal, code and hash alone", mib)
}

/// Sends the shards of as many bytes as were asked for, half as much again, without making them.
async fn transport_alone(addresses: &[String], mib: u32) -> f64 {
    // As many as do not fit the caches, for those of an upload come from memory too.
    let shards: Vec<(Root, bytes::Bytes)> = (0..64)
        .map(|number| bytes::Bytes::from(world::noise(1 << 20, number)))
        .map(|shard| (Root::of(&shard), shard))
        .collect();
    let slots: Vec<SlotClient> =
        (0..).zip(addresses).map(|(slot, url)| slot_at(slot, url)).collect();
    let start = Clock::now();
    let line = |slot: SlotClient| {
        let shards = shards.clone();
        tokio::spawn(async move {
            let puts = shards.into_iter().cycle().take((mib / 4) as usize).map(|(root, shard)| {
                let slot = slot.clone();
                async move { slot.put(root, shard).await }
            });
            futures_util::stream::iter(puts).buffer_unordered(FLYING).try_collect::<()>().await
        })
    };
    let lines: Vec<_> = slots.into_iter().map(line).collect();
    for line in lines {
        line.await.expect("sending does not panic").expect("the provider takes it");
    }
    start.report("send alone", mib)
}

fn slot_at(slot: u16, url: &str) -> SlotClient {
    let endpoint = Endpoint::parse(url, PlainHttp::LoopbackOnly).expect("it is an address");
    let provider = endpoint.pin().expect("its key is behind it");
    let signer = Arc::new(SecretKey::from_seed(&[99; 32]));
    let pass = Pass::own(signer, provider, (Hash::of(b"bench"), slot), &[Access::Write]);
    NodeClient::new(HttpClient::new(endpoint, ClientOptions::default())).slot(pass)
}

fn write_noise(path: &Path, mib: u32) {
    let mut file = std::fs::File::create(path).expect("the input can be made");
    for number in 0..mib {
        let piece = world::noise(1 << 20, number.into());
        file.write_all(&piece).expect("there is room for the input");
    }
}

/// Wall clock and this process's time on the cores.
struct Clock {
    wall: Instant,
    ticks: u32,
}

impl Clock {
    fn now() -> Self {
        Self { wall: Instant::now(), ticks: cpu_ticks() }
    }

    /// Prints the figures and gives GiB per core-second.
    fn report(&self, what: &str, mib: u32) -> f64 {
        let seconds = self.wall.elapsed().as_secs_f64();
        // Linux counts a hundred ticks a second for /proc.
        let cpu = f64::from((cpu_ticks() - self.ticks).max(1)) / 100.0;
        let gib = f64::from(mib) / 1024.0;
        let memory = peak_memory_kib() / 1024;
        println!(
            "{what:<25} {:.2} GiB/s, {:.2} GiB per core-second, peak memory so far {memory} MiB",
            gib / seconds,
            gib / cpu,
        );
        gib / cpu
    }
}

/// User and system time of this process: the fields after its name, from the 12th.
fn cpu_ticks() -> u32 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this is Linux");
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields = after_name.split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<u32>().ok()).sum()
}

fn peak_memory_kib() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}
