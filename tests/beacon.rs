//! A market whose epochs a chain's blocks open, as its operator runs it: it waits for blocks, is killed in between, loses its chain and finds
//! it again, and anybody can check afterwards by which blocks it opened.

#[path = "support/processes.rs"]
#[expect(dead_code, reason = "a market alone needs no town")]
mod processes;

use bitcoin::ScriptBuf;
use contracts_bitcoin::beacon::header;
use contracts_bitcoin::chain::devchain::{Devchain, Mining};
use contracts_bitcoin::chain::serve::{Cookie, Service, router};
use network::api::{BeaconInfo, MarketInfo};
use network::client::{ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};
use network::server::{ServeOptions, ServerHandle, bind, serve};
use processes::{Finished, Process, bondstore, json, wait_for};
use std::path::{Path, PathBuf};
use tokio::runtime::Runtime;
use types::Epoch;

/// Seconds since 1970.
fn clock() -> u32 {
    u32::try_from(network::clock::now().0 / 1_000_000).expect("a time of this century")
}

/// A chain in this process, behind a port, whose blocks are mined by hand.
struct Node {
    chain: Devchain,
    runtime: Runtime,
    cookie: PathBuf,
    secret: Cookie,
    address: String,
    server: Option<ServerHandle>,
}

impl Node {
    fn new(home: &Path) -> Self {
        let runtime = Runtime::new().expect("threads");
        let secret = Cookie::fresh().expect("randomness");
        let cookie = home.join("cookie");
        secret.write(&cookie).expect("it is written");
        let (chain, address) = (Devchain::new(), "127.0.0.1:0".to_owned());
        let mut node = Self { chain, runtime, cookie, secret, address, server: None };
        node.answer();
        node
    }

    /// Answers, where it answered before.
    fn answer(&mut self) {
        let service = Service { chain: self.chain.clone(), cookie: self.secret.clone(), clock };
        let _inside = self.runtime.enter();
        let listener = self.runtime.block_on(bind(&self.address)).expect("the port is free");
        self.address = listener.local_addr().expect("it listens").to_string();
        let server = serve(listener, router(service), ServeOptions::default());
        self.server = Some(server.expect("it serves"));
    }

    fn go_away(&mut self) {
        let server = self.server.take().expect("it answers");
        self.runtime.block_on(server.shutdown());
    }

    fn mine(&self, count: u32) {
        let script = ScriptBuf::from(vec![0x51]).to_p2wsh();
        self.chain.mine_blocks(count, &Mining { script, time: clock() }).expect("in memory");
    }

    fn headers(&self) -> Vec<u8> {
        let all = (0..=self.chain.top().height).map(|height| {
            let read = self.runtime.block_on(header(&self.chain, height));
            read.expect("it answers").expect("it is there")
        });
        all.collect::<Vec<_>>().concat()
    }

    /// The market's process in `data`.
    fn market(&self, data: &str, more: &[&str]) -> Process {
        let chain = format!("http://{}", self.address);
        let cookie = self.cookie.display().to_string();
        let usual = ["market", "run", "--data", data, "--listen", "127.0.0.1:0"];
        let chain = ["--chain", &chain, "--chain-cookie", &cookie];
        Process::start(usual.iter().chain(&chain).chain(more).copied())
    }

    fn info(&self, market: &Process) -> MarketInfo {
        let endpoint = Endpoint::parse(&market.said("url"), PlainHttp::LoopbackOnly);
        let http = HttpClient::new(endpoint.expect("an address"), ClientOptions::default());
        let read = http.get("/v1/market").read_json::<MarketInfo>(1 << 20);
        self.runtime.block_on(read).expect("it answers")
    }

    fn waits(&self, market: &Process) -> Option<String> {
        self.beacon(market).waits
    }

    fn beacon(&self, market: &Process) -> BeaconInfo {
        self.info(market).beacon.expect("it says what its beacons follow from")
    }

    fn wait_for_epoch(&self, market: &Process, epoch: u64) {
        wait_for(&format!("epoch {epoch}"), || {
            // Medians follow the clock once there are blocks after it.
            self.mine(1);
            std::thread::sleep(std::time::Duration::from_millis(100));
            self.info(market).current_epoch >= Epoch(epoch)
        });
    }
}

#[test]
fn epochs_open_only_after_blocks_whatever_happens_and_anybody_can_check_by_which() {
    let home = tempfile::tempdir().expect("a folder");
    let mut node = Node::new(home.path());
    let data = home.path().join("market").display().to_string();
    let founding = ["--epoch", "1h", "--epoch-every", "1s", "--beacon-lead", "1s"];
    let market = node.market(&data, &[&founding[..], &["--beacon-depth", "3"]].concat());
    wait_for("the market to wait for a block", || node.waits(&market).is_some());
    let waits = node.waits(&market).expect("it waits");
    assert!(waits.contains("has 0 of 3 blocks"), "{waits}");
    let rule = node.beacon(&market).chain.expect("it has a chain");
    assert_eq!((rule.depth, rule.lead.0, rule.every.0), (3, 1_000_000, 1_000_000));
    node.wait_for_epoch(&market, 2);
    let reached = node.info(&market).current_epoch;
    // SIGKILL. Meanwhile the chain grows, and what it was founded with stays.
    drop(market);
    node.mine(10);
    let market = node.market(&data, &[]);
    assert!(node.info(&market).current_epoch >= reached);
    assert_eq!(node.beacon(&market).chain, Some(rule));
    node.wait_for_epoch(&market, reached.0 + 2);
    // The chain goes away: the market runs on and says what it waits for.
    node.go_away();
    wait_for("the market to say that its chain is gone", || {
        node.waits(&market).is_some_and(|waits| waits.contains("cannot be read"))
    });
    let reached = node.info(&market).current_epoch;
    node.answer();
    node.wait_for_epoch(&market, reached.0 + 2);
    assert!(node.chain.top().height > 12);
    drop(market);

    let file = home.path().join("journal").display().to_string();
    json(["journal", "export", "--data", &data, "--out", &file]);
    let plain = json(["journal", "verify", &file]);
    assert_eq!(plain["epochs"]["in_chain"], false);
    let headers = home.path().join("headers");
    std::fs::write(&headers, node.headers()).expect("it is written");
    let headers = headers.display().to_string();
    let verify = ["journal", "verify", &file, "--network", "regtest", "--headers"];
    let checked = json(verify.iter().copied().chain([headers.as_str()]));
    assert_eq!(checked["epochs"]["in_chain"], true);
    let opened = checked["epochs"]["opened_by_blocks"].as_u64().expect("a number");
    assert!(opened >= reached.0 + 2, "{checked}");
    // Another chain of the same network has other blocks.
    let other = Node::new(home.path());
    other.mine(node.chain.top().height);
    std::fs::write(&headers, other.headers()).expect("it is written");
    let refused = Finished::of(bondstore(verify.iter().copied().chain([headers.as_str()])));
    assert!(!refused.is_success() && refused.stderr.contains("where the chain has"), "{refused:?}");
}

#[test]
fn a_market_with_a_chain_does_not_run_without_it_or_on_another_schedule() {
    let home = tempfile::tempdir().expect("a folder");
    let node = Node::new(home.path());
    let data = home.path().join("market").display().to_string();
    drop(node.market(&data, &["--epoch-every", "1s"]));
    let run = |more: &[&str]| {
        let usual = ["market", "run", "--data", &data, "--listen", "127.0.0.1:0"];
        Finished::of(bondstore(usual.iter().chain(more).copied())).stderr
    };
    let alone = run(&[]);
    assert!(alone.contains("by --chain URL"), "{alone}");
    let chain = format!("http://{}", node.address);
    let cookie = node.cookie.display().to_string();
    let named = ["--chain", &chain, "--chain-cookie", &cookie];
    let other = run(&[&named[..], &["--epoch-every", "2s"]].concat());
    assert!(other.contains("an epoch every 1s, not 2s"), "{other}");
    let deeper = run(&[&named[..], &["--beacon-depth", "9"]].concat());
    assert!(deeper.contains("a depth of 6, not with a depth of 9"), "{deeper}");
}
