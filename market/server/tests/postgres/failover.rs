//! Two processes on one database, under load: the one that writes is killed, then its successor is paused, round after
//! round.

use crate::common::{House, key, sound};
use market::{Command, Genesis};
use market_server::writer::{Refusal, Role};
use market_server::{Config, Handle, deposit, verify_journal};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use types::{Msat, Signer, Span};

/// Where the process finds its database; set for the child alone.
const DATABASE: &str = "BONDSTORE_FAILOVER_TEST_DATABASE";
/// How many rounds; in each the writer is killed once and paused once.
const ROUNDS: &str = "BONDSTORE_FAILOVER_ROUNDS";
const ROUNDS_USUALLY: u32 = 2;
/// After how many rounds a line says how it goes.
const LINE_EVERY: u32 = 10;
/// How many seconds the next writer may take: what is promised on a machine with room, generous on one without.
const SECONDS: &str = "BONDSTORE_FAILOVER_SECONDS";
const SECONDS_USUALLY: u64 = 60;
const CALLERS: u8 = 16;

fn number<T: std::str::FromStr>(name: &str, usual: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Not a test of its own: what the child process runs. It deposits whenever it writes, and prints what is
/// acknowledged and what its role is.
#[test]
fn child_that_writes_or_stands_by() {
    let Ok(database) = std::env::var(DATABASE) else { return };
    let dir = tempfile::tempdir().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(write(dir.path(), database));
}

async fn write(dir: &Path, database: String) {
    let config = Config {
        database: Some(database),
        snapshot_every: 2_000,
        ..Config::new(dir, "127.0.0.1:0", key(200))
    };
    let market = Arc::new(market_server::start(config).await.unwrap());
    let mut running = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        running.spawn(call(market.clone(), caller));
    }
    let mut role = None;
    loop {
        let now = market.role();
        if role.as_ref() != Some(&now) {
            match &now {
                Role::Writer { term } => say(&format!("writer {term}")),
                Role::Follower { .. } => say("standby"),
            }
            role = Some(now);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn call(market: Arc<Handle>, caller: u8) {
    for number in 0.. {
        let reference = format!("{} {caller} {number}", std::process::id());
        let deposit = deposit(&key(200), key(caller).did(), Msat(1), &reference);
        // The same document until it is taken: it counts once.
        while let Err(refusal) = market.submit(Command::Deposit(deposit.clone())).await {
            assert!(
                matches!(refusal, Refusal::NotTheWriter(_) | Refusal::Unavailable(_)),
                "{refusal}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        say(&format!("ack {caller} {reference}"));
    }
}

/// One write, so that a line is whole or not there.
fn say(line: &str) {
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// A process, and the number of its place.
struct Place {
    child: Child,
    number: usize,
}

impl Place {
    fn spawn(number: usize, database: &str, lines: &Sender<(usize, String)>) -> Self {
        let mut child = Process::new(std::env::current_exe().unwrap())
            .args(["--exact", "failover::child_that_writes_or_stands_by", "--nocapture"])
            .args(["--test-threads=1"])
            .env(DATABASE, database)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (output, lines) = (BufReader::new(child.stdout.take().unwrap()), lines.clone());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // The first line comes behind the test's own name.
                let line = line.rsplit("... ").next().unwrap_or_default().to_owned();
                if lines.send((number, line)).is_err() {
                    return;
                }
            }
        });
        Self { child, number }
    }

    fn signal(&self, signal: &str) {
        let sent = Process::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the processes have said so far.
struct Heard {
    lines: Receiver<(usize, String)>,
    acknowledged: BTreeMap<u8, i64>,
    writers: BTreeMap<usize, bool>,
}

impl Heard {
    /// Listens until a line of process `number` holds.
    fn until(&mut self, number: usize, what: &str, holds: impl Fn(&str) -> bool) {
        let began = Instant::now();
        let seconds = Duration::from_secs(number_of_seconds());
        loop {
            match self.lines.recv_timeout(Duration::from_millis(100)) {
                Ok((from, line)) => {
                    self.note(from, &line);
                    if from == number && holds(&line) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => panic!("every process has ended"),
            }
            assert!(began.elapsed() < seconds, "process {number}: {what} after {seconds:?}");
        }
    }

    fn note(&mut self, from: usize, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["ack", caller, _, _, _] => {
                *self.acknowledged.entry(caller.parse().unwrap()).or_default() += 1;
            }
            ["writer", _] => drop(self.writers.insert(from, true)),
            ["standby"] => drop(self.writers.insert(from, false)),
            _ => {}
        }
    }

    /// Listens until everything that was said is heard.
    fn rest(&mut self) {
        while let Ok((from, line)) = self.lines.recv() {
            self.note(from, &line);
        }
    }
}

fn number_of_seconds() -> u64 {
    number(SECONDS, SECONDS_USUALLY)
}

/// What happens to the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// It is killed, and another process takes part in its place.
    Kill,
    /// It is stopped in the middle of what it does, and wakes once it is replaced.
    Pause,
}

/// How long the next writer took, after each kill and after each pause.
#[derive(Default)]
struct Takeovers {
    kills: Vec<Duration>,
    pauses: Vec<Duration>,
}

impl Takeovers {
    fn add(&mut self, blow: Blow, took: Duration) {
        match blow {
            Blow::Kill => self.kills.push(took),
            Blow::Pause => self.pauses.push(took),
        }
    }

    /// How many there were, and how long they took.
    fn say(&self, rounds: u32, acknowledged: i64) {
        let said = [("kills", &self.kills), ("pauses", &self.pauses)].map(|(what, took)| {
            let mut took = took.clone();
            took.sort_unstable();
            let seconds = |at: usize| took[at].as_secs_f64();
            let (median, longest) = (seconds(took.len() / 2), seconds(took.len() - 1));
            format!("{} {what}: median {median:.2} s, longest {longest:.2} s", took.len())
        });
        println!("{rounds} rounds; {}; {acknowledged} deposits acknowledged", said.join("; "));
    }
}

/// Deals the writer, which comes first, a blow; waits for the other to write, and has the first stand by again.
fn fail_over(
    (round, blow): (u32, Blow),
    places: &mut [Place; 2],
    heard: &mut Heard,
    respawn: impl Fn(usize) -> Place,
) -> Duration {
    let [writer, standby] = [0, 1];
    let (old, new) = (places[writer].number, places[standby].number);
    heard.until(old, "nothing is acknowledged", |line| line.starts_with("ack"));
    // A moment that differs from round to round, in the middle of the load.
    std::thread::sleep(Duration::from_micros(u64::from(round) * 7_919 % 50_000));
    match blow {
        Blow::Kill => places[writer].child.kill().unwrap(),
        Blow::Pause => places[writer].signal("-STOP"),
    }
    let began = Instant::now();
    heard.until(new, "the standby does not write", |line| line.starts_with("ack"));
    let took = began.elapsed();
    match blow {
        Blow::Kill => {
            places[writer] = respawn(old + 2);
            // On a machine that stalls for seconds it may find the other silent, and write.
            heard.until(old + 2, "it takes no part", |line| {
                line == "standby" || line.starts_with("writer")
            });
        }
        Blow::Pause => {
            // Its late batch must change nothing, and it must learn that it is replaced.
            places[writer].signal("-CONT");
            heard.until(old, "the paused writer does not stand down", |line| line == "standby");
        }
    }
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_writer_is_killed_or_paused() {
    let house = House::founded_with(|did, anchor| Genesis::standard(did, Span::HOUR, anchor));
    let Some(database) = house.database.clone() else { return };
    let (sender, lines) = channel();
    let mut heard = Heard { lines, acknowledged: BTreeMap::new(), writers: BTreeMap::new() };
    let respawn = |number| Place::spawn(number, &database, &sender);
    let first = respawn(0);
    heard.until(0, "it does not write", |line| line.starts_with("writer"));
    let mut places = [first, respawn(1)];
    heard.until(1, "it does not stand by", |line| line == "standby");
    let (mut took, rounds) = (Takeovers::default(), number(ROUNDS, ROUNDS_USUALLY).max(1));
    for round in 1..=rounds {
        for blow in [Blow::Kill, Blow::Pause] {
            // The process that writes comes first.
            if heard.writers.get(&places[0].number) != Some(&true) {
                places.reverse();
            }
            took.add(blow, fail_over((round, blow), &mut places, &mut heard, respawn));
        }
        if round % LINE_EVERY == 0 && round < rounds {
            took.say(round, heard.acknowledged.values().sum());
        }
    }
    drop(places);
    drop(sender);
    heard.rest();
    took.say(rounds, heard.acknowledged.values().sum());
    let market = house.start().await;
    sound(&market);
    let mut total = 0;
    for caller in 0..CALLERS {
        let booked = market.view(|view| view.market.available(key(caller).did()));
        let acknowledged = heard.acknowledged.get(&caller).copied().unwrap_or(0);
        assert!(
            booked >= Msat(acknowledged),
            "{caller}: {acknowledged} acknowledged, {booked} booked"
        );
        total += booked.0;
    }
    market.shutdown().await;
    let report = verify_journal(house.place()).unwrap();
    assert!(report.is_sound());
    assert_eq!(report.events, u64::try_from(total).unwrap(), "every deposit happened once");
    println!(
        "{total} deposits booked, each once; the journal of {} blocks verifies",
        report.blocks
    );
}
