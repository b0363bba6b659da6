//! Whatever is lost, altered, cut short, rearranged or refused is an error that names it.

use crate::stored::{Stored, key, noise, shape, store};
use bytes::Bytes;
use shards::{
    Cipher, Decoder, Encoder, ErasureCode, Error, ObjectKey, ObjectLayout, ReedSolomon, Root,
    Segment, seal,
};

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
fn gigabytes_of_zeros_pass_in_small_pieces() -> Result<(), Error> {
    struct Count(u64);
    impl std::io::Write for Count {
        fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
            assert!(piece.len() <= 128 << 10 && piece.iter().all(|&byte| byte == 0));
            self.0 += piece.len() as u64;
            Ok(piece.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut encoder = Encoder::new(shape(2, 1)?, Cipher::for_this_cpu(), &key(), true)?;
    let zeros = vec![0; 1 << 20];
    let mut segments = Vec::new();
    for _ in 0..1_024 {
        segments.extend(encoder.push(&zeros)?);
    }
    let end = encoder.finish()?;
    segments.extend(end.segments);
    let stored = Stored { segments, layout: end.layout };
    assert_eq!(stored.segments.len(), 1);
    let mut decoder = Decoder::new(stored.layout.clone(), &key())?;
    let mut count = Count(0);
    decoder.push(&stored.shards(&stored.segments[0], &[])?, &mut count)?;
    decoder.finish()?;
    assert_eq!(count.0, 1 << 30);
    Ok(())
}

/// Codes and names whatever `sealed` holds, as a client with a fault, or with ill will, might.
fn stored_badly(sealed: &[u8], layout: &ObjectLayout) -> Result<Stored, Error> {
    let full = usize::try_from(layout.shape.segment_bytes()).unwrap_or(usize::MAX);
    let code = ReedSolomon::new(layout.shape)?;
    let mut stored = Stored { segments: Vec::new(), layout: layout.clone() };
    for ((index, used), layout) in (0..).zip(sealed.chunks(full)).zip(&mut stored.layout.segments) {
        let shard = layout.shard_bytes as usize;
        let mut bytes = used.to_vec();
        bytes.resize(shard * usize::from(stored.layout.shape.data), 0);
        let mut parity = vec![vec![0; shard]; stored.layout.shape.parity.into()];
        let data: Vec<&[u8]> = bytes.chunks(shard).collect();
        let mut rows: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
        code.encode(&data, &mut rows)?;
        let shards: Vec<Bytes> = data
            .into_iter()
            .map(Bytes::copy_from_slice)
            .chain(parity.into_iter().map(Bytes::from))
            .collect();
        let roots: Vec<Root> = shards.iter().map(|bytes| Root::of(bytes)).collect();
        layout.roots.clone_from(&roots);
        stored.segments.push(Segment { index, shards, roots });
    }
    Ok(stored)
}

fn sealed(stored: &Stored) -> Vec<u8> {
    let data = usize::from(stored.layout.shape.data);
    let mut sealed: Vec<u8> =
        stored.segments.iter().flat_map(|s| &s.shards[..data]).flatten().copied().collect();
    sealed.truncate(usize::try_from(stored.layout.stored_bytes).unwrap_or(usize::MAX));
    sealed
}

#[test]
fn what_does_not_open_stays_an_error_and_what_came_before_is_right() -> Result<(), Error> {
    let plain = noise(1_300_000, 19);
    for compress in [false, true] {
        let good = store(&plain, shape(2, 1)?, 1 << 20, compress)?;
        let mut sealed = sealed(&good);
        let same = stored_badly(&sealed, &good.layout)?;
        assert_eq!(same.layout, good.layout);
        sealed[700_000] ^= 1;
        let bad = stored_badly(&sealed, &good.layout)?;
        let mut decoder = Decoder::starting_at(bad.layout.clone(), &key(), 1_000)?;
        let mut out = Vec::new();
        let shards = |segment: usize| bad.shards(&bad.segments[segment], &[0]);
        decoder.push(&shards(0)?, &mut out)?;
        let tampered = Err(Error::Tampered { chunk: 10 });
        assert_eq!(decoder.push(&shards(1)?, &mut out), tampered);
        assert_eq!(decoder.push(&shards(1)?, &mut out), tampered);
        assert_eq!(decoder.push(&shards(2)?, &mut out), tampered);
        assert!(out.len() > 300_000 && plain[1_000..].starts_with(&out), "{}", out.len());
        assert_eq!(decoder.finish(), tampered);
    }
    Ok(())
}

#[test]
fn a_stream_cut_short_or_rearranged_does_not_pass_for_whole() -> Result<(), Error> {
    let good = store(&noise(1_300_000, 20), shape(2, 1)?, 1 << 20, false)?;
    let whole = sealed(&good);
    let chunk = seal::SEALED_CHUNK_BYTES;
    // The last chunk is left out, and the layout says so: nothing but the seal can tell.
    let mut cut = good.layout.clone();
    let chunks = whole.len().div_ceil(chunk);
    cut.stored_bytes = ((chunks - 1) * chunk) as u64;
    cut.plain_bytes = ((chunks - 1) * seal::CHUNK_BYTES) as u64;
    let left = cut.shape.segments(cut.stored_bytes);
    cut.segments.truncate(usize::try_from(left).unwrap_or(usize::MAX));
    for (index, segment) in (0..).zip(&mut cut.segments) {
        segment.shard_bytes =
            cut.shape.shard_bytes_for(cut.shape.used_bytes(cut.stored_bytes, index));
    }
    let bad = stored_badly(&whole[..(chunks - 1) * chunk], &cut)?;
    assert_eq!(bad.fetch(&[], 0), Err(Error::Tampered { chunk: chunks as u64 - 2 }));
    let mut swapped = whole[chunk..2 * chunk].to_vec();
    swapped.extend_from_slice(&whole[..chunk]);
    swapped.extend_from_slice(&whole[2 * chunk..]);
    let bad = stored_badly(&swapped, &good.layout)?;
    assert_eq!(bad.fetch(&[], 0), Err(Error::Tampered { chunk: 0 }));
    assert_eq!(bad.fetch(&[], 131_072).map(|plain| plain.len()), Ok(1_300_000 - 131_072));
    Ok(())
}

#[test]
fn a_writer_that_is_full_is_an_error_and_stays_one() -> Result<(), Error> {
    let stored = store(&noise(200_000, 21), shape(2, 1)?, 1 << 20, false)?;
    let shards = stored.shards(&stored.segments[0], &[])?;
    let mut decoder = Decoder::new(stored.layout.clone(), &key())?;
    let mut room = vec![0; 100_000];
    let full = decoder.push(&shards, &mut room.as_mut_slice()).map_err(|error| error.code());
    assert_eq!(full, Err("output"));
    assert_eq!(decoder.push(&shards, &mut Vec::new()).map_err(|error| error.code()), Err("output"));
    assert_eq!(decoder.finish().map_err(|error| error.code()), Err("output"));
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
        says("the length of a shard is 192, and would have to be 128")
    );
    assert_eq!(
        refused(|layout| layout.segments[0].roots.clear()),
        says("the number of roots is 0, and would have to be 3")
    );
    assert!(refused(|layout| layout.shape.data = 0).is_err());
    assert!(refused(|layout| layout.stored_bytes = 3).is_err());
    Ok(())
}
