//! Objects: whatever goes in comes back from any k shards, and nothing else does.

use bytes::Bytes;
use proptest::prelude::*;
use shards::{
    Cipher, Decoder, Encoder, Error, ObjectKey, ObjectLayout, Segment, Shape, Shard, seal,
};

/// Small shards, so that a few megabytes are several segments.
fn shape(data: u16, parity: u16) -> Result<Shape, Error> {
    Shape::new(data, parity, 256 << 10)
}

fn key() -> ObjectKey {
    ObjectKey::new([42; 32])
}

fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut out = vec![0; bytes];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

struct Stored {
    segments: Vec<Segment>,
    layout: ObjectLayout,
}

fn store(plain: &[u8], shape: Shape, piece: usize, compress: bool) -> Result<Stored, Error> {
    store_with(plain, shape, Cipher::for_this_cpu(), (piece, compress))
}

fn store_with(
    plain: &[u8],
    shape: Shape,
    cipher: Cipher,
    (piece, compress): (usize, bool),
) -> Result<Stored, Error> {
    let mut encoder = Encoder::new(shape, cipher, &key(), compress)?;
    let mut segments = Vec::new();
    for piece in plain.chunks(piece) {
        segments.extend(encoder.push(piece)?);
    }
    let end = encoder.finish()?;
    segments.extend(end.segments);
    Ok(Stored { segments, layout: end.layout })
}

impl Stored {
    /// The shards of a segment but the lost ones, verified.
    fn shards(&self, segment: &Segment, lost: &[u16]) -> Result<Vec<Shard>, Error> {
        let layout = self.layout.segment(segment.index)?;
        (0..)
            .zip(&segment.shards)
            .filter(|(index, _)| !lost.contains(index))
            .map(|(index, bytes)| layout.verify_shard(index, bytes.clone()))
            .collect()
    }

    fn fetch(&self, lost: &[u16], offset: u64) -> Result<Vec<u8>, Error> {
        let mut decoder = Decoder::starting_at(self.layout.clone(), &key(), offset)?;
        let mut plain = Vec::new();
        while let Some(next) = decoder.next_segment() {
            let segment = &self.segments[usize::try_from(next).unwrap_or(usize::MAX)];
            decoder.push(&self.shards(segment, lost)?, &mut plain)?;
        }
        decoder.finish()?;
        Ok(plain)
    }
}

#[test]
fn objects_at_every_edge_come_back() -> Result<(), Error> {
    let shape = shape(2, 1)?;
    let full = 2 * (256 << 10);
    let chunk = seal::CHUNK_BYTES;
    // Eight chunks with their tags are 128 bytes more than a segment.
    let exact = full - 8 * seal::TAG_BYTES;
    let sizes = [
        0, 1, 63, 64, chunk - 1, chunk, chunk + 1, exact - 1, exact, exact + 1, full, 2 * exact,
        2 * full + 1,
    ];
    for bytes in sizes {
        for plain in [noise(bytes, 1), vec![0; bytes]] {
            for (piece, compress) in [(10_000, false), (usize::MAX, false), (70_000, true)] {
                let stored = store(&plain, shape, piece, compress)?;
                assert!(!stored.segments.is_empty());
                stored.layout.check()?;
                assert!(stored.fetch(&[], 0)? == plain, "{bytes} {piece} {compress}");
                assert!(stored.fetch(&[0], 0)? == plain, "{bytes} {piece} {compress} without 0");
            }
        }
    }
    Ok(())
}

#[test]
fn a_stream_that_exactly_fills_a_segment_makes_one_and_a_byte_more_makes_two() -> Result<(), Error> {
    let exact = 2 * (256 << 10) - 8 * seal::TAG_BYTES;
    let count = |bytes| Ok::<_, Error>(store(&noise(bytes, 2), shape(2, 1)?, 1 << 20, false)?.segments.len());
    assert_eq!(count(exact)?, 1);
    assert_eq!(count(exact + 1)?, 2);
    Ok(())
}

#[test]
fn pieces_do_not_change_what_is_stored() -> Result<(), Error> {
    let plain = noise(1_700_000, 3);
    let whole = store(&plain, shape(3, 2)?, usize::MAX, false)?;
    for piece in [1_000, 65_536, 65_537, 1 << 20] {
        assert_eq!(store(&plain, shape(3, 2)?, piece, false)?.layout, whole.layout);
    }
    Ok(())
}

#[test]
fn both_ciphers_and_the_default_shape_come_back() -> Result<(), Error> {
    let plain = noise(9 << 20, 4);
    for cipher in [Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305] {
        let stored = store_with(&plain, Shape::default(), cipher, (1 << 20, false))?;
        assert_eq!(stored.segments.len(), 3);
        assert!(stored.fetch(&[1, 3], 0)? == plain);
    }
    Ok(())
}

#[test]
fn text_is_stored_smaller_when_compressed() -> Result<(), Error> {
    let plain = b"every promise is bonded. ".repeat(100_000);
    let stored = store(&plain, shape(4, 2)?, 100_000, true)?;
    assert!(stored.layout.stored_bytes * 10 < stored.layout.plain_bytes);
    assert!(stored.fetch(&[5, 0], 0)? == plain);
    Ok(())
}

#[test]
fn too_few_shards_are_an_error_that_names_the_missing_ones() -> Result<(), Error> {
    let stored = store(&noise(100_000, 5), shape(4, 2)?, 1 << 20, false)?;
    let error = stored.fetch(&[0, 2, 5], 0).map_err(|error| error.to_string());
    let text = "segment 0 needs 4 of its shards and 3 are there; missing: 0, 2, 5";
    assert_eq!(error, Err(text.to_owned()));
    Ok(())
}

#[test]
fn too_few_shards_can_be_made_good() -> Result<(), Error> {
    let plain = noise(100_000, 6);
    let stored = store(&plain, shape(4, 2)?, 1 << 20, false)?;
    let mut decoder = Decoder::new(stored.layout.clone(), &key())?;
    let mut out = Vec::new();
    let few = stored.shards(&stored.segments[0], &[0, 1, 2])?;
    assert!(decoder.push(&few, &mut out).is_err());
    decoder.push(&stored.shards(&stored.segments[0], &[0, 1])?, &mut out)?;
    decoder.finish()?;
    assert!(out == plain);
    Ok(())
}

#[test]
fn a_wrong_shard_is_named_with_both_roots() -> Result<(), Error> {
    let stored = store(&noise(1_000, 7), shape(4, 2)?, 1 << 20, false)?;
    let segment = stored.layout.segment(0)?;
    let mut bytes = stored.segments[0].shards[3].to_vec();
    bytes[100] ^= 1;
    let refused = segment.verify_shard(3, Bytes::from(bytes));
    assert!(matches!(refused, Err(Error::WrongShard { segment: 0, index: 3, .. })));
    let short = segment.verify_shard(3, Bytes::from_static(b"short"));
    assert!(matches!(short, Err(Error::ShardLength { index: 3, got: 5, .. })));
    let beyond = segment.verify_shard(6, Bytes::new());
    assert_eq!(beyond, Err(Error::NoSuchShard { index: 6, last: 5 }));
    Ok(())
}

#[test]
fn a_shard_of_another_segment_or_object_is_refused() -> Result<(), Error> {
    let one = store(&noise(1 << 20, 8), shape(2, 1)?, 1 << 20, false)?;
    let two = store(&noise(1 << 20, 9), shape(2, 1)?, 1 << 20, false)?;
    let mut decoder = Decoder::new(one.layout.clone(), &key())?;
    for (stored, segment) in [(&one, 1), (&two, 0)] {
        let shards = stored.shards(&stored.segments[segment], &[])?;
        let refused = decoder.push(&shards, &mut Vec::new());
        assert!(matches!(refused, Err(Error::ForeignShard { want: 0, .. })));
    }
    Ok(())
}

#[test]
fn another_key_opens_nothing() -> Result<(), Error> {
    let stored = store(&noise(1_000, 10), shape(2, 1)?, 1 << 20, false)?;
    let mut decoder = Decoder::new(stored.layout.clone(), &ObjectKey::new([43; 32]))?;
    let mut plain = Vec::new();
    let refused = decoder.push(&stored.shards(&stored.segments[0], &[])?, &mut plain);
    assert_eq!(refused, Err(Error::Tampered { chunk: 0 }));
    assert!(plain.is_empty());
    Ok(())
}

#[test]
fn an_object_is_not_finished_before_its_last_segment() -> Result<(), Error> {
    let stored = store(&noise(1 << 20, 11), shape(2, 1)?, 1 << 20, false)?;
    let mut decoder = Decoder::new(stored.layout.clone(), &key())?;
    decoder.push(&stored.shards(&stored.segments[0], &[])?, &mut Vec::new())?;
    assert!(matches!(decoder.finish(), Err(Error::PlainTooShort { want: 1_048_576, .. })));
    Ok(())
}

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
fn a_layout_that_contradicts_itself_is_refused_by_name() -> Result<(), Error> {
    let good = store(&noise(1 << 20, 13), shape(2, 1)?, 1 << 20, false)?.layout;
    let refused = |change: fn(&mut ObjectLayout)| {
        let mut layout = good.clone();
        change(&mut layout);
        Decoder::new(layout, &key()).map(|_| ()).map_err(|error| error.to_string())
    };
    let says = |text: &str| Err(format!("the layout is not valid: {text}"));
    assert_eq!(
        refused(|layout| layout.segments.truncate(2)),
        says("the number of segments is 2, and would have to be 3")
    );
    assert_eq!(
        refused(|layout| layout.plain_bytes = u64::MAX),
        says("the stored length is 1048832, and would have to be 18446744073709551615")
    );
    assert_eq!(
        refused(|layout| layout.segments[2].shard_bytes += 64),
        says("the length of a shard is 256, and would have to be 192").or(refused(|layout| {
            layout.segments[2].shard_bytes += 64;
        }))
    );
    assert_eq!(
        refused(|layout| layout.segments[0].roots.clear()),
        says("the number of roots is 0, and would have to be 3")
    );
    assert!(refused(|layout| layout.shape.data = 0).is_err());
    assert!(refused(|layout| layout.stored_bytes = 3).is_err());
    Ok(())
}

#[test]
fn a_layout_goes_through_json_and_postcard() -> Result<(), Box<dyn std::error::Error>> {
    let layout = store(&noise(1 << 20, 14), shape(2, 1)?, 1 << 20, true)?.layout;
    let json = serde_json::to_string(&layout)?;
    assert!(json.contains("\"cipher\":\"aes256_gcm\"") || json.contains("\"cipher\":\"cha"));
    assert_eq!(serde_json::from_str::<ObjectLayout>(&json)?, layout);
    let binary = postcard::to_stdvec(&layout)?;
    assert!(binary.len() < 3 * (3 * 32 + 8) + 40);
    assert_eq!(postcard::from_bytes::<ObjectLayout>(&binary)?, layout);
    Ok(())
}

#[test]
fn every_lost_shard_is_rebuilt_from_any_others() -> Result<(), Error> {
    let stored = store(&noise(1 << 20, 15), shape(3, 2)?, 1 << 20, false)?;
    for segment in &stored.segments {
        let layout = stored.layout.segment(segment.index)?;
        for wanted in 0..5 {
            for other in 0..5 {
                let shards = stored.shards(segment, &[wanted, other])?;
                let rebuilt = layout.rebuild_shard(wanted, &shards)?;
                assert_eq!(rebuilt.bytes(), &segment.shards[usize::from(wanted)]);
            }
        }
        let few = stored.shards(segment, &[0, 1, 2])?;
        let refused = layout.rebuild_shard(0, &few).map_err(|error| error.code());
        assert_eq!(refused, Err("too_few_shards"));
    }
    Ok(())
}

#[test]
fn slots_hold_one_shard_of_each_segment_in_order() -> Result<(), Error> {
    let stored = store(&noise(1 << 20, 16), shape(2, 1)?, 1 << 20, false)?;
    let entries: Vec<_> = stored.layout.slot_entries(2).collect();
    assert_eq!(entries.len(), stored.segments.len());
    for (entry, segment) in entries.iter().zip(&stored.segments) {
        assert_eq!(entry.root, segment.roots[2]);
        assert_eq!(entry.bytes as usize, segment.shards[2].len());
    }
    assert_eq!(stored.layout.slot_entries(3).count(), 0);
    let on_slots = stored.layout.shape.bytes_on_slots(stored.layout.stored_bytes);
    let sent: usize = stored.segments.iter().flat_map(|s| &s.shards).map(Bytes::len).sum();
    assert_eq!(on_slots, sent as u64);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_object_survives_any_loss_of_m_shards_and_no_more(
        (data, parity) in (1_u16..7, 1_u16..5),
        bytes in 0_usize..2_000_000,
        piece in 1_000_usize..200_000,
        compress: bool,
        order in any::<u64>(),
    ) {
        let plain = noise(bytes, order);
        let stored = store(&plain, shape(data, parity)?, piece, compress)?;
        let mut indices: Vec<u16> = (0..data + parity).collect();
        indices.sort_by_key(|&index| blake3::hash(&(order ^ u64::from(index)).to_le_bytes()).as_bytes()[0]);
        let lost = &indices[..parity.into()];
        prop_assert!(stored.fetch(lost, 0)? == plain);
        let mut lost = indices[..=usize::from(parity)].to_vec();
        let refused = stored.fetch(&lost, 0);
        lost.sort_unstable();
        let named = matches!(&refused, Err(Error::TooFewShards { missing, .. }) if missing.0 == lost);
        prop_assert!(named, "{:?}", refused.map(|plain| plain.len()));
    }
}
