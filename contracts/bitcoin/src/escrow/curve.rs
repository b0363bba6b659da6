//! The one place where keys and signatures pass between the two bindings of libsecp256k1: bitcoin's and musig2's. They pass as bytes.

use bitcoin::hashes::{Hash, HashEngine, sha256};
use bitcoin::secp256k1::{All, Keypair, Secp256k1, XOnlyPublicKey, schnorr};
use musig2::CompactSignature;
use musig2::secp::{MaybeScalar, Point, Scalar};
use std::sync::LazyLock;

/// Tables for signing and verifying, made once.
pub(crate) static SECP: LazyLock<Secp256k1<All>> = LazyLock::new(Secp256k1::new);

/// The point with even y that an x-only key stands for.
pub(crate) fn point(key: XOnlyPublicKey) -> Point {
    Point::lift_x(key.serialize()).expect("a parsed key is on the curve")
}

/// The x-only key of a point.
pub(crate) fn x_only(point: Point) -> XOnlyPublicKey {
    XOnlyPublicKey::from_slice(&point.serialize_xonly()).expect("a point's x is on the curve")
}

/// The secret scalar of the key with even y.
pub(crate) fn scalar(key: &Keypair) -> Scalar {
    let secret = Scalar::from_slice(&key.secret_bytes()).expect("a secret key is a valid scalar");
    secret.negate_if(secret.base_point_mul().parity())
}

/// A signature as bitcoin's witness takes it.
pub(crate) fn signature(signature: CompactSignature) -> schnorr::Signature {
    let (nonce, scalar) = (signature.rx, signature.s.serialize());
    schnorr::Signature::from_slice(&[nonce, scalar].concat()).expect("two halves of 32 bytes")
}

/// The two halves of a signature: the nonce's x and the scalar, where it is one.
pub(crate) fn halves(signature: &schnorr::Signature) -> Option<([u8; 32], MaybeScalar)> {
    let bytes = signature.as_ref();
    let (nonce, scalar) = bytes.split_at(32);
    Some((nonce.try_into().ok()?, MaybeScalar::from_slice(scalar).ok()?))
}

/// BIP-340's tagged hash of `parts`, one after the other.
pub(crate) fn tagged(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let tag = sha256::Hash::hash(tag.as_bytes());
    let mut engine = sha256::Hash::engine();
    engine.input(tag.as_byte_array());
    engine.input(tag.as_byte_array());
    for part in parts {
        engine.input(part);
    }
    sha256::Hash::from_engine(engine).to_byte_array()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_on_both_sides_whatever_its_parity() {
        for secret in 1..=8 {
            let key = Keypair::from_seckey_slice(&SECP, &[secret; 32]).unwrap();
            let (public, _) = key.x_only_public_key();
            assert_eq!(scalar(&key).base_point_mul(), point(public));
            assert_eq!(x_only(point(public)), public);
        }
    }

    #[test]
    fn a_tagged_hash_is_that_of_bip_340() {
        let key = Keypair::from_seckey_slice(&SECP, &[7; 32]).unwrap();
        let public = key.x_only_public_key().0;
        let parts: [&[u8]; 3] = [&[3; 32], &public.serialize(), b"bondstore"];
        let theirs: MaybeScalar =
            musig2::compute_challenge_hash_tweak(&[3; 32], &point(public), b"bondstore");
        assert_eq!(MaybeScalar::reduce_from(&tagged("BIP0340/challenge", &parts)), theirs);
    }
}
