//! The data plane: who is let in, what is taken, what is paid.

use crate::support::{
    CLIENT, End, MARKET, Market, PROVIDER, Place, SHARD, client_of, entry, file_of, flip, key,
    shard, sign, size_of, slot, soon,
};
use bytes::Bytes;
use network::api::{ProbeLine, ReceiptBody, ToMarket, ToProvider};
use network::auth::Pass;
use network::client::ClientError;
use network::endpoint::PlainHttp;
use network::node_api::SlotClient;
use network::probe::Vantage;
use provider_node::Handle;
use shards::Root;
use std::sync::Arc;
use types::documents::{Access, AccessToken, Confession, Presence, StorageReceipt, Voucher};
use types::{Epoch, Hash, SecretKey, Signed, Signer, Span, Timestamp, Verified};

const BOTH: [Access; 2] = [Access::Read, Access::Write];

/// A node with slot 0 reserved, and its client.
struct Stage {
    market: Market,
    end: End,
    place: Place,
    node: Handle,
    client: SlotClient,
}

async fn stage(capacity: u64) -> Stage {
    let mut market = Market::start().await;
    let place = Place::new(&market, PROVIDER, 1 << 30).await;
    let node = place.start().await;
    let mut end = market.meet().await;
    assert_eq!(end.reserve(slot(0), capacity).await, None);
    let pass = Pass::own(key(CLIENT), key(PROVIDER).did(), slot(0), &BOTH);
    let client = client_of(&node).slot(pass);
    Stage { market, end, place, node, client }
}

fn body(revision: u64, shards: &[&Bytes]) -> ReceiptBody {
    let shards = shards.iter().map(|bytes| entry(bytes)).map(|e| (Hash(e.root.0), e.bytes));
    ReceiptBody { revision, shards: shards.collect() }
}

fn code<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> String {
    answer.expect_err("it is refused").code().unwrap_or("none").to_owned()
}

async fn put(client: &SlotClient, bytes: &Bytes) -> Result<(), ClientError> {
    soon(client.put(Root::of(bytes), bytes.clone())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_go_in_receipts_come_back_and_repeating_changes_nothing() {
    let stage = stage(1 << 20).await;
    let shards = [shard(1, SHARD), shard(2, 100)];
    let all = (0..16).map(|n| put(&stage.client, &shards[n % 2]));
    for done in futures_util::future::join_all(all).await {
        done.unwrap();
    }
    assert_eq!(stage.client.content().await.unwrap().shards.len(), 2);
    let body = body(1, &[&shards[0], &shards[1]]);
    let receipts =
        futures_util::future::join_all((0..4).map(|_| stage.client.receipt(&body))).await;
    let receipts: Vec<Signed> = receipts.into_iter().map(Result::unwrap).collect();
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0]), "asked again, the same");
    let receipt: Verified<StorageReceipt> = receipts[0].verify().unwrap();
    assert_eq!(receipt.provider, key(PROVIDER).did());
    assert_eq!(receipt.size, size_of(&[entry(&shards[0]), entry(&shards[1])]));
    let read = stage.client.get(Root::of(&shards[0]), SHARD).await.unwrap();
    assert_eq!(read, shards[0]);
    assert_eq!(client_of(&stage.node).info().await.unwrap().used, stage.node.used());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_a_slot_shows_that_it_is_there() {
    let stage = stage(1 << 20).await;
    let nonce = Hash::of(b"drawn just now");
    let signed = client_of(&stage.node).presence(nonce).await.unwrap();
    let presence: Verified<Presence> = signed.verify().unwrap();
    assert_eq!((presence.provider, presence.nonce), (key(PROVIDER).did(), nonce));
    let vantage =
        Vantage { signer: key(MARKET), name: "here".into(), plain: PlainHttp::LoopbackOnly };
    let (provider, endpoint) = (key(PROVIDER).did(), stage.node.url().to_owned());
    let line = ProbeLine { provider, endpoint, epoch: Epoch(1), read: None };
    let found = vantage.measure(&line).await.unwrap();
    assert_eq!((found.probes, found.answered), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_kept_is_refused_with_a_reason() {
    let stage = stage(u64::from(SHARD) + 200).await;
    let (client, small) = (&stage.client, shard(1, 100));
    assert_eq!(code(put(client, &shard(2, SHARD + 1)).await), "body_too_large");
    assert_eq!(code(client.put(Root::of(&small), small.slice(..99)).await), "wrong_root");
    assert_eq!(code(client.put(Root::of(b""), Bytes::new()).await), "wrong_length");
    put(client, &small).await.unwrap();
    put(client, &shard(3, SHARD)).await.unwrap();
    assert_eq!(code(put(client, &shard(4, 101)).await), "quota_exceeded");
    assert_eq!(client.get(Root::of(&small), 100).await.unwrap(), small, "reads go on");
    assert_eq!(code(client.get(Root::of(b"none"), 1).await), "shard_missing");
    assert_eq!(code(client.receipt(&body(0, &[&small])).await), "revision_invalid");
    assert_eq!(code(client.receipt(&body(1, &[&shard(9, 9)])).await), "shard_missing");
    let mut absurd = body(1, &[&small]);
    absurd.shards[0].1 = u32::MAX;
    assert_eq!(code(client.receipt(&absurd).await), "wrong_length");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_right_token_opens_a_slot() {
    let stage = stage(1 << 20).await;
    let bytes = shard(1, 100);
    put(&stage.client, &bytes).await.unwrap();
    let later = network::clock::now().after(Span(60 * Span::SECOND.0));
    let token = |issuer: u8, holder: u8, access: &[Access]| AccessToken {
        issuer: key(issuer).did(),
        holder: key(holder).did(),
        provider: key(PROVIDER).did(),
        contract: slot(0).0,
        slot: 0,
        access: access.to_vec(),
        holder_pays: false,
        expires: later,
    };
    let good = token(CLIENT, CLIENT, &BOTH);
    let cases: [(&str, AccessToken); 7] = [
        ("token_scope", AccessToken { contract: Hash::of(b"other"), ..good.clone() }),
        ("token_scope", AccessToken { slot: 1, ..good.clone() }),
        ("token_scope", AccessToken { provider: key(9).did(), ..good.clone() }),
        ("token_scope", token(CLIENT, CLIENT, &[Access::Read])),
        ("token_scope", token(9, 9, &BOTH)),
        ("token_scope", token(MARKET, MARKET, &BOTH)),
        ("token_expired", AccessToken { expires: Timestamp(1), ..good.clone() }),
    ];
    let holders = |token: &AccessToken| {
        [CLIENT, MARKET, 9].map(key).into_iter().find(|key| key.did() == token.issuer)
    };
    for (want, token) in cases {
        let issuer: Arc<SecretKey> = holders(&token).unwrap();
        let answer = raw_put(&stage.node, &sign(token.clone(), &issuer), &bytes).await;
        assert_eq!(answer, want, "{token:?}");
    }
    // A token of another's needs its holder: a thief that copied it has nothing.
    let lent = sign(token(CLIENT, 9, &BOTH), &key(CLIENT));
    assert_eq!(raw_put(&stage.node, &lent, &bytes).await, "presentation_missing");
    let thief = client_of(&stage.node).slot(Pass::presented(key(8), lent.clone()).unwrap());
    assert_eq!(code(put(&thief, &bytes).await), "presentation_foreign");
    let holder = client_of(&stage.node).slot(Pass::presented(key(9), lent).unwrap());
    put(&holder, &bytes).await.unwrap();
    // The market lends its repairers reads, and no writes.
    let repair = sign(token(MARKET, 9, &[Access::Read]), &key(MARKET));
    let repairer = client_of(&stage.node).slot(Pass::presented(key(9), repair).unwrap());
    assert_eq!(repairer.get(Root::of(&bytes), 100).await.unwrap(), bytes);
    assert_eq!(code(put(&repairer, &bytes).await), "token_scope");
    let repair = sign(token(MARKET, 9, &BOTH), &key(MARKET));
    let repairer = client_of(&stage.node).slot(Pass::presented(key(9), repair).unwrap());
    assert_eq!(code(put(&repairer, &bytes).await), "token_scope");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_the_market_lets_write_puts_and_has_it_signed_for() {
    let stage = stage(1 << 20).await;
    let token = |issuer: u8, access: &[Access], seconds: i64| {
        let token = AccessToken {
            issuer: key(issuer).did(),
            holder: key(9).did(),
            provider: key(PROVIDER).did(),
            contract: slot(0).0,
            slot: 0,
            access: access.to_vec(),
            holder_pays: true,
            expires: Timestamp(network::clock::now().0 + seconds * 1_000_000),
        };
        sign(token, &key(issuer))
    };
    let with = |token: Signed, holder: u8| {
        client_of(&stage.node).slot(Pass::presented(key(holder), token).unwrap())
    };
    let (bytes, pass) = (shard(1, 100), token(MARKET, &[Access::Write], 60));
    let guest = with(pass.clone(), 9);
    put(&guest, &bytes).await.unwrap();
    assert_eq!(guest.content().await.unwrap().shards.len(), 1);
    let receipt: Verified<StorageReceipt> =
        guest.receipt(&body(1, &[&bytes])).await.unwrap().verify().unwrap();
    assert_eq!(receipt.size, size_of(&[entry(&bytes)]));
    stage.market.show(1, size_of(&[entry(&bytes)]));
    guest.look().await.unwrap();
    // Leave to write is none to read, nor the other way round, and nobody else's.
    assert_eq!(code(guest.get(Root::of(&bytes), 100).await), "token_scope");
    let reader = with(token(MARKET, &[Access::Read], 60), 9);
    assert_eq!(reader.get(Root::of(&bytes), 100).await.unwrap(), bytes);
    assert_eq!(code(put(&reader, &bytes).await), "token_scope");
    assert_eq!(code(reader.receipt(&body(2, &[])).await), "token_scope");
    assert_eq!(code(put(&with(pass, 8), &bytes).await), "presentation_foreign");
    assert_eq!(code(put(&with(token(8, &BOTH, 60), 9), &bytes).await), "token_scope");
    assert_eq!(code(put(&with(token(MARKET, &BOTH, -1), 9), &bytes).await), "token_expired");
}

/// Puts under a token as it is; the code of the refusal.
async fn raw_put(node: &Handle, token: &Signed, bytes: &Bytes) -> String {
    use network::endpoint::{Endpoint, PlainHttp};
    let endpoint = Endpoint::parse(node.url(), PlainHttp::LoopbackOnly).unwrap();
    let http =
        network::client::HttpClient::new(endpoint, network::client::ClientOptions::default());
    let path = format!("/v1/slots/{}/0/shards/{}", slot(0).0, Root::of(bytes));
    code(http.put(path).authorised(network::auth::bearer(token)).bytes(bytes.clone()).done().await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_stop_when_a_voucher_is_due_and_vouchers_are_redeemed_at_once() {
    let mut stage = stage(1 << 20).await;
    let bytes = shard(1, SHARD);
    put(&stage.client, &bytes).await.unwrap();
    let root = Root::of(&bytes);
    let mut read = 0_u64;
    while stage.client.get(root, SHARD).await.is_ok() {
        read += u64::from(SHARD);
        assert!(read <= (16 << 20) + u64::from(SHARD), "nobody reads more for nothing");
    }
    assert_eq!(code(stage.client.get(root, SHARD).await), "voucher_due");
    let voucher = |signer: u8, bytes| {
        let (contract, slot) = slot(0);
        let (client, provider) = (key(signer).did(), key(PROVIDER).did());
        sign(Voucher { client, provider, contract, slot, bytes }, &key(signer))
    };
    assert_eq!(code(stage.client.pay(&voucher(9, read)).await), "voucher_foreign");
    stage.client.pay(&voucher(CLIENT, read)).await.unwrap();
    stage.client.get(root, SHARD).await.unwrap();
    let ToMarket::Voucher(redeemed) = stage.end.hear().await else { panic!("it is redeemed") };
    assert_eq!(redeemed, voucher(CLIENT, read));

    // Unanswered it is sent again, on the next stream and after a restart; a lower one changes nothing.
    stage.client.pay(&voucher(CLIENT, 1)).await.unwrap();
    drop(stage.end);
    let mut end = stage.market.meet().await;
    assert!(matches!(end.hear().await, ToMarket::Voucher(again) if again == redeemed));
    stage.node.kill();
    drop(end);
    let _node = stage.place.start().await;
    let mut end = stage.market.meet().await;
    assert!(matches!(end.hear().await, ToMarket::Voucher(again) if again == redeemed));
    end.say(ToProvider::Accepted { document: redeemed.id() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_finds_damage_is_refused_and_confessed() {
    let mut stage = stage(1 << 20).await;
    let shards = [shard(1, SHARD), shard(2, 500)];
    for bytes in &shards {
        put(&stage.client, bytes).await.unwrap();
    }
    stage.client.receipt(&body(1, &[&shards[0], &shards[1]])).await.unwrap();
    stage.client.receipt(&body(2, &[&shards[1]])).await.unwrap();
    stage.market.show(1, size_of(&[entry(&shards[0]), entry(&shards[1])]));
    let root = Root::of(&shards[1]);
    flip(&file_of(stage.place.dir.path(), slot(0), &format!("{root}.shard")), 3);
    assert_eq!(code(stage.client.get(root, 500).await), "shard_damaged");
    let confessed = |message| match message {
        ToMarket::Confession(signed) => {
            let confession: Verified<Confession> = signed.verify().unwrap();
            (signed.id(), confession.revision, confession.lost_bytes)
        }
        other => panic!("a confession comes, not {other:?}"),
    };
    let (document, revision, lost) = confessed(stage.end.hear().await);
    assert_eq!((revision, lost), (1, 500));
    // The contract has moved on meanwhile: it is confessed for what the market has now.
    stage.market.show(2, size_of(&[entry(&shards[1])]));
    let moved = network::api::Problem::new(
        axum::http::StatusCode::UNPROCESSABLE_ENTITY,
        "invalid_field",
        "it is about revision 1",
    );
    stage.end.say(ToProvider::Refused { document, problem: moved }).await;
    let (_, revision, lost) = confessed(stage.end.hear().await);
    assert_eq!((revision, lost), (2, 500));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_at_the_contract_lets_superseded_shards_go_and_the_slot_grow() {
    let stage = stage(1 << 20).await;
    let shards: Vec<Bytes> = (0..4).map(|n| shard(n, SHARD)).collect();
    for bytes in &shards {
        put(&stage.client, bytes).await.unwrap();
    }
    let all: Vec<&Bytes> = shards.iter().collect();
    stage.client.receipt(&body(1, &all)).await.unwrap();
    stage.client.receipt(&body(2, &all[2..])).await.unwrap();
    let more = shard(9, SHARD);
    let five = [&all[..], &[&more]].concat();
    let held = async || stage.client.content().await.unwrap().shards.len();

    // The market has not taken the second revision yet: its word counts, not the client's.
    let entries: Vec<_> = shards.iter().map(|bytes| entry(bytes)).collect();
    stage.market.show(1, size_of(&entries));
    stage.client.look().await.unwrap();
    assert_eq!(held().await, 4);
    stage.market.show(2, size_of(&entries[2..]));
    stage.client.look().await.unwrap();
    assert_eq!(held().await, 2);

    // The market says that the contract has room for 1 GiB, so four shards are not all any more.
    for bytes in &five {
        put(&stage.client, bytes).await.unwrap();
    }
    stage.client.receipt(&body(3, &five)).await.unwrap();
    stage.client.receipt(&body(4, &[])).await.unwrap();
    stage.market.show(4, size_of(&[]));
    stage.client.look().await.unwrap();
    assert_eq!(held().await, 0, "an emptied slot keeps nothing");
    let (place, node) = (stage.place, stage.node);
    node.shutdown().await;
    let node = place.start().await;
    let pass = Pass::own(key(CLIENT), key(PROVIDER).did(), slot(0), &BOTH);
    let client = client_of(&node).slot(pass);
    for bytes in five {
        put(&client, bytes).await.unwrap();
    }
    assert_eq!(client.content().await.unwrap().shards.len(), 5, "the room outlives a restart");
}
