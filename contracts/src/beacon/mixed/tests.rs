use super::*;
use crate::beacon::{Beacon, HashChain};
use proptest::prelude::*;

/// Blocks whose times are given, in seconds.
fn chain(times: &[u32]) -> Vec<Block> {
    let mut previous = [0; 32];
    let blocks = times.iter().enumerate().map(|(n, time)| {
        let hash =
            Hash::derive("test block", &[&n.to_le_bytes(), &time.to_le_bytes(), &previous]).0;
        let block = Block { hash, previous, time: *time };
        previous = hash;
        block
    });
    blocks.collect()
}

/// A block every ten minutes, the first ten minutes after 1970 began.
fn regular(count: u32) -> Vec<Block> {
    chain(&(1..=count).map(|n| 600 * n).collect::<Vec<_>>())
}

fn links() -> HashChain {
    HashChain::new(&[7; 32], 9)
}

fn draw(epoch: u64, opening_s: i64, rule: Rule) -> Draw {
    let link = links().value(Epoch(epoch)).unwrap();
    Draw { rule, epoch: Epoch(epoch), opening: Timestamp(opening_s * 1_000_000), link }
}

fn rule(lead_s: u64, depth: u32) -> Rule {
    Rule { lead: Span(lead_s * Span::SECOND.0), depth }
}

fn height(draw: &Draw, first: u32, blocks: &[Block]) -> Result<u32, MixError> {
    draw.value(&Row { first, blocks }).map(|(height, _)| height)
}

#[test]
fn an_epoch_is_opened_by_the_child_of_the_first_block_whose_median_reached_it() {
    let blocks = regular(40);
    // The median of blocks 10 to 20 is block 15, whose time is 16 × 600.
    let at = 16 * 600;
    assert_eq!(height(&draw(3, at, rule(0, 1)), 0, &blocks), Ok(21));
    assert_eq!(height(&draw(3, at + 1, rule(0, 1)), 0, &blocks), Ok(22));
    assert_eq!(height(&draw(3, at + 600, rule(600, 1)), 0, &blocks), Ok(21));
    // Before there were eleven blocks, the median is of those that there are.
    assert_eq!(height(&draw(3, 0, rule(0, 1)), 0, &blocks), Ok(1));
    assert_eq!(height(&draw(3, 1_200, rule(0, 1)), 0, &blocks), Ok(2));
}

#[test]
fn nothing_is_drawn_before_the_block_is_deep_enough() {
    let (blocks, draw) = (regular(40), draw(3, 16 * 600, rule(0, 6)));
    assert_eq!(height(&draw, 0, &blocks[..27]), Ok(21));
    for (count, found) in [(26, 5), (22, 1), (21, 0), (20, 0), (5, 0), (0, 0)] {
        let not_yet = MixError::NotYet { epoch: 3, found, needed: 6 };
        assert_eq!(height(&draw, 0, &blocks[..count]), Err(not_yet), "{count}");
    }
}

#[test]
fn later_blocks_change_nothing_and_a_row_shows_the_same_from_wherever_it_begins() {
    let (blocks, draw) = (regular(40), draw(3, 16 * 600, rule(0, 6)));
    for first in 0..40 {
        let shown = height(&draw, first, &blocks[first as usize..]);
        match first {
            0..=9 => assert_eq!(shown, Ok(21)),
            10..=29 => assert_eq!(shown, Err(MixError::Late(first))),
            _ => assert!(shown.is_err()),
        }
    }
    let values: Vec<_> =
        (27..40).map(|count| draw.value(&Row { first: 0, blocks: &blocks[..count] })).collect();
    assert!(values.iter().all(|value| *value == values[0]));
}

/// Whoever mines the block that opens an epoch cannot put another in its place by its time.
#[test]
fn a_blocks_own_time_does_not_decide_whether_it_opens_the_epoch() {
    let draw = draw(3, 16 * 600, rule(0, 1));
    for own in [16 * 600 + 1, 21 * 600, 22 * 600, 22 * 600 + 7_200] {
        let mut times: Vec<u32> = (1..=40).map(|n| 600 * n).collect();
        times[21] = own;
        assert_eq!(height(&draw, 0, &chain(&times)[..22]), Ok(21), "{own}");
    }
}

#[test]
fn a_row_that_is_no_chain_of_bitcoins_is_refused() {
    let draw = draw(3, 16 * 600, rule(0, 1));
    let mut blocks = regular(40);
    blocks[30].previous[0] ^= 1;
    assert_eq!(height(&draw, 0, &blocks), Err(MixError::Unlinked(30)));
    let mut times: Vec<u32> = (1..=40).map(|n| 600 * n).collect();
    times[25] = times[19];
    assert_eq!(height(&draw, 0, &chain(&times)), Err(MixError::Time(25)));
}

#[test]
fn anybody_can_check_a_value_from_links_and_headers() {
    let (blocks, draw) = (regular(40), draw(3, 16 * 600, rule(0, 6)));
    let row = Row { first: 0, blocks: &blocks };
    let previous = links().value(Epoch(2)).unwrap();
    let (height, value) = draw.value(&row).unwrap();
    assert_eq!(value, mix(Epoch(3), &draw.link, &blocks[height as usize].hash));
    assert_eq!(draw.verify(&previous, &value, &row), Ok(()));
    let other = mix(Epoch(3), &draw.link, &blocks[22].hash);
    let refused = MixError::OtherValue { epoch: 3, found: other, expected: value };
    assert_eq!(draw.verify(&previous, &other, &row), Err(refused));
    let foreign = Draw { link: Hash::of(b"chosen"), ..draw };
    assert_eq!(foreign.verify(&previous, &value, &row), Err(MixError::NotALink(3)));
}

#[test]
fn the_mixture_is_the_same_everywhere_and_needs_all_three() {
    let (link, block) = (Hash::of(b"link"), Hash::of(b"block").0);
    let value = mix(Epoch(3), &link, &block);
    assert_eq!(
        value.to_string(),
        "b72cc2273db7441e372314f0ecb0ddcdcb10b3553fed212e2c5b7f9b31af9e7a"
    );
    assert_ne!(value, mix(Epoch(4), &link, &block));
    assert_ne!(value, mix(Epoch(3), &Hash::of(b"other"), &block));
    assert_ne!(value, mix(Epoch(3), &link, &Hash::of(b"other").0));
}

proptest! {
    #[test]
    fn whatever_the_times_there_is_one_block_and_every_long_enough_row_shows_it(
        steps in prop::collection::vec(0u32..3_600, 60), opening in 0i64..120_000, first in 0u32..40
    ) {
        // Times as Bitcoin has them: each after the median of the eleven before, not always after the last.
        let mut times: Vec<u32> = vec![0];
        for step in steps {
            let mut last: Vec<u32> = times.iter().rev().take(11).copied().collect();
            last.sort_unstable();
            times.push(last[last.len() / 2] + 1 + step);
        }
        let (blocks, draw) = (chain(&times), draw(1, opening, rule(0, 1)));
        let whole = draw.value(&Row { first: 0, blocks: &blocks });
        let part = draw.value(&Row { first, blocks: &blocks[first as usize..] });
        match part {
            Ok(shown) => prop_assert_eq!(Ok(shown), whole),
            Err(MixError::Late(_)) => prop_assert!(whole.is_ok_and(|(height, _)| height < first + 12)),
            Err(error) => prop_assert_eq!(Err(error), whole),
        }
    }
}
