//! Reads under load: how long they take while many connections are open.
//!
//! `cargo bench -p market-server --bench api` founds a market with contracts and histories, opens 10,000 connections to
//! it from a process of its own, and asks at a steady rate over all of them in turn. A request is timed from when it was
//! due, so that one that had to wait counts in full. Parties and contracts are chosen as Zipf's law has it.

mod load;

use load::{Load, Scenario};
use market::{Command, Genesis};
use market_server::{Config, Handle, deposit};
use network::api::AcceptBody;
use network::client::{ClientOptions, HttpClient};
use network::endpoint::{Endpoint, PlainHttp};
use network::market_api::MarketClient;
use std::sync::Arc;
use std::time::Duration;
use types::documents::{Acceptance, Ask, Quote, Request, Session};
use types::{
    Bytes, ContractId, Document, GbPrice, Msat, Price, SecretKey, Signed, Signer, Span, Terms,
    Tier, Timestamp, Verified,
};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Connections that are open all the while.
const CONNECTIONS: usize = 10_000;
const PARTIES: u16 = 200;
const CONTRACTS_EACH: u64 = 5;
const POSTINGS_EACH: u64 = 150;
const PROVIDERS: u16 = 8;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|arg| arg == load::CHILD) {
        return load::child(&args[2]);
    }
    network::server::raise_open_files();
    network::server::forgo_huge_pages();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(run());
}

fn key(number: u16) -> SecretKey {
    let [low, high] = number.to_le_bytes();
    let mut seed = [9; 32];
    (seed[0], seed[1]) = (low, high);
    SecretKey::from_seed(&seed)
}

fn sign<T: Document>(document: T, key: &SecretKey) -> Signed {
    Verified::sign(document, key).expect("documents name their signers").signed().clone()
}

async fn run() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let operator = key(60_000);
    let genesis = |did, anchor| Genesis::standard(did, Span::HOUR, anchor);
    market_server::found(dir.path(), &operator, genesis).expect("a market is founded");
    let config = Config::new(dir.path(), "127.0.0.1:0", operator.clone());
    let market = market_server::start(config).await.expect("the market starts");
    let _streams = providers(&market).await;
    let contracts = fill(&market, &operator).await;
    println!(
        "{PARTIES} parties, {} contracts, {POSTINGS_EACH} postings each; {CONNECTIONS} connections open",
        contracts.len()
    );
    println!(
        "{:<34} {:>7} {:>9} {:>9} {:>9}  CPU: market, load",
        "", "asked/s", "p50", "p95", "p99"
    );
    for (name, rate, asked) in scenarios(&contracts) {
        let paths = requests(&market, asked);
        let before = market.cache_uses();
        let scenario = Scenario { rate, seconds: 20, connections: CONNECTIONS, paths };
        let load = Load::of(market.address(), &scenario).await;
        load.print(name, rate);
        for (now, then) in market.cache_uses().iter().zip(before) {
            let (hits, misses) = (now.hits - then.hits, now.misses - then.misses);
            if let Some(permille) = (hits * 1_000).checked_div(hits + misses) {
                println!(
                    "    cache of {}: {}.{} % of {}",
                    now.cache,
                    permille / 10,
                    permille % 10,
                    hits + misses
                );
            }
        }
    }
    market.shutdown().await;
}

/// Providers that are connected and offer; what they are asked to confirm waits.
async fn providers(market: &Handle) -> Vec<impl Sized + use<>> {
    let mut streams = Vec::new();
    for number in 0..PROVIDERS {
        let me = key(50_000 + number);
        let reference = format!("provider {number}");
        market.credit(me.did(), Msat(1_000_000_000_000), &reference).await.expect("it is booked");
        let speaks = client(market, &me);
        speaks.ask(&sign(ask(&me, number), &me)).await.expect("the ask is taken");
        streams.push(speaks.stream(Vec::new()).await.expect("the stream opens"));
    }
    streams
}

fn ask(me: &SecretKey, number: u16) -> Ask {
    Ask {
        provider: me.did(),
        sequence: 1,
        endpoint: format!("http://127.0.0.1:{}", 9_000 + number),
        region: "eu".into(),
        operator: format!("operator {number}"),
        capacity: Bytes(1 << 44),
        price: Price::whole(100),
        egress: GbPrice::whole(10),
        ingress: GbPrice::whole(1),
        tiers: Tier::ALL.to_vec(),
        minimum_use: Bytes(1 << 20),
        duration_max: Span(365 * Span::DAY.0),
        volume_discounts: Vec::new(),
        duration_discounts: Vec::new(),
        tags: Vec::new(),
        counter: None,
        held_bond_permille: 0,
        expires: network::clock::now().after(Span(30 * Span::DAY.0)),
    }
}

fn client(market: &Handle, key: &SecretKey) -> MarketClient {
    let endpoint = Endpoint::parse(market.url(), PlainHttp::LoopbackOnly).expect("its own address");
    let http = HttpClient::new(endpoint, ClientOptions::default());
    MarketClient::new(http, market.did(), Arc::new(key.clone()))
}

/// Books money for every party, posting by posting, and agrees their contracts.
async fn fill(market: &Handle, operator: &SecretKey) -> Vec<(u16, ContractId)> {
    let mut contracts = Vec::new();
    for party in 0..PARTIES {
        let me = key(party);
        for posting in 0..POSTINGS_EACH {
            let reference = format!("{party} {posting}");
            let deposit = deposit(operator, me.did(), Msat(10_000_000), &reference);
            market.submit(Command::Deposit(deposit)).await.expect("it is booked");
        }
        let speaks = client(market, &me);
        for nonce in 0..CONTRACTS_EACH {
            let terms = Terms::standard(Bytes(4 << 20), Span(30 * Span::DAY.0));
            let request = Request { client: me.did(), terms, nonce };
            let quote = speaks.quote(&sign(request, &me)).await.expect("a quote");
            let name = quote.verify::<Quote>().expect("the market signs it").id();
            let acceptance = sign(Acceptance { client: me.did(), quote: name }, &me);
            let agreed = speaks.accept(&AcceptBody { acceptance, quote }).await;
            contracts.push((party, agreed.expect("the contract is agreed").id));
        }
    }
    contracts
}

/// What is asked, how often, with which sessions.
/// Who asks for which path; nobody where no session is needed.
type Asked = Vec<(Option<u16>, String)>;

fn scenarios(contracts: &[(u16, ContractId)]) -> Vec<(&'static str, u32, Asked)> {
    let account = |party: u16| format!("/v1/accounts/{}", key(party).did());
    let views = contracts.iter().map(|(p, id)| (Some(*p), format!("/v1/contracts/{id}"))).collect();
    let balances = (0..PARTIES).map(|p| (Some(p), account(p))).collect();
    let histories = (0..PARTIES).map(|p| (Some(p), format!("{}/history", account(p)))).collect();
    // What asking costs where there is nothing to look up: the limit beside the others, at the same rates.
    let nothing = vec![(None, "/health".to_owned())];
    vec![
        ("/health", 1_000, nothing.clone()),
        ("/health", 2_000, nothing.clone()),
        ("/health", 500, nothing),
        ("contracts (p95 under 10 ms)", 1_000, views),
        ("balances (p95 under 50 ms)", 2_000, balances),
        ("history of 100 (p95 under 200 ms)", 500, histories),
    ]
}

/// The requests as they go over the wire, with sessions of five minutes that begin now.
fn requests(market: &Handle, asked: Asked) -> Vec<String> {
    let bearer = |party| {
        let me = key(party);
        let expires = Timestamp(network::clock::now().0 + 280 * 1_000_000);
        let session = Session { party: me.did(), audience: market.did(), expires };
        format!("authorization: Bearer {}\r\n", sign(session, &me).0)
    };
    let request = |(party, path): (Option<u16>, String)| {
        format!(
            "GET {path} HTTP/1.1\r\nhost: market\r\n{}\r\n",
            party.map_or_else(String::new, bearer)
        )
    };
    asked.into_iter().map(request).collect()
}

/// How long a scenario warms up before it is timed.
pub(crate) const WARM: Duration = Duration::from_secs(3);
