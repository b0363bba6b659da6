//! Signatures that are valid only once the auditors' secret is added: single-signer Schnorr adaptors.

use crate::escrow::curve;
use bitcoin::secp256k1::{Message, XOnlyPublicKey, schnorr};
use musig2::secp::{G, MaybePoint, MaybeScalar, Point, Scalar};
use musig2::{AdaptorSignature, BinaryEncoding, CompactSignature, adaptor};

/// How an adaptor signature goes over the wire: its nonce, compressed, and its scalar.
pub(crate) const BYTES: usize = 65;

/// Signs `message` so that it takes the secret of `point` to complete.
///
/// BIP-340 derives the nonce from key, message and auxiliary randomness. One transaction has several adaptors (one for each prefix and
/// each combination of auditors), whose challenges differ: one nonce for two of them would give the key away. So the
/// randomness is bound to the point, and even a repeated `seed` repeats no nonce.
pub(crate) fn sign(
    secret: Scalar,
    seed: &[u8; 32],
    message: &Message,
    point: Point,
) -> [u8; BYTES] {
    let aux = curve::tagged("bondstore/adaptor/v1", &[seed, &point.serialize()]);
    adaptor::sign_solo(secret, message.as_ref(), aux, point).to_bytes()
}

/// What an adaptor signature should be.
pub(crate) struct Claim<'a> {
    pub(crate) bytes: &'a [u8; BYTES],
    pub(crate) message: &'a Message,
    pub(crate) point: Point,
}

impl Claim<'_> {
    /// Whether the secret of the point will make a signature of the message by `key`.
    pub(crate) fn holds(&self, key: Point) -> bool {
        AdaptorSignature::from_bytes(self.bytes).is_ok_and(|signature| {
            let (nonce, _): (MaybePoint, MaybeScalar) = signature.unzip();
            nonce != MaybePoint::from(-self.point)
                && adaptor::verify_single(key, &signature, self.message.as_ref(), self.point)
                    .is_ok()
        })
    }

    /// The signature's nonce, signed as the secret will make it even; its scalar; and its challenge.
    fn parts(&self, key: Point) -> Option<(Point, MaybeScalar, MaybeScalar)> {
        let signature = AdaptorSignature::from_bytes(self.bytes).ok()?;
        let (nonce, scalar): (MaybePoint, MaybeScalar) = signature.unzip();
        let nonce = nonce.into_option()?;
        let adapted = (nonce + self.point).into_option()?;
        let x = adapted.serialize_xonly();
        let challenge = musig2::compute_challenge_hash_tweak(&x, &key, self.message.as_ref());
        Some((nonce.negate_if(adapted.parity()), scalar, challenge))
    }
}

/// Which of `claims` to adaptor signatures by `key` is the first that does not hold.
pub(crate) fn first_wrong(key: Point, claims: &[Claim<'_>]) -> Option<usize> {
    if all_hold(key, claims) == Some(true) {
        return None;
    }
    claims.iter().position(|claim| !claim.holds(key))
}

/// Whether all hold, by one equation: `s·G = R + e·P` of each, times a factor of 128 bits that nobody knows before all
/// signatures are there, summed up (as BIP-340 verifies in batches). All have one key, so that each costs one multiplication of a
/// point and not two.
fn all_hold(key: Point, claims: &[Claim<'_>]) -> Option<bool> {
    let mut everything = Vec::with_capacity(claims.len() * (BYTES + 32 + 33));
    for claim in claims {
        everything.extend_from_slice(claim.bytes);
        everything.extend_from_slice(claim.message.as_ref());
        everything.extend_from_slice(&claim.point.serialize());
    }
    let all = curve::tagged("bondstore/adaptor/batch/v1", &[&key.serialize(), &everything]);
    let (mut scalars, mut challenges) = (MaybeScalar::Zero, MaybeScalar::Zero);
    let mut nonces = Vec::with_capacity(claims.len());
    for (claim, number) in claims.iter().zip(0_u64..) {
        let (nonce, scalar, challenge) = claim.parts(key)?;
        let factor = factor(&all, number)?;
        scalars += scalar * factor;
        challenges += challenge * factor;
        nonces.push(nonce * factor);
    }
    Some(scalars * G == Point::sum(nonces) + challenges * key)
}

fn factor(all: &[u8; 32], number: u64) -> Option<Scalar> {
    let mut hash = curve::tagged("bondstore/adaptor/factor/v1", &[all, &number.to_be_bytes()]);
    hash[..16].fill(0);
    Scalar::try_from(hash).ok()
}

/// The signature of `message` by `key` that `secret` makes of `bytes`, where it does.
pub(crate) fn complete(
    bytes: &[u8; BYTES],
    secret: Scalar,
    message: &Message,
    key: &XOnlyPublicKey,
) -> Option<schnorr::Signature> {
    let adaptor = AdaptorSignature::from_bytes(bytes).ok()?;
    let signature = curve::signature(adaptor.adapt::<CompactSignature>(secret)?);
    curve::SECP.verify_schnorr(&signature, message, key).ok()?;
    Some(signature)
}
