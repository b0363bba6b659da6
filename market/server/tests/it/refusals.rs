//! Bad input gets a status, a stable code and a text; nothing of it happens.

use crate::common::provider::{ask, sign};
use crate::common::{House, available, client, http, key, sound};
use axum::http::HeaderValue;
use axum::http::header::HeaderName;
use bytes::Bytes;
use market_server::{Handle, deposit};
use network::api::{AcceptBody, BackupBody};
use network::auth::bearer;
use network::client::Call;
use types::documents::{
    Acceptance, Ask, Confirmation, Deposit, Request, Session, Voucher, Withdrawal,
};
use types::{
    Bytes as Size, GbPrice, Hash, Msat, Price, SecretKey, Signed, Signer, Span, Terms, Timestamp,
};

/// What is sent, and the status and code that it must be refused with.
type Case = (&'static str, Call, u16, &'static str);

fn session(market: &Handle, key: &SecretKey, seconds: i64) -> HeaderValue {
    let expires = Timestamp(market.info().now.0 + seconds * 1_000_000);
    bearer(&sign(Session { party: key.did(), audience: market.did(), expires }, key))
}

fn withdrawal(key: &SecretKey, amount: i64) -> Signed {
    let (party, amount, to) = (key.did(), Msat(amount), "an address".to_owned());
    sign(Withdrawal { party, amount, to, nonce: 1 }, key)
}

fn request(key: &SecretKey, terms: Terms) -> Signed {
    sign(Request { client: key.did(), terms, nonce: 1 }, key)
}

/// The document with its last character changed.
fn tampered(signed: &Signed) -> Signed {
    let mut text = signed.0.clone();
    let last = text.pop();
    text.push(if last == Some('A') { 'Q' } else { 'A' });
    Signed(text)
}

async fn refused(cases: Vec<Case>) {
    for (what, call, status, code) in cases {
        let error = call.once().done().await.expect_err(what);
        let problem = error.problem().unwrap_or_else(|| panic!("{what}: {error}"));
        assert_eq!((problem.status, problem.code.as_str()), (status, code), "{what}: {problem}");
        assert_eq!(problem.kind, format!("https://bondstore.invalid/problems/{code}"));
        assert!(problem.detail.len() > 20, "{what}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_documents_are_refused() {
    let house = House::founded();
    let market = house.start().await;
    let (alice, http) = (key(1), http(&market));
    market.credit(alice.did(), Msat(1_000), "used").await.unwrap();
    let post = |path: &str, document: &Signed| http.post(path).document(document);
    let paid = |amount, reference: &str| {
        deposit(&house.key, alice.did(), Msat(amount), reference).signed().clone()
    };
    let foreign = Deposit {
        market: alice.did(),
        party: alice.did(),
        amount: Msat(1),
        reference: "mine".into(),
    };
    let bytes = Bytes::from_static(b"no document");
    let (text, long) = (Signed("no document".into()), Signed("a".repeat(5 << 20)));
    refused(vec![
        ("no document", post("/v1/deposits", &text), 400, "document_malformed"),
        ("bytes", http.post("/v1/deposits").bytes(bytes), 415, "media_type_unsupported"),
        ("a long body", post("/v1/deposits", &long), 413, "body_too_large"),
        ("another kind", post("/v1/deposits", &withdrawal(&alice, 1)), 400, "document_header"),
        ("tampered", post("/v1/deposits", &tampered(&paid(1, "t"))), 403, "signature_invalid"),
        ("a foreign deposit", post("/v1/deposits", &sign(foreign, &alice)), 403, "foreign_party"),
        ("nothing deposited", post("/v1/deposits", &paid(0, "zero")), 422, "invalid_field"),
        ("less than nothing", post("/v1/deposits", &paid(-5, "minus")), 422, "invalid_field"),
        ("more than fits", post("/v1/deposits", &paid(i64::MAX, "max")), 422, "money_overflow"),
        ("no reference", post("/v1/deposits", &paid(1, "")), 422, "invalid_field"),
        ("a used reference", post("/v1/deposits", &paid(2, "used")), 409, "already_used"),
        (
            "above the balance",
            post("/v1/withdrawals", &withdrawal(&alice, 1_001)),
            402,
            "insufficient_funds",
        ),
        ("a negative one", post("/v1/withdrawals", &withdrawal(&alice, -1)), 422, "invalid_field"),
        (
            "from nothing",
            post("/v1/withdrawals", &withdrawal(&key(9), 1)),
            402,
            "insufficient_funds",
        ),
    ])
    .await;
    assert_eq!(available(&market, &alice), Msat(1_000));
    sound(&market);
}

#[tokio::test(flavor = "multi_thread")]
async fn senseless_asks_and_requests_are_refused() {
    let house = House::founded();
    let market = house.start().await;
    let (alice, http) = (key(1), http(&market));
    let good = ask(&alice, 1, 1);
    let posted = |ask: Ask| http.post("/v1/asks").document(&sign(ask, &alice));
    let expired = Ask { expires: Timestamp(1), ..good.clone() };
    let negative = Ask { price: Price((-1).into()), ..good.clone() };
    let absurd = Ask { egress: GbPrice((1_i64 << 60).into()), ..good.clone() };
    let nowhere = Ask { endpoint: "somewhere".into(), ..good.clone() };
    let unknown = Ask { endpoint: "https://no.such.name.invalid:1".into(), ..good.clone() };
    let more = Ask { minimum_use: Size(2 << 40), ..good.clone() };
    let huge = Ask { capacity: Size(u64::MAX), ..good.clone() };
    let terms = |capacity, span| Terms::standard(Size(capacity), Span(span));
    let quoted = |terms| http.post("/v1/requests").document(&request(&alice, terms));
    let day = Span::DAY.0;
    refused(vec![
        ("expired", posted(expired), 422, "invalid_field"),
        ("a negative price", posted(negative), 422, "invalid_field"),
        ("an absurd price", posted(absurd), 422, "invalid_field"),
        ("no address", posted(nowhere), 422, "invalid_field"),
        ("a name of nothing", posted(unknown), 422, "invalid_field"),
        ("a minimum above the capacity", posted(more), 422, "invalid_field"),
        ("more than there is", posted(huge), 422, "invalid_field"),
        ("no bytes", quoted(terms(0, day)), 422, "invalid_terms"),
        ("no time", quoted(terms(1 << 20, 0)), 422, "invalid_terms"),
        ("too many bytes", quoted(terms(u64::MAX, day)), 422, "invalid_terms"),
        ("too much time", quoted(terms(1 << 20, u64::MAX)), 422, "invalid_terms"),
        ("nobody offers", quoted(terms(1 << 20, day)), 409, "too_few_providers"),
    ])
    .await;
    let taken = client(&market, &alice);
    taken.ask(&sign(Ask { sequence: 2, ..good.clone() }, &alice)).await.unwrap();
    refused(vec![("an older ask", posted(good), 409, "superseded")]).await;
    sound(&market);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_unknown_things_are_refused() {
    let house = House::founded();
    let market = house.start().await;
    let (alice, bob, http) = (key(1), key(2), http(&market));
    let own = session(&market, &alice, 60);
    let get = |path: String| http.get(path).authorised(own.clone());
    let nothing = Hash::of(b"no such contract");
    let session_for = |other: types::Did| {
        let expires = market.info().now.after(Span(60_000_000));
        bearer(&sign(Session { party: alice.did(), audience: other, expires }, &alice))
    };
    let account = format!("/v1/accounts/{}", alice.did());
    let backup = BackupBody { generation: 3, sealed: "c2VhbGVk".into() };
    let put = |of: &SecretKey, body: &BackupBody| {
        http.put(format!("/v1/backups/{}", of.did())).json(body).authorised(own.clone())
    };
    refused(vec![("no account", put(&alice, &backup), 403, "no_account")]).await;
    market.credit(alice.did(), Msat(1), "an account").await.unwrap();
    put(&alice, &backup).done().await.unwrap();
    put(&alice, &backup).done().await.unwrap();
    let older = BackupBody { generation: 2, ..backup.clone() };
    let other = BackupBody { sealed: "b3RoZXI".into(), ..backup.clone() };
    let unreadable = BackupBody { generation: 4, sealed: "?".into() };
    let layout = http
        .put(format!("/v1/contracts/{nothing}/layouts/{nothing}"))
        .bytes(Bytes::from_static(b"x"))
        .authorised(own.clone());
    refused(vec![
        ("no session", http.get(&account), 401, "authorisation_missing"),
        (
            "an old session",
            http.get(&account).authorised(session(&market, &alice, -1)),
            401,
            "session_expired",
        ),
        (
            "a long session",
            http.get(&account).authorised(session(&market, &alice, 3_600)),
            401,
            "session_too_long",
        ),
        (
            "another market's",
            http.get(&account).authorised(session_for(bob.did())),
            401,
            "session_audience",
        ),
        ("another's account", get(format!("/v1/accounts/{}", bob.did())), 403, "not_yours"),
        ("another's history", get(format!("/v1/accounts/{}/history", bob.did())), 403, "not_yours"),
        ("no party", get("/v1/accounts/bob".into()), 400, "path_malformed"),
        ("no number", get(format!("{account}/history?after=x")), 400, "cursor_malformed"),
        ("no page", get(format!("{account}/history?limit=0")), 400, "query_malformed"),
        ("a long page", get("/v1/contracts?limit=1001".into()), 400, "query_malformed"),
        ("another query", get("/v1/contracts?page=1".into()), 400, "query_malformed"),
        ("the books", get("/v1/books".into()), 403, "not_yours"),
        ("an unknown contract", get(format!("/v1/contracts/{nothing}")), 404, "not_found"),
        ("a malformed contract", get("/v1/contracts/zz".into()), 400, "path_malformed"),
        ("a layout of nothing", layout, 404, "not_found"),
        ("another's backup", put(&bob, &backup), 403, "not_yours"),
        ("an older backup", put(&alice, &older), 409, "backup_superseded"),
        ("another of the same number", put(&alice, &other), 409, "backup_superseded"),
        ("no base64", put(&alice, &unreadable), 422, "backup_malformed"),
        ("no such path", http.get("/v2/market"), 404, "no_such_path"),
        ("no such method", http.put("/v1/market"), 405, "no_such_method"),
        ("a stream without upgrade", get("/v1/stream".into()), 426, "upgrade_required"),
    ])
    .await;
    assert_eq!(client(&market, &alice).backup().await.unwrap(), Some(backup));
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_about_nothing_and_reused_keys_are_refused() {
    let house = House::founded();
    let market = house.start().await;
    let (alice, http) = (key(1), http(&market));
    let (nothing, other) = (Hash::of(b"no such contract"), Hash::of(b"nor this"));
    let confirmation = Confirmation {
        provider: alice.did(),
        contract: nothing,
        slot: 0,
        answer_by: types::Timestamp(0),
        declined: None,
    };
    let confirmation = sign(confirmation, &alice);
    let confirm = |contract: Hash| {
        http.post(format!("/v1/contracts/{contract}/confirmations")).document(&confirmation)
    };
    let voucher = Voucher {
        client: alice.did(),
        provider: key(2).did(),
        contract: nothing,
        slot: 0,
        bytes: 1,
    };
    let acceptance = sign(Acceptance { client: alice.did(), quote: nothing }, &alice);
    let accept = AcceptBody { acceptance: acceptance.clone(), quote: acceptance };
    let paid =
        |reference: &str| deposit(&house.key, alice.did(), Msat(1), reference).signed().clone();
    let keyed = |reference: &str, key: &str| {
        let header = (HeaderName::from_static("idempotency-key"), HeaderValue::from_str(key));
        http.post("/v1/deposits").document(&paid(reference)).header(header.0, header.1.unwrap())
    };
    let first: Bytes = keyed("first", "k").read_bytes(1 << 20).await.unwrap();
    let again: Bytes = keyed("first", "k").read_bytes(1 << 20).await.unwrap();
    assert_eq!(first, again);
    refused(vec![
        ("an unknown contract", confirm(nothing), 404, "unknown_contract"),
        ("another contract's path", confirm(other), 422, "contract_mismatch"),
        (
            "a voucher for nothing",
            http.post("/v1/vouchers").document(&sign(voucher, &alice)),
            404,
            "unknown_contract",
        ),
        ("no JSON", http.post("/v1/contracts").json(&"{"), 400, "json_malformed"),
        ("no quote", http.post("/v1/contracts").json(&accept), 400, "document_header"),
        ("another body", keyed("second", "k"), 422, "idempotency_key_reused"),
        ("a long key", keyed("third", &"k".repeat(129)), 400, "idempotency_key_malformed"),
    ])
    .await;
    assert_eq!(available(&market, &alice), Msat(1));
    sound(&market);
}
