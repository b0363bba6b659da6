//! `bondstore chain dev run` as people run it: it says where it answers, mines when asked and by time, and stands where it stood
//! when it is started again.

#[path = "support/processes.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod processes;

use contracts_bitcoin::chain::esplora::{Esplora, Server};
use contracts_bitcoin::chain::rpc::{Auth, Bitcoind, Node};
use contracts_bitcoin::chain::{Chain, FeeBounds, Patience, Tip};
use network::endpoint::PlainHttp;
use processes::{Finished, Running, bondstore};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// A running chain, and what it said.
struct Dev {
    _process: Running,
    said: Value,
}

impl Dev {
    fn start(data: &Path, more: &[&str]) -> Self {
        let data = data.to_str().expect("a path in UTF-8");
        let arguments =
            ["--json", "chain", "dev", "run", "--listen", "127.0.0.1:0", "--data", data];
        let mut command = bondstore(arguments.iter().chain(more).copied());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary runs");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        let process = Running(child);
        BufReader::new(stdout).read_line(&mut line).expect("it says where it answers");
        Self { _process: process, said: serde_json::from_str(&line).expect("JSON") }
    }

    fn text(&self, key: &str) -> String {
        self.said[key].as_str().expect("it is said").to_owned()
    }

    async fn rpc(&self) -> Bitcoind {
        let node = Node {
            url: self.text("rpc"),
            network: bitcoin::Network::Regtest,
            auth: Auth::Cookie(self.text("cookie").into()),
            plain: PlainHttp::LoopbackOnly,
            patience: Patience::default(),
            fees: FeeBounds::default(),
        };
        Bitcoind::connect(node).await.expect("it lets us in")
    }

    async fn esplora(&self) -> Esplora {
        let server = Server {
            url: self.text("esplora"),
            network: bitcoin::Network::Regtest,
            plain: PlainHttp::LoopbackOnly,
            patience: Patience::default(),
            fees: FeeBounds::default(),
        };
        Esplora::connect(server).await.expect("it shows regtest")
    }
}

async fn height_above(chain: &impl Chain, height: u32) -> Tip {
    let deadline = std::time::Instant::now() + processes::PATIENCE;
    loop {
        let tip = chain.tip().await.expect("it answers");
        if tip.height > height {
            return tip;
        }
        assert!(std::time::Instant::now() < deadline, "no block above {height} was mined");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn it_mines_by_time_and_stands_where_it_stood_when_it_is_started_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let dev = Dev::start(folder.path(), &["--block-time", "100ms"]);
    assert_eq!(dev.said["kind"], "development chain");
    let tip = height_above(&dev.rpc().await, 2).await;
    let esplora = dev.esplora().await;
    let block = esplora.block(tip.height).await.expect("it answers").expect("it is there");
    assert_eq!(block.block_hash(), tip.hash);
    drop(dev);

    let dev = Dev::start(folder.path(), &[]);
    let again = dev.rpc().await.block(tip.height).await.expect("it answers").expect("it is there");
    assert_eq!(again.block_hash(), tip.hash);
    let data = folder.path().to_str().expect("a path in UTF-8");
    let second = ["chain", "dev", "run", "--listen", "127.0.0.1:0", "--data", data];
    let second = Finished::of(bondstore(second));
    assert!(!second.is_success() && second.stderr.contains("in use"), "{second:?}");
}

#[test]
fn what_cannot_be_is_refused_with_what_would_be_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_str().expect("a path in UTF-8");
    let run = |more: [&'static str; 2]| {
        let arguments = ["chain", "dev", "run", "--data", data];
        Finished::of(bondstore(arguments.into_iter().chain(more)))
    };
    let everywhere = run(["--listen", "0.0.0.0:0"]);
    assert!(everywhere.stderr.contains("this machine alone"), "{everywhere:?}");
    let mainnet = run(["--to", "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"]);
    assert!(mainnet.stderr.contains("bcrt1"), "{mainnet:?}");
    std::fs::write(folder.path().join("bitcoin.conf"), "server=1\n").expect("it is written");
    let foreign = run(["--listen", "127.0.0.1:0"]);
    assert!(foreign.stderr.contains("not ours"), "{foreign:?}");
}

/// What the stock `ots` client calls, through the library that it uses.
const PYTHON: &str = "
import sys, bitcoin, bitcoin.rpc
bitcoin.SelectParams('regtest')
proxy = bitcoin.rpc.Proxy(btc_conf_file=sys.argv[1])
count = proxy.getblockcount()
best = proxy.getbestblockhash()
assert proxy.getblockhash(count) == best
header = proxy.getblockheader(best)
assert header.GetHash() == best
block = proxy.getblock(best)
assert block.GetHash() == best and block.calc_merkle_root() == header.hashMerkleRoot
try:
    proxy.getblockhash(count + 1000)
    raise SystemExit('a block beyond the tip')
except IndexError:
    print('read', count)
";

#[test]
fn python_bitcoinlib_reads_it() {
    let python = std::env::var("BONDSTORE_BITCOINLIB_PYTHON").unwrap_or("python3".into());
    let has = Command::new(&python).args(["-c", "import bitcoin.rpc"]).output();
    if !has.is_ok_and(|has| has.status.success()) {
        println!(
            "skipped: no Python with python-bitcoinlib; name one by BONDSTORE_BITCOINLIB_PYTHON"
        );
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let dev = Dev::start(folder.path(), &["--block-time", "1s"]);
    let settings = folder.path().join("bitcoin.conf");
    let mut command = Command::new(&python);
    command.args(["-c", PYTHON]).arg(settings);
    let done = Finished::of(command);
    assert!(done.is_success() && done.stdout.starts_with("read"), "{done:?}");
    drop(dev);
}
