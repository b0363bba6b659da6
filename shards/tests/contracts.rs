//! A contract's layout: what goes in comes out, whatever does not fit is refused, and slots follow it.

use proptest::prelude::*;
use shards::layout::LAYOUT_BYTES_MAX;
use shards::shape::SHARD_BYTES_MAX;
use shards::{
    Cipher, ContractLayout, Encoder, Entry, Error, ObjectKey, Root, SegmentLayout, Shape, Shard,
    SlotList,
};

fn segment(number: u32, slots: u8) -> SegmentLayout {
    let root = |slot: u8| Root::of(&[number.to_le_bytes().as_slice(), &[slot]].concat());
    SegmentLayout { shard_bytes: 64 * (1 + number % 3), roots: (0..slots).map(root).collect() }
}

fn segments(count: u32) -> Vec<SegmentLayout> {
    (0..count).map(|number| segment(number, 6)).collect()
}

fn refused(segments: Vec<SegmentLayout>) -> Result<(), String> {
    ContractLayout::new(segments).map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn a_layout_is_its_encoding_and_back() -> Result<(), Error> {
    for count in [0, 1, 2, 127, 128, 300] {
        let layout = ContractLayout::new(segments(count))?;
        let bytes = layout.encode();
        assert_eq!(ContractLayout::decode(&bytes)?, layout);
        assert_eq!(layout.hash(), *blake3::hash(&bytes).as_bytes());
    }
    Ok(())
}

#[test]
fn the_encoding_is_the_documented_one() -> Result<(), Error> {
    let roots = vec![Root([7; 32]), Root([8; 32])];
    let layout = ContractLayout::new(vec![SegmentLayout { shard_bytes: 128, roots }])?;
    let want = [&[1, 0x80, 1, 2][..], &[7; 32], &[8; 32]].concat();
    assert_eq!(layout.encode(), want);
    assert_eq!(ContractLayout::default().encode(), [0]);
    Ok(())
}

#[test]
fn a_cut_or_continued_encoding_is_refused() -> Result<(), Error> {
    let bytes = ContractLayout::new(segments(3))?.encode();
    for end in 0..bytes.len() {
        let cut = ContractLayout::decode(&bytes[..end]).map_err(|error| error.code());
        assert_eq!(cut, Err("layout_bytes"), "{end}");
    }
    let longer = ContractLayout::decode(&[bytes.as_slice(), &[0]].concat());
    let at = bytes.len();
    assert_eq!(longer, Err(Error::LayoutBytes { at, what: "the end of the layout" }));
    Ok(())
}

#[test]
fn every_bit_of_an_encoding_counts() -> Result<(), Error> {
    let layout = ContractLayout::new(segments(3))?;
    let bytes = layout.encode();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(ContractLayout::decode(&changed), Ok(layout.clone()), "bit {bit}");
    }
    Ok(())
}

#[test]
fn a_number_written_longer_than_it_need_be_is_refused() {
    let roots = [[7; 32], [8; 32]].concat();
    let long_count = [&[0x81, 0, 64, 2][..], &roots].concat();
    let what = "a number in its shortest form";
    assert_eq!(ContractLayout::decode(&long_count), Err(Error::LayoutBytes { at: 0, what }));
    let long_length = [&[1, 0xc0, 0, 2][..], &roots].concat();
    assert_eq!(ContractLayout::decode(&long_length), Err(Error::LayoutBytes { at: 1, what }));
}

#[test]
fn announced_lengths_do_not_allocate() {
    let many = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let segments = ContractLayout::decode(&many);
    assert_eq!(segments, Err(Error::LayoutBytes { at: 10, what: "a segment" }));
    let roots = ContractLayout::decode(&[&[1, 64][..], &many].concat());
    assert_eq!(roots, Err(Error::LayoutBytes { at: 1, what: "a segment" }));
    let empty = ContractLayout::decode(&[&[100][..], &[0; 1_000]].concat());
    assert_eq!(empty.map_err(|error| error.code()), Err("layout"));
}

#[test]
fn impossible_segments_are_refused_by_name() {
    let with = |change: fn(&mut SegmentLayout)| {
        let mut segments = segments(2);
        change(&mut segments[1]);
        refused(segments)
    };
    let says = |text: &str| Err(format!("the layout is not valid: {text}"));
    assert_eq!(
        with(|segment| segment.roots.truncate(5)),
        says("the number of roots is 5, and would have to be 6")
    );
    assert_eq!(
        with(|segment| segment.shard_bytes = 0),
        says("the length of a shard is 0, and would have to be 64")
    );
    assert_eq!(
        with(|segment| segment.shard_bytes = 65),
        says("the length of a shard is 65, and would have to be 128")
    );
    assert_eq!(
        with(|segment| segment.shard_bytes = SHARD_BYTES_MAX + 1),
        says("the length of a shard is 4194305, and would have to be 4194304")
    );
    assert_eq!(
        refused(vec![segment(0, 1)]),
        says("the number of roots is 1, and would have to be 2")
    );
    assert_eq!(
        refused(vec![segment(0, 129)]),
        says("the number of roots is 129, and would have to be 128")
    );
}

#[test]
fn a_layout_too_long_to_send_is_refused_and_nothing_is_added() -> Result<(), Error> {
    let wide = segment(0, 128);
    let fit = (LAYOUT_BYTES_MAX - 4) / (1 + 2 + 128 * 32);
    let mut layout = ContractLayout::new(vec![wide.clone(); fit])?;
    assert!(layout.encode().len() <= LAYOUT_BYTES_MAX);
    let before = layout.clone();
    let error = layout.append(vec![wide; 2]).map_err(|error| error.code());
    assert_eq!(error, Err("layout_too_long"));
    assert_eq!(layout, before);
    let long = ContractLayout::decode(&vec![0; LAYOUT_BYTES_MAX + 1]);
    assert_eq!(long.map_err(|error| error.code()), Err("layout_too_long"));
    Ok(())
}

#[test]
fn removed_segments_leave_what_would_have_been_without_them() -> Result<(), Error> {
    let all = segments(7);
    let mut layout = ContractLayout::default();
    assert_eq!(layout.append(all[..3].to_vec())?, 0..3);
    assert_eq!(layout.append(all[3..].to_vec())?, 3..7);
    assert_eq!(layout.remove(2..4)?, all[2..4]);
    let rest = [&all[..2], &all[4..]].concat();
    assert_eq!(layout, ContractLayout::new(rest)?);
    let before = layout.clone();
    assert_eq!(layout.remove(4..6), Err(Error::NoSuchSegment { segment: 5, segments: 5 }));
    #[expect(clippy::reversed_empty_ranges, reason = "a caller may compute such a range")]
    let backwards = layout.remove(3..2);
    assert_eq!(backwards.map_err(|error| error.code()), Err("no_such_segment"));
    assert_eq!(layout, before);
    assert_eq!(layout.remove(0..5)?.len(), 5);
    assert_eq!(layout, ContractLayout::default());
    layout.append([segment(1, 3)])?;
    assert_eq!(layout.slots(), Some(3));
    Ok(())
}

#[test]
fn a_slot_lists_its_shard_of_every_segment() -> Result<(), Error> {
    let segments = segments(5);
    let layout = ContractLayout::new(segments.clone())?;
    for slot in 0..6 {
        let entries: Vec<Entry> = segments
            .iter()
            .map(|s| Entry { root: s.roots[usize::from(slot)], bytes: s.shard_bytes })
            .collect();
        let list = layout.slot_list(slot)?;
        assert_eq!(list, SlotList::new(entries));
        assert_eq!(layout.slot_summary(slot)?, list.summary());
    }
    assert_eq!(layout.slot_list(6), Err(Error::NoSuchSlot { slot: 6, slots: 6 }));
    let empty = ContractLayout::default();
    assert_eq!((empty.slots(), empty.slot_list(6)?), (None, SlotList::default()));
    Ok(())
}

#[test]
fn a_slot_is_rebuilt_from_the_layout_alone() -> Result<(), Error> {
    let shape = Shape::new(3, 2, 256 << 10)?;
    let mut layout = ContractLayout::default();
    let mut stored = Vec::new();
    for (seed, bytes) in [(1, 1_000_000), (2, 0), (3, 800_000)] {
        let mut encoder =
            Encoder::new(shape, Cipher::Aes256Gcm, &ObjectKey::new([seed; 32]), false)?;
        stored.extend(encoder.push(&vec![seed; bytes])?);
        let end = encoder.finish()?;
        stored.extend(end.segments);
        layout.append(end.layout.segments)?;
    }
    let received = ContractLayout::decode(&layout.encode())?;
    let lost = 1;
    let mut rebuilt = SlotList::default();
    for (index, segment) in (0..).zip(&stored) {
        let known = received.segment(shape, index)?;
        let verified =
            |slot: u16| known.verify_shard(slot, segment.shards[usize::from(slot)].clone());
        let others = [0, 3, 4].map(verified).into_iter().collect::<Result<Vec<Shard>, _>>()?;
        let shard = known.rebuild_shard(lost, &others)?;
        assert_eq!(shard.bytes(), &segment.shards[usize::from(lost)]);
        let bytes = u32::try_from(shard.bytes().len()).unwrap_or(u32::MAX);
        rebuilt.push(Entry { root: shard.root(), bytes });
    }
    assert_eq!(rebuilt.summary(), received.slot_summary(lost)?);
    let beyond = received.segment(shape, 99).map_err(|error| error.code());
    assert_eq!(beyond.map(|_| ()), Err("no_such_segment"));
    let other = received.segment(Shape::default(), 0).map_err(|error| error.to_string());
    let text = "the layout is not valid: the number of roots is 5, and would have to be 6";
    assert_eq!(other.map(|_| ()), Err(text.to_owned()));
    Ok(())
}

proptest! {
    #[test]
    fn hostile_bytes_are_refused_or_are_the_one_encoding(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let framed = [&[1, 64, 2][..], &bytes].concat();
        for bytes in [bytes, framed] {
            if let Ok(layout) = ContractLayout::decode(&bytes) {
                prop_assert_eq!(layout.encode(), bytes);
            }
        }
    }
}
