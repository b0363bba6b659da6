//! Who sees and moves what: every operation of `/openapi.json`, asked by everyone.

use crate::common::provider::sign;
use crate::common::{client, http, key};
use crate::life::{CLIENT, Town, town};
use axum::http::HeaderValue;
use network::api::{BackupBody, ContractView};
use network::auth::bearer;
use network::client::Call;
use serde_json::Value;
use std::collections::BTreeSet;
use types::documents::{
    Access, Cancellation, Confession, Confirmation, Departure, Extension, Grant, Growth, Revision,
    Revocation, Session, TopUp, Withdrawal,
};
use types::{Hash, Msat, SecretKey, Signed, Signer, Timestamp};

/// A client that has nothing to do with the contract.
const OTHER: u8 = 101;
/// Somebody whom the market does not know.
const STRANGER: u8 = 102;
/// A provider that holds no slot of the contract.
const BYSTANDER: u8 = 103;

/// Who asks, in the order of the table's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    Expired,
    Stranger,
    Other,
    Bystander,
    Holder,
    Client,
    Operator,
}

const EVERYONE: [Who; 8] = [
    Who::Nobody,
    Who::Expired,
    Who::Stranger,
    Who::Other,
    Who::Bystander,
    Who::Holder,
    Who::Client,
    Who::Operator,
];

/// What each of [`EVERYONE`] is answered.
type Statuses = [u16; 8];

/// Everybody is answered the same.
const fn all(status: u16) -> Statuses {
    [status; 8]
}

/// Without a session 401; the market's own parties as said.
const fn spoken(strangers: u16, holder: u16, client: u16, operator: u16) -> Statuses {
    [401, 401, strangers, strangers, strangers, holder, client, operator]
}

/// Every operation that is asked here: its name, how, and what each is answered.
type Row<'a> = (&'static str, Box<dyn Fn() -> Call + 'a>, Statuses);

struct Scene {
    town: Town,
    view: ContractView,
}

impl Scene {
    fn key(&self, who: Who) -> SecretKey {
        match who {
            Who::Stranger | Who::Nobody => key(STRANGER),
            Who::Other => key(OTHER),
            Who::Bystander => key(BYSTANDER),
            Who::Holder => {
                let holder = self.view.slots[0].provider;
                self.town.providers.iter().find(|p| p.key.did() == holder).unwrap().key.clone()
            }
            Who::Client | Who::Expired => key(CLIENT),
            Who::Operator => key(200),
        }
    }

    /// The session that `who` shows.
    fn session(&self, who: Who) -> Option<HeaderValue> {
        let market = &self.town.market;
        let seconds = match who {
            Who::Nobody => return None,
            Who::Expired => -1,
            _ => 200,
        };
        let (key, audience) = (self.key(who), market.did());
        let expires = Timestamp(market.info().now.0 + seconds * 1_000_000);
        Some(bearer(&sign(Session { party: key.did(), audience, expires }, &key)))
    }

    /// The status of a call that `who` makes.
    async fn ask(&self, who: Who, call: Call) -> u16 {
        let call = match self.session(who) {
            Some(session) => call.authorised(session),
            None => call,
        };
        match call.once().send().await {
            Ok(answer) => answer.status().as_u16(),
            Err(error) => error.problem().unwrap_or_else(|| panic!("{who:?}: {error}")).status,
        }
    }
}

/// A document that is sent: the operation, the path, and the status that it is refused with.
type Sent = (&'static str, &'static str, Signed, u16);

/// Documents are signed, so that a session neither helps nor harms: they are here signed by a stranger.
fn documents(view: &ContractView) -> Vec<Sent> {
    let (me, contract) = (key(STRANGER), view.id);
    let own = me.did();
    let answer_by = types::Timestamp(0);
    let confirmation = Confirmation { provider: own, contract, slot: 0, answer_by, declined: None };
    let confession = Confession { provider: own, contract, slot: 0, revision: 1, lost_bytes: 1 };
    let withdrawal = Withdrawal { party: own, amount: Msat(1), to: "x".into(), nonce: 1 };
    let deposit = types::documents::Deposit {
        market: own,
        party: own,
        amount: Msat(1),
        reference: "mine".into(),
    };
    let voucher =
        types::documents::Voucher { client: own, provider: own, contract, slot: 0, bytes: 1 };
    let request = types::documents::Request { client: own, terms: view.terms.clone(), nonce: 1 };
    let ask = crate::common::provider::ask(&me, 77, 1);
    let ask = types::documents::Ask { expires: Timestamp(1), ..ask };
    let extension = Extension { client: own, contract, number: 1, epochs: 1, automatic: false };
    let growth = Growth { client: own, contract, capacity: view.terms.capacity };
    let cancellation = Cancellation { client: own, contract };
    let departure = Departure { provider: own, contract, slot: 0 };
    let bond = view.slots[0].quoted.bond;
    let top_up = TopUp { provider: own, contract, slot: 0, slashed: Msat(1), bond };
    let grant = Grant {
        owner: own,
        grantee: key(OTHER).did(),
        contract: Some(contract),
        access: vec![Access::Read],
        expires: None,
        nonce: 1,
        sealed: "key".into(),
        memo: "name".into(),
    };
    let revocation = Revocation { owner: own, grant: Hash::of(b"no grant") };
    vec![
        ("grant", "/v1/grants", sign(grant, &me), 403),
        ("revoke", "/v1/revocations", sign(revocation, &me), 404),
        ("extend", "/extensions", sign(extension, &me), 403),
        ("grow", "/growths", sign(growth, &me), 403),
        ("cancel", "/cancellation", sign(cancellation, &me), 403),
        ("depart", "/departures", sign(departure, &me), 403),
        ("top_up", "/top-ups", sign(top_up, &me), 403),
        ("confirm", "/confirmations", sign(confirmation, &me), 403),
        ("confess", "/confessions", sign(confession, &me), 403),
        ("withdraw", "/v1/withdrawals", sign(withdrawal, &me), 402),
        ("deposit", "/v1/deposits", sign(deposit, &me), 403),
        ("redeem_voucher", "/v1/vouchers", sign(voucher, &me), 403),
        ("request_quote", "/v1/requests", sign(request, &me), 200),
        ("publish_ask", "/v1/asks", sign(ask, &me), 422),
        ("accept", "/v1/contracts", Signed(String::new()), 400),
        ("counter_quote", "/v1/counters", Signed(String::new()), 400),
        ("list_exclusions", "/v1/quotes/exclusions", Signed(String::new()), 400),
    ]
}

/// What a stranger sends about audits.
fn of_audits(view: &ContractView) -> Vec<Sent> {
    let me = key(STRANGER);
    let own = me.did();
    let reason = "holidays".to_owned();
    let notice =
        types::documents::Maintenance { provider: own, from: types::Epoch(9), epochs: 1, reason };
    let measurement = types::documents::Measurement {
        auditor: own,
        vantage: "nowhere".into(),
        provider: view.slots[0].provider,
        epoch: types::Epoch(0),
        probes: 1,
        answered: 0,
        first_byte_ms: 0,
        throughput: 0,
    };
    vec![
        ("dispute", "/v1/disputes", Signed(String::new()), 400),
        ("announce", "/v1/maintenance", sign(notice, &me), 422),
        ("measure", "/v1/measurements", sign(measurement, &me), 403),
    ]
}

/// The operations that are asked with a session, and what each is answered.
fn rows<'a>(scene: &'a Scene, of: &'a network::client::HttpClient) -> Vec<Row<'a>> {
    let (id, owner) = (scene.view.id, key(CLIENT).did());
    let contract = format!("/v1/contracts/{id}");
    let layout = scene.view.layout.unwrap();
    let get = move |path: String| -> Box<dyn Fn() -> Call + 'a> {
        Box::new(move || of.get(path.clone()))
    };
    let put_layout = {
        let path = format!("{contract}/layouts/{}", Hash::of(b"another"));
        move || of.put(path.clone()).bytes(bytes::Bytes::from_static(b"another"))
    };
    let put_backup = move || {
        let body = BackupBody { generation: 1, sealed: "c2VhbGVk".into() };
        of.put(format!("/v1/backups/{owner}")).json(&body)
    };
    let shared = format!("/v1/grants/{}/contents", Hash::of(b"no grant"));
    let put_shared = {
        let path = shared.clone();
        let body = BackupBody { generation: 1, sealed: "c2VhbGVk".into() };
        move || of.put(path.clone()).json(&body)
    };
    let revision = {
        let path = format!("{contract}/revisions");
        let me = key(STRANGER);
        let slots = scene.view.slots.iter().map(|slot| slot.size).collect();
        let revision = Revision { signer: me.did(), contract: id, number: 2, slots, layout };
        let body = network::api::ReviseBody { revision: sign(revision, &me), receipts: vec![] };
        move || of.post(path.clone()).json(&body)
    };
    vec![
        ("health", get("/health".into()), all(200)),
        ("health_of_v1", get("/v1/health".into()), all(200)),
        ("ready", get("/ready".into()), all(200)),
        ("market", get("/v1/market".into()), all(200)),
        ("journal", get("/v1/journal".into()), all(200)),
        ("providers", get("/v1/providers".into()), all(200)),
        ("prices", get("/v1/prices".into()), all(200)),
        ("epochs", get("/v1/epochs".into()), all(200)),
        ("escrows", get("/v1/escrows".into()), all(200)),
        ("escrow_entry", get("/v1/escrows/0".into()), spoken(404, 404, 404, 404)),
        ("books", get("/v1/books".into()), spoken(403, 403, 403, 200)),
        ("events", get("/v1/events".into()), spoken(200, 200, 200, 200)),
        ("contracts", get("/v1/contracts".into()), spoken(200, 200, 200, 200)),
        ("contract", get(contract.clone()), spoken(404, 200, 200, 200)),
        ("layout", get(format!("{contract}/layouts/{layout}")), spoken(404, 200, 200, 404)),
        ("put_layout", Box::new(put_layout), spoken(404, 404, 204, 404)),
        ("account", get(format!("/v1/accounts/{owner}")), spoken(403, 403, 200, 200)),
        ("history", get(format!("/v1/accounts/{owner}/history")), spoken(403, 403, 200, 200)),
        ("head", get("/v1/head".into()), all(200)),
        ("consistency", get("/v1/consistency?from=1&to=2".into()), all(200)),
        ("receipt", get(format!("/v1/receipts/{id}")), spoken(404, 200, 200, 200)),
        ("statement", get(format!("/v1/accounts/{owner}/statement")), spoken(403, 403, 200, 200)),
        ("contract_statement", get(format!("{contract}/statement")), spoken(404, 200, 200, 200)),
        ("contract_history", get(format!("{contract}/history")), spoken(404, 200, 200, 200)),
        ("invoice", get(format!("{contract}/invoice")), spoken(404, 200, 200, 200)),
        ("put_backup", Box::new(put_backup), spoken(403, 403, 204, 403)),
        ("backup", get(format!("/v1/backups/{owner}")), spoken(403, 403, 200, 403)),
        ("verdicts", get(format!("/v1/verdicts?provider={owner}")), spoken(403, 403, 200, 200)),
        ("probes", get("/v1/probes".into()), spoken(403, 403, 403, 200)),
        ("grants", get("/v1/grants".into()), spoken(200, 200, 200, 200)),
        ("shared", get(shared.clone()), spoken(404, 404, 404, 404)),
        ("put_shared", Box::new(put_shared), spoken(404, 404, 404, 404)),
        ("passes", get(format!("{contract}/passes")), spoken(404, 404, 404, 404)),
        ("stream", get("/v1/stream".into()), spoken(426, 426, 426, 426)),
        ("revise", Box::new(revision), all(403)),
    ]
}

/// Every `operationId` of the description.
fn described() -> BTreeSet<String> {
    let api = market_server::openapi();
    let paths = api["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|item| item.as_object().unwrap().values().cloned());
    operations.map(|operation: Value| operation["operationId"].as_str().unwrap().into()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_or_moves_what_is_not_theirs() {
    let town = town(7).await;
    for number in [OTHER, BYSTANDER] {
        let reference = format!("for {number}");
        town.market.credit(key(number).did(), Msat(1_000_000), &reference).await.unwrap();
    }
    let view = town.stored().await;
    let scene = Scene { town, view };
    let calls = http(&scene.town.market);
    let mut asked = BTreeSet::new();
    for (name, call, expected) in rows(&scene, &calls) {
        asked.insert(name.to_owned());
        for (who, expected) in EVERYONE.into_iter().zip(expected) {
            assert_eq!(scene.ask(who, call()).await, expected, "{name}, asked by {who:?}");
        }
    }
    for (name, path, document, expected) in
        documents(&scene.view).into_iter().chain(of_audits(&scene.view))
    {
        asked.insert(name.to_owned());
        let contract = format!("/v1/contracts/{}", scene.view.id);
        let path = if path.starts_with("/v1") { path.into() } else { format!("{contract}{path}") };
        let call = || match name {
            "accept" | "counter_quote" | "dispute" => calls.post(&*path).json(&["no", "body"]),
            _ => calls.post(&*path).document(&document),
        };
        for who in EVERYONE {
            assert_eq!(scene.ask(who, call()).await, expected, "{name}, sent by {who:?}");
        }
    }
    let missing: Vec<String> = described().difference(&asked).cloned().collect();
    assert!(missing.is_empty(), "who may call these is not said here: {missing:?}");
    // Lists hold one's own alone.
    for (who, count) in [(OTHER, 0), (BYSTANDER, 0), (CLIENT, 1)] {
        let lines = client(&scene.town.market, &key(who)).contracts().await.unwrap();
        assert_eq!(lines.len(), count, "{who}");
    }
}

#[test]
fn the_client_calls_what_is_described_and_all_of_it() {
    use network::market_api::operations;
    /// Operations that our own programs have no use for.
    const UNUSED: &[&str] = &["health_of_v1"];
    let api = market_server::openapi();
    for operation in operations::ALL {
        let method = operation.method.as_str().to_lowercase();
        let described = &api["paths"][operation.path][&method]["operationId"];
        assert_eq!(described, operation.id, "{method} {}", operation.path);
    }
    let called: BTreeSet<String> = operations::ALL.iter().map(|o| o.id.to_owned()).collect();
    let unused = described().difference(&called).cloned().collect::<Vec<_>>();
    assert_eq!(unused, UNUSED, "give MarketClient a method, or say here why it has none");
}

/// Commands speak to a market through its typed client alone, whose paths are those of the description.
#[test]
fn commands_name_no_path_of_their_own() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut looked_at = 0;
    for dir in ["src", "src/demo", "client/node/src", "provider/node/src"] {
        for entry in std::fs::read_dir(root.join(dir)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            looked_at += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            for line in text.lines().filter(|line| line.contains("\"/v1/")) {
                // A provider's own data plane.
                let own = line.contains(".route(") || line.contains("/v1/slots");
                assert!(own, "{}: {line}", path.display());
            }
        }
    }
    assert!(looked_at > 30, "{looked_at} files");
}
