//! A client lets another read an object or a prefix, until it takes that back. Objects share contracts, and room
//! that is freed is used again.

#[path = "support/processes.rs"]
mod processes;
#[expect(dead_code, reason = "sharing uses its part of the town")]
#[path = "support/town.rs"]
mod town;

use client::{Housing, ObjectName, Scope, StorageWish};
use client_node::{Client, Error, Options, Put, Source, Target};
use market::Event;
use network::identity::Password;
use processes::{Beyond, Finished, bondstore, json, text};
use std::sync::Arc;
use town::Town;
use types::documents::Access;
use types::{Bytes, ContractId, Msat, Span};

/// Bytes that nothing can compress.
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let blocks = (seed << 32..).flat_map(|n| types::Hash::of(&n.to_le_bytes()).0);
    blocks.take(bytes).collect()
}

fn name(text: &str) -> ObjectName {
    ObjectName::new(text).expect("a name")
}

/// Another client of the town's market, without money.
async fn guest(town: &Town, what: &str) -> Client {
    let password = Password::new("guest").expect("not empty");
    let home = town.dir.path().join(what);
    let made = Client::init(&home, town.market.url(), &password, Options::default()).await;
    made.expect("a new client").0
}

async fn credit(town: &Town, party: &Client) {
    let reference = format!("for {}", party.did());
    let booked = town.market.credit(party.did(), Msat(1_000_000_000), &reference).await;
    booked.expect("booked");
}

/// What a guest gets of the client's `object`.
async fn read(town: &Town, guest: &Client, object: &str) -> Result<Vec<u8>, Error> {
    let file = town.dir.path().join("guest's copy");
    let owner = town.client.did();
    guest.get_from(owner, &name(object), Target::file(&file), Arc::new(())).await?;
    let bytes = std::fs::read(&file).expect("it was written");
    std::fs::remove_file(&file).expect("removed");
    Ok(bytes)
}

fn is_refused(read: &Result<Vec<u8>, Error>) -> bool {
    matches!(read, Err(Error::NotShared { .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shared_is_read_until_it_is_taken_back() {
    let town = Town::founded(6).await;
    let (first, second) = (noise(3_000_000, 1), noise(2_000_000, 2));
    let put = town.put("first", first.clone()).await;
    town.put("second", second.clone()).await;
    let (friend, stranger) = (guest(&town, "friend").await, guest(&town, "stranger").await);
    credit(&town, &stranger).await;
    assert!(is_refused(&read(&town, &friend, "first").await), "nothing is shared yet");

    let grant = town.client.share(Scope::Object(name("first")), friend.did(), None).await;
    let grant = grant.expect("shared");
    let unpaid = read(&town, &friend, "first").await.expect_err("it has no money");
    assert!(unpaid.to_string().contains("reads_unpaid"), "{unpaid}");
    credit(&town, &friend).await;
    assert!(read(&town, &friend, "first").await.expect("it is shared") == first);
    assert!(is_refused(&read(&town, &friend, "second").await), "another object is not");
    assert!(is_refused(&read(&town, &stranger, "first").await), "nor to a stranger");
    let refused = stranger.market().passes(put.contract, Access::Read).await.expect_err("no leave");
    assert_eq!(refused.code(), Some("not_found"));
    let refused = stranger.market().shared(grant).await.expect_err("nor the list");
    assert_eq!(refused.code(), Some("not_found"));

    town.until("the guest to have paid", |town| {
        town.happened(|event| matches!(event, Event::GuestPaid { .. }))
    })
    .await;
    assert!(!town.happened(|event| matches!(event, Event::VoucherRedeemed { .. })));

    let listed = friend.shares().await.expect("listed");
    let first_alone = Some(Scope::Object(name("first")));
    assert_eq!((listed.len(), listed[0].owner), (1, town.client.did()));
    assert_eq!(listed[0].scope, first_alone, "a guest is told what is shared");
    let given = town.client.shares().await.expect("listed");
    assert_eq!(given[0].scope, first_alone);
    stranger.unshare(grant).await.expect_err("it is not the stranger's");
    town.client.unshare(grant).await.expect("taken back");
    assert!(is_refused(&read(&town, &friend, "first").await));
    let refused =
        friend.market().passes(put.contract, Access::Read).await.expect_err("the very next one");
    assert_eq!(refused.code(), Some("not_found"));
    assert!(friend.shares().await.expect("listed").is_empty());
    town.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prefix_covers_what_is_stored_later_and_nothing_else() {
    let town = Town::founded(6).await;
    town.put("trip/a", noise(1_000_000, 1)).await;
    town.put("tax", noise(1_000_000, 2)).await;
    let friend = guest(&town, "friend").await;
    credit(&town, &friend).await;
    let prefix = Scope::Prefix(name("trip/"));
    town.client.share(prefix.clone(), friend.did(), None).await.expect("shared");
    assert!(read(&town, &friend, "trip/a").await.expect("there already") == noise(1_000_000, 1));
    assert!(is_refused(&read(&town, &friend, "tax").await));
    town.put("trip/b", noise(1_000_000, 3)).await;
    town.put("trap/c", noise(1_000_000, 4)).await;
    assert!(read(&town, &friend, "trip/b").await.expect("stored later") == noise(1_000_000, 3));
    assert!(is_refused(&read(&town, &friend, "trap/c").await));
    let names = async || -> Vec<String> {
        let objects = friend.shared_by(town.client.did()).await.expect("listed");
        objects.into_iter().map(|object| object.name.name).collect()
    };
    assert_eq!(names().await, ["trip/a", "trip/b"]);
    town.client.rm(&name("trip/a"), &()).await.expect("removed");
    assert_eq!(names().await, ["trip/b"]);

    // A grant that is over opens nothing.
    let other = guest(&town, "other").await;
    credit(&town, &other).await;
    let soon = other.market().info().await.expect("it answers").now.after(Span(3_000_000));
    town.client.share(prefix, other.did(), Some(soon)).await.expect("shared");
    let mut reads = 0;
    while read(&town, &other, "trip/b").await.is_ok() {
        reads += 1;
        assert!(reads < 10_000, "it never ends");
    }
    assert!(is_refused(&read(&town, &other, "trip/b").await));
    town.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn room_that_is_freed_is_used_again_and_audited_as_before() {
    let town = Town::founded(6).await;
    let first = town.put("first", noise(4_000_000, 1)).await;
    let kept = |town: &Town| {
        town.market.view(|view| {
            let contract = view.market.contract(&first.contract).expect("the contract");
            contract.slots.iter().map(|slot| slot.size.bytes).sum::<u64>()
        })
    };
    let full = kept(&town);
    town.day().await;
    let removed = town.client.rm(&name("first"), &()).await.expect("removed");
    assert!(removed.is_empty && removed.room.is_some());
    assert_eq!(kept(&town), 0);
    town.day().await;
    let second = noise(4_000_000, 2);
    let put = town.put("second", second.clone()).await;
    assert_eq!((put.contract, kept(&town)), (first.contract, full));
    town.day().await;
    let copy = town.dir.path().join("copy");
    town.get("second", &copy).await.expect("fetched");
    assert!(std::fs::read(&copy).expect("written") == second);
    assert!(!town.happened(|event| matches!(event, Event::SlotFaulted { .. })));
}

/// Puts bytes with the town's client by a grant of its.
async fn put_to(town: &Town, guest: &Client, object: &str, bytes: Vec<u8>) -> Result<Put, Error> {
    let (owner, source) = (town.client.did(), Source::bytes(bytes));
    guest.put_to(owner, source, &name(object), Arc::new(())).await
}

/// What the town's client gets of its own objects.
async fn own(town: &Town, object: &str) -> Result<Vec<u8>, Error> {
    let file = town.dir.path().join("own copy");
    town.get(object, &file).await?;
    let bytes = std::fs::read(&file).expect("it was written");
    std::fs::remove_file(&file).expect("removed");
    Ok(bytes)
}

/// As the town's client wishes.
fn wish() -> StorageWish {
    StorageWish::new(Bytes(1), Span(30 * Span::DAY.0))
}

/// A contract with room for 20 MB.
async fn roomy(town: &Town) -> ContractId {
    let wish = StorageWish { size: Bytes(20_000_000), ..wish() };
    town.client.make_contract(&wish, &()).await.expect("a contract")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_writes_in_one_contract_until_that_is_taken_back() {
    let town = Town::founded(6).await;
    let owner = town.client.did();
    let thesis = noise(2_000_000, 1);
    let kept = town.put("thesis", thesis.clone()).await;
    let friend = guest(&town, "friend").await;
    let scope = Scope::Prefix(name("inbox/"));
    let to = (friend.did(), None);
    let refused = town.client.share_to_write(scope.clone(), to, kept.contract).await;
    let refused = refused.expect_err("the thesis is in it").to_string();
    assert!(refused.contains("it holds thesis") && refused.contains("--room"), "{refused}");

    let contract = roomy(&town).await;
    let grant = town.client.share_to_write(scope.clone(), to, contract).await.expect("shared");
    let (first, second) = (noise(3_000_000, 2), noise(1_000_000, 3));
    // Writing costs the guest nothing: it has no money.
    let put = put_to(&town, &friend, "inbox/first", first.clone()).await.expect("let in");
    assert_eq!(put.contract, contract);
    put_to(&town, &friend, "inbox/second", second.clone()).await.expect("let in");
    let outside = put_to(&town, &friend, "thesis", vec![1]).await.expect_err("not covered");
    assert!(outside.to_string().contains("give a name like inbox/*"), "{outside}");
    let taken = put_to(&town, &friend, "inbox/first", vec![1]).await.expect_err("it is there");
    assert!(matches!(taken, Error::NameTaken(_)), "{taken}");

    // The owner's own things neither go there by themselves nor get lost there.
    let note = town.put("note", noise(1_000, 4)).await;
    assert_eq!(note.contract, kept.contract);
    let wish = StorageWish { housing: Housing::In(contract), ..wish() };
    let into = async |object: &str, bytes: Vec<u8>| {
        let source = Source::bytes(bytes);
        town.client.put(source, &name(object), &wish, Arc::new(())).await
    };
    let misplaced = into("letters", vec![1]).await.expect_err("the guest is not to find it");
    assert!(matches!(misplaced, Error::WrittenByGuest { .. }), "{misplaced}");
    into("inbox/reply", noise(1_000_000, 5)).await.expect("covered");
    let names = async |client: &Client, party| -> Vec<String> {
        let objects = client.shared_by(party).await.expect("listed");
        objects.into_iter().map(|object| object.name.name).collect()
    };
    let all = ["inbox/first", "inbox/reply", "inbox/second"];
    assert_eq!(names(&friend, owner).await, all);
    assert_eq!(names(&town.client, friend.did()).await, all);
    assert!(own(&town, "inbox/first").await.expect("it is the owner's too") == first);
    credit(&town, &friend).await;
    assert!(read(&town, &friend, "inbox/reply").await.expect("shared") == noise(1_000_000, 5));

    // Each removes what the other has put, and both see it.
    town.client.rm(&name("inbox/second"), &()).await.expect("removed by the owner");
    friend.rm_from(owner, &name("inbox/reply"), &()).await.expect("removed by the guest");
    assert_eq!(names(&friend, owner).await, ["inbox/first"]);
    assert_eq!(names(&town.client, friend.did()).await, ["inbox/first"]);
    let objects = town.client.ls().await.expect("listed");
    let objects: Vec<_> = objects.into_iter().map(|object| object.name.name).collect();
    assert_eq!(objects, ["inbox/first", "note", "thesis"]);
    town.day().await;

    // What it put unseen is the owner's when it is locked out.
    let last = noise(700_000, 6);
    put_to(&town, &friend, "inbox/last", last.clone()).await.expect("let in");
    town.client.unshare(grant).await.expect("taken back");
    let late = put_to(&town, &friend, "inbox/late", vec![1]).await.expect_err("locked out");
    assert!(matches!(late, Error::NotWritable { .. }), "{late}");
    for (party, access) in [(&friend, Access::Read), (&friend, Access::Write)] {
        let refused = party.market().passes(contract, access).await.expect_err("no leave");
        assert_eq!(refused.code(), Some("not_found"));
    }
    assert!(own(&town, "inbox/last").await.expect("taken in") == last);
    assert!(own(&town, "inbox/first").await.expect("still there") == first);
    assert!(own(&town, "thesis").await.expect("unharmed") == thesis);
    town.day().await;
    assert!(!town.happened(|event| matches!(event, Event::SlotFaulted { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owner_and_guest_write_at_once_and_lose_nothing() {
    let town = Town::founded(6).await;
    let friend = guest(&town, "friend").await;
    let (contract, scope) = (roomy(&town).await, Scope::Prefix(name("both/")));
    let to = (friend.did(), None);
    town.client.share_to_write(scope, to, contract).await.expect("shared");
    let wish = StorageWish { housing: Housing::In(contract), ..wish() };
    let mut all = Vec::new();
    for round in 0..3_u64 {
        let (here, there) = (format!("both/here {round}"), format!("both/there {round}"));
        let (one, two) = (noise(500_000, round), noise(400_000, 10 + round));
        let (source, own_name) = (Source::bytes(one.clone()), name(&here));
        let mine = town.client.put(source, &own_name, &wish, Arc::new(()));
        let (mine, theirs) = tokio::join!(mine, put_to(&town, &friend, &there, two.clone()));
        mine.expect("the owner's");
        theirs.expect("the guest's");
        all.extend([(here, one), (there, two)]);
    }
    // The same name from both sides: where each has its own, each keeps it.
    let (one, two) = (noise(300_000, 20), noise(300_000, 21));
    let (source, same) = (Source::bytes(one.clone()), name("both/same"));
    let mine = town.client.put(source, &same, &wish, Arc::new(()));
    let (mine, theirs) = tokio::join!(mine, put_to(&town, &friend, "both/same", two.clone()));
    mine.expect("the owner's");
    all.push(("both/same".to_owned(), one.clone()));
    let file = town.dir.path().join("the guest's");
    let listed = town.client.get_from(friend.did(), &same, Target::file(&file), Arc::new(()));
    listed.await.expect("listed");
    let listed = std::fs::read(&file).expect("written");
    match theirs {
        Ok(_) => assert!(listed == two, "the guest's is had by the guest's name"),
        Err(error) => assert!(matches!(error, Error::NameTaken(_)) && listed == one, "{error}"),
    }
    town.client.collect().await.expect("collected");
    for (object, bytes) in all {
        assert!(own(&town, &object).await.expect("there") == bytes, "{object}");
    }
    town.day().await;
    assert!(!town.happened(|event| matches!(event, Event::SlotFaulted { .. })));
}

/// What a command that fails complains of.
fn complaint(args: &[&str]) -> String {
    let done = Finished::of(bondstore(args.iter().copied()));
    assert!(!done.is_success(), "{args:?}: {done:?}");
    done.stderr
}

#[test]
fn by_commands_a_guest_puts_until_it_is_locked_out() {
    let town = processes::Town::found((6, "10GB", "1h"), Beyond::default());
    let (home, client) = (town.path("guest"), town.path("client"));
    let made = json(["client", "init", "--data", &home, "--market", &town.market.said("url")]);
    let (owner, guest) = (text(&town.client["did"]), text(&made["did"]));
    let files = ["thesis", "report", "draft"].map(|what| (town.path(what), town.path("copy")));
    for (seed, (file, _)) in (1..).zip(&files) {
        std::fs::write(file, noise(1_500_000, seed)).expect("a file can be written");
    }
    let [thesis, report, draft] = &files;
    town.client(&["put", &thesis.0]);
    let sharing = ["share", "inbox/", "--prefix", "--with", &guest, "--write"];
    let why = complaint(&[&sharing[..], &["--data", &client]].concat());
    assert!(why.contains("--room SIZE"), "{why}");
    let shared = town.client(&[&sharing[..], &["--room", "20MB"]].concat());

    let putting = |file: &str, name: &str| {
        let (file, name, owner) = (file.to_owned(), name.to_owned(), owner.clone());
        ["put".into(), file, name, "--to".into(), owner, "--data".into(), home.clone()]
    };
    let put = |file: &str, name: &str| json(putting(file, name).iter().map(String::as_str));
    let put_refused = |file: &str, name: &str| {
        let args = putting(file, name);
        complaint(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(put(&report.0, "inbox/report")["contract"], shared["contract"]);
    put(&draft.0, "inbox/draft");
    let why = put_refused(&draft.0, "thesis");
    assert!(why.contains("inbox/*"), "{why}");
    let given = json(["shares", "--data", &home]);
    assert_eq!(given[0]["access"], serde_json::json!(["read", "write"]));
    json(["rm", "inbox/draft", "--from", &owner, "--data", &home]);
    let listed = town.client(&["shares", "--from", &guest]);
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");

    let comes_back = |name: &str, (file, copy): &(String, String)| {
        town.client(&["get", name, copy]);
        let read = |path: &String| std::fs::read(path).expect("it can be read");
        assert!(read(file) == read(copy), "{name}");
        std::fs::remove_file(copy).expect("removed");
    };
    comes_back("inbox/report", report);
    town.client(&["unshare", &text(&shared["grant"])]);
    let why = put_refused(&draft.0, "inbox/late");
    assert!(why.contains("does not let this client write"), "{why}");
    comes_back("inbox/report", report);
    comes_back("thesis", thesis);
}
