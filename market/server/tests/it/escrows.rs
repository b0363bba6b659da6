//! Contracts on Bitcoin over real sockets: the market follows their money, and says what each provider's part came to.

use crate::common::provider::sign;
use crate::common::{available, client, http, key};
use crate::life::{CLIENT, Town, town, town_with, usual};
use contracts::outcome::escrow_id;
use market_server::verify_journal;
use network::api::{BitcoinInfo, EscrowPage, EscrowView, OracleInfo};
use network::market_api::MarketClient;
use types::documents::{Request, TreeHead};
use types::terms::RailKind;
use types::{Bytes, Msat, Signer, Terms};

fn on_bitcoin() -> Terms {
    Terms { rail: RailKind::Bitcoin, egress: Bytes(0), ..usual() }
}

fn settles() -> BitcoinInfo {
    BitcoinInfo {
        network: "regtest".into(),
        address: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080".into(),
        oracles: vec![OracleInfo { key: "11".repeat(32), urls: vec!["http://127.0.0.1:1".into()] }],
        threshold: 1,
    }
}

fn speaks(town: &Town) -> MarketClient {
    client(&town.market, &key(CLIENT))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_on_bitcoin_is_kept_and_ends_in_outcomes() {
    let town = town_with(7, |config| config.bitcoin = Some(settles())).await;
    assert_eq!(speaks(&town).info().await.unwrap().bitcoin, Some(settles()));
    let before = available(&town.market, &key(CLIENT));
    let view = town.stored_under(on_bitcoin()).await;
    let named = |line: &EscrowView| {
        let slot = &view.slots[usize::from(line.slot)];
        assert_eq!(line.escrow, escrow_id(view.id, line.slot, slot.provider));
        line.outcome
    };
    let me = speaks(&town);
    let begun = me.escrows("").await.unwrap();
    assert_eq!(begun.items.iter().map(named).collect::<Vec<_>>(), [None; 6]);
    assert!(!begun.more);
    let list = speaks(&town).contracts().await.unwrap();
    assert_eq!(list.iter().map(|line| line.rail).collect::<Vec<_>>(), [RailKind::Bitcoin]);
    let pages = |path: String| {
        let http = http(&town.market);
        async move { http.get(path).read_json::<EscrowPage>(1 << 20).await }
    };
    let first = pages("/v1/escrows?limit=4".into()).await.unwrap();
    assert!(first.more);
    let rest = pages(format!("/v1/escrows?limit=4&since={}", first.next)).await.unwrap();
    assert_eq!([first.items, rest.items].concat(), begun.items);
    assert_eq!((rest.next.as_str(), rest.more), (begun.next.as_str(), false));
    let nothing = me.escrows(&begun.next).await.unwrap();
    assert_eq!((nothing.items, nothing.next.as_str()), (vec![], begun.next.as_str()));
    for (query, code) in [
        ("since=none", "cursor_malformed"),
        ("since=1", "cursor_malformed"),
        ("limit=0", "query_malformed"),
        ("limit=1001", "query_malformed"),
    ] {
        let refused = pages(format!("/v1/escrows?{query}")).await.unwrap_err();
        assert_eq!(refused.problem().unwrap().code, code, "{query}");
    }
    // That somebody has a slot is nobody else's business, and no entry of it is shown.
    let hidden = me.escrow_entry(begun.items[0].entry).await.unwrap_err();
    assert_eq!(hidden.problem().unwrap().code, "not_found");
    town.settle(view.id).await;
    let ended = me.escrows(&begun.next).await.unwrap();
    assert_eq!(ended.items.iter().map(named).collect::<Vec<_>>(), [Some(1000); 6]);
    for line in &ended.items {
        let proof = me.escrow_entry(line.entry).await.unwrap();
        let head = proof.head.verify::<TreeHead>().unwrap();
        assert_eq!((head.market, proof.inclusion.leaf), (town.market.did(), line.entry));
        let leaf = types::tree::leaf(proof.entry.as_bytes());
        proof.inclusion.verify(leaf, &head.tip()).unwrap();
        let entry: serde_json::Value = serde_json::from_str(&proof.entry).unwrap();
        let said = &entry["events"][0]["escrow_concluded"];
        assert_eq!((&said["slot"]["slot"], &said["outcome"]), (&line.slot.into(), &1000.into()));
    }
    assert_eq!(available(&town.market, &key(CLIENT)), before);
    for number in 1..=7 {
        let account = client(&town.market, &key(number)).account(key(number).did()).await.unwrap();
        assert_eq!((account.available, account.bonds), (Msat(1_000_000_000), Msat::ZERO));
    }
    town.market.shutdown().await;
    verify_journal(town.house.place()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_without_bitcoin_quotes_nothing_on_it() {
    let town = town(6).await;
    let me = key(CLIENT);
    let request = Request { client: me.did(), terms: on_bitcoin(), nonce: 1 };
    let refused = speaks(&town).quote(&sign(request, &me)).await.unwrap_err();
    let problem = refused.problem().unwrap();
    assert_eq!((problem.status, problem.code.as_str()), (422, "no_such_rail"));
    assert!(problem.detail.contains("ask for the ledger rail"), "{}", problem.detail);
    assert_eq!(speaks(&town).info().await.unwrap().bitcoin, None);
    town.market.shutdown().await;
}
