//! t of n auditors: every combination of t opens its own point.
//!
//! Where more than one must agree, each auditor's points are weighed with a factor that hangs on everybody's announcements (as MuSig2
//! weighs keys). Plain sums would let the auditor that announces last choose nonces that cancel another's out, and attest for both.

use super::{Attestation, Auditor, DIGITS, OracleError, whole, whole_scalar};
use crate::escrow::curve;
use crate::outcome::prefix::Prefix;
use bitcoin::secp256k1::XOnlyPublicKey;
use musig2::secp::{MaybeScalar, Point, Scalar};
use std::collections::BTreeSet;

/// The most combinations that a quorum may have: each multiplies what is signed.
pub const COMBINATIONS_MAX: usize = 100;

/// The auditors of a contract, and how many of them must agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    auditors: Vec<Auditor>,
    threshold: usize,
    combinations: Vec<Vec<usize>>,
    weights: Vec<Scalar>,
}

impl Quorum {
    /// `threshold` of `auditors`.
    ///
    /// # Errors
    /// Where the threshold cannot be, combinations are too many, an auditor counts twice, or a nonce is announced twice.
    pub fn new(auditors: Vec<Auditor>, threshold: usize) -> Result<Self, OracleError> {
        let refused = OracleError::Threshold { threshold, auditors: auditors.len() };
        let combinations = combinations(auditors.len(), threshold).ok_or(refused)?;
        distinct(&auditors)?;
        let weights =
            if threshold == 1 { vec![Scalar::one(); auditors.len()] } else { weights(&auditors)? };
        Ok(Self { auditors, threshold, combinations, weights })
    }

    /// Who they are.
    pub fn auditors(&self) -> &[Auditor] {
        &self.auditors
    }

    /// How many must agree.
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// Every choice of so many of them, in lexicographic order.
    pub fn combinations(&self) -> &[Vec<usize>] {
        &self.combinations
    }

    /// The points of all their digits.
    pub(crate) fn points(&self) -> Result<Points, OracleError> {
        let digits = self.auditors.iter().zip(&self.weights).map(|(auditor, weight)| {
            let mut places = vec![];
            for place in 0..DIGITS {
                let of = |digit| whole(auditor.point(place, digit) * *weight);
                places.push([of(false)?, of(true)?]);
            }
            Ok(places)
        });
        Ok(Points { digits: digits.collect::<Result<_, OracleError>>()? })
    }

    /// The secret that the attestations of `combination` open for `prefix`, where all of them begin so.
    pub(crate) fn secret(
        &self,
        combination: &[usize],
        prefix: &Prefix,
        attestations: &[Attestation],
    ) -> Option<Scalar> {
        let mut sum = MaybeScalar::Zero;
        for auditor in combination {
            let attested = attestations.iter().find(|attestation| {
                attestation.auditor == *auditor && prefix.contains(attestation.value)
            })?;
            let secrets = attested.secrets.iter().take(prefix.len());
            let own: MaybeScalar = secrets.fold(MaybeScalar::Zero, |sum, secret| sum + *secret);
            sum += own * *self.weights.get(*auditor)?;
        }
        sum.into_option()
    }
}

/// What each auditor's signature of each digit opens, weighed.
pub(crate) struct Points {
    digits: Vec<Vec<[Point; 2]>>,
}

impl Points {
    /// What the attestation of `prefix` by everybody in each of `combinations` opens.
    pub(crate) fn of(
        &self,
        prefix: &Prefix,
        combinations: &[Vec<usize>],
    ) -> Result<Vec<Point>, OracleError> {
        let own = self.digits.iter().map(|places| {
            let digits = places.iter().zip(prefix.digits());
            whole(Point::sum(digits.map(|(point, digit)| point[usize::from(digit)])))
        });
        let own = own.collect::<Result<Vec<Point>, _>>()?;
        let sum = |combination: &Vec<usize>| match combination.as_slice() {
            [one] => Ok(own[*one]),
            several => whole(Point::sum(several.iter().map(|auditor| own[*auditor]))),
        };
        combinations.iter().map(sum).collect()
    }
}

/// Every choice of `size` of `count`, where there are any and not too many.
fn combinations(count: usize, size: usize) -> Option<Vec<Vec<usize>>> {
    if size == 0 || size > count {
        return None;
    }
    let mut chosen: Vec<Vec<usize>> = vec![vec![]];
    for place in 0..size {
        let longer = chosen.iter().flat_map(|begun| {
            let from = begun.last().map_or(0, |last| last + 1);
            let to = count - (size - 1 - place);
            (from..to).map(|next| [begun.as_slice(), &[next]].concat())
        });
        chosen = longer.take(COMBINATIONS_MAX + 1).collect();
        if chosen.len() > COMBINATIONS_MAX {
            return None;
        }
    }
    Some(chosen)
}

fn distinct(auditors: &[Auditor]) -> Result<(), OracleError> {
    let (mut keys, mut nonces) = (BTreeSet::new(), BTreeSet::new());
    for (number, auditor) in auditors.iter().enumerate() {
        if !keys.insert(auditor.key) {
            return Err(OracleError::SameKey(number));
        }
        for (digit, nonce) in auditor.nonces.iter().enumerate() {
            if !nonces.insert(*nonce) {
                return Err(OracleError::SameNonce { auditor: number, digit });
            }
        }
    }
    Ok(())
}

/// A factor for each auditor, which nobody knows before everybody has announced.
fn weights(auditors: &[Auditor]) -> Result<Vec<Scalar>, OracleError> {
    let everything: Vec<u8> = auditors
        .iter()
        .flat_map(|auditor| std::iter::once(&auditor.key).chain(&auditor.nonces))
        .flat_map(XOnlyPublicKey::serialize)
        .collect();
    let all = curve::tagged("bondstore/quorum/announcements/v1", &[&everything]);
    let weight = |auditor: &Auditor| {
        let hash = curve::tagged("bondstore/quorum/weight/v1", &[&all, &auditor.key.serialize()]);
        whole_scalar(MaybeScalar::reduce_from(&hash))
    };
    auditors.iter().map(weight).collect()
}
