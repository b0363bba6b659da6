use super::super::header::{LENGTH, turned, worked};
use super::*;
use crate::beacon::{Beacon, HashChain};
use types::{KnownBlock, Span, Timestamp};

/// Regtest's first block.
const FIRST: &str = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";
const TIME: u32 = 1_296_688_602;
const BITS: u32 = 0x207f_ffff;
const BLOCK: u32 = 600;
const EVERY: u32 = 3_600;
const DEPTH: u32 = 6;

fn first() -> Hash {
    turned(&FIRST.parse().unwrap())
}

fn links() -> HashChain {
    HashChain::new(&[7; 32], 99)
}

fn link(epoch: u64) -> Hash {
    links().value(Epoch(epoch)).unwrap()
}

/// `count` blocks on `previous`, which was made at `time`, ten minutes apart.
fn mined(previous: Hash, time: u32, count: u32) -> Vec<u8> {
    let mut on = previous;
    let headers = (1..=count).flat_map(|n| {
        let header = worked(&on, time + n * BLOCK, BITS);
        on = Header::read(&header).hash;
        header
    });
    headers.collect()
}

/// A market that was founded 24 blocks after regtest's first, with hours as epochs.
fn rule() -> ChainRule {
    ChainRule {
        network: first(),
        founded: Timestamp(i64::from(TIME + 24 * BLOCK) * 1_000_000),
        every: Span(u64::from(EVERY) * Span::SECOND.0),
        lead: Span(0),
        depth: DEPTH,
        height: 0,
        start: KnownBlock { hash: first(), time: TIME, bits: BITS, since: TIME },
    }
}

fn course() -> Course {
    Course::founded(links().anchor(), Some(&rule()))
}

fn cut(headers: &[u8], from: usize, to: usize) -> &[u8] {
    &headers[from * LENGTH..to * LENGTH]
}

/// Opens `epoch` with as many of `headers`, the first of height 1, as it takes; its block's height.
fn open(course: &mut Course, epoch: u64, headers: &[u8]) -> Result<u32, CourseError> {
    let known = course.chained.as_ref().unwrap().headers.last() as usize;
    let new = &headers[known * LENGTH..];
    let needed = course.needed(&rule(), Epoch(epoch), new)?;
    let shown = Shown { epoch: Epoch(epoch), link: link(epoch), headers: &new[..needed * LENGTH] };
    let opening = course.draw(Some(&rule()), &shown)?;
    let block = opening.block.clone().unwrap();
    let expected = mixed::mix(Epoch(epoch), &link(epoch), &block.hash.0);
    assert_eq!(opening.value, expected);
    course.take(opening.value, opening.block.as_ref());
    Ok(block.height)
}

#[test]
fn epoch_follows_epoch_and_each_is_opened_by_its_own_block() {
    let (mut course, headers) = (course(), mined(first(), TIME, 1_300));
    // The median reaches an hour after the founding, block 30's time, with block 35.
    for epoch in 1..=99 {
        assert_eq!(open(&mut course, epoch, &headers), Ok(30 + 6 * u32::try_from(epoch).unwrap()));
    }
    let known = &course.chained.as_ref().unwrap().headers;
    assert_eq!((known.first, known.last()), (36 + 6 * 98 - 156, 36 + 6 * 98 + 5));
    assert_eq!((course.link(), known.blocks.len()), (link(99), 162));
}

#[test]
fn an_epoch_waits_until_its_block_is_deep_enough_and_takes_no_more() {
    let (course, headers) = (course(), mined(first(), TIME, 50));
    let draw = |count: usize| {
        let shown = Shown { epoch: Epoch(1), link: link(1), headers: cut(&headers, 0, count) };
        course.draw(Some(&rule()), &shown).map(|opening| opening.block.unwrap().height)
    };
    for (count, found) in [(0, 0), (35, 0), (36, 1), (40, 5)] {
        let waits = MixError::NotYet { epoch: 1, found, needed: 6 };
        assert_eq!(draw(count), Err(waits.into()), "{count}");
    }
    assert_eq!(draw(41), Ok(36));
    assert_eq!(draw(42), Err(CourseError::TooMany { found: 42, needed: 41 }));
}

#[test]
fn what_follows_from_no_genesis_is_refused() {
    let (course, headers) = (course(), mined(first(), TIME, 50));
    let good = cut(&headers, 0, 41).to_vec();
    let draw = |link, headers: &[u8]| {
        course.draw(Some(&rule()), &Shown { epoch: Epoch(1), link, headers }).unwrap_err()
    };
    assert_eq!(draw(link(2), &good), CourseError::NotALink);
    assert_eq!(draw(link(1), &good[1..]), HeaderError::Length(41 * LENGTH - 1).into());
    assert_eq!(draw(link(1), &good[LENGTH..]), HeaderError::Unconnected(0).into());
    let gap = [cut(&good, 0, 7), cut(&good, 8, 41)].concat();
    assert_eq!(draw(link(1), &gap), HeaderError::Unlinked(8).into());
    let mut idle = good.clone();
    let last = LENGTH * 40;
    while Header::read(idle[last..].try_into().unwrap()).is_worked_for(&network()) {
        idle[last + 76] = idle[last + 76].wrapping_add(1);
    }
    assert_eq!(draw(link(1), &idle), HeaderError::Unworked(41).into());
    let early = [cut(&good, 0, 30), &mined(hash(&good, 30), TIME + 20 * BLOCK, 11)].concat();
    assert_eq!(draw(link(1), &early), MixError::Time(31).into());
    let other = ChainRule { network: Hash([5; 32]), ..rule() };
    let shown = Shown { epoch: Epoch(1), link: link(1), headers: &good };
    let refused = course.draw(Some(&other), &shown).unwrap_err();
    assert_eq!(refused, HeaderError::Network(Hash([5; 32])).into());
    let bitcoin = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
    let easy = ChainRule { network: turned(&bitcoin.parse().unwrap()), ..rule() };
    let start =
        CourseError::Start(EasyStart { network: "bitcoin", found: BITS, floor: 0x171b_5b29 });
    assert_eq!(course.draw(Some(&easy), &shown).unwrap_err(), start);
    assert_eq!(Course::check_rule(&easy), Err(start));
    assert_eq!(Course::check_rule(&rule()), Ok(()));
}

fn network() -> Network {
    Network::of(&first()).unwrap()
}

/// The hash of the block at `height`, where `headers` begin at height 1.
fn hash(headers: &[u8], height: usize) -> Hash {
    Header::read(cut(headers, height - 1, height).try_into().unwrap()).hash
}

#[test]
fn a_chain_that_leaves_known_blocks_is_followed_by_its_longer_branch() {
    let (mut course, headers) = (course(), mined(first(), TIME, 60));
    assert_eq!(open(&mut course, 1, &headers), Ok(36));
    // Known up to block 41. Another branch leaves it behind block 38, one second later each.
    let branch = mined(hash(&headers, 38), TIME + 38 * BLOCK + 1, 20);
    let needed = course.needed(&rule(), Epoch(2), &branch).unwrap();
    assert_eq!(needed, 47 - 38);
    let shown =
        |count: usize| Shown { epoch: Epoch(2), link: link(2), headers: &branch[..count * LENGTH] };
    let shorter = HeaderError::Shorter { found: 41, known: 41 };
    assert_eq!(course.draw(Some(&rule()), &shown(3)), Err(shorter.into()));
    let opening = course.draw(Some(&rule()), &shown(9)).unwrap();
    course.take(opening.value, opening.block.as_ref());
    let known = &course.chained.as_ref().unwrap().headers;
    assert_eq!((known.first, known.last()), (0, 47));
    assert_eq!(known.at(38).unwrap().hash, hash(&headers, 38));
    assert_eq!(known.at(39).unwrap().hash, Header::read(branch[..80].try_into().unwrap()).hash);
}

#[test]
fn epochs_shorter_than_a_block_share_it_and_their_values_differ() {
    let short = ChainRule { every: Span(60 * Span::SECOND.0), ..rule() };
    let (mut course, headers) = (course(), mined(first(), TIME, 60));
    let mut opened = Vec::new();
    for epoch in 1..=20 {
        let known = course.chained.as_ref().unwrap().headers.last() as usize;
        let new = &headers[known * LENGTH..];
        let needed = course.needed(&short, Epoch(epoch), new).unwrap();
        let shown =
            Shown { epoch: Epoch(epoch), link: link(epoch), headers: &new[..needed * LENGTH] };
        let opening = course.draw(Some(&short), &shown).unwrap();
        course.take(opening.value, opening.block.as_ref());
        opened.push((opening.block.unwrap().height, opening.value));
    }
    let heights: Vec<u32> = opened.iter().map(|(height, _)| *height).collect();
    assert_eq!(heights, [[31; 10], [32; 10]].concat());
    let values: std::collections::BTreeSet<Hash> = opened.iter().map(|(_, value)| *value).collect();
    assert_eq!(values.len(), 20);
}

/// On a network that is exact, a header with less work than the blocks before demand is refused, however well it is linked.
#[test]
fn work_may_not_fall_between_two_epochs() {
    let exact = Network { is_exact: true, ..network() };
    let harder = KnownBlock { hash: first(), time: TIME, bits: 0x1f00_ffff, since: TIME };
    let from = |height| Remembered { first: height, blocks: vec![harder] };
    let easy = Header::read(&worked(&first(), TIME + 1, BITS));
    assert_eq!(from(7).joined(&exact, &[easy]), Err(HeaderError::Unworked(8)));
    // A quarter of the work after four times the fortnight, and only where a period ends.
    let slow = KnownBlock { since: TIME - 60 * 24 * 3_600, ..harder };
    let next = Header::read(&worked(&first(), TIME + 1, 0x1f03_fffc));
    let judge = |height| Remembered { first: height, blocks: vec![slow] }.joined(&exact, &[next]);
    assert_eq!(judge(2_014), Err(HeaderError::Unworked(2_015)));
    let (joined, height) = judge(2_015).unwrap();
    assert_eq!((height, joined.blocks[1].since), (2_016, TIME + 1));
}

#[test]
fn a_market_without_a_chain_shows_links_alone() {
    let mut course = Course::founded(links().anchor(), None);
    for epoch in 1..=9 {
        let shown = Shown { epoch: Epoch(epoch), link: link(epoch), headers: &[] };
        let opening = course.draw(None, &shown).unwrap();
        assert_eq!(opening, Opening { value: link(epoch), block: None });
        let with = Shown { headers: &[0; 80], ..shown };
        assert_eq!(course.draw(None, &with), Err(CourseError::NoChain));
        course.take(opening.value, None);
        assert_eq!(course.link(), link(epoch));
    }
}
