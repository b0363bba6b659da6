//! Objects: whatever goes in comes back from any k shards, and nothing else does.

mod faults;
mod ranges;
mod stored;

use bytes::Bytes;
use proptest::prelude::*;
use shards::{
    Cipher, ContractLayout, Decoder, Encoder, Error, ObjectLayout, ProofError, Root, Segment,
    Shape, seal,
};
use stored::{noise, shape, store, store_with};

#[test]
fn objects_at_every_edge_come_back() -> Result<(), Error> {
    let shape = shape(2, 1)?;
    let full = 2 * (256 << 10);
    let chunk = seal::CHUNK_BYTES;
    // Eight chunks with their tags are 128 bytes more than a segment.
    let exact = full - 8 * seal::TAG_BYTES;
    let sizes = [
        0,
        1,
        63,
        64,
        chunk - 1,
        chunk,
        chunk + 1,
        exact - 1,
        exact,
        exact + 1,
        full,
        2 * exact,
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
fn a_stream_that_exactly_fills_a_segment_makes_one_and_a_byte_more_makes_two() -> Result<(), Error>
{
    let exact = 2 * (256 << 10) - 8 * seal::TAG_BYTES;
    let count = |bytes| {
        Ok::<_, Error>(store(&noise(bytes, 2), shape(2, 1)?, 1 << 20, false)?.segments.len())
    };
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

/// What earlier versions stored must stay readable: these roots must never change.
#[test]
fn a_known_object_has_the_roots_it_always_had() -> Result<(), Error> {
    let plain = noise(600_000, 22);
    let roots_of = |cipher| {
        let stored = store_with(&plain, shape(2, 1)?, cipher, (1 << 20, false))?;
        let layout = ContractLayout::new(stored.layout.segments)?;
        Ok::<_, Error>(
            [Root(layout.hash()), layout.slot_summary(2)?.root].map(|root| root.to_string()),
        )
    };
    let known = [
        "99733334da0e59a25bb609eb7e721be927ad701df6c8a01f9a0dae7bd2577018",
        "a5b3dd314a0a218f405bf21223d4b52d0f1fbe39c6c617c551fb6b329311c254",
    ];
    assert_eq!(roots_of(Cipher::Aes256Gcm)?, known);
    let known = [
        "941c43b272e6f1d52163251bea7127c7f9eea52788685310f414cf95044e07c2",
        "07cd5d214af7581d110ae7d473a8f6db405521e63917ab87b46418757fa839da",
    ];
    assert_eq!(roots_of(Cipher::ChaCha20Poly1305)?, known);
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

#[test]
fn whole_pipelines_may_run_on_other_threads() {
    fn is_sendable<T: Send + 'static>(_: Option<T>) -> bool {
        true
    }
    assert!(is_sendable(None::<Encoder>) && is_sendable(None::<Decoder>));
    assert!(is_sendable(None::<Segment>) && is_sendable(None::<(Error, ProofError)>));
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
