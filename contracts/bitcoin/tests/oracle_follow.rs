//! An oracle that follows a market's list of escrows, with a real oracle's folder and a market's real answers.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use bitcoin::Network;
use contracts::outcome::escrow_id;
use contracts_bitcoin::keys::MasterKey;
use contracts_bitcoin::oracle::Oracle;
use contracts_bitcoin::oracle::agree::Minutes;
use contracts_bitcoin::oracle::follow::{Followed, Follower, follow};
use contracts_bitcoin::oracle::rule::{EventName, Rule};
use network::api::{EscrowView, Page};
use network::client::{ClientOptions, HttpClient, Retries};
use network::endpoint::{Endpoint, PlainHttp};
use network::market_api::MarketClient;
use network::server::{ServeOptions, bind, serve};
use std::path::Path;
use std::sync::{Arc, Mutex};
use types::{ContractId, Did, Hash, SecretKey, Signer, Timestamp};

const NOW: Timestamp = Timestamp(1_900_000_000_500_000);

fn open(folder: &Path, seed: u8) -> Oracle {
    let master = MasterKey::new(&[seed; 32], Network::Regtest).expect("a seed");
    Oracle::open(folder, master).expect("a folder")
}

fn escrow(slot: u16, outcome: Option<u16>) -> EscrowView {
    let (contract, provider) = (ContractId::of(b"contract"), Did([7; 32]));
    let escrow = escrow_id(contract, slot, provider);
    EscrowView { escrow, contract, slot, provider, outcome }
}

fn event(view: &EscrowView, rule: &Rule) -> String {
    EventName::new(view.escrow, view.slot, rule).to_string()
}

fn done(announced: usize, said: usize) -> Followed {
    Followed { announced, said, failed: Vec::new() }
}

#[test]
fn every_escrow_is_announced_once_and_attested_once_its_outcome_is_known() {
    let home = tempfile::tempdir().expect("a folder");
    let oracle = open(home.path(), 1);
    let rule = Rule::alone(oracle.public_key());
    let mut list = vec![escrow(0, None), escrow(1, None), escrow(2, Some(1_000))];
    assert_eq!(follow(&oracle, &rule, &list, NOW), done(3, 1));
    let announced = oracle.announcement(&event(&list[0], &rule)).expect("it is announced");
    assert_eq!(announced.event.maturity(), 1_900_000_000);
    assert_eq!(oracle.known(&event(&list[0], &rule)).expect("it is known").outcome, None);

    // Read again, later, with one outcome more, and after a restart.
    list[0].outcome = Some(0);
    let later = Timestamp(NOW.0 + 5_000_000);
    assert_eq!(follow(&oracle, &rule, &list, later), done(0, 1));
    drop(oracle);
    let oracle = open(home.path(), 1);
    assert_eq!(follow(&oracle, &rule, &list, later), done(0, 0));
    assert_eq!(oracle.announcement(&event(&list[0], &rule)).expect("it is there"), announced);
    for (view, score) in [(&list[0], 0), (&list[2], 1_000)] {
        let attested = oracle.attestation(&event(view, &rule)).expect("it is known");
        assert!(attested.is_some());
        assert_eq!(oracle.known(&event(view, &rule)).expect("it is").outcome, Some(score));
    }
}

#[test]
fn an_escrow_that_fails_does_not_keep_the_others() {
    let home = tempfile::tempdir().expect("a folder");
    let oracle = open(home.path(), 1);
    let rule = Rule::alone(oracle.public_key());
    follow(&oracle, &rule, &[escrow(0, Some(900))], NOW);
    let misnamed = EscrowView { escrow: Hash::of(b"other"), ..escrow(2, None) };
    let list = [escrow(0, Some(901)), escrow(1, Some(1_001)), misnamed, escrow(3, Some(5))];
    let followed = follow(&oracle, &rule, &list, NOW);
    assert_eq!((followed.announced, followed.said), (1, 1), "{followed:?}");
    let reasons: Vec<&str> = followed.failed.iter().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    for (reason, part) in reasons.iter().zip(["attested as 900", "1001 is no score", "calls it so"])
    {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(oracle.known(&event(&list[0], &rule)).expect("it is known").outcome, Some(900));
    assert_eq!(oracle.known(&event(&list[3], &rule)).expect("it is known").outcome, Some(5));
}

#[test]
fn where_others_have_a_say_what_the_market_says_is_reported_once() {
    let (mine, theirs) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    let (oracle, other) = (open(mine.path(), 1), open(theirs.path(), 2));
    let keys = vec![oracle.public_key(), other.public_key()];
    let rule = Rule::new(2, keys).expect("two of two");
    let list = [escrow(0, Some(700))];
    assert_eq!(follow(&oracle, &rule, &list, NOW), done(1, 1));
    assert_eq!(follow(&oracle, &rule, &list, NOW), done(0, 0));
    let name = event(&list[0], &rule);
    let known = oracle.known(&name).expect("it is known");
    assert_eq!((known.report, known.outcome), (Some(700), None));
    // The other follows the same market, hears this one, and they agree.
    follow(&other, &rule, &list, NOW);
    let minutes = oracle.hear(&name, Minutes::default(), NOW).expect("it is open");
    let minutes = other.hear(&name, minutes, NOW).expect("it is taken");
    oracle.hear(&name, minutes, NOW).expect("it is taken");
    assert_eq!(oracle.known(&name).expect("it is known").outcome, Some(700));
}

type Listed = Arc<Mutex<Vec<EscrowView>>>;

async fn escrows(State(listed): State<Listed>) -> Json<Page<EscrowView>> {
    Json(Page { items: listed.lock().expect("no test panics with it").clone(), next: None })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_does_in_each_round_what_the_market_lists_by_then() {
    let home = tempfile::tempdir().expect("a folder");
    let oracle = Arc::new(open(home.path(), 1));
    let rule = Rule::alone(oracle.public_key());
    let listed: Listed = Arc::default();
    let router = Router::new().route("/v1/escrows", get(escrows)).with_state(listed.clone());
    let listener = bind("127.0.0.1:0").await.expect("a port");
    let server = serve(listener, router, ServeOptions::default()).expect("it serves");
    let url = format!("http://{}", server.address());
    let endpoint = Endpoint::parse(&url, PlainHttp::LoopbackOnly).expect("an address");
    let options = ClientOptions { retries: Retries::NONE, ..ClientOptions::default() };
    let key = SecretKey::from_seed(&[5; 32]);
    let market =
        MarketClient::new(HttpClient::new(endpoint, options), key.did(), Arc::new(key.clone()));

    let mut follower = Follower::new(oracle.clone(), rule.clone());
    assert_eq!(follower.round(&market).await.expect("it answers"), done(0, 0));
    let list = |outcome| *listed.lock().expect("it is free") = vec![escrow(4, outcome)];
    list(None);
    assert_eq!(follower.round(&market).await.expect("it answers"), done(1, 0));
    list(Some(333));
    assert_eq!(follower.round(&market).await.expect("it answers"), done(0, 1));
    assert_eq!(oracle.known(&event(&escrow(4, None), &rule)).expect("it is").outcome, Some(333));
    server.kill();
    follower.round(&market).await.expect_err("there is no market any more");
}
