//! The binary as people run it: commands that end, processes that go on, and a small town of them.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);
/// The password of every key in these tests.
pub(crate) const PASSWORD: &str = "a password for tests";
/// What every party is given to spend, in msat.
const MONEY: &str = "2000000000";

/// A command of ours; it never asks anybody for anything.
pub(crate) fn bondstore<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bondstore"));
    command.args(args).env("BONDSTORE_PASSWORD", PASSWORD).env_remove("BONDSTORE_DATA");
    command.env_remove("BONDSTORE_LOG").stdin(Stdio::null());
    command
}

/// What a command that ended left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// Runs a command to its end, or panics where it has none.
    pub(crate) fn of(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Running(command.spawn().expect("the binary runs"));
        let stdout = drained(child.0.stdout.take().expect("it is piped"));
        let stderr = drained(child.0.stderr.take().expect("it is piped"));
        let mut code = None;
        wait_for(&format!("{command:?} to end"), || {
            code =
                child.0.try_wait().expect("a child can be waited for").map(|status| status.code());
            code.is_some()
        });
        let whole = |text: mpsc::Receiver<String>| text.recv().expect("its output is read");
        Self { code: code.flatten(), stdout: whole(stdout), stderr: whole(stderr) }
    }

    /// Whether it did what it was asked.
    pub(crate) fn is_success(&self) -> bool {
        self.code == Some(0)
    }
}

/// Reads a pipe to its end beside everything else.
fn drained(mut pipe: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pipe that breaks has said what it had to say.
        let _read = pipe.read_to_end(&mut bytes);
        sender.send(String::from_utf8_lossy(&bytes).into_owned())
    });
    receiver
}

/// Runs a command that must do what it is asked, with `--json`, and gives what it printed.
pub(crate) fn json<'a>(args: impl IntoIterator<Item = &'a str>) -> Value {
    let mut command = bondstore(args);
    command.arg("--json");
    let shown = format!("{command:?}");
    let done = Finished::of(command);
    assert!(done.is_success(), "{shown}: {}{}", done.stdout, done.stderr);
    serde_json::from_str(&done.stdout)
        .unwrap_or_else(|error| panic!("{shown}: {error} in {done:?}"))
}

/// A child that is killed, by its own number, when nobody needs it any more.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _killed = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// A server process of ours that goes on until it is killed.
pub(crate) struct Process {
    pub(crate) child: Running,
    /// What it printed when it was ready.
    pub(crate) said: Value,
    /// Kept open: a process whose output is closed ends.
    _stdout: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it and waits until it says that it is ready.
    pub(crate) fn start<'a>(args: impl IntoIterator<Item = &'a str>) -> Self {
        Self::of(bondstore(args))
    }

    /// As [`Process::start`], of a command as it is.
    pub(crate) fn of(mut command: Command) -> Self {
        command.arg("--json").stdout(Stdio::piped());
        let mut child = Running(command.spawn().expect("the binary runs"));
        let mut stdout = BufReader::new(child.0.stdout.take().expect("it is piped"));
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = stdout.read_line(&mut line);
            // Nobody waits any more where the test gave up.
            let _sent = sender.send(read.map(|_| (line, stdout)));
        });
        let ready = receiver.recv_timeout(PATIENCE).expect("the process says that it is ready");
        let (line, stdout) = ready.expect("its output can be read");
        let said = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{command:?}: {error} in {line:?}"));
        Self { child, said, _stdout: stdout }
    }

    /// What it said of itself under `name`.
    pub(crate) fn said(&self, name: &str) -> String {
        text(&self.said[name])
    }
}

/// Waits until `done`, or panics when [`PATIENCE`] is at its end.
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < until, "waited {PATIENCE:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A JSON string's text.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text")).to_owned()
}

/// What the processes of a town are started with beyond the usual.
#[derive(Clone, Copy, Default)]
pub(crate) struct Beyond<'a> {
    /// `market run`.
    pub(crate) market: &'a [&'a str],
    /// `provider init` of the provider with that number.
    pub(crate) init: Option<fn(usize) -> &'static [&'static str]>,
    /// `provider run`.
    pub(crate) run: &'a [&'a str],
}

/// A market, its providers and a client, each a process with a directory of its own.
pub(crate) struct Town {
    dir: tempfile::TempDir,
    pub(crate) market: Process,
    /// By number; nothing where one was killed.
    pub(crate) providers: Vec<Option<Process>>,
    /// What `client init` printed.
    pub(crate) client: Value,
}

impl Town {
    /// Founds one with so many providers of so much each and epochs that open so often, all connected and everyone with
    /// money.
    pub(crate) fn found(
        (providers, capacity, epoch_every): (usize, &str, &str),
        beyond: Beyond<'_>,
    ) -> Self {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let place = |name: &str| path(&dir.path().join(name));
        let market = place("market");
        let listen = ["--listen", "127.0.0.1:0", "--epoch", "1d", "--epoch-every", epoch_every];
        let running = ["market", "run", "--data", &market]
            .into_iter()
            .chain(listen)
            .chain(beyond.market.iter().copied());
        let running = Process::start(running);
        let url = running.said("url");
        let mut town = Self { dir, market: running, providers: Vec::new(), client: Value::Null };
        for number in 1..=providers {
            let (data, listen) = (place_of(&town, number), format!("127.0.{number}.1:0"));
            let usual = [
                "provider",
                "init",
                "--data",
                &data,
                "--market",
                &url,
                "--listen",
                &listen,
                "--capacity",
                capacity,
                "--price",
                "100",
            ];
            let more = beyond.init.map_or(&[][..], |init| init(number));
            let made = json(usual.into_iter().chain(more.iter().copied()));
            town.credit(&text(&made["did"]));
            let running =
                ["provider", "run", "--data", &data].into_iter().chain(beyond.run.iter().copied());
            let running = Process::start(running);
            assert_eq!(running.said("provider"), text(&made["did"]));
            town.providers.push(Some(running));
        }
        town.client = json(["client", "init", "--data", &town.path("client"), "--market", &url]);
        town.credit(&text(&town.client["did"]));
        wait_for("every provider to publish its ask", || {
            assert!(town.is_alive(), "a process has ended");
            town.offers() == providers
        });
        town
    }

    fn credit(&self, party: &str) {
        json(["market", "credit", party, MONEY, "--data", &self.path("market")]);
    }

    /// Whether every process of the town goes on.
    fn is_alive(&mut self) -> bool {
        let market = std::iter::once(&mut self.market);
        let mut all = market.chain(self.providers.iter_mut().flatten());
        all.all(|one| one.child.0.try_wait().is_ok_and(|ended| ended.is_none()))
    }

    /// How many providers a quote speaks of; none while there are too few for one.
    fn offers(&self) -> usize {
        let client = self.path("client");
        let mut command = bondstore(["quote", "1MB", "--for", "2d", "--data", &client, "--json"]);
        command.args(["--data-shards", "1", "--parity-shards", "1"]);
        let done = Finished::of(command);
        let Ok(quote) = serde_json::from_str::<Value>(&done.stdout) else { return 0 };
        offers(&quote)
    }

    /// A path in the town's directory.
    pub(crate) fn path(&self, name: &str) -> String {
        path(&self.dir.path().join(name))
    }

    /// Runs a command of the town's client; it must succeed.
    pub(crate) fn client(&self, args: &[&str]) -> Value {
        json(args.iter().copied().chain(["--data", &self.path("client")]))
    }
}

/// How many providers a quote speaks of: chosen, in reserve or left out.
pub(crate) fn offers(quote: &Value) -> usize {
    let count = |name: &str| quote[name].as_array().map_or(0, Vec::len);
    let others = quote["excluded_count"].as_u64().expect("a number");
    count("slots") + count("reserves") + usize::try_from(others).expect("there are few")
}

fn place_of(town: &Town, number: usize) -> String {
    town.path(&format!("provider-{number}"))
}

/// A path as text.
fn path(path: &Path) -> String {
    PathBuf::from(path).into_os_string().into_string().expect("temporary paths are text")
}
