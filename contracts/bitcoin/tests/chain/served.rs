//! What a served development chain says to tools that were made for bitcoind.

use crate::stage::{PATIENCE, Stage, TIME, anyone, mining, node};
use base64::{Engine, engine::general_purpose::STANDARD};
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{Address, Block, Network, Transaction, block::Header};
use contracts_bitcoin::chain::ChainError;
use contracts_bitcoin::chain::rpc::{Auth, Bitcoind};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends one HTTP request as it stands; gives status and body.
async fn exchange(stage: &Stage, authorization: &str, body: &str) -> (u16, String) {
    let host = stage.url.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(host).await.unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\nauthorization: {authorization}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE.attempt * 4, socket.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

async fn ask(stage: &Stage, call: Value) -> (u16, Value) {
    let cookie = std::fs::read_to_string(&stage.cookie).unwrap();
    let admitted = format!("Basic {}", STANDARD.encode(cookie));
    let (status, body) = exchange(stage, &admitted, &call.to_string()).await;
    (status, serde_json::from_str(&body).unwrap())
}

async fn call(stage: &Stage, method: &str, params: Value) -> Result<Value, i64> {
    let asked = json!({ "version": "1.1", "id": 7, "method": method, "params": params });
    let (status, answer) = ask(stage, asked).await;
    assert_eq!(answer["id"], 7);
    if answer["error"].is_null() {
        assert_eq!(status, 200);
        return Ok(answer["result"].clone());
    }
    assert_eq!(status, if answer["error"]["code"] == -32601 { 404 } else { 500 });
    Err(answer["error"]["code"].as_i64().unwrap())
}

#[tokio::test]
async fn blocks_and_headers_are_told_as_bitcoind_tells_them() {
    let stage = Stage::with(12).await;
    let best = stage.chain.top().hash;
    let info = call(&stage, "getblockchaininfo", json!([])).await.unwrap();
    assert_eq!((&info["chain"], &info["blocks"]), (&json!("regtest"), &json!(12)));
    assert!(info["warnings"].as_str().unwrap().contains("development chain"));
    let network = call(&stage, "getnetworkinfo", json!([])).await.unwrap();
    assert!(network["subversion"].as_str().unwrap().starts_with("/bondstore-devchain:"));
    assert_eq!(call(&stage, "getblockcount", json!([])).await, Ok(json!(12)));
    assert_eq!(call(&stage, "getbestblockhash", json!([])).await, Ok(json!(best)));
    assert_eq!(call(&stage, "getblockhash", json!([12])).await, Ok(json!(best)));
    assert_eq!(call(&stage, "getblockhash", json!([13])).await, Err(-8));

    let raw = call(&stage, "getblockheader", json!([best, false])).await.unwrap();
    let header: Header = deserialize_hex(raw.as_str().unwrap()).unwrap();
    assert_eq!(header.block_hash(), best);
    let told = call(&stage, "getblockheader", json!([best])).await.unwrap();
    assert_eq!((&told["confirmations"], &told["height"]), (&json!(1), &json!(12)));
    assert_eq!(told["chainwork"], format!("{:064x}", 26));
    for raw in [json!([best, 0]), json!([best, false])] {
        let raw = call(&stage, "getblock", raw).await.unwrap();
        let block: Block = deserialize_hex(raw.as_str().unwrap()).unwrap();
        assert_eq!(block, *stage.chain.block_at(12).unwrap());
    }
    let told = call(&stage, "getblock", json!([best])).await.unwrap();
    let block = stage.chain.block_at(12).unwrap();
    assert_eq!(told["tx"], json!([block.txdata[0].compute_txid()]));
    let stripped = told["strippedsize"].as_u64().unwrap();
    assert_eq!(stripped * 3 + told["size"].as_u64().unwrap(), block.weight().to_wu());
    assert_eq!(call(&stage, "getblock", json!([best, 2])).await, Err(-8));
    assert_eq!(call(&stage, "getblock", json!(["00".repeat(32)])).await, Err(-5));
}

#[tokio::test]
async fn coins_are_mined_spent_looked_up_and_taken_back() {
    let stage = Stage::with(101).await;
    let address = Address::from_script(&anyone(), Network::Regtest).unwrap().to_string();
    let sent = stage.pay(1, anyone(), 2_500);
    let (txid, hex) = (sent.compute_txid(), serialize_hex(&sent));
    let spent = sent.input[0].previous_output;
    let there = json!([spent.txid, spent.vout]);
    let coin = call(&stage, "gettxout", there.clone()).await.unwrap();
    assert_eq!((&coin["value"], &coin["coinbase"]), (&json!(50.0), &json!(true)));
    assert_eq!(coin["scriptPubKey"]["address"], json!(address));
    assert_eq!(call(&stage, "sendrawtransaction", json!([hex])).await, Ok(json!(txid)));
    assert_eq!(call(&stage, "getrawmempool", json!([])).await, Ok(json!([txid])));
    assert_eq!(call(&stage, "gettxout", there).await, Ok(Value::Null));
    let made = call(&stage, "gettxout", json!([txid, 0])).await.unwrap();
    assert_eq!((&made["value"], &made["confirmations"]), (&json!(49.999_975), &json!(0)));
    assert_eq!(call(&stage, "gettxout", json!([txid, 0, false])).await, Ok(Value::Null));

    let mined = call(&stage, "generatetoaddress", json!([2, address])).await.unwrap();
    let mined: Vec<bitcoin::BlockHash> = serde_json::from_value(mined).unwrap();
    assert_eq!((mined.len(), mined[1]), (2, stage.chain.top().hash));
    assert_eq!(call(&stage, "sendrawtransaction", json!([hex])).await, Err(-27));
    let raw = call(&stage, "getrawtransaction", json!([txid])).await.unwrap();
    assert_eq!(deserialize_hex::<Transaction>(raw.as_str().unwrap()).unwrap(), sent);
    let told = call(&stage, "getrawtransaction", json!([txid, true])).await.unwrap();
    assert_eq!((&told["blockhash"], &told["confirmations"]), (&json!(mined[0]), &json!(2)));
    assert_eq!(told["vin"][0]["txid"], json!(spent.txid));
    assert_eq!(told["vout"][0]["value"], json!(49.999_975));

    assert_eq!(call(&stage, "invalidateblock", json!([mined[0]])).await, Ok(Value::Null));
    assert_eq!(call(&stage, "getblockcount", json!([])).await, Ok(json!(101)));
    assert_eq!(call(&stage, "getrawmempool", json!([])).await, Ok(json!([txid])));
    let told = call(&stage, "getblockheader", json!([mined[0]])).await.unwrap();
    assert_eq!(told["confirmations"], -1);
}

#[tokio::test]
async fn blocks_made_elsewhere_are_taken_or_refused_by_name() {
    let stage = Stage::with(3).await;
    let top = stage.chain.top().hash;
    let block = stage.chain.assemble(top, vec![], &mining()).unwrap();
    assert_eq!(call(&stage, "submitblock", json!([serialize_hex(&block)])).await, Ok(Value::Null));
    assert_eq!(stage.chain.top().hash, block.block_hash());
    let mut late = stage.chain.assemble(block.block_hash(), vec![], &mining()).unwrap();
    late.header.time = TIME + 7_201;
    while !late.header.target().is_met_by(late.block_hash()) {
        late.header.nonce += 1;
    }
    let refused = call(&stage, "submitblock", json!([serialize_hex(&late)])).await.unwrap();
    assert!(refused.as_str().unwrap().starts_with("time-too-new"), "{refused}");
    assert_eq!(call(&stage, "submitblock", json!(["00"])).await, Err(-22));
}

#[tokio::test]
async fn wrong_calls_are_refused_with_bitcoinds_codes() {
    let stage = Stage::with(1).await;
    let mainnet = "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr";
    let table = [
        ("getnewaddress", json!([]), -32601),
        ("getblockhash", json!([]), -3),
        ("getblockhash", json!(["tip"]), -3),
        ("getblockhash", json!([-1]), -3),
        ("getblockhash", json!({ "height": 1 }), -8),
        ("getrawtransaction", json!(["00".repeat(32)]), -5),
        ("sendrawtransaction", json!(["zz"]), -22),
        ("generatetoaddress", json!([1, mainnet]), -5),
        ("generatetoaddress", json!([10_001, mainnet]), -8),
        ("estimatesmartfee", json!([0]), -8),
        ("invalidateblock", json!(["00".repeat(32)]), -5),
    ];
    for (method, params, code) in table {
        assert_eq!(call(&stage, method, params.clone()).await, Err(code), "{method} {params}");
    }
    let (status, answer) = ask(&stage, json!("no call")).await;
    assert_eq!((status, &answer["error"]["code"]), (500, &json!(-32700)));
}

#[tokio::test]
async fn several_calls_and_the_newer_form_are_answered() {
    let stage = Stage::with(2).await;
    let calls = json!([
        { "id": 1, "method": "getblockcount", "params": [] },
        { "jsonrpc": "2.0", "id": "b", "method": "nothing" },
    ]);
    let (status, answers) = ask(&stage, calls).await;
    assert_eq!(status, 200);
    assert_eq!(answers[0], json!({ "id": 1, "result": 2, "error": null }));
    assert_eq!((&answers[1]["id"], &answers[1]["error"]["code"]), (&json!("b"), &json!(-32601)));
    assert_eq!(answers[1].get("result"), None);
}

#[tokio::test]
async fn nobody_is_let_in_without_the_cookie() {
    let stage = Stage::with(1).await;
    for authorization in
        ["", "Basic", "Basic !", "Bearer x", &format!("Basic {}", STANDARD.encode("__cookie__:"))]
    {
        assert_eq!(exchange(&stage, authorization, "{}").await.0, 401, "{authorization:?}");
    }
    let mut node = node(&stage.url, &stage.cookie);
    node.auth = Auth::Password { user: "someone".into(), password: "else".to_owned().into() };
    let refused = Bitcoind::connect(node).await.err().unwrap();
    assert!(matches!(refused, ChainError::NotAdmitted(_)), "{refused}");
    let missing = crate::stage::node(&stage.url, &stage.cookie.with_extension("gone"));
    let refused = Bitcoind::connect(missing).await.err().unwrap();
    assert!(refused.to_string().contains("cookie"), "{refused}");
    let cookie = std::fs::read_to_string(&stage.cookie).unwrap();
    let (user, password) = cookie.split_once(':').unwrap();
    let mut node = crate::stage::node(&stage.url, &stage.cookie);
    node.auth = Auth::Password { user: user.into(), password: password.to_owned().into() };
    assert!(Bitcoind::connect(node).await.is_ok());
}
