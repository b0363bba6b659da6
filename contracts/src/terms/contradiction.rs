//! Fields that are fine by themselves and cannot both be meant.
//!
//! What is *not* a contradiction: `detection.within` may be longer than the contract, since it states a rate of
//! challenges and not a deadline; distinct operators or networks may be asked for any number of slots,
//! since who offers changes by the hour; a maintenance allowance goes with any availability, since what is
//! announced is not held against it.

use super::{DURATION_MAX, TermsError};
use types::terms::{RailKind, Renewal};
use types::{Span, Terms};

/// The longest contract on Bitcoin. A refund's relative timelock counts up to 65,535 blocks (BIP-68), 455 days of ten minutes each.
const ON_BITCOIN_MAX: Span = Span(400 * Span::DAY.0);

/// Whether no two fields of `terms` contradict each other.
pub(super) fn none(terms: &Terms) -> Result<(), TermsError> {
    let found = [
        repair_after_the_end(terms),
        bonus_for_less_than_was_promised(terms),
        renewal_beyond_the_longest(terms),
        escrows_that_change(terms),
    ];
    found
        .into_iter()
        .flatten()
        .next()
        .map_or(Ok(()), |(fields, reason)| Err(TermsError::Contradiction { fields, reason }))
}

type Found = Option<(&'static str, String)>;

fn repair_after_the_end(terms: &Terms) -> Found {
    (terms.repair_time > terms.duration).then(|| {
        let (repair, duration) = (terms.repair_time, terms.duration);
        let reason = format!(
            "a slot that stays away for {repair} is replaced, but the contract is over after {duration}; give a repair time of at most {duration}"
        );
        ("repair_time and duration", reason)
    })
}

fn bonus_for_less_than_was_promised(terms: &Terms) -> Found {
    let full = terms.payout.points.iter().find(|point| point.paid_permille == 1000)?.compliance;
    (terms.payout.target < full).then(|| {
        let target = terms.payout.target;
        let reason = format!(
            "a bonus from compliance {target} on would reward what is paid in full from {full} on only; give a target of {full} to 1000"
        );
        ("payout.target and payout.points", reason)
    })
}

fn renewal_beyond_the_longest(terms: &Terms) -> Found {
    let twice = Span(terms.duration.0.saturating_mul(2));
    (terms.renewal == Renewal::Automatic && twice > DURATION_MAX).then(|| {
        let reason = format!(
            "{} and as long again are more than the {DURATION_MAX} that a contract may run, so it could never renew itself; give manual renewal or at most half of that",
            terms.duration
        );
        ("renewal and duration", reason)
    })
}

fn escrows_that_change(terms: &Terms) -> Found {
    if terms.rail != RailKind::Bitcoin {
        return None;
    }
    if terms.egress.0 > 0 {
        let reason = format!(
            "escrows on Bitcoin pay once, at the end, so {} of reads cannot be paid from them; give an egress of 0 B, and pay for reads from an account at the market",
            terms.egress
        );
        return Some(("rail and egress", reason));
    }
    if terms.duration > ON_BITCOIN_MAX {
        let reason = format!(
            "an escrow on Bitcoin refunds both sides after 65,535 blocks at most, and its contract must be over by then; give a duration of at most {ON_BITCOIN_MAX}"
        );
        return Some(("rail and duration", reason));
    }
    (terms.renewal == Renewal::Automatic).then(|| {
        let reason = "escrows on Bitcoin are funded once, for one term; give manual renewal";
        ("rail and renewal", reason.to_owned())
    })
}
