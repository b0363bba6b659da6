//! Parts of objects: what is wanted comes, and no more is fetched.

use crate::stored::{key, noise, shape, store};
use shards::{Decoder, Error};

#[test]
fn a_range_is_read_from_the_segment_it_begins_in() -> Result<(), Error> {
    let plain = noise(2_000_000, 12);
    for compress in [false, true] {
        let stored = store(&plain, shape(2, 1)?, 1 << 20, compress)?;
        for offset in [0, 1, 65_535, 65_536, 524_160, 524_161, 1_500_000, 1_999_999, 2_000_000] {
            let at = usize::try_from(offset).unwrap_or(usize::MAX);
            assert!(stored.fetch(&[1], offset)? == plain[at..], "{offset} {compress}");
        }
        assert!(stored.fetch(&[], u64::MAX)?.is_empty());
    }
    let stored = store(&plain, shape(2, 1)?, 1 << 20, false)?;
    let decoder = Decoder::starting_at(stored.layout, &key(), 1_999_999)?;
    assert_eq!(decoder.next_segment(), Some(3));
    Ok(())
}

#[test]
fn a_range_ends_where_it_should_and_fetches_no_more() -> Result<(), Error> {
    let plain = noise(2_000_000, 17);
    for compress in [false, true] {
        let stored = store(&plain, shape(2, 1)?, 1 << 20, compress)?;
        for (start, end) in [
            (0, 1),
            (0, 65_536),
            (65_535, 65_537),
            (524_100, 524_300),
            (7, 1_999_999),
            (1_999_999, 2_000_000),
            (5, 5),
            (9, 3),
            (70_000, 70_000),
            (1_999_999, u64::MAX),
        ] {
            let mut decoder = Decoder::of_range(stored.layout.clone(), &key(), start..end)?;
            let mut out = Vec::new();
            let mut fetched = Vec::new();
            while let Some(next) = decoder.next_segment() {
                let segment = &stored.segments[usize::try_from(next).unwrap_or(usize::MAX)];
                decoder.push(&stored.shards(segment, &[0])?, &mut out)?;
                fetched.push(next);
            }
            decoder.finish()?;
            let at = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(plain.len());
            let want = plain.get(at(start)..at(end)).unwrap_or_default();
            assert!(out == want, "{start} to {end}, compressed: {compress}");
            if !compress {
                let full = 2 * (256 << 10);
                let segment = |byte: u64| (byte / 65_536 * 65_552) / full;
                let most =
                    if start >= end { 0 } else { segment(end.min(2_000_000)) - segment(start) + 2 };
                assert!(fetched.len() as u64 <= most, "{start} to {end}: {fetched:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_range_that_did_not_come_is_not_finished() -> Result<(), Error> {
    let stored = store(&noise(1 << 20, 18), shape(2, 1)?, 1 << 20, false)?;
    let decoder = Decoder::of_range(stored.layout.clone(), &key(), 600_000..700_000)?;
    assert!(matches!(decoder.finish(), Err(Error::PlainTooShort { want: 700_000, .. })));
    Ok(())
}
