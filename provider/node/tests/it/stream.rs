//! The stream: what the market asks of a node, and what it hears.

use crate::support::{
    CLIENT, End, MARKET, Market, PROVIDER, Place, SHARD, client_of, entry, file_of, flip, key,
    reservation, shard, sign, size_of, slot, soon, until,
};
use axum::http::StatusCode;
use bytes::Bytes;
use contracts::beacon::{Beacon, HashChain};
use network::api::{
    BeaconInfo, MarketInfo, Problem, RebuildOrder, RebuildSource, ReceiptBody, ToMarket, ToProvider,
};
use network::auth::Pass;
use network::node_api::SlotClient;
use provider_node::{Config, Handle, Settlement, StartError};
use shards::prove;
use shards::{
    Cipher, ContractLayout, Encoder, Entry, ObjectKey, Root, Segment, Shape, SlotSummary,
};
use types::documents::{
    Access, AccessToken, AuditKind, Challenge, Confession, Confirmation, Proof, Reservation,
    SlotChallenge, SlotSize, StorageReceipt,
};
use types::{
    Bytes as Size, Epoch, GbPrice, Hash, Msat, SecretKey, Signer, Span, Timestamp, Verified,
};

const GIB: u64 = 1 << 30;

async fn begin() -> (Market, Place, Handle, End) {
    begin_with(None).await
}

pub(crate) async fn begin_with(settlement: Option<Settlement>) -> (Market, Place, Handle, End) {
    let mut market = Market::start().await;
    let place = Place::new(&market, PROVIDER, GIB).await;
    let node = place.start_with(settlement).await;
    let end = market.meet().await;
    (market, place, node, end)
}

pub(crate) fn own(node: &Handle, at: u16) -> SlotClient {
    let access = [Access::Read, Access::Write];
    client_of(node).slot(Pass::own(key(CLIENT), node.did(), slot(at), &access))
}

async fn store(client: &SlotClient, revision: u64, shards: &[Bytes]) -> SlotSize {
    for bytes in shards {
        soon(client.put(Root::of(bytes), bytes.clone())).await.unwrap();
    }
    let entries: Vec<Entry> = shards.iter().map(|bytes| entry(bytes)).collect();
    let shards = entries.iter().map(|e| (Hash(e.root.0), e.bytes)).collect();
    soon(client.receipt(&ReceiptBody { revision, shards })).await.unwrap();
    size_of(&entries)
}

/// Asks for `count` chunks of slot 0; how many were proven.
async fn challenge(end: &mut End, size: SlotSize, epoch: u64, count: u32) -> usize {
    let (contract, slot) = slot(0);
    let challenge = Challenge {
        auditor: key(MARKET).did(),
        provider: key(PROVIDER).did(),
        epoch: Epoch(epoch),
        beacon: Hash::of(b"beacon"),
        kind: AuditKind::Routine,
        slots: vec![SlotChallenge { contract, slot, size, count }],
        answer_by: Timestamp(i64::MAX),
    };
    let signed = sign(challenge.clone(), &key(MARKET));
    end.say(ToProvider::Challenge(signed.clone())).await;
    let ToMarket::Proof { proof, answers } = end.hear().await else { panic!("a proof comes") };
    let proof: Verified<Proof> = proof.verify().unwrap();
    assert_eq!((proof.challenge, proof.answers), (signed.id(), Hash::of(&answers.concat())));
    let asked = challenge.slots[0];
    let summary = SlotSummary { root: Root(size.root.0), bytes: size.bytes, shards: size.shards };
    let seed = asked.seed(&challenge.beacon, challenge.epoch, challenge.kind);
    let answers = prove::decode(&Bytes::from(answers[0].clone())).unwrap();
    let pairs = prove::picks(seed, &summary, count).into_iter().zip(&answers);
    pairs.filter(|(pick, answer)| prove::verify(*pick, &summary, answer).is_ok()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_are_taken_declined_given_back_and_remembered() {
    let (mut market, place, node, mut end) = begin().await;
    assert!(end.holdings.is_empty());
    assert_eq!(end.reserve(slot(0), GIB / 2).await, None);
    until(|| node.is_published()).await;
    let earned = node.account().await.unwrap();
    assert_eq!((earned.party, earned.available), (node.did(), Msat(5)));
    assert_eq!(end.reserve(slot(0), GIB / 2).await, None, "asked again, it is the same");
    let declined = end.reserve(slot(1), GIB).await.unwrap();
    assert!(declined.contains("of the offer are left"), "{declined}");
    let mut cheap: Reservation = reservation(slot(1), 1);
    cheap.quoted.egress = GbPrice::whole(9);
    end.say(ToProvider::Reservation(sign(cheap, &key(MARKET)))).await;
    let ToMarket::Confirmation(signed) = end.hear().await else { panic!("a confirmation comes") };
    let confirmation: Verified<Confirmation> = signed.verify().unwrap();
    assert!(confirmation.declined.as_ref().is_some_and(|reason| reason.contains("egress")));

    // A confirmation that the market refuses leaves the room to others.
    end.say(ToProvider::Reservation(sign(reservation(slot(2), GIB / 2), &key(MARKET)))).await;
    let ToMarket::Confirmation(taken) = end.hear().await else { panic!("a confirmation comes") };
    let problem = Problem::new(StatusCode::CONFLICT, "wrong_state", "the slot is another's");
    end.say(ToProvider::Refused { document: taken.id(), problem }).await;
    let unknown = place.dir.path().to_owned();
    until(|| !file_of(&unknown, slot(2), "").exists()).await;
    assert_eq!(end.reserve(slot(3), GIB / 2).await, None);

    // A stream that ends is opened again, with what is held; what is released is gone.
    drop(end);
    let end = market.meet().await;
    assert_eq!(end.holdings, [slot(0), slot(3)]);
    let (contract, number) = slot(0);
    end.say(ToProvider::Released { contract, slot: number }).await;
    until(|| !file_of(place.dir.path(), slot(0), "").exists()).await;
    node.shutdown().await;
    let _again = place.start().await;
    assert_eq!(market.meet().await.holdings, [slot(3)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn challenges_are_proven_and_what_has_rotted_is_not() {
    let (market, place, node, mut end) = begin().await;
    assert_eq!(end.reserve(slot(0), 1 << 20).await, None);
    let shards: Vec<Bytes> = (0..3).map(|n| shard(n, SHARD)).collect();
    let client = own(&node, 0);
    let size = store(&client, 1, &shards).await;
    market.show(1, size);
    assert_eq!(challenge(&mut end, size, 1, 64).await, 64);

    // A newer list is challenged: the older one goes, with the shard that only it named.
    let newer = store(&client, 2, &shards[..2]).await;
    assert_eq!(challenge(&mut end, size, 2, 8).await, 8, "until then the older one stands");
    assert_eq!(challenge(&mut end, newer, 3, 8).await, 8);
    until(|| node.used() == Size(2 * u64::from(SHARD))).await;
    assert_eq!(challenge(&mut end, size, 4, 8).await, 0);

    // A flipped byte: the audit says so itself, and nothing is confessed before.
    let path = file_of(place.dir.path(), slot(0), &format!("{}.shard", Root::of(&shards[1])));
    flip(&path, 5);
    let mut proven = 64;
    for epoch in 5..50 {
        proven = proven.min(challenge(&mut end, newer, epoch, 64).await);
    }
    assert!(proven < 64, "{proven}");
    assert!(proven > 0, "the rest of the slot is proven");

    // After a restart the disk is looked at, and the loss is confessed.
    market.show(2, newer);
    node.kill();
    drop(end);
    let mut market = market;
    let _node = place.start().await;
    let mut end = market.meet().await;
    let ToMarket::Confession(signed) = end.hear().await else { panic!("a confession comes") };
    let confession: Verified<Confession> = signed.verify().unwrap();
    assert_eq!((confession.revision, confession.lost_bytes), (2, SHARD.into()));
    // The market cannot write now: it is confessed again.
    let full = Problem::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", "later");
    end.say(ToProvider::Refused { document: signed.id(), problem: full }).await;
    assert!(matches!(end.hear().await, ToMarket::Confession(again) if again == signed));
}

/// Two segments of a contract with two data shards and one of parity.
pub(crate) fn coded() -> (ContractLayout, Vec<Segment>) {
    let shape = Shape::new(2, 1, SHARD).unwrap();
    let mut encoder =
        Encoder::new(shape, Cipher::ChaCha20Poly1305, &ObjectKey::new([5; 32]), false).unwrap();
    let mut segments = encoder.push(&shard(1, 3 * SHARD)).unwrap();
    segments.extend(encoder.finish().unwrap().segments);
    let layout = ContractLayout::new(segments.iter().map(Segment::layout).collect()).unwrap();
    (layout, segments)
}

fn token(holder: &Handle, source: &Handle, at: u16) -> AccessToken {
    AccessToken {
        issuer: key(MARKET).did(),
        holder: holder.did(),
        provider: source.did(),
        contract: slot(at).0,
        slot: at,
        access: vec![Access::Read],
        holder_pays: false,
        expires: network::clock::now().after(Span(60 * Span::SECOND.0)),
    }
}

fn source(holder: &Handle, source: &Handle, at: u16) -> RebuildSource {
    let token = sign(token(holder, source, at), &key(MARKET));
    RebuildSource { slot: at, provider: source.did(), endpoint: source.url().into(), token }
}

/// The keepers of slots 1 and 2, with what is coded for them.
pub(crate) struct Others(Vec<(Place, Handle, End)>);

impl Others {
    pub(crate) async fn start(market: &mut Market, segments: &[Segment]) -> Self {
        let mut others = Vec::new();
        for at in 1..3 {
            let place = Place::new(market, 20 + u8::try_from(at).unwrap(), GIB).await;
            let other = place.start().await;
            let mut stream = market.meet().await;
            let mut reservation = reservation(slot(at), 1 << 20);
            reservation.provider = other.did();
            stream.say(ToProvider::Reservation(sign(reservation, &key(MARKET)))).await;
            assert!(matches!(stream.hear().await, ToMarket::Confirmation(_)));
            let shards: Vec<Bytes> =
                segments.iter().map(|s| s.shards[usize::from(at)].clone()).collect();
            store(&own(&other, at), 1, &shards).await;
            others.push((place, other, stream));
        }
        Self(others)
    }

    /// Leave for `holder` to read from both.
    pub(crate) fn sources(&self, holder: &Handle) -> Vec<RebuildSource> {
        (1..).zip(&self.0).map(|(at, (_, other, _))| source(holder, other, at)).collect()
    }
}

/// The order to make slot 0 what it must be at a revision.
pub(crate) fn rebuild(
    (revision, size): (u64, SlotSize),
    layout: &ContractLayout,
    sources: Vec<RebuildSource>,
) -> ToProvider {
    let ((contract, slot), layout) = (slot(0), layout.encode());
    let order = RebuildOrder { contract, slot, revision, size, layout, sources };
    ToProvider::Rebuild(Box::new(order))
}

pub(crate) async fn receipt(end: &mut End) -> (types::Signed, Verified<StorageReceipt>) {
    let ToMarket::Receipt(signed) = end.hear().await else { panic!("a receipt comes") };
    let receipt = signed.verify().unwrap();
    (signed, receipt)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_is_rebuilt_from_others_though_a_source_fails_and_its_receipt_is_not_lost() {
    let (mut market, _place, node, mut end) = begin().await;
    let (layout, segments) = coded();
    assert_eq!(segments.len(), 2);
    let others = Others::start(&mut market, &segments).await;
    let list = layout.slot_list(0).unwrap();
    let size = size_of(list.entries());
    let (one, two) = (&others.0[0].1, &others.0[1].1);
    let silent = RebuildSource { endpoint: "http://127.0.0.1:1".into(), ..source(&node, one, 1) };
    let order = |revision, sources| rebuild((revision, size), &layout, sources);
    assert_eq!(end.reserve(slot(0), 1 << 20).await, None);

    // One source is not enough: it is tried again until an order brings one that answers.
    end.say(order(2, vec![silent.clone(), source(&node, two, 2)])).await;
    end.say(order(2, vec![silent, source(&node, two, 2), source(&node, one, 1)])).await;
    let (signed, first) = receipt(&mut end).await;
    assert_eq!((first.revision, first.size), (2, size));
    for (segment, entry) in segments.iter().zip(list.entries()) {
        let read = own(&node, 0).get(entry.root, entry.bytes).await.unwrap();
        assert_eq!(read, segment.shards[0]);
    }

    // The stream ends before the answer: the receipt comes again, and again when it is ordered again.
    drop(end);
    let mut end = market.meet().await;
    assert_eq!(receipt(&mut end).await.0, signed);
    end.say(order(2, vec![])).await;
    assert_eq!(receipt(&mut end).await.0, signed);
    // The contract has moved on: the same bytes are signed for anew.
    end.say(order(3, vec![])).await;
    let (newer, second) = receipt(&mut end).await;
    assert_eq!((second.revision, second.size), (3, size));
    end.say(ToProvider::Accepted { document: signed.id() }).await;
    end.say(ToProvider::Accepted { document: newer.id() }).await;
    assert_eq!(challenge(&mut end, size, 1, 16).await, 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_belongs_to_one_key_and_one_process() {
    let (_market, place, node, _end) = begin().await;
    let config = |n| Config::new(place.dir.path(), SecretKey::from_seed(&[n; 32]));
    let foreign = provider_node::start(config(PROVIDER + 1)).await.err().unwrap();
    assert!(matches!(foreign, StartError::WrongKey { .. }), "{foreign}");
    let twice = provider_node::start(config(PROVIDER)).await.err().unwrap();
    assert!(matches!(twice, StartError::InUse(_)), "{twice}");
    node.kill();
    let _again = place.start().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_while_it_stores_holds_what_it_signed_for() {
    let (mut market, place, mut node, mut end) = begin().await;
    assert_eq!(end.reserve(slot(0), GIB / 2).await, None);
    let mut signed = 0_u32;
    for round in 1..=6_u64 {
        let client = own(&node, 0);
        let storing = async {
            loop {
                let shards: Vec<Bytes> = (0..=signed).map(|n| shard(n, 2_000)).collect();
                let last = shards.last().unwrap().clone();
                let put = client.put(Root::of(&last), last).await;
                let entries = shards.iter().map(|bytes| entry(bytes));
                let shards = entries.map(|e| (Hash(e.root.0), e.bytes)).collect();
                let revision = u64::from(signed) + 1;
                if put.is_err() || client.receipt(&ReceiptBody { revision, shards }).await.is_err()
                {
                    return;
                }
                signed += 1;
            }
        };
        let pause = tokio::time::sleep(std::time::Duration::from_millis(20 * round));
        tokio::join!(storing, async {
            pause.await;
            node.kill();
        });
        drop(end);
        node = place.start().await;
        end = market.meet().await;
        if signed == 0 {
            continue;
        }
        let entries: Vec<Entry> = (0..signed).map(|n| entry(&shard(n, 2_000))).collect();
        assert_eq!(challenge(&mut end, size_of(&entries), round, 32).await, 32);
    }
}

/// A market that says what its beacons follow from is held to it: what it could have chosen is no challenge.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenge_by_a_chosen_beacon_is_not_answered_and_kept() {
    let (_market, place, _node, mut end) = begin().await;
    let links = HashChain::new(&[7; 32], 9);
    let info = MarketInfo {
        market: key(MARKET).did(),
        epoch: Span::HOUR,
        epoch_every: None,
        current_epoch: Epoch(0),
        now: Timestamp(0),
        tiers: types::TierRates::default(),
        bitcoin: None,
        beacon: Some(BeaconInfo { anchor: links.anchor(), chain: None, waits: None }),
    };
    end.say(ToProvider::Welcome(Box::new(info))).await;
    let asked = |epoch, beacon| {
        let challenge = Challenge {
            auditor: key(MARKET).did(),
            provider: key(PROVIDER).did(),
            epoch: Epoch(epoch),
            beacon,
            kind: AuditKind::Routine,
            slots: vec![],
            answer_by: Timestamp(i64::MAX),
        };
        sign(challenge, &key(MARKET))
    };
    let chosen = asked(3, Hash::of(b"chosen"));
    end.say(ToProvider::Challenge(chosen)).await;
    let kept = place.dir.path().join("refused-challenges");
    until(|| kept.join("epoch-3.json").exists()).await;
    // Another of the same epoch is not answered either, and takes no more room.
    end.say(ToProvider::Challenge(asked(3, Hash::of(b"another")))).await;
    for epoch in [3, 4] {
        let drawn = asked(epoch, links.value(Epoch(epoch)).unwrap());
        end.say(ToProvider::Challenge(drawn.clone())).await;
        let ToMarket::Proof { proof, .. } = end.hear().await else { panic!("a proof comes") };
        let proof: Verified<Proof> = proof.verify().unwrap();
        assert_eq!(proof.challenge, drawn.id());
    }
    assert_eq!(std::fs::read_dir(kept).unwrap().count(), 1);
}
