//! The key path: client and provider agree on a transaction and make one signature of both, by MuSig2 (BIP-327) in two rounds.
//!
//! A nonce signs once by construction: [`Close::sign`] takes the session that made it, and no session can be copied or stored.
//! After a crash both begin anew with fresh seeds; what was not finished is worth nothing to anybody.
//!
//! Between the rounds a session keeps its seed alone, which is wiped when it ends; the nonce itself is made of it inside each call.

use super::{Escrow, Party, curve};
use bitcoin::secp256k1::{Keypair, Message, XOnlyPublicKey, schnorr};
use musig2::{
    BinaryEncoding, CompactSignature, FirstRound, KeyAggContext, NonceSeed, PartialSignature,
    PubNonce, SecNonceSpices, SecondRound,
};
use zeroize::Zeroizing;

/// A public nonce as it goes over the wire.
pub type NonceBytes = [u8; 66];
/// Half a signature as it goes over the wire.
pub type PartialBytes = [u8; 32];

/// Why a signature of both does not come about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseError {
    /// Neither client nor provider has this key.
    #[error("key {0} is not of this escrow; sign with the key that it was made for")]
    ForeignKey(XOnlyPublicKey),
    /// It is another's who is in this escrow, or nobody's.
    #[error("key {0} did not begin this signature; sign with the key that did")]
    OtherKey(XOnlyPublicKey),
    /// Not two points.
    #[error("the {0}'s nonce is not two points of the curve; begin anew")]
    Nonce(Party),
    /// Not what the other would have signed.
    #[error("the {0}'s half of the signature does not fit the transaction and nonces; begin anew")]
    Partial(Party),
    /// What cannot happen between two honest parties.
    #[error("the signature does not come together: {0}; begin anew")]
    Round(String),
}

/// One party's side of a signature that has not been given yet. It holds what the secret nonce is made of.
pub struct Close {
    us: Party,
    key: XOnlyPublicKey,
    message: Message,
    aggregate: KeyAggContext,
    seed: Zeroizing<[u8; 32]>,
}

/// One party's side after it has signed: waits for the other's half.
pub struct Signed {
    them: Party,
    round: SecondRound<[u8; 32]>,
}

impl Close {
    /// Begins, as the party whose key this is, the signature of `message` (the key path's signature hash of a transaction that both
    /// know). `seed` must be fresh and secret: 32 bytes that were never used before and never will be again. Gives the public
    /// nonce to send.
    ///
    /// # Errors
    /// Where the key is not of this escrow.
    pub fn begin(
        escrow: &Escrow,
        key: &Keypair,
        message: Message,
        seed: [u8; 32],
    ) -> Result<(Self, NonceBytes), CloseError> {
        let seed = Zeroizing::new(seed);
        let (public, _) = key.x_only_public_key();
        let us = escrow.keys.party(public).ok_or(CloseError::ForeignKey(public))?;
        let close = Self { us, key: public, message, aggregate: escrow.aggregate.clone(), seed };
        let nonce = close.round(key)?.our_public_nonce().to_bytes();
        Ok((close, nonce))
    }

    /// The first round: the same whenever it is made, since nothing enters it but seed, key and message.
    fn round(&self, key: &Keypair) -> Result<FirstRound, CloseError> {
        let signed = *self.message.as_ref();
        let spices = SecNonceSpices::new().with_seckey(curve::scalar(key)).with_message(&signed);
        let seed = NonceSeed::from(*self.seed);
        FirstRound::new(self.aggregate.clone(), seed, index(self.us), spices)
            .map_err(|error| CloseError::Round(error.to_string()))
    }

    /// Takes the other's nonce and gives the own half of the signature to send. The own nonce is used up:
    ///
    /// ```compile_fail,E0382
    /// # use contracts_bitcoin::escrow::close::Close;
    /// # fn twice(close: Close, key: &bitcoin::secp256k1::Keypair) {
    /// close.sign(key, &[2; 66]);
    /// close.sign(key, &[3; 66]);
    /// # }
    /// ```
    ///
    /// # Errors
    /// Where the nonce is none, or the key is another than began.
    pub fn sign(
        self,
        key: &Keypair,
        theirs: &NonceBytes,
    ) -> Result<(Signed, PartialBytes), CloseError> {
        let (them, (public, _)) = (self.us.other(), key.x_only_public_key());
        if public != self.key {
            return Err(CloseError::OtherKey(public));
        }
        let nonce = PubNonce::from_bytes(theirs).map_err(|_| CloseError::Nonce(them))?;
        let failed = |error: &dyn std::fmt::Display| CloseError::Round(error.to_string());
        let mut round = self.round(key)?;
        round.receive_nonce(index(them), nonce).map_err(|error| failed(&error))?;
        let message = *self.message.as_ref();
        let round = round.finalize(curve::scalar(key), message);
        let round = round.map_err(|error| failed(&error))?;
        let half: PartialSignature = round.our_signature();
        Ok((Signed { them, round }, half.serialize()))
    }
}

impl Signed {
    /// Takes the other's half and gives the signature of both.
    ///
    /// # Errors
    /// Where the half does not fit.
    pub fn finish(mut self, theirs: &PartialBytes) -> Result<schnorr::Signature, CloseError> {
        let refuse = || CloseError::Partial(self.them);
        let half = PartialSignature::from_slice(theirs).map_err(|_| refuse())?;
        let received = self.round.receive_signature(index(self.them), half);
        received.map_err(|_| CloseError::Partial(self.them))?;
        let whole = self.round.finalize::<CompactSignature>();
        whole.map(curve::signature).map_err(|error| CloseError::Round(error.to_string()))
    }
}

/// The client is the first signer, the provider the second.
fn index(party: Party) -> usize {
    match party {
        Party::Client => 0,
        Party::Provider => 1,
    }
}
