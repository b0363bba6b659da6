//! Signatures that are valid only once the auditors' secret is added: single-signer Schnorr adaptors.

use crate::escrow::curve;
use bitcoin::secp256k1::{Message, XOnlyPublicKey, schnorr};
use musig2::secp::{MaybePoint, Point, Scalar};
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

/// Whether the secret of `point` will make `bytes` a signature of `message` by `key`.
pub(crate) fn verifies(bytes: &[u8; BYTES], key: Point, message: &Message, point: Point) -> bool {
    AdaptorSignature::from_bytes(bytes).is_ok_and(|signature| {
        let (nonce, _): (MaybePoint, musig2::secp::MaybeScalar) = signature.unzip();
        !(nonce + point).is_infinity()
            && adaptor::verify_single(key, &signature, message.as_ref(), point).is_ok()
    })
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
