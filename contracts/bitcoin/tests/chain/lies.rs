//! What clients make of lies: an error by name, and never a wrong answer.

use crate::lying::Liar;
use crate::stage::{PATIENCE, Stage, esplora, node};
use bitcoin::consensus::encode::{serialize, serialize_hex};
use bitcoin::constants::genesis_block;
use bitcoin::{Block, FeeRate, Network};
use contracts_bitcoin::chain::devchain::Devchain;
use contracts_bitcoin::chain::esplora::Esplora;
use contracts_bitcoin::chain::follow::{Follower, follow};
use contracts_bitcoin::chain::rpc::{Auth, Bitcoind, Node};
use contracts_bitcoin::chain::{Chain, ChainError, Patience};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn asking(liar: &Liar) -> Node {
    let mut node = node(&liar.url, Path::new("unused"));
    node.auth = Auth::Password { user: "u".into(), password: "p".to_owned().into() };
    node
}

async fn bitcoind(liar: &Liar) -> Result<Bitcoind, ChainError> {
    Bitcoind::connect(asking(liar)).await
}

/// What an honest node says of its tip.
fn info() -> Value {
    let hash = genesis_block(Network::Regtest).block_hash();
    json!({ "chain": "regtest", "blocks": 0, "bestblockhash": hash })
}

fn senseless<T: std::fmt::Debug>(answer: Result<T, ChainError>) -> String {
    match answer {
        Err(ChainError::Senseless(text)) => text,
        other => panic!("a lie was answered with {other:?}"),
    }
}

#[tokio::test]
async fn a_node_of_another_network_is_not_asked_further() {
    for chain in ["main", "test", "testnet4", "signet", "moon"] {
        let liar = Liar::rpc(move |_, _| {
            let mut info = info();
            info["chain"] = json!(chain);
            info
        })
        .await;
        let refused = bitcoind(&liar).await.err().unwrap();
        let expected = Network::Regtest;
        assert_eq!(refused, ChainError::OtherNetwork { expected, found: chain.into() });
        assert_eq!(liar.asked(), 1);
    }
    let main = genesis_block(Network::Bitcoin).block_hash().to_string();
    let liar = Liar::telling(move |_, _| Some((200, main.clone().into_bytes()))).await;
    let refused = esplora(&liar.url).await.err().unwrap();
    assert!(matches!(refused, ChainError::OtherNetwork { .. }), "{refused}");
}

#[tokio::test]
async fn a_node_that_changes_its_network_later_is_found_out_with_the_next_tip() {
    let asked = AtomicUsize::new(0);
    let liar = Liar::rpc(move |_, _| {
        let mut info = info();
        if asked.fetch_add(1, Ordering::SeqCst) > 0 {
            info["chain"] = json!("main");
        }
        info
    })
    .await;
    let node = bitcoind(&liar).await.unwrap();
    assert!(matches!(node.tip().await, Err(ChainError::OtherNetwork { .. })));
}

#[tokio::test]
async fn garbage_is_called_garbage_and_not_asked_for_twice() {
    let bodies: [&[u8]; 7] = [
        b"",
        b"<html>hello</html>",
        b"\xff\xfe\x00",
        b"{\"result\":",
        b"[]",
        b"{\"result\":{\"chain\":7},\"error\":null,\"id\":1}",
        b"{\"result\":{\"chain\":\"regtest\",\"blocks\":-1,\"bestblockhash\":\"x\"},\"error\":null,\"id\":1}",
    ];
    for body in bodies {
        let liar = Liar::telling(move |_, _| Some((200, body.to_vec()))).await;
        senseless(bitcoind(&liar).await.map(drop));
        assert_eq!(liar.asked(), 1);
        let liar = Liar::telling(move |_, _| Some((200, body.to_vec()))).await;
        senseless(esplora(&liar.url).await.map(drop));
        assert_eq!(liar.asked(), 1);
    }
    let endless = Liar::telling(|_, _| Some((200, vec![b' '; 2 << 20]))).await;
    assert!(senseless(bitcoind(&endless).await.map(drop)).contains("more than"));
    let other_call = Liar::telling(|_, _| {
        let body = json!({ "result": info(), "error": null, "id": 999 });
        Some((200, body.to_string().into_bytes()))
    })
    .await;
    assert!(senseless(bitcoind(&other_call).await.map(drop)).contains("999"));
}

/// Blocks that a liar shows instead of block 1, each with what is wrong.
fn forgeries() -> Vec<(&'static str, Vec<u8>)> {
    let chain = Devchain::new();
    chain.mine_blocks(2, &crate::stage::mining()).unwrap();
    let right = (*chain.block_at(1).unwrap()).clone();
    let changed = |change: fn(&mut Block)| {
        let mut block = right.clone();
        change(&mut block);
        serialize(&block)
    };
    vec![
        ("another one", serialize::<Block>(&chain.block_at(2).unwrap())),
        ("Merkle", changed(|block| block.txdata[0].output[0].value = bitcoin::Amount::ONE_BTC)),
        ("Merkle", changed(|block| block.txdata.push(block.txdata[0].clone()))),
        ("witness", changed(|block| block.txdata[0].input[0].witness.push([1]))),
        ("", serialize(&right)[..100].to_vec()),
    ]
}

fn first_hash() -> String {
    let chain = Devchain::new();
    chain.mine(&crate::stage::mining()).unwrap().hash.to_string()
}

#[tokio::test]
async fn a_block_that_is_not_the_one_that_was_asked_for_is_not_taken() {
    for (wrong, bytes) in forgeries() {
        let shown = hex::encode(&bytes);
        let liar = Liar::rpc(move |method, _| match method {
            "getblockchaininfo" => info(),
            "getblockhash" => json!(first_hash()),
            _ => json!(shown),
        })
        .await;
        let text = senseless(bitcoind(&liar).await.unwrap().block(1).await);
        assert!(text.contains(wrong), "{text}");

        let genesis = genesis_block(Network::Regtest).block_hash().to_string();
        let liar = Liar::telling(move |path, _| {
            let body = match path {
                "/block-height/0" => genesis.clone().into_bytes(),
                "/block-height/1" => first_hash().into_bytes(),
                _ => bytes.clone(),
            };
            Some((200, body))
        })
        .await;
        let text = senseless(esplora(&liar.url).await.unwrap().block(1).await);
        assert!(text.contains(wrong), "{text}");
    }
}

#[tokio::test]
async fn a_node_that_lags_undoes_nothing_and_one_that_shows_unconnected_blocks_is_senseless() {
    let stage = Stage::with(5).await;
    let mut follower = Follower::new(0, NonZeroU32::MIN);
    follow(&stage.rpc().await, &mut follower).await.unwrap();
    let blocks: Vec<_> = (0..=3).map(|height| stage.chain.block_at(height).unwrap()).collect();
    let lagging = Liar::rpc(move |method, params| match method {
        "getblockchaininfo" => {
            json!({ "chain": "regtest", "blocks": 3, "bestblockhash": blocks[3].block_hash() })
        }
        "getblockhash" => {
            let at = usize::try_from(params[0].as_u64().unwrap()).unwrap();
            match blocks.get(at) {
                Some(block) => json!(block.block_hash()),
                None => json!({ "fault": { "code": -8, "message": "Block height out of range" } }),
            }
        }
        _ => {
            let hash = params[0].as_str().unwrap();
            let block = blocks.iter().find(|block| block.block_hash().to_string() == hash);
            json!(serialize_hex::<Block>(block.unwrap()))
        }
    })
    .await;
    let before = follower.clone();
    let told = follow(&bitcoind(&lagging).await.unwrap(), &mut follower).await;
    assert_eq!((told, &follower), (Ok(vec![]), &before));

    let block = stage.chain.block_at(2).unwrap();
    let same = Liar::rpc(move |method, _| match method {
        "getblockchaininfo" => {
            json!({ "chain": "regtest", "blocks": 9, "bestblockhash": block.block_hash() })
        }
        "getblockhash" => json!(block.block_hash()),
        _ => json!(serialize_hex::<Block>(&block)),
    })
    .await;
    let mut fresh = Follower::new(0, NonZeroU32::MIN);
    senseless(follow(&bitcoind(&same).await.unwrap(), &mut fresh).await);
}

#[tokio::test]
async fn fee_rates_of_zero_are_raised_and_of_a_million_refused() {
    // Bitcoin per 1,000 vB, and what is made of it.
    let table = [
        (json!({ "feerate": 0.0 }), Ok(FeeRate::from_sat_per_vb_u32(1))),
        (json!({ "feerate": 0.000_123_45 }), Ok(FeeRate::from_sat_per_kwu(3_087))),
        (json!({ "errors": ["Insufficient data"] }), Ok(FeeRate::from_sat_per_vb_u32(5))),
        (json!({ "feerate": 10 }), Err(())),
        (json!({ "feerate": -0.001 }), Err(())),
        (json!({ "feerate": "1" }), Err(())),
        (json!([]), Err(())),
    ];
    for (said, expected) in table {
        let shown = said.clone();
        let liar = Liar::rpc(
            move |method, _| {
                if method == "estimatesmartfee" { shown.clone() } else { info() }
            },
        )
        .await;
        let judged = bitcoind(&liar).await.unwrap().fee_rate(6).await;
        assert_eq!(judged.map_err(|error| drop(senseless::<()>(Err(error)))), expected, "{said}");
    }
}

#[tokio::test]
async fn esploras_fee_rates_are_taken_for_the_nearest_target_and_bounded_alike() {
    let genesis = genesis_block(Network::Regtest).block_hash().to_string();
    let asked = async |estimates: &'static str, blocks| {
        let genesis = genesis.clone();
        let liar = Liar::telling(move |path, _| {
            let body = if path == "/fee-estimates" { estimates } else { &genesis };
            Some((200, body.as_bytes().to_vec()))
        })
        .await;
        let server: Esplora = esplora(&liar.url).await.unwrap();
        server.fee_rate(blocks).await
    };
    let some = "{\"2\":87.882,\"6\":10,\"144\":0.5}";
    for (blocks, rate) in [(1, 21_971), (2, 21_971), (5, 21_971), (6, 2_500), (1_008, 250)] {
        assert_eq!(asked(some, blocks).await, Ok(FeeRate::from_sat_per_kwu(rate)), "{blocks}");
    }
    assert_eq!(asked("{}", 6).await, Ok(FeeRate::from_sat_per_vb_u32(5)));
    for wrong in ["{\"1\":1000000}", "{\"1\":-1}", "{\"1\":\"x\"}", "{\"x\":1}", "[1]"] {
        senseless(asked(wrong, 1).await);
    }
}

#[tokio::test]
async fn a_node_that_says_it_carried_something_else_is_senseless() {
    let stage = Stage::with(101).await;
    let sent = stage.pay(1, crate::stage::anyone(), 1_000);
    let other = "11".repeat(32);
    let liar = Liar::rpc(
        move |method, _| {
            if method == "sendrawtransaction" { json!(other) } else { info() }
        },
    )
    .await;
    senseless(bitcoind(&liar).await.unwrap().broadcast(&sent).await);
    for (code, message, carried) in [
        (-27, "Transaction outputs already in utxo set", true),
        (-26, "txn-already-known", true),
        (-25, "bad-txns-inputs-missingorspent", false),
        (-26, "dust", false),
    ] {
        let liar = Liar::rpc(move |method, _| match method {
            "sendrawtransaction" => json!({ "fault": { "code": code, "message": message } }),
            _ => info(),
        })
        .await;
        let answer = bitcoind(&liar).await.unwrap().broadcast(&sent).await;
        let txid = sent.compute_txid();
        let refused = Err(ChainError::Refused { txid, reason: message.into() });
        assert_eq!(answer, if carried { Ok(txid) } else { refused });
    }
}

#[tokio::test]
async fn an_output_that_cannot_be_is_senseless() {
    let output = |value: Value| json!({ "confirmations": 1, "value": value, "scriptPubKey": { "hex": "51" }, "coinbase": false });
    for shown in [
        output(json!(-1)),
        output(json!(0.000_000_001)),
        output(json!(21_000_001)),
        json!({ "confirmations": -1, "value": 1, "scriptPubKey": { "hex": "51" }, "coinbase": false }),
        json!({ "confirmations": 1, "value": 1, "scriptPubKey": { "hex": "5" }, "coinbase": false }),
        json!("x"),
    ] {
        let answer = shown.clone();
        let liar =
            Liar::rpc(move |method, _| if method == "gettxout" { answer.clone() } else { info() })
                .await;
        let asked = bitcoind(&liar).await.unwrap().unspent(bitcoin::OutPoint::null()).await;
        senseless(asked);
    }
    let first = genesis_block(Network::Regtest).block_hash().to_string();
    let other = serialize(&genesis_block(Network::Bitcoin).txdata[0]);
    let liar = Liar::telling(move |path, _| match path {
        "/block-height/0" => Some((200, first.clone().into_bytes())),
        _ => Some((200, other.clone())),
    })
    .await;
    let asked = esplora(&liar.url).await.unwrap().unspent(bitcoin::OutPoint::null()).await;
    assert!(senseless(asked).contains("another one came"));
}

#[tokio::test]
async fn a_parent_that_no_node_carries_alone_goes_with_its_child() {
    let stage = Stage::with(101).await;
    let parent = stage.pay(1, crate::stage::anyone(), 1_000);
    let child = stage.pay(2, crate::stage::anyone(), 9_000);
    let txid = child.compute_txid();
    let refused = |reason: &str| Err(ChainError::Refused { txid, reason: reason.into() });
    let low = "min relay fee not met";
    let alone = parent.compute_txid();
    let results = json!({ "x": {} });
    for (answer, expected) in [
        (json!({ "package_msg": "success" }), Ok(txid)),
        (
            json!({
                "package_msg": "transaction failed",
                "tx-results": { child.compute_wtxid().to_string(): { "txid": txid, "error": "dust" } },
            }),
            refused("transaction failed, dust"),
        ),
        (
            json!({ "fault": { "code": -26, "message": "package topology disallowed" } }),
            refused("package topology disallowed"),
        ),
        (
            json!({ "fault": { "code": -32601, "message": "Method not found" } }),
            Err(ChainError::Refused { txid: alone, reason: low.into() }),
        ),
    ] {
        let liar = Liar::rpc(move |method, given| match method {
            "sendrawtransaction" => json!({ "fault": { "code": -26, "message": low } }),
            "submitpackage" => {
                assert_eq!(given[0].as_array().map(Vec::len), Some(2));
                answer.clone()
            }
            _ => info(),
        })
        .await;
        let carried = bitcoind(&liar).await.unwrap().broadcast_pair(&parent, &child).await;
        assert_eq!(carried, expected);
    }
    let liar = Liar::rpc(move |method, _| match method {
        "sendrawtransaction" => json!({ "fault": { "code": -26, "message": low } }),
        "submitpackage" => json!({ "package_msg": "failed", "tx-results": results }),
        _ => info(),
    })
    .await;
    senseless(bitcoind(&liar).await.unwrap().broadcast_pair(&parent, &child).await);
}

#[tokio::test]
async fn what_is_busy_or_silent_is_asked_again_and_then_given_up() {
    // The third answer is right: one that starts and one that is overloaded are waited for.
    let asked = AtomicUsize::new(0);
    let starting = Liar::telling(move |_, body| {
        let call: Value = serde_json::from_slice(body).unwrap();
        match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Some((503, b"Work queue depth exceeded".to_vec())),
            1 => {
                let fault = json!({ "code": -28, "message": "Loading block index" });
                let body = json!({ "result": null, "error": fault, "id": call["id"] });
                Some((500, body.to_string().into_bytes()))
            }
            _ => {
                let body = json!({ "result": info(), "error": null, "id": call["id"] });
                Some((200, body.to_string().into_bytes()))
            }
        }
    })
    .await;
    assert!(bitcoind(&starting).await.is_ok());
    assert_eq!(starting.asked(), 3);

    let silent = Liar::telling(|_, _| None).await;
    let mut node = asking(&silent);
    let attempt = Duration::from_millis(50);
    node.patience = Patience { attempt, ..PATIENCE };
    let given_up = Bitcoind::connect(node).await.err().unwrap();
    assert!(matches!(given_up, ChainError::Unreachable(_)), "{given_up}");
    assert_eq!(silent.asked(), 1 + PATIENCE.retries);

    let url = silent.url.clone();
    drop(silent);
    let gone = esplora(&url).await.err().unwrap();
    assert!(matches!(gone, ChainError::Unreachable(_)), "{gone}");
}

#[tokio::test]
async fn plain_http_goes_to_this_machine_alone() {
    for url in ["http://198.51.100.7:8332", "http://example.org/api", "ftp://127.0.0.1", "node"] {
        let refused = esplora(url).await.err().unwrap();
        assert!(matches!(refused, ChainError::Address(_)), "{url}: {refused}");
    }
}
