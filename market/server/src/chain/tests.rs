use super::*;
use contracts::beacon::course::Shown;
use contracts::beacon::header::{turned, worked};
use contracts::beacon::{Beacon, HashChain};
use std::sync::Mutex as Lock;
use types::{KnownBlock, Span, Timestamp};

/// Regtest's first block.
const FIRST: &str = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";
const TIME: u32 = 1_296_688_602;
const BITS: u32 = 0x207f_ffff;
const BLOCK: u32 = 600;

/// A chain that can be reorganised and can go away.
#[derive(Debug)]
struct Fake(Lock<(bool, Vec<[u8; LENGTH]>)>);

impl Fake {
    fn new() -> Arc<Self> {
        let mut first = [0; LENGTH];
        first.copy_from_slice(&genesis());
        Arc::new(Self(Lock::new((true, vec![first]))))
    }

    /// Mines blocks on the one at `height`, ten minutes and `late` seconds apart.
    fn mine(&self, on: u32, count: u32, late: u32) {
        let mut state = self.0.lock().unwrap();
        state.1.truncate(on as usize + 1);
        for n in 1..=count {
            let previous = Header::read(state.1.last().unwrap()).hash;
            let time = TIME + (on + n) * (BLOCK + late);
            state.1.push(worked(&previous, time, BITS));
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

impl HeaderSource for Fake {
    fn tip(&self) -> BoxFuture<'_, Result<(u32, Hash), String>> {
        let tip = |all: &[[u8; LENGTH]]| {
            let last = all.last().map(|header| Header::read(header).hash);
            (u32::try_from(all.len()).unwrap() - 1, last.unwrap())
        };
        Box::pin(async move { self.ask(tip) })
    }

    fn header(&self, height: u32) -> BoxFuture<'_, Result<Option<[u8; LENGTH]>, String>> {
        Box::pin(async move { self.ask(|all| all.get(height as usize).copied()) })
    }
}

/// Regtest's first header.
fn genesis() -> Vec<u8> {
    let merkle = "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a";
    let mut header = vec![1, 0, 0, 0];
    header.extend([0; 32]);
    header.extend(merkle.parse::<Hash>().unwrap().0);
    header.extend(TIME.to_le_bytes());
    header.extend(BITS.to_le_bytes());
    header.extend(2u32.to_le_bytes());
    header
}

fn first() -> Hash {
    turned(&FIRST.parse().unwrap())
}

fn rule() -> ChainRule {
    ChainRule {
        network: first(),
        founded: Timestamp(i64::from(TIME + 24 * BLOCK) * 1_000_000),
        every: Span(3_600 * Span::SECOND.0),
        lead: Span(0),
        depth: 6,
        height: 0,
        start: KnownBlock { hash: first(), time: TIME, bits: BITS, since: TIME },
    }
}

struct Market {
    course: Course,
    links: HashChain,
    chain: Chain,
}

impl Market {
    fn on(source: Arc<Fake>) -> Self {
        let links = HashChain::new(&[7; 32], 99);
        let course = Course::founded(links.anchor(), Some(&rule()));
        Self { course, links, chain: Chain::new(Some(source)) }
    }

    /// The height of the block that opens `epoch`, once it does.
    async fn open(&mut self, epoch: u64) -> Result<u32, Wait> {
        let epoch = Epoch(epoch);
        let headers = self.chain.headers(&self.course, &rule(), epoch).await?;
        let link = self.links.value(epoch).unwrap();
        let shown = Shown { epoch, link, headers: &headers };
        let opening = self.course.draw(Some(&rule()), &shown).expect("what is shown is right");
        self.course.take(opening.value, opening.block.as_ref());
        Ok(opening.block.unwrap().height)
    }
}

#[test]
fn the_first_header_is_regtests_own() {
    assert_eq!(Header::read(genesis()[..].try_into().unwrap()).hash, first());
}

#[tokio::test]
async fn an_epoch_waits_for_its_block_and_then_opens_by_it() {
    let source = Fake::new();
    let mut market = Market::on(source.clone());
    assert!(matches!(market.open(1).await, Err(Wait::NotYet(_))));
    source.mine(0, 40, 0);
    let waits = market.open(1).await.unwrap_err();
    assert!(waits.to_string().contains("has 5 of 6 blocks"), "{waits}");
    source.mine(40, 200, 0);
    for epoch in 1..=30 {
        assert_eq!(market.open(epoch).await, Ok(36 + 6 * (u32::try_from(epoch).unwrap() - 1)));
    }
}

#[tokio::test]
async fn a_chain_that_does_not_answer_is_waited_for_and_nothing_is_skipped() {
    let source = Fake::new();
    source.mine(0, 60, 0);
    let mut market = Market::on(source.clone());
    assert_eq!(market.open(1).await, Ok(36));
    source.reachable(false);
    assert_eq!(market.open(2).await, Err(Wait::Unreachable("nobody answers".into())));
    source.reachable(true);
    assert_eq!(market.open(2).await, Ok(42));
    let mut lost = Market { chain: Chain::new(None), ..market };
    assert_eq!(lost.open(3).await, Err(Wait::NoSource));
}

/// What was read is given up as far as the chain has left it; what the market has drawn from stays.
#[tokio::test]
async fn a_chain_that_changes_its_mind_is_followed_from_where_it_left() {
    let source = Fake::new();
    source.mine(0, 44, 0);
    let mut market = Market::on(source.clone());
    assert_eq!(market.open(1).await, Ok(36));
    // Read up to block 44, and not opened.
    assert!(matches!(market.open(2).await, Err(Wait::NotYet(_))));
    source.mine(38, 4, 1);
    // The other branch, of 42 blocks, is longer than what is known, 41 blocks, but the block is not deep enough.
    assert!(matches!(market.open(2).await, Err(Wait::NotYet(_))));
    source.mine(38, 12, 1);
    let height = market.open(2).await.unwrap();
    assert_eq!(height, 42);
    let known = &market.course.chained.as_ref().unwrap().headers;
    let there = source.header(39).await.unwrap().unwrap();
    assert_eq!(known.at(39).unwrap().hash, Header::read(&there).hash);
    assert_eq!(market.open(3).await.unwrap_err().kind(), 1);
    // A chain that has nothing in common with it is none of its.
    source.mine(0, 80, 2);
    let mut fresh = Market { chain: Chain::new(Some(source)), ..market };
    // Only the first block is common, and that is remembered still.
    assert!(fresh.open(3).await.is_ok());
}

#[tokio::test]
async fn another_chain_is_refused_in_words() {
    let source = Fake::new();
    source.mine(0, 400, 0);
    let mut market = Market::on(source.clone());
    for epoch in 1..=50 {
        market.open(epoch).await.unwrap();
    }
    source.mine(0, 500, 1);
    let refused = market.open(51).await.unwrap_err();
    assert!(refused.to_string().contains("it has none of the blocks from height"), "{refused}");
}
