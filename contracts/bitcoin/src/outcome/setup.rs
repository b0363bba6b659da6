//! The front door: one slot's contract as both sides set it up before they sign its funding, and as an attestation ends it.
//!
//! Both build a [`Setup`] of the same terms. Each makes its [`Half`]: an adaptor signature for every payout and every way in which the
//! auditors can attest it, and a signature of the refund. Each checks the other's half and only then signs the funding. From
//! then on either can complete, alone, the payout that is attested and no other; or the refund, when its time has come.

mod half;

use super::adaptor::{self, Claim};
use super::oracle::{Attestation, OracleError, Quorum};
use super::payouts::{PayoutRange, PayoutTable};
use super::prefix::{self, Prefix};
use crate::escrow::spend::{Funded, Path, Payees, SpendError, Split};
use crate::escrow::{Leaf, Party, curve};
use bitcoin::secp256k1::{Keypair, Message, XOnlyPublicKey, schnorr};
use bitcoin::{Amount, Sequence, Transaction};
use musig2::secp::Point;

pub use half::{Half, HalfError};

/// Why a contract is not set up, or does not end so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// Its transactions cannot be.
    #[error(transparent)]
    Spend(#[from] SpendError),
    /// Its auditors cannot be.
    #[error(transparent)]
    Oracle(#[from] OracleError),
    /// The refund shares something else out.
    #[error("the refund's shares do not sum to the collateral of {0}")]
    Refund(Amount),
    /// A refund that nothing holds back.
    #[error("a refund after 0 blocks would race every payout; take 1 to 65535")]
    RefundAtOnce,
    /// Neither client nor provider.
    #[error("key {0} is not of this contract; sign with the key that its escrow names")]
    ForeignKey(XOnlyPublicKey),
    /// Another number of payouts, or one's signatures are missing.
    #[error("{found} adaptor signatures of the {party}; these terms take {expected}")]
    Count {
        /// Whose.
        party: Party,
        /// How many there are.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
    /// One that no attestation would complete.
    #[error(
        "the {party}'s adaptor signature {index}, for compliance {first} to {last}, does not hold"
    )]
    Adaptor {
        /// Whose.
        party: Party,
        /// Which, in the order of [`Setup::sign`].
        index: usize,
        /// The lowest value it is for.
        first: u16,
        /// The highest.
        last: u16,
    },
    /// The other's refund signature is none.
    #[error("the {0}'s signature of the refund does not hold")]
    RefundSignature(Party),
    /// Too few attested one payout.
    #[error(
        "no {0} auditors attested one payout; ask for more attestations, or wait for the refund"
    )]
    NoQuorum(usize),
}

/// What both agreed on.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The slot's escrow in its funding.
    pub coin: Funded,
    /// Where shares go.
    pub payees: Payees,
    /// What each compliance pays; rounded already, where it is to be.
    pub payouts: PayoutTable,
    /// What everybody put in, which the refund gives back.
    pub refund: Split,
    /// How many blocks after the funding's the refund may be mined.
    pub refund_blocks: u16,
    /// Who attests.
    pub quorum: Quorum,
}

/// One slot's contract, ready to be signed, checked and ended.
#[derive(Clone, Debug)]
pub struct Setup {
    terms: Terms,
    cases: Vec<Case>,
    points: Vec<Point>,
    refund: Transaction,
    refund_message: Message,
}

/// One payout: its transaction, what is signed of it, and the prefixes that attest it.
#[derive(Clone, Debug)]
struct Case {
    range: PayoutRange,
    message: Message,
    prefixes: Vec<Prefix>,
}

impl Setup {
    /// The contract of these terms.
    ///
    /// # Errors
    /// Where a transaction of it cannot be, or its refund is none.
    pub fn new(terms: Terms) -> Result<Self, SetupError> {
        let collateral = terms.payouts.collateral();
        if terms.refund.total() != Some(collateral) {
            return Err(SetupError::Refund(collateral));
        }
        if terms.refund_blocks == 0 {
            return Err(SetupError::RefundAtOnce);
        }
        let cases = terms.payouts.ranges().iter().map(|range| case(&terms, range));
        let cases = cases.collect::<Result<Vec<Case>, _>>()?;
        let points = points(&terms.quorum, &cases)?;
        let sequence = Sequence::from_height(terms.refund_blocks);
        let refund = terms.coin.settlement(&terms.refund, &terms.payees, sequence)?;
        let refund_message = terms.coin.message(&refund, Path::Script(Leaf::Outcome))?;
        Ok(Self { terms, cases, points, refund, refund_message })
    }

    /// What both agreed on.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// How many adaptor signatures each side makes: one for each payout, prefix of its range, and combination of auditors.
    pub fn adaptors(&self) -> usize {
        self.points.len()
    }

    /// The transaction that pays for an attested value, unsigned.
    ///
    /// # Errors
    /// None that [`Setup::new`] has not found.
    pub fn payout(&self, value: u16) -> Result<Transaction, SetupError> {
        payout(&self.terms, &self.terms.payouts.at(value)).map_err(SetupError::from)
    }

    /// The half of the party whose key this is: adaptor signatures by payout, prefix and combination, in this order, and the
    /// refund's signature. The same seed gives the same half; `seed` is auxiliary randomness and should be secret.
    ///
    /// # Errors
    /// Where the key is neither's.
    pub fn sign(&self, key: &Keypair, seed: &[u8; 32]) -> Result<Half, SetupError> {
        self.party(key)?;
        let secret = curve::scalar(key);
        let sign = |(message, _, point): (&Message, &Prefix, Point)| {
            adaptor::sign(secret, seed, message, point)
        };
        let adaptors = self.each_adaptor().map(sign).collect();
        let refund = curve::SECP.sign_schnorr_with_aux_rand(&self.refund_message, key, seed);
        Ok(Half { refund, adaptors })
    }

    /// Whether `half` is all that `party` has to sign. To be asked before signing the funding.
    ///
    /// # Errors
    /// Which of its signatures does not hold, by name and number.
    pub fn verify(&self, party: Party, half: &Half) -> Result<(), SetupError> {
        let (found, expected) = (half.adaptors.len(), self.adaptors());
        if found != expected {
            return Err(SetupError::Count { party, found, expected });
        }
        self.verify_refund(party, half)?;
        let key = curve::point(self.terms.coin.escrow().keys().of(party));
        let claims: Vec<Claim<'_>> = self
            .each_adaptor()
            .zip(&half.adaptors)
            .map(|((message, _, point), bytes)| Claim { bytes, message, point })
            .collect();
        let Some(index) = adaptor::first_wrong(key, &claims) else { return Ok(()) };
        let wrong = self.each_adaptor().nth(index);
        let (first, last) = wrong.map_or((0, 0), |(_, prefix, _)| prefix.values());
        Err(SetupError::Adaptor { party, index, first, last })
    }

    /// The payout that `attestations` open, complete: of their half of the other, and the key of whoever asks. `aux` is
    /// BIP-340's auxiliary randomness. The auditors agree where their values have the payout's prefix in common.
    ///
    /// # Errors
    /// Where too few agree, or the other's half does not hold.
    pub fn complete(
        &self,
        attestations: &[Attestation],
        theirs: &Half,
        key: &Keypair,
        aux: &[u8; 32],
    ) -> Result<Transaction, SetupError> {
        let us = self.party(key)?;
        let opened = self.opened(attestations).ok_or(self.no_quorum())?;
        let party = us.other();
        let bytes = theirs.adaptors.get(opened.index).ok_or(SetupError::Count {
            party,
            found: theirs.adaptors.len(),
            expected: self.adaptors(),
        })?;
        let message = &opened.case.message;
        let other = self.terms.coin.escrow().keys().of(party);
        let (first, last) = opened.prefix.values();
        let refused = SetupError::Adaptor { party, index: opened.index, first, last };
        let signature = adaptor::complete(bytes, opened.secret, message, &other).ok_or(refused)?;
        let own = curve::SECP.sign_schnorr_with_aux_rand(message, key, aux);
        let transaction = payout(&self.terms, &opened.case.range.split)?;
        Ok(self.terms.coin.finish(transaction, Leaf::Outcome, in_order(us, own, signature))?)
    }

    /// The refund, complete. It may be mined from `refund_blocks` after the funding
    /// ([`earliest_height`](crate::escrow::timelock::earliest_height)); before that the chain refuses it.
    ///
    /// # Errors
    /// Where the key is neither's, or the other's signature does not hold.
    pub fn refund(
        &self,
        theirs: &Half,
        key: &Keypair,
        aux: &[u8; 32],
    ) -> Result<Transaction, SetupError> {
        let us = self.party(key)?;
        self.verify_refund(us.other(), theirs)?;
        let own = curve::SECP.sign_schnorr_with_aux_rand(&self.refund_message, key, aux);
        let signatures = in_order(us, own, theirs.refund);
        Ok(self.terms.coin.finish(self.refund.clone(), Leaf::Outcome, signatures)?)
    }

    fn party(&self, key: &Keypair) -> Result<Party, SetupError> {
        let (public, _) = key.x_only_public_key();
        let party = self.terms.coin.escrow().keys().party(public);
        party.ok_or(SetupError::ForeignKey(public))
    }

    fn verify_refund(&self, party: Party, half: &Half) -> Result<(), SetupError> {
        let key = self.terms.coin.escrow().keys().of(party);
        let fits = curve::SECP.verify_schnorr(&half.refund, &self.refund_message, &key);
        fits.map_err(|_| SetupError::RefundSignature(party))
    }

    /// Every adaptor signature in order: what it signs, the prefix it is for, and the point that completes it.
    fn each_adaptor(&self) -> impl Iterator<Item = (&Message, &Prefix, Point)> {
        let combinations = self.terms.quorum.combinations().len();
        let prefixes = self
            .cases
            .iter()
            .flat_map(|case| case.prefixes.iter().map(|prefix| (&case.message, prefix)));
        let each = prefixes.flat_map(move |each| std::iter::repeat_n(each, combinations));
        each.zip(&self.points).map(|((message, prefix), point)| (message, prefix, *point))
    }

    fn no_quorum(&self) -> SetupError {
        SetupError::NoQuorum(self.terms.quorum.threshold())
    }

    /// The first adaptor that `attestations` open.
    fn opened(&self, attestations: &[Attestation]) -> Option<Opened<'_>> {
        let combinations = self.terms.quorum.combinations();
        let mut before = 0;
        for case in &self.cases {
            for prefix in &case.prefixes {
                if attestations.iter().any(|attested| prefix.contains(attested.value())) {
                    let secrets = combinations
                        .iter()
                        .map(|who| self.terms.quorum.secret(who, prefix, attestations));
                    let opened = secrets.enumerate().find_map(|(at, secret)| Some((at, secret?)));
                    if let Some((at, secret)) = opened {
                        return Some(Opened { index: before + at, case, prefix, secret });
                    }
                }
                before += combinations.len();
            }
        }
        None
    }
}

/// An adaptor whose secret is known.
struct Opened<'a> {
    index: usize,
    case: &'a Case,
    prefix: &'a Prefix,
    secret: musig2::secp::Scalar,
}

fn case(terms: &Terms, range: &PayoutRange) -> Result<Case, SpendError> {
    let transaction = payout(terms, &range.split)?;
    let message = terms.coin.message(&transaction, Path::Script(Leaf::Outcome))?;
    Ok(Case { range: *range, message, prefixes: prefix::cover(range.first, range.last) })
}

/// What completes each adaptor signature, in order.
fn points(quorum: &Quorum, cases: &[Case]) -> Result<Vec<Point>, OracleError> {
    let (points, combinations) = (quorum.points()?, quorum.combinations());
    let prefixes = cases.iter().flat_map(|case| &case.prefixes);
    let each = prefixes.map(|prefix| points.of(prefix, combinations));
    Ok(each.collect::<Result<Vec<_>, _>>()?.concat())
}

fn payout(terms: &Terms, split: &Split) -> Result<Transaction, SpendError> {
    terms.coin.settlement(split, &terms.payees, Sequence::ENABLE_RBF_NO_LOCKTIME)
}

/// Both signatures in the outcome script's order: the client's first.
fn in_order(
    us: Party,
    ours: schnorr::Signature,
    theirs: schnorr::Signature,
) -> [schnorr::Signature; 2] {
    match us {
        Party::Client => [ours, theirs],
        Party::Provider => [theirs, ours],
    }
}
