//! Proof that an oracle has signed two outcomes under one nonce, and what that gives away: its key.

use super::messages::Attestation;
use super::points::{SECP, attestation_message, challenge};
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::secp256k1::{Keypair, Scalar, SecretKey, XOnlyPublicKey};
use serde::{Deserialize, Serialize};

/// The group's order less two, the exponent that inverts (Fermat).
const INVERTING: [u8; 32] = {
    let mut order = bitcoin::secp256k1::constants::CURVE_ORDER;
    order[31] -= 2;
    order
};

/// Why something proves no equivocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoEquivocation {
    /// Both say the same.
    #[error("both signatures are of one outcome, which an oracle may sign as often as it likes")]
    OneOutcome,
    /// Nothing is given away.
    #[error("the two signatures are under different nonces")]
    TwoNonces,
    /// Somebody made it up.
    #[error("a signature is not the oracle's, which proves nothing against it")]
    Signature,
}

/// One outcome and its signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedOutcome {
    /// What is signed: of a number one digit.
    pub outcome: String,
    /// By the oracle, in hexadecimal.
    pub signature: Signature,
}

/// Two outcomes that `oracle` has signed under one nonce. What exists of this type was checked: it needs no trust in who shows it.
///
/// As JSON: `{"oracle": …, "first": {"outcome": "0", "signature": …}, "second": {"outcome": "1", "signature": …}}`, keys and
/// signatures in hexadecimal; the first 32 bytes of both signatures are the nonce. The outcomes are hashed under the tag
/// `DLC/oracle/attestation/v0`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Claimed")]
pub struct Equivocation {
    oracle: XOnlyPublicKey,
    first: SignedOutcome,
    second: SignedOutcome,
}

/// The same before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claimed {
    oracle: XOnlyPublicKey,
    first: SignedOutcome,
    second: SignedOutcome,
}

impl TryFrom<Claimed> for Equivocation {
    type Error = NoEquivocation;

    fn try_from(claimed: Claimed) -> Result<Self, NoEquivocation> {
        Self::new(claimed.oracle, claimed.first, claimed.second)
    }
}

impl Equivocation {
    /// Checks that these two prove it.
    ///
    /// # Errors
    /// [`NoEquivocation`].
    pub fn new(
        oracle: XOnlyPublicKey,
        first: SignedOutcome,
        second: SignedOutcome,
    ) -> Result<Self, NoEquivocation> {
        if first.outcome == second.outcome {
            return Err(NoEquivocation::OneOutcome);
        }
        if first.signature.serialize()[..32] != second.signature.serialize()[..32] {
            return Err(NoEquivocation::TwoNonces);
        }
        for SignedOutcome { outcome, signature } in [&first, &second] {
            SECP.verify_schnorr(signature, &attestation_message(outcome), &oracle)
                .map_err(|_| NoEquivocation::Signature)?;
        }
        Ok(Self { oracle, first, second })
    }

    /// Looks for it in two attestations, of whichever events they are.
    pub fn between(one: &Attestation, other: &Attestation) -> Option<Self> {
        if one.oracle() != other.oracle() {
            return None;
        }
        let signed = |attestation: &Attestation| {
            let outcomes = attestation.outcomes().iter().cloned();
            let signed = attestation.signatures().iter().copied().zip(outcomes);
            let signed = signed.map(|(signature, outcome)| SignedOutcome { outcome, signature });
            signed.collect::<Vec<_>>()
        };
        let others = signed(other);
        signed(one).into_iter().find_map(|first| {
            let against = |second: &SignedOutcome| {
                Self::new(one.oracle(), first.clone(), second.clone()).ok()
            };
            others.iter().find_map(against)
        })
    }

    /// Who has done it.
    pub fn oracle(&self) -> XOnlyPublicKey {
        self.oracle
    }

    /// The two outcomes.
    pub fn outcomes(&self) -> [&SignedOutcome; 2] {
        [&self.first, &self.second]
    }

    /// The oracle's own secret key, which its two signatures give away: d = (s₁ − s₂) / (e₁ − e₂).
    ///
    /// Nothing where the numbers do not allow it, once in 2^127.
    pub fn secret_key(&self) -> Option<Keypair> {
        let part = |signed: &SignedOutcome| {
            let bytes = signed.signature.serialize();
            let nonce = XOnlyPublicKey::from_slice(&bytes[..32]).ok()?;
            let e = challenge(&nonce, &self.oracle, &attestation_message(&signed.outcome))?;
            let e = SecretKey::from_slice(&e.to_be_bytes()).ok()?;
            Some((SecretKey::from_slice(&bytes[32..]).ok()?, e))
        };
        let ((s1, e1), (s2, e2)) = (part(&self.first)?, part(&self.second)?);
        let s = s1.add_tweak(&Scalar::from(s2.negate())).ok()?;
        let e = e1.add_tweak(&Scalar::from(e2.negate())).ok()?;
        let secret = s.mul_tweak(&Scalar::from(inverse(e)?)).ok()?;
        let pair = Keypair::from_secret_key(&SECP, &secret);
        (pair.x_only_public_key().0 == self.oracle).then_some(pair)
    }
}

/// 1 / `secret`, by squaring and multiplying.
fn inverse(secret: SecretKey) -> Option<SecretKey> {
    let mut power: Option<SecretKey> = None;
    for bit in (0..256).map(|bit| INVERTING[bit / 8] >> (7 - bit % 8) & 1) {
        power = match power {
            Some(power) => Some(power.mul_tweak(&Scalar::from(power)).ok()?),
            None => None,
        };
        if bit == 1 {
            power = Some(match power {
                Some(power) => power.mul_tweak(&Scalar::from(secret)).ok()?,
                None => secret,
            });
        }
    }
    power
}

#[cfg(test)]
mod tests {
    use super::super::{Oracle, rule::Rule};
    use super::*;
    use crate::keys::MasterKey;
    use bitcoin::Network;
    use std::fs;
    use types::{ContractId, Timestamp};

    const LATER: Timestamp = Timestamp(2_000_000_000_000_000);

    fn master() -> MasterKey {
        MasterKey::new(&[7; 64], Network::Regtest).unwrap()
    }

    /// What an oracle gives out whose operator puts its folder back by force: both attestations are its own.
    fn two_attestations() -> (Attestation, Attestation) {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path();
        let oracle = Oracle::open(folder, master()).unwrap();
        let rule = Rule::alone(oracle.public_key());
        let announced = oracle.announce((ContractId::of(b"c"), 0), 1, &rule).unwrap();
        let event = announced.event.id().to_owned();
        let kept = ["book", "head"].map(|name| fs::read(folder.join(name)).unwrap());
        let first = oracle.attest(&event, 700, LATER).unwrap();
        drop(oracle);
        for (name, bytes) in ["book", "head"].iter().zip(kept) {
            fs::write(folder.join(name), bytes).unwrap();
        }
        let oracle = Oracle::open(folder, master()).unwrap();
        (first, oracle.attest(&event, 701, LATER).unwrap())
    }

    #[test]
    fn two_outcomes_under_one_nonce_are_proven_to_anybody_and_give_the_key_away() {
        let (first, second) = two_attestations();
        let proof = Equivocation::between(&first, &second).unwrap();
        let json = serde_json::to_string(&proof).unwrap();
        let read: Equivocation = serde_json::from_str(&json).unwrap();
        assert_eq!(read, proof);
        assert_eq!(read.oracle(), first.oracle());
        assert_ne!(read.outcomes()[0].outcome, read.outcomes()[1].outcome);
        let recovered = read.secret_key().unwrap();
        let key = master().oracle().unwrap();
        assert_eq!(recovered.x_only_public_key().0, key.x_only_public_key().0);
        let secrets = [recovered, *key].map(|pair| pair.secret_key());
        assert!(secrets[0] == secrets[1] || secrets[0] == secrets[1].negate());
    }

    #[test]
    fn what_an_honest_oracle_says_proves_nothing() {
        let (first, second) = two_attestations();
        assert_eq!(Equivocation::between(&first, &first), None);
        let proof = Equivocation::between(&first, &second).unwrap();
        let [one, two] = proof.outcomes().map(Clone::clone);
        let claimed =
            |first: SignedOutcome, second| Equivocation::new(proof.oracle(), first, second);
        assert_eq!(claimed(one.clone(), one.clone()), Err(NoEquivocation::OneOutcome));
        let renamed = SignedOutcome { outcome: "2".to_owned(), ..one.clone() };
        assert_eq!(claimed(renamed, two.clone()), Err(NoEquivocation::Signature));
        let elsewhere = SignedOutcome { signature: first.signatures()[0], ..two };
        assert!(claimed(one, elsewhere).is_err());
        let mut json = serde_json::to_value(&proof).unwrap();
        json["first"]["outcome"] = "2".into();
        assert!(serde_json::from_value::<Equivocation>(json).is_err());
    }
}
