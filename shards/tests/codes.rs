//! The erasure code against its contract and against a second implementation.

use proptest::prelude::*;
use rustfs_erasure_codec::galois_8;
use shards::{ErasureCode, Error, ReedSolomon, Shape};

/// The second implementation, behind our trait.
struct Second(galois_8::ReedSolomon);

impl ErasureCode for Second {
    fn data_shards(&self) -> usize {
        self.0.data_shard_count()
    }

    fn parity_shards(&self) -> usize {
        self.0.parity_shard_count()
    }

    fn encode(&self, data: &[&[u8]], parity: &mut [&mut [u8]]) -> Result<(), Error> {
        let wrong = Error::ShardCount { got: data.len(), want: self.data_shards() };
        self.0.encode_sep(data, parity).map_err(|_| wrong)
    }

    fn rebuild(
        &self,
        shards: &[Option<&[u8]>],
        wanted: &[usize],
        out: &mut [&mut [u8]],
    ) -> Result<(), Error> {
        let have = shards.iter().flatten().count();
        let few = Error::CannotRebuild { have, need: self.data_shards() };
        let mut all: Vec<Option<Vec<u8>>> =
            shards.iter().map(|shard| shard.map(<[u8]>::to_vec)).collect();
        self.0.reconstruct(&mut all).map_err(|_| few.clone())?;
        for (out, &index) in out.iter_mut().zip(wanted) {
            out.copy_from_slice(all[index].as_deref().ok_or(few.clone())?);
        }
        Ok(())
    }
}

fn ours(data: u16, parity: u16) -> Result<ReedSolomon, Error> {
    ReedSolomon::new(Shape::new(data, parity, 1 << 20)?)
}

fn second(data: u16, parity: u16) -> Result<Second, Error> {
    let refused = Error::DataShards { got: data, max: 64 };
    galois_8::ReedSolomon::new(data.into(), parity.into()).map(Second).map_err(|_| refused)
}

fn data(count: u16, bytes: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|shard| {
            let mut out = vec![0; bytes];
            blake3::Hasher::new().update(&shard.to_le_bytes()).finalize_xof().fill(&mut out);
            out
        })
        .collect()
}

fn encoded(code: &impl ErasureCode, data: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Error> {
    let inputs: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
    let mut parity = vec![vec![0; data.first().map_or(0, Vec::len)]; code.parity_shards()];
    let mut outputs: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
    code.encode(&inputs, &mut outputs)?;
    Ok([data, &parity].concat())
}

/// What every implementation must do: any m shards may be lost, no more.
fn holds_the_contract(code: &impl ErasureCode, bytes: usize, order: u64) -> Result<(), Error> {
    let k = u16::try_from(code.data_shards()).unwrap_or(u16::MAX);
    let whole = encoded(code, &data(k, bytes))?;
    let mut indices: Vec<usize> = (0..code.shards()).collect();
    indices.sort_by_key(|index| *blake3::hash(&(order ^ *index as u64).to_le_bytes()).as_bytes());
    let mut given: Vec<Option<Vec<u8>>> = whole.iter().cloned().map(Some).collect();
    let lost = &indices[..code.parity_shards()];
    for &index in lost {
        given[index] = None;
    }
    let row: Vec<Option<&[u8]>> = given.iter().map(Option::as_deref).collect();
    for &index in lost {
        let mut one = vec![0; bytes];
        code.rebuild(&row, &[index], &mut [&mut one])?;
        assert!(one == whole[index], "shard {index} alone");
    }
    let mut all = given.clone();
    code.reconstruct(&mut all)?;
    assert!(all.into_iter().flatten().eq(whole), "all lost shards together");
    given[indices[code.parity_shards()]] = None;
    let refused = code.reconstruct(&mut given).map_err(|error| error.code());
    assert_eq!(refused, Err("cannot_rebuild"));
    Ok(())
}

#[test]
fn the_largest_code_holds_the_contract() -> Result<(), Error> {
    holds_the_contract(&ours(64, 64)?, 20_000, 1)
}

#[test]
fn one_data_shard_is_copied_to_each_parity_shard() -> Result<(), Error> {
    let whole = encoded(&ours(1, 3)?, &data(1, 1_000))?;
    assert!(whole.iter().all(|shard| *shard == whole[0]));
    Ok(())
}

#[test]
fn the_parity_of_a_known_segment_is_known() -> Result<(), Error> {
    let data: Vec<Vec<u8>> = (0..4).map(|shard| vec![shard, shard + 4, shard * 16]).collect();
    let whole = encoded(&ours(4, 2)?, &data)?;
    let second = encoded(&second(4, 2)?, &data)?;
    assert_eq!(whole[4..], second[4..]);
    Ok(())
}

#[test]
fn wrong_counts_and_lengths_are_refused_by_name() -> Result<(), Error> {
    let code = ours(2, 1)?;
    let (long, short) = (vec![1; 10], vec![2; 9]);
    let mut parity = vec![0; 10];
    let three = code.encode(&[&long, &long, &long], &mut [&mut parity]);
    assert_eq!(three, Err(Error::ShardCount { got: 3, want: 2 }));
    let uneven = code.encode(&[&long, &short], &mut [&mut parity]);
    assert_eq!(uneven, Err(Error::ShardLength { index: 1, got: 9, want: 10 }));
    let row = [Some(long.as_slice()), None, Some(&long)];
    let beyond = code.rebuild(&row, &[3], &mut [&mut parity]);
    assert_eq!(beyond, Err(Error::NoSuchShard { index: 3, last: 2 }));
    let few = code.rebuild(&[None, None, Some(&long)], &[0], &mut [&mut parity]);
    assert_eq!(few, Err(Error::CannotRebuild { have: 1, need: 2 }));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_implementations_hold_the_contract_and_give_the_same_bytes(
        (k, m) in (1_u16..20, 1_u16..8),
        bytes in 1_usize..40_000,
        order in any::<u64>(),
    ) {
        let (ours, second) = (ours(k, m)?, second(k, m)?);
        holds_the_contract(&ours, bytes, order)?;
        holds_the_contract(&second, bytes, order)?;
        let data = data(k, bytes);
        prop_assert!(encoded(&ours, &data)? == encoded(&second, &data)?);
    }
}
