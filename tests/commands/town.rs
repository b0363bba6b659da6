//! A market in this process, whose epochs open by hand; its providers are processes, its clients commands, and all of them
//! come to it by fronts.

use crate::front::{Calls, Front};
use crate::support::{Process, json, text, wait_for};
use market::Genesis;
use market_server::{Config, Handle};
use network::api::{ContractView, SlotView};
use network::client::{ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};
use network::identity::Password;
use network::market_api::MarketClient;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use types::{ContractId, Did, SecretKey, Span};

/// One slot for the data, one for parity, and one who takes over.
pub(crate) const PROVIDERS: usize = 3;
/// The market's key.
const KEY: [u8; 32] = [41; 32];
/// What everybody is given to spend, in msat.
const MONEY: &str = "2000000000";

/// Everyone.
pub(crate) struct Town {
    dir: tempfile::TempDir,
    pub(crate) market: Handle,
    /// Where commands ask.
    front: Front,
    /// Where nodes ask: their disputes do not get through, so that a dispute is made by command or not at all.
    pub(crate) nodes: Front,
    /// By number, from 1 on.
    pub(crate) providers: Vec<Process>,
    /// What `client init` said, by directory.
    pub(crate) clients: BTreeMap<&'static str, Value>,
    /// Sees every contract.
    operator: MarketClient,
    /// Each command that was run, and what it called.
    ran: Vec<(Vec<String>, Calls)>,
}

impl Town {
    /// A market that knows an auditor, its providers, and these clients, everyone with money.
    pub(crate) async fn founded(clients: &[&'static str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let place = dir.path().join("market");
        let auditor = json(["auditor", "init", "--data", &shown(&dir.path().join("auditor"))]);
        let auditor: Did = text(&auditor["did"]).parse().expect("a name");
        let password = Password::new(crate::support::PASSWORD).expect("not empty");
        let genesis = |did, anchor| {
            let standard = Genesis::standard(did, Span::DAY, anchor);
            Genesis { auditors: vec![auditor], ..standard }
        };
        market_server::init(&place, &password, Some(KEY), genesis).expect("a new market");
        let mut config = Config::new(&place, "127.0.0.1:0", SecretKey::from_seed(&KEY));
        config.absence_max = Duration::from_millis(100);
        // Nobody measures unless a test says so.
        config.measure_within = Duration::from_millis(50);
        let market = market_server::start(config).await.expect("it starts");
        let front = Front::before(market.address(), None);
        let nodes = Front::before(market.address(), Some("/v1/disputes"));
        let endpoint = Endpoint::parse(market.url(), PlainHttp::LoopbackOnly).expect("its address");
        let http = HttpClient::new(endpoint, ClientOptions::default());
        let operator = MarketClient::new(http, market.did(), Arc::new(Self::key()));
        let (providers, made, ran) = (Vec::new(), BTreeMap::new(), Vec::new());
        let mut town = Self { dir, market, front, nodes, providers, clients: made, operator, ran };
        for number in 1..=PROVIDERS {
            town.settle(number);
        }
        for name in clients {
            let market = town.url();
            let made = town.run(&["client", "init", "--market", &market], name);
            town.credit(&text(&made["did"]));
            town.clients.insert(name, made);
        }
        town
    }

    /// Sets a provider up and lets its node run. Its commands come to the market by another front than the node.
    fn settle(&mut self, number: usize) {
        let (name, listen) = (format!("provider-{number}"), format!("127.0.{number}.1:0"));
        let market = self.nodes.url();
        let init = ["provider", "init", "--market", &market, "--listen", &listen];
        let made = self.run(&[&init[..], &["--capacity", "10GB"]].concat(), &name);
        self.credit(&text(&made["did"]));
        let node = self.node(number);
        self.providers.push(node);
        wait_for("a provider to publish its ask", || {
            self.market.view(|view| view.market.offers().len()) == number
        });
    }

    /// Lets a provider's node run.
    fn node(&self, number: usize) -> Process {
        self.market_of(number, (&self.front, &self.nodes));
        let place = self.path(&format!("provider-{number}"));
        let node = Process::start(["provider", "run", "--data", &place]);
        self.market_of(number, (&self.nodes, &self.front));
        node
    }

    /// Changes which front a provider's settings name.
    fn market_of(&self, number: usize, (from, to): (&Front, &Front)) {
        let file = self.path(&format!("provider-{number}/provider.json"));
        let settings = std::fs::read_to_string(&file).expect("the settings are there");
        let settings = settings.replace(&from.url(), &to.url());
        std::fs::write(&file, settings).expect("they can be written");
    }

    /// Ends a provider's node, has something happen, and lets it run again.
    pub(crate) async fn without<T>(
        &mut self,
        number: usize,
        happens: impl AsyncFnOnce(&mut Self) -> T,
    ) -> T {
        let online = self.market.connected();
        self.providers[number - 1].child.0.kill().expect("it runs");
        wait_for("the market to see it go", || self.market.connected() < online);
        let happened = happens(self).await;
        self.providers[number - 1] = self.node(number);
        wait_for("the node to come back", || self.market.connected() == online);
        happened
    }

    fn credit(&self, party: &str) {
        json(["market", "credit", party, MONEY, "--data", &self.path("market")]);
    }

    /// Where commands find the market.
    pub(crate) fn url(&self) -> String {
        self.front.url()
    }

    /// A path in the town's directory.
    pub(crate) fn path(&self, name: &str) -> String {
        shown(&self.dir.path().join(name))
    }

    /// The number of the provider that keeps a slot.
    pub(crate) fn keeper(&self, slot: &SlotView) -> usize {
        let holder = slot.provider.to_string();
        let known = self.providers.iter().position(|node| node.said("provider") == holder);
        known.expect("one of the town's") + 1
    }

    /// A contract, as its client would be shown it.
    pub(crate) async fn view(&self, contract: ContractId) -> ContractView {
        self.operator.contract(contract).await.expect("the market answers")
    }

    /// The market's key.
    pub(crate) fn key() -> SecretKey {
        SecretKey::from_seed(&KEY)
    }

    /// Runs a command of the party in the directory `who`; it must succeed, and what it calls is remembered.
    pub(crate) fn run(&mut self, args: &[&str], who: &str) -> Value {
        self.front.calls();
        let place = self.path(who);
        let is_of_both = matches!(args[0], "statement" | "invoice" | "receipt");
        let by = if is_of_both && who.starts_with("provider") { "--provider" } else { "--data" };
        let said = json(args.iter().copied().chain([by, &place]));
        let args = args.iter().map(|word| (*word).to_owned()).collect();
        self.ran.push((args, self.front.calls()));
        said
    }

    /// Runs a command of the client.
    pub(crate) fn client(&mut self, args: &[&str]) -> Value {
        self.run(args, "client")
    }

    /// Lets the auditor run until it has measured something.
    pub(crate) fn audit(&mut self) {
        let (data, market) = (self.path("auditor"), self.url());
        let args = ["auditor", "run", "--data", &data, "--market", &market, "--vantage", "here"];
        self.run_until(&args, "/v1/measurements");
    }

    /// Lets the auditor's oracle run until it has asked what is to be attested.
    pub(crate) fn attest(&mut self) {
        let (data, market) = (self.path("auditor"), self.url());
        let listen = ["--listen", "127.0.0.1:0", "--market", &market];
        let args = [&["auditor", "oracle", "run", "--data", &data][..], &listen].concat();
        self.run_until(&args, "/v1/escrows");
    }

    /// Lets a command run until it has called `path`.
    fn run_until(&mut self, args: &[&str], path: &str) {
        self.front.calls();
        let running = Process::start(args.iter().copied());
        let mut calls = Calls::new();
        wait_for(&format!("{path} to be called"), || {
            calls.extend(self.front.calls());
            calls.iter().any(|(_, called)| called == path)
        });
        drop(running);
        self.ran.push((args.iter().map(|word| (*word).to_owned()).collect(), calls));
    }

    /// Opens an epoch, and waits until everything that it brings is done.
    pub(crate) async fn day(&self) {
        self.market.open_epoch().await.expect("the epoch opens");
        self.market.quiesce().await.expect("the market comes to rest");
    }

    /// Every command that was run, with what it called.
    pub(crate) fn ran(&self) -> &[(Vec<String>, Calls)] {
        &self.ran
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
