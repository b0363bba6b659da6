//! A market whose epochs are opened by a chain's blocks, over real sockets: it waits for them, whatever happens meanwhile, and shows what
//! it opened by.

use crate::common::{House, client, key, sound};
use crate::life::CLIENT;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use contracts::beacon::course::{Course, Shown};
use contracts::beacon::header::{Header, LENGTH, turned, worked};
use futures_util::future::BoxFuture;
use market::{Event, Genesis};
use market_server::{Config, Handle, HeaderSource, verify_journal};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use types::{ChainRule, Epoch, Hash, KnownBlock, Span, Timestamp};

/// Regtest's first block.
const FIRST: &str = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";
const TIME: u32 = 1_296_688_602;
const BITS: u32 = 0x207f_ffff;

/// A chain whose blocks are mined by hand, and which can go away.
#[derive(Debug)]
struct Mined(Mutex<(bool, Vec<[u8; LENGTH]>)>);

impl Mined {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new((true, vec![genesis()]))))
    }

    /// Blocks on the last, ten minutes apart.
    fn mine(&self, count: usize) {
        let headers = &mut self.0.lock().unwrap().1;
        for _ in 0..count {
            let previous = Header::read(headers.last().unwrap()).hash;
            let height = u32::try_from(headers.len()).unwrap();
            headers.push(worked(&previous, TIME + height * 600, BITS));
        }
    }

    fn reachable(&self, reachable: bool) {
        self.0.lock().unwrap().0 = reachable;
    }

    fn ask<T>(&self, look: impl FnOnce(&[[u8; LENGTH]]) -> T) -> Result<T, String> {
        let state = self.0.lock().unwrap();
        if state.0 { Ok(look(&state.1)) } else { Err("nobody answers".into()) }
    }
}

impl HeaderSource for Mined {
    fn tip(&self) -> BoxFuture<'_, Result<(u32, Hash), String>> {
        let tip = |all: &[[u8; LENGTH]]| {
            let hash = Header::read(all.last().unwrap()).hash;
            (u32::try_from(all.len()).unwrap() - 1, hash)
        };
        Box::pin(async move { self.ask(tip) })
    }

    fn header(&self, height: u32) -> BoxFuture<'_, Result<Option<[u8; LENGTH]>, String>> {
        Box::pin(async move { self.ask(|all| all.get(height as usize).copied()) })
    }
}

/// Regtest's first header.
fn genesis() -> [u8; LENGTH] {
    let merkle = "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a";
    let mut header = [0; LENGTH];
    header[0] = 1;
    header[36..68].copy_from_slice(&merkle.parse::<Hash>().unwrap().0);
    header[68..72].copy_from_slice(&TIME.to_le_bytes());
    header[72..76].copy_from_slice(&BITS.to_le_bytes());
    header[76] = 2;
    assert_eq!(Header::read(&header).hash, first());
    header
}

fn first() -> Hash {
    turned(&FIRST.parse().unwrap())
}

/// An epoch every second block, three deep.
fn rule() -> ChainRule {
    ChainRule {
        network: first(),
        founded: Timestamp(i64::from(TIME) * 1_000_000),
        every: Span(1_200 * Span::SECOND.0),
        lead: Span(0),
        depth: 3,
        height: 0,
        start: KnownBlock { hash: first(), time: TIME, bits: BITS, since: TIME },
    }
}

fn founded() -> House {
    House::founded_with(|did, anchor| Genesis {
        chain: Some(rule()),
        ..Genesis::standard(did, Span::DAY, anchor)
    })
}

async fn start(house: &House, chain: &Arc<Mined>) -> Handle {
    let chain: Arc<dyn HeaderSource> = chain.clone();
    market_server::start(Config { chain: Some(chain), ..house.config() }).await.unwrap()
}

fn waits(market: &Handle) -> Option<String> {
    market.info().beacon.unwrap().waits
}

#[tokio::test(flavor = "multi_thread")]
async fn epochs_open_by_blocks_alone_through_restarts_and_silence() {
    let (house, chain) = (founded(), Mined::new());
    let market = start(&house, &chain).await;
    let refused = market.open_epoch().await.unwrap_err().to_string();
    assert!(refused.contains("epoch 1 does not open yet"), "{refused}");
    assert!(waits(&market).unwrap().contains("has 0 of 3 blocks"));
    // The median reaches the second block's time with the third; the fourth opens the epoch, the sixth makes it deep enough.
    chain.mine(5);
    assert!(market.open_epoch().await.is_err());
    assert!(waits(&market).unwrap().contains("has 2 of 3 blocks"));
    market.kill();
    let market = start(&house, &chain).await;
    chain.mine(1);
    assert_eq!(market.open_epoch().await.unwrap(), Epoch(1));
    assert_eq!(waits(&market), None);
    chain.reachable(false);
    assert!(market.open_epoch().await.is_err());
    assert!(waits(&market).unwrap().contains("nobody answers"));
    assert_eq!(market.view(|view| view.market.epoch()), Epoch(1), "nothing is skipped");
    chain.reachable(true);
    chain.mine(40);
    for epoch in 2..=9 {
        assert_eq!(market.open_epoch().await.unwrap(), Epoch(epoch));
    }
    sound(&market);

    // What it shows is what it was founded with, link by link and block by block.
    let speaks = client(&market, &key(CLIENT));
    let info = speaks.info().await.unwrap().beacon.unwrap();
    let mut course = Course::founded(info.anchor, info.chain.as_ref());
    let page = speaks.epochs(Epoch(0)).await.unwrap();
    assert_eq!((page.items.len(), page.next), (9, None));
    for (epoch, view) in (1..).zip(&page.items) {
        let headers = BASE64.decode(&view.headers).unwrap();
        let shown = Shown { epoch: Epoch(epoch), link: view.link, headers: &headers };
        let opening = course.draw(Some(&rule()), &shown).unwrap();
        course.take(opening.value, opening.block.as_ref());
        let block = opening.block.unwrap();
        assert_eq!((view.epoch, view.beacon), (Epoch(epoch), opening.value));
        assert_eq!((view.height, view.block), (Some(block.height), Some(block.hash)));
    }
    let rest = speaks.epochs(Epoch(7)).await.unwrap();
    assert_eq!(rest.items, page.items[7..]);
    let value = market.view(|view| view.market.beacon());
    assert_eq!(page.items[8].beacon, value);
    market.shutdown().await;
    verify_journal(house.place()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_that_was_given_no_chain_waits_and_says_so() {
    let house = founded();
    let market = house.start().await;
    assert!(market.open_epoch().await.is_err());
    assert!(waits(&market).unwrap().contains("name one with --chain"));
    market.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn epochs_open_by_themselves_once_their_blocks_are_there() {
    let (house, chain) = (
        House::founded_with(|did, anchor| Genesis {
            chain: Some(ChainRule { every: Span(100_000), ..rule() }),
            ..Genesis::standard(did, Span::DAY, anchor)
        }),
        Mined::new(),
    );
    let source: Arc<dyn HeaderSource> = chain.clone();
    let every = Some(Duration::from_millis(100));
    let config = Config { chain: Some(source), epoch_every: every, ..house.config() };
    let market = market_server::start(config).await.unwrap();
    let mut events = market.events();
    let began = Instant::now();
    while waits(&market).is_none() {
        assert!(began.elapsed() < Duration::from_mins(1), "it does not look for the block");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(market.view(|view| view.market.epoch()), Epoch(0));
    chain.mine(12);
    let mut opened = Vec::new();
    while opened.len() < 3 {
        let happened = events.recv().await.unwrap();
        opened.extend(happened.iter().filter_map(|event| match event {
            Event::EpochOpened { epoch, block, .. } => Some((*epoch, block.is_some())),
            _ => None,
        }));
    }
    assert_eq!(opened, [(Epoch(1), true), (Epoch(2), true), (Epoch(3), true)]);
    market.shutdown().await;
    verify_journal(house.place()).unwrap();
}
