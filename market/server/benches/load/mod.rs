//! The load: a process of its own that asks at a steady rate.

use crate::WARM;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

/// What tells the program that it is the load.
pub(crate) const CHILD: &str = "load";

/// How many connections are opened at once, and how long is waited before the next.
const BURST: usize = 500;
const PAUSE: Duration = Duration::from_millis(50);

/// What is asked.
pub(crate) struct Scenario {
    /// Requests per second.
    pub(crate) rate: u32,
    /// For how long.
    pub(crate) seconds: u32,
    /// Over how many connections, in turn.
    pub(crate) connections: usize,
    /// The requests, the most frequent first.
    pub(crate) paths: Vec<String>,
}

/// What came of it.
pub(crate) struct Load {
    answered: usize,
    micros: [u64; 3],
    own_cpu_percent: u64,
    market_cpu_percent: u64,
}

impl Load {
    /// Runs the scenario in a process of its own.
    pub(crate) async fn of(address: SocketAddr, scenario: &Scenario) -> Self {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let Scenario { rate, seconds, connections, paths } = scenario;
        let given = serde_json::to_vec(&(address, rate, seconds, connections, paths));
        std::fs::write(file.path(), given.expect("text and numbers")).expect("the disk takes it");
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program);
        child.arg(CHILD).arg(file.path()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        child.kill_on_drop(true);
        let before = cpu_ms();
        let began = Instant::now();
        let running = child.spawn().expect("the load runs");
        let output = running.wait_with_output().await.expect("the load ends");
        assert!(output.status.success(), "the load failed");
        let share =
            (cpu_ms() - before) * 100 / u64::try_from(began.elapsed().as_millis()).unwrap_or(1);
        let (answered, micros, own_cpu_percent) =
            serde_json::from_slice(&output.stdout).expect("the load says what came of it");
        Self { answered, micros, own_cpu_percent, market_cpu_percent: share }
    }

    pub(crate) fn print(&self, name: &str, rate: u32) {
        let ms =
            self.micros.map(|micros| format!("{}.{:02} ms", micros / 1_000, micros % 1_000 / 10));
        println!(
            "{name:<34} {rate:>7} {:>9} {:>9} {:>9}  {} %, {} % of a core; {} answered",
            ms[0], ms[1], ms[2], self.market_cpu_percent, self.own_cpu_percent, self.answered
        );
    }
}

/// This process's CPU time so far.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux says it");
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    (ticks(11) + ticks(12)) * 10
}

/// Runs as the load, as the file `given` says.
pub(crate) fn child(given: &str) {
    network::server::raise_open_files();
    let bytes = std::fs::read(given).expect("the market wrote it");
    let (address, rate, seconds, connections, paths) =
        serde_json::from_slice(&bytes).expect("the market wrote it");
    let scenario = Scenario { rate, seconds, connections, paths };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(run(address, scenario));
}

type Wires = Arc<Mutex<std::collections::VecDeque<TcpStream>>>;

async fn run(address: SocketAddr, scenario: Scenario) {
    let wires: Wires = Arc::default();
    for number in 0..scenario.connections {
        // No faster than they are accepted: a full backlog answers after a second only, and who is early idles too long.
        if number % BURST == 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let wire = TcpStream::connect(address).await.expect("the market listens");
        wire.set_nodelay(true).expect("a socket");
        wires.lock().expect("nobody panics").push_back(wire);
    }
    let times: Arc<Mutex<Vec<u64>>> = Arc::default();
    let zipf = Zipf::new(scenario.paths.len());
    let requests: Arc<Vec<String>> = Arc::new(scenario.paths);
    let every = Duration::from_secs(1) / scenario.rate;
    let count = scenario.rate * scenario.seconds;
    let warm = u32::try_from(WARM.as_secs()).unwrap_or(0) * scenario.rate;
    let (began, cpu) = (Instant::now(), cpu_ms());
    let mut running = tokio::task::JoinSet::new();
    let mut random = 0x9e37_79b9_7f4a_7c15;
    for number in 0..count + warm {
        let due = began + every * number;
        tokio::time::sleep_until(due.into()).await;
        let chosen = zipf.choose(&mut random);
        let (wires, times, requests) = (wires.clone(), times.clone(), requests.clone());
        running.spawn(async move {
            let wire = wires.lock().expect("nobody panics").pop_front();
            let mut wire = wire.expect("a connection is idle");
            ask(&mut wire, &requests[chosen]).await;
            if number >= warm {
                let took = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
                times.lock().expect("nobody panics").push(took);
            }
            wires.lock().expect("nobody panics").push_back(wire);
        });
        while let Some(asked) = running.try_join_next() {
            asked.expect("every request is answered");
        }
    }
    while let Some(asked) = running.join_next().await {
        asked.expect("every request is answered");
    }
    let elapsed = u64::try_from(began.elapsed().as_millis()).unwrap_or(1);
    let share = (cpu_ms() - cpu) * 100 / elapsed;
    let mut times = times.lock().expect("nobody panics").clone();
    times.sort_unstable();
    let at = |permille: usize| times[(times.len() * permille / 1_000).min(times.len() - 1)];
    let said = (times.len(), [at(500), at(950), at(990)], share);
    println!("{}", serde_json::to_string(&said).expect("numbers"));
}

/// Sends a request and reads its answer, which must be a success.
async fn ask(wire: &mut TcpStream, request: &str) {
    wire.write_all(request.as_bytes()).await.expect("the market reads");
    let mut answer = Vec::with_capacity(16 << 10);
    loop {
        let read = wire.read_buf(&mut answer).await.expect("the market answers");
        assert!(read > 0, "the market hung up");
        let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&answer[..head]).to_lowercase();
        assert!(text.starts_with("http/1.1 200"), "{text}");
        let length =
            text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let length: usize = length.expect("answers say how long they are");
        if answer.len() >= head + 4 + length {
            return;
        }
    }
}

/// Zipf's law with exponent 1: the n-th is chosen 1/n as often as the first.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(count: usize) -> Self {
        let mut sum = 0.0;
        let weights = (1..=u32::try_from(count).unwrap_or(u32::MAX)).map(|n| {
            sum += 1.0 / f64::from(n);
            sum
        });
        Self(weights.collect())
    }

    fn choose(&self, random: &mut u64) -> usize {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let point = f64::from(u32::try_from(*random >> 32).unwrap_or(0)) / 4_294_967_296.0;
        let sum = self.0.last().copied().unwrap_or(1.0);
        self.0.partition_point(|weight| *weight < point * sum).min(self.0.len() - 1)
    }
}
