//! An oracle that follows a market's list of escrows, with a real oracle's folder; the market signs its journal, and lies where a test
//! says so.

use axum::extract::{Path as Segment, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use bitcoin::Network;
use contracts::outcome::escrow_id;
use contracts_bitcoin::keys::MasterKey;
use contracts_bitcoin::oracle::Oracle;
use contracts_bitcoin::oracle::agree::Minutes;
use contracts_bitcoin::oracle::follow::seen::{Fork, SeenError};
use contracts_bitcoin::oracle::follow::{FollowError, Followed, Follower, follow};
use contracts_bitcoin::oracle::rule::{EventName, Rule};
use network::api::{EntryProof, EscrowPage, EscrowView};
use network::client::{ClientOptions, HttpClient, Retries};
use network::endpoint::{Endpoint, PlainHttp};
use network::market_api::MarketClient;
use network::server::{ServeOptions, ServerHandle, bind, serve};
use serde::Deserialize;
use serde_json::json;
use std::path::Path;
use std::sync::{Arc, Mutex};
use types::documents::TreeHead;
use types::tree::{ConsistencyProof, Frontier, InclusionProof, leaf};
use types::{ContractId, Did, Hash, SecretKey, Signed, Signer, Timestamp, Verified};

const NOW: Timestamp = Timestamp(1_900_000_000_500_000);
const PROVIDER: Did = Did([7; 32]);

fn open(folder: &Path, seed: u8) -> Oracle {
    let master = MasterKey::new(&[seed; 32], Network::Regtest).expect("a seed");
    Oracle::open(folder, master).expect("a folder")
}

fn contract() -> ContractId {
    ContractId::of(b"contract")
}

fn escrow(slot: u16, outcome: Option<u16>) -> EscrowView {
    let escrow = escrow_id(contract(), slot, PROVIDER);
    EscrowView { entry: 0, escrow, slot, at: NOW, outcome }
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
    let list = [escrow(0, Some(901)), escrow(1, Some(1_001)), escrow(3, Some(5))];
    let followed = follow(&oracle, &rule, &list, NOW);
    assert_eq!((followed.announced, followed.said), (1, 1), "{followed:?}");
    let reasons: Vec<&str> = followed.failed.iter().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    for (reason, part) in reasons.iter().zip(["attested as 900", "1001 is no score"]) {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(oracle.known(&event(&list[0], &rule)).expect("it is known").outcome, Some(900));
    assert_eq!(oracle.known(&event(&list[2], &rule)).expect("it is known").outcome, Some(5));
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

/// A market's journal as far as an auditor sees it, and its lies.
struct Books {
    key: SecretKey,
    entries: Vec<String>,
    /// Of the whole journal, for what a proof leaves out.
    list: Vec<EscrowView>,
    page: usize,
    /// An entry that is not given.
    withheld: Option<u64>,
    /// How often pages and proofs were asked for.
    asked: (usize, usize),
}

impl Books {
    fn new() -> Self {
        let key = SecretKey::from_seed(&[5; 32]);
        let entries = vec!["{\"events\":[]}".to_owned()];
        Self { key, entries, list: Vec::new(), page: 100, withheld: None, asked: (0, 0) }
    }

    fn opens(&mut self, slot: u16) {
        let entry = self.entries.len() as u64;
        let said =
            json!({ "slot_confirmed": { "slot": { "contract": contract(), "slot": slot } } });
        self.entries.push(json!({ "events": [said] }).to_string());
        self.list.push(EscrowView { entry, ..escrow(slot, None) });
    }

    fn concludes(&mut self, slot: u16, outcome: u16) {
        let entry = self.entries.len() as u64;
        let said = json!({ "slot": { "contract": contract(), "slot": slot }, "provider": PROVIDER, "paid": 7, "outcome": outcome });
        self.entries.push(json!({ "events": [{ "escrow_concluded": said }] }).to_string());
        self.list.push(EscrowView { entry, ..escrow(slot, Some(outcome)) });
    }

    fn hashes(&self) -> (Frontier, Vec<Hash>) {
        let (mut tree, mut nodes) = (Frontier::default(), Vec::new());
        for entry in &self.entries {
            tree.append(leaf(entry.as_bytes()), |node| nodes.push(node));
        }
        (tree, nodes)
    }

    fn head(&self) -> Signed {
        let tip = self.hashes().0.tip();
        let (market, size, root) = (self.key.did(), tip.size, tip.root);
        let head = TreeHead { market, size, root, block: 1, time: NOW };
        Verified::sign(head, &self.key).expect("it names its key").signed().clone()
    }

    fn proof(&self, entry: u64) -> EntryProof {
        let (tree, nodes) = self.hashes();
        let inclusion = InclusionProof::make(entry, tree.size(), &nodes[..]).expect("in memory");
        let text = self.entries[usize::try_from(entry).expect("small")].clone();
        EntryProof { entry: text, inclusion: inclusion.expect("it is there"), head: self.head() }
    }
}

type Shared = Arc<Mutex<Books>>;

#[derive(Deserialize)]
struct Since {
    since: Option<usize>,
}

async fn escrows(
    State(books): State<Shared>,
    Query(Since { since }): Query<Since>,
) -> Json<EscrowPage> {
    let mut books = books.lock().expect("no test panics with it");
    books.asked.0 += 1;
    let from = since.unwrap_or(0);
    let items: Vec<_> = books.list.iter().skip(from).take(books.page).copied().collect();
    let next = from + items.len();
    Json(EscrowPage { items, next: next.to_string(), more: next < books.list.len() })
}

async fn entry(
    State(books): State<Shared>,
    Segment(entry): Segment<u64>,
) -> Result<Json<EntryProof>, StatusCode> {
    let mut books = books.lock().expect("no test panics with it");
    books.asked.1 += 1;
    if books.withheld == Some(entry) {
        Err(StatusCode::NOT_FOUND)
    } else {
        Ok(Json(books.proof(entry)))
    }
}

#[derive(Deserialize)]
struct Sizes {
    from: u64,
    to: u64,
}

async fn consistency(
    State(books): State<Shared>,
    Query(Sizes { from, to }): Query<Sizes>,
) -> Result<Json<ConsistencyProof>, StatusCode> {
    let books = books.lock().expect("no test panics with it");
    let (_, nodes) = books.hashes();
    let proof = ConsistencyProof::make(from, to, &nodes[..]).expect("in memory");
    proof.map(Json).ok_or(StatusCode::NOT_FOUND)
}

/// A market over HTTP, and an auditor that follows it.
struct Town {
    home: tempfile::TempDir,
    books: Shared,
    server: ServerHandle,
    market: MarketClient,
    oracle: Arc<Oracle>,
    rule: Rule,
}

impl Town {
    async fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let books: Shared = Arc::new(Mutex::new(Books::new()));
        let router = Router::new()
            .route("/v1/escrows", get(escrows))
            .route("/v1/escrows/{entry}", get(entry))
            .route("/v1/consistency", get(consistency))
            .with_state(books.clone());
        let listener = bind("127.0.0.1:0").await.expect("a port");
        let server = serve(listener, router, ServeOptions::default()).expect("it serves");
        let url = format!("http://{}", server.address());
        let endpoint = Endpoint::parse(&url, PlainHttp::LoopbackOnly).expect("an address");
        let options = ClientOptions { retries: Retries::NONE, ..ClientOptions::default() };
        let (market, own) = (SecretKey::from_seed(&[5; 32]).did(), SecretKey::from_seed(&[6; 32]));
        let http = HttpClient::new(endpoint, options);
        let market = MarketClient::new(http, market, Arc::new(own));
        let oracle = Arc::new(open(home.path(), 1));
        let rule = Rule::alone(oracle.public_key());
        Self { home, books, server, market, oracle, rule }
    }

    fn follower(&self) -> Follower {
        let following = (self.oracle.clone(), self.rule.clone());
        Follower::open(following, self.home.path(), self.market.market()).expect("a folder")
    }

    fn say(&self, say: impl FnOnce(&mut Books)) {
        say(&mut self.books.lock().expect("it is free"));
    }

    fn attested(&self, slot: u16) -> Option<u16> {
        let known = self.oracle.known(&event(&escrow(slot, None), &self.rule));
        known.ok().and_then(|known| known.outcome)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_does_in_each_round_what_came_since_the_last_and_after_a_restart_too() {
    let town = Town::new().await;
    let mut follower = town.follower();
    assert_eq!(follower.round(&town.market).await.expect("it answers"), done(0, 0));
    town.say(|books| (0..5).for_each(|slot| books.opens(slot)));
    // Pages of two: the boundary is inside, and at the end of what there is.
    town.say(|books| (books.page, books.asked) = (2, (0, 0)));
    assert_eq!(follower.round(&town.market).await.expect("it answers"), done(5, 0));
    town.say(|books| {
        assert_eq!(books.asked, (3, 0));
        books.opens(5);
        books.concludes(3, 333);
        books.asked = (0, 0);
    });
    assert_eq!(follower.since(), "5");
    // Another process goes on where this one was.
    drop(follower);
    let mut follower = town.follower();
    assert_eq!(follower.since(), "5");
    assert_eq!(follower.round(&town.market).await.expect("it answers"), done(1, 1));
    town.say(|books| assert_eq!(books.asked, (1, 1), "one page, one proof"));
    assert_eq!((town.attested(3), town.attested(0)), (Some(333), None));
    assert_eq!(follower.round(&town.market).await.expect("it answers"), done(0, 0));
    town.server.kill();
    let gone = follower.round(&town.market).await.expect_err("there is no market any more");
    assert!(matches!(gone, FollowError::Unread(_)), "{gone}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_list_says_and_the_journal_does_not_is_not_attested_and_tried_again() {
    let town = Town::new().await;
    let mut follower = town.follower();
    town.say(|books| {
        books.opens(0);
        books.opens(1);
        books.concludes(0, 900);
        books.concludes(1, 800);
        // The journal says 900.
        books.list[2].outcome = Some(901);
    });
    let followed = follower.round(&town.market).await.expect("it answers");
    assert_eq!((followed.announced, followed.said), (2, 1), "{followed:?}");
    let [(escrow_of, reason)] = &followed.failed[..] else { panic!("{followed:?}") };
    assert_eq!(*escrow_of, escrow(0, None).escrow);
    assert!(reason.contains("does not say that it came to 901"), "{reason}");
    assert_eq!((town.attested(0), town.attested(1)), (None, Some(800)));
    // What failed is not passed over: the next round reads it again.
    assert_eq!(follower.since(), "");
    let lies: [fn(&mut Books); 3] = [
        |books| books.list[2] = EscrowView { escrow: Hash::of(b"another's"), ..books.list[2] },
        |books| books.list[2] = EscrowView { slot: 1, ..books.list[2] },
        |books| books.list[2].entry = 1,
    ];
    for lie in lies {
        town.say(|books| {
            books.list[2] = EscrowView { entry: 3, ..escrow(0, Some(900)) };
            lie(books);
        });
        let followed = follower.round(&town.market).await.expect("it answers");
        assert_eq!((followed.said, followed.failed.len()), (0, 1), "{followed:?}");
    }
    town.say(|books| books.list[2] = EscrowView { entry: 3, ..escrow(0, Some(900)) });
    assert_eq!(follower.round(&town.market).await.expect("it answers").said, 1);
    assert_eq!((town.attested(0), follower.since()), (Some(900), "4"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_is_not_given_keeps_no_other_and_what_stands_otherwise_is_passed() {
    let town = Town::new().await;
    let mut follower = town.follower();
    town.say(|books| (0..3).for_each(|slot| books.opens(slot)));
    assert_eq!(follower.round(&town.market).await.expect("it answers"), done(3, 0));
    // By its operator's hand, before the market said anything.
    town.oracle.say(&event(&escrow(0, None), &town.rule), 500, NOW).expect("it is announced");
    town.say(|books| {
        (0..3).for_each(|slot| books.concludes(slot, 900));
        books.withheld = Some(5);
        books.asked = (0, 0);
    });
    let followed = follower.round(&town.market).await.expect("it answers");
    assert_eq!((followed.said, followed.failed.len()), (1, 2), "{followed:?}");
    assert!(followed.failed.iter().any(|(_, reason)| reason.contains("500 was said of it")));
    assert_eq!(
        (town.attested(0), town.attested(1), town.attested(2)),
        (Some(500), None, Some(900))
    );
    assert_eq!(follower.since(), "3", "what is withheld is asked for again");
    town.say(|books| {
        assert_eq!(books.asked.1, 2, "nothing is proven of what stands");
        books.withheld = None;
    });
    let followed = follower.round(&town.market).await.expect("it answers");
    assert_eq!((followed.said, followed.failed.len()), (1, 1), "{followed:?}");
    assert_eq!((town.attested(1), follower.since()), (Some(900), "6"));
    assert_eq!(follower.round(&town.market).await.expect("it answers"), done(0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_of_another_key_proves_nothing() {
    let town = Town::new().await;
    let mut follower = town.follower();
    town.say(|books| {
        books.opens(0);
        books.concludes(0, 900);
        books.key = SecretKey::from_seed(&[9; 32]);
    });
    let followed = follower.round(&town.market).await.expect("it answers");
    let [(_, reason)] = &followed.failed[..] else { panic!("{followed:?}") };
    assert!(reason.contains("the market that is followed is"), "{reason}");
    assert_eq!(town.attested(0), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_market_that_signs_two_journals_is_followed_no_longer_and_convicted_by_both_heads() {
    let town = Town::new().await;
    let mut follower = town.follower();
    town.say(|books| {
        books.opens(0);
        books.concludes(0, 900);
    });
    assert_eq!(follower.round(&town.market).await.expect("it answers"), done(1, 1));
    let known = town.books.lock().expect("it is free").head();
    // Another beginning, and the same list behind it.
    town.say(|books| {
        books.entries[0] = "{\"events\":[7]}".into();
        books.opens(1);
        books.concludes(1, 100);
    });
    let found = town.books.lock().expect("it is free").head();
    let forked = follower.round(&town.market).await.expect_err("it is another journal");
    let FollowError::Seen(SeenError::Forked { kept, .. }) = &forked else { panic!("{forked}") };
    assert!(forked.to_string().contains("signed two journals, one of 3 entries and one of 5"));
    let fork: Fork = serde_json::from_slice(&std::fs::read(kept).expect("kept")).expect("JSON");
    assert_eq!((fork.known, fork.found), (known, found));
    assert_eq!(town.attested(1), None);
    // It is remembered by whoever comes next, also where the market shows the first journal again.
    town.say(|books| books.entries[0] = "{\"events\":[]}".into());
    let mut next = town.follower();
    let again = next.round(&town.market).await.expect_err("it is not forgotten");
    assert_eq!(again.to_string(), forked.to_string());
}
