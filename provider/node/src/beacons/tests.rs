use super::*;
use contracts::beacon::header::{Header, LENGTH, turned, worked};
use contracts::beacon::{Beacon, HashChain};
use types::documents::AuditKind;
use types::{Did, KnownBlock, SecretKey, Signer, Span, Timestamp};

/// Regtest's first block.
const FIRST: &str = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";
const TIME: u32 = 1_296_688_602;
const BITS: u32 = 0x207f_ffff;

fn links() -> HashChain {
    HashChain::new(&[7; 32], 200)
}

fn link(epoch: u64) -> Hash {
    links().value(Epoch(epoch)).unwrap()
}

fn rule() -> ChainRule {
    let first = turned(&FIRST.parse().unwrap());
    ChainRule {
        network: first,
        founded: Timestamp(i64::from(TIME) * 1_000_000),
        every: Span(3_600 * Span::SECOND.0),
        lead: Span(0),
        depth: 6,
        height: 0,
        start: KnownBlock { hash: first, time: TIME, bits: BITS, since: TIME },
    }
}

fn info(chain: Option<ChainRule>) -> BeaconInfo {
    BeaconInfo { anchor: links().anchor(), chain, waits: None }
}

fn challenge(epoch: u64, beacon: Hash) -> Challenge {
    Challenge {
        auditor: Did([1; 32]),
        provider: Did([2; 32]),
        epoch: Epoch(epoch),
        beacon,
        kind: AuditKind::Routine,
        slots: Vec::new(),
        answer_by: Timestamp(0),
    }
}

/// What a market shows of its first epochs.
fn shown(count: u64) -> Vec<EpochView> {
    let mut on = rule().network;
    let mined = (1..=400).flat_map(|n| {
        let header = worked(&on, TIME + n * 600, BITS);
        on = Header::read(&header).hash;
        header
    });
    let mined: Vec<u8> = mined.collect();
    let mut course = Course::founded(links().anchor(), Some(&rule()));
    let views = (1..=count).map(Epoch).map(|epoch| {
        let known = course.chained.as_ref().unwrap().headers.last() as usize;
        let new = &mined[known * LENGTH..];
        let headers = &new[..course.needed(&rule(), epoch, new).unwrap() * LENGTH];
        let shown = Shown { epoch, link: link(epoch.0), headers };
        let opening = course.draw(Some(&rule()), &shown).unwrap();
        course.take(opening.value, opening.block.as_ref());
        let block = opening.block.unwrap();
        EpochView {
            epoch,
            at: Timestamp(0),
            link: link(epoch.0),
            headers: BASE64.encode(headers),
            beacon: opening.value,
            height: Some(block.height),
            block: Some(block.hash),
        }
    });
    views.collect()
}

/// A market that cannot be asked: what is known must do.
fn nobody() -> MarketClient {
    use network::client::{ClientOptions, HttpClient, Retries};
    use network::endpoint::{Endpoint, PlainHttp};
    let endpoint = Endpoint::parse("http://127.0.0.1:9", PlainHttp::LoopbackOnly).unwrap();
    let options = ClientOptions { retries: Retries::NONE, ..ClientOptions::default() };
    let key = SecretKey::from_seed(&[5; 32]);
    MarketClient::new(HttpClient::new(endpoint, options), key.did(), std::sync::Arc::new(key))
}

#[tokio::test]
async fn in_a_market_without_a_chain_only_links_of_its_hash_chain_are_answered() {
    let home = tempfile::tempdir().unwrap();
    let mut beacons = Beacons::open(home.path()).unwrap();
    let market = nobody();
    // Of a market that says nothing, nothing can be checked.
    beacons.check(&challenge(3, Hash([9; 32])), &market).await.unwrap();
    beacons.learn(&info(None)).unwrap();
    beacons.check(&challenge(0, links().anchor()), &market).await.unwrap();
    let chosen = beacons.check(&challenge(0, link(1)), &market).await.unwrap_err();
    assert!(chosen.is_refusal(), "{chosen}");
    beacons.check(&challenge(3, link(3)), &market).await.unwrap();
    beacons.check(&challenge(2, link(2)), &market).await.unwrap();
    for (epoch, beacon) in [(3, link(4)), (4, link(3)), (4, Hash([9; 32])), (u64::MAX, link(4))] {
        let refused = beacons.check(&challenge(epoch, beacon), &market).await.unwrap_err();
        assert!(refused.is_refusal(), "{epoch}: {refused}");
    }
    // It goes on where it was after a restart, however long it was away.
    let mut beacons = Beacons::open(home.path()).unwrap();
    beacons.check(&challenge(150, link(150)), &market).await.unwrap();
    assert!(beacons.check(&challenge(3, link(3)), &market).await.is_err(), "it is long over");
}

#[tokio::test]
async fn in_a_market_with_a_chain_a_value_must_follow_from_link_and_block() {
    let home = tempfile::tempdir().unwrap();
    let mut beacons = Beacons::open(home.path()).unwrap();
    beacons.learn(&info(Some(rule()))).unwrap();
    let (views, market) = (shown(5), nobody());
    for view in &views {
        follow_one(beacons.known.as_mut().unwrap(), &rule(), view).unwrap();
    }
    for view in &views {
        beacons.check(&challenge(view.epoch.0, view.beacon), &market).await.unwrap();
        // The link alone, which the market knew for years, is no value.
        let refused = beacons.check(&challenge(view.epoch.0, view.link), &market).await;
        assert!(matches!(refused, Err(BeaconError::OtherValue { .. })));
    }
    let away = beacons.check(&challenge(6, link(6)), &market).await.unwrap_err();
    assert!(!away.is_refusal(), "what cannot be asked is no lie: {away}");
}

#[test]
fn what_a_market_shows_otherwise_than_it_was_founded_is_refused() {
    let views = shown(3);
    let first = &views[0];
    let headers = |text: &str| BASE64.decode(text).unwrap();
    let cut = |count: usize| BASE64.encode(&headers(&first.headers)[..count * LENGTH]);
    let all = headers(&first.headers).len() / LENGTH;
    for (view, right) in [
        (EpochView { link: link(2), ..first.clone() }, "not the preimage"),
        (EpochView { headers: cut(all - 1), ..first.clone() }, "has 5 of 6 blocks"),
        (EpochView { headers: String::new(), ..first.clone() }, "has 0 of 6 blocks"),
        (views[1].clone(), "does not show what opened epoch 1"),
        (EpochView { headers: "?".into(), ..first.clone() }, "does not show what opened epoch 1"),
    ] {
        let mut known = Known::founded(&info(Some(rule())));
        let refused = follow_one(&mut known, &rule(), &view).unwrap_err();
        assert!(refused.to_string().contains(right), "{refused}");
        assert_eq!(known, Known::founded(&info(Some(rule()))), "nothing of it is believed");
    }
}

#[test]
fn what_a_market_was_founded_with_is_believed_once() {
    let home = tempfile::tempdir().unwrap();
    let mut beacons = Beacons::open(home.path()).unwrap();
    beacons.learn(&info(Some(rule()))).unwrap();
    let mut beacons = Beacons::open(home.path()).unwrap();
    let waits = BeaconInfo { waits: Some("a block".into()), ..info(Some(rule())) };
    beacons.learn(&waits).unwrap();
    let other = ChainRule { depth: 1, ..rule() };
    for info in
        [info(None), info(Some(other)), BeaconInfo { anchor: Hash([1; 32]), ..info(Some(rule())) }]
    {
        assert!(matches!(beacons.learn(&info), Err(BeaconError::OtherFounding)));
    }
    // Blocks of little work that are said to be Bitcoin's found no market.
    let bitcoin = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
    let network = contracts::beacon::header::turned(&bitcoin.parse().unwrap());
    let home = tempfile::tempdir().unwrap();
    let mut beacons = Beacons::open(home.path()).unwrap();
    let made_up = ChainRule { network, ..rule() };
    let refused = beacons.learn(&info(Some(made_up))).unwrap_err();
    assert!(refused.is_refusal() && refused.to_string().contains("0x171b5b29"), "{refused}");
    assert!(beacons.known.is_none(), "nothing of it is believed");
}

#[test]
fn a_challenge_that_is_refused_is_kept_with_the_reason() {
    let home = tempfile::tempdir().unwrap();
    let beacons = Beacons::open(home.path()).unwrap();
    let key = SecretKey::from_seed(&[4; 32]);
    let asked = Challenge { auditor: key.did(), ..challenge(3, link(4)) };
    let signed = Verified::sign(asked, &key).unwrap();
    let file = beacons.keep_refused(&signed, &BeaconError::Gap(3)).unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(kept["challenge"], serde_json::json!(signed.signed()));
    assert!(kept["reason"].as_str().unwrap().contains("epoch 3"));
}

#[tokio::test]
async fn what_was_answered_unread_is_judged_once_it_can_be_read() {
    let home = tempfile::tempdir().unwrap();
    let mut beacons = Beacons::open(home.path()).unwrap();
    let key = SecretKey::from_seed(&[4; 32]);
    let signed = |epoch, beacon| {
        let asked = Challenge { auditor: key.did(), ..challenge(epoch, beacon) };
        Verified::sign(asked, &key).unwrap()
    };
    let waiting = || std::fs::read_dir(home.path().join("unread-challenges")).unwrap().count();
    for (epoch, beacon) in [(2, link(2)), (3, link(3)), (3, link(4)), (3, link(4)), (9, link(8))] {
        assert!(unread::keep(home.path(), &signed(epoch, beacon)).unwrap());
    }
    assert_eq!(waiting(), 4, "each once");
    assert_eq!(beacons.judge_unread().unwrap().len(), 0, "nothing is known yet");
    beacons.learn(&info(None)).unwrap();
    beacons.check(&challenge(5, link(5)), &nobody()).await.unwrap();
    let chosen = beacons.judge_unread().unwrap();
    let [(file, BeaconError::OtherValue { epoch: 3, .. })] = chosen.as_slice() else {
        panic!("{chosen:?}")
    };
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(kept["challenge"], serde_json::json!(signed(3, link(4)).signed()));
    assert_eq!(waiting(), 1, "epoch 9 is not known yet");
    for epoch in 100..163 {
        assert!(unread::keep(home.path(), &signed(epoch, link(1))).unwrap(), "{epoch}");
    }
    assert!(!unread::keep(home.path(), &signed(163, link(1))).unwrap(), "a disk is not filled");
    // What is older than every value that is remembered goes.
    beacons.check(&challenge(99, link(99)), &nobody()).await.unwrap();
    assert_eq!(beacons.judge_unread().unwrap().len(), 0);
    assert_eq!(waiting(), 63, "epoch 9 is too old, the others are not known yet");
}
