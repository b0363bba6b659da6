//! How several auditors come to one number before any of them attests: reports, votes, and what follows from them. Pure.
//!
//! Every auditor signs one report of the score that it has measured. Then each signs one vote, for the median of at least `threshold`
//! reports (of an even number, of the two in the middle the mean, rounded down), and shows those reports with it. What
//! `threshold` auditors vote for is attested by all. Whoever sees a vote before it has cast its own votes the same; otherwise it votes
//! as soon as everybody has reported, or, with enough reports, after a patience that is longer for every further auditor in the
//! order of keys, so that auditors do not split over which reports came in time. If they split all the same, nothing is attested, and the
//! contract's refund is what remains. Two numbers can win only if some auditor votes twice, and then contracts can be closed by
//! both only if it attests twice too, which proves it ([`Equivocation`](super::equivocation::Equivocation)).

use super::points::{SECP, tagged};
use super::rule::{Rule, SCORE_MAX};
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::secp256k1::{Message, XOnlyPublicKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::Span;

/// The tag of what a report signs.
pub(super) const REPORT_TAG: &str = "bondstore/oracle/report/v1";
/// The tag of what a vote signs.
pub(super) const VOTE_TAG: &str = "bondstore/oracle/vote/v1";
/// How long after an event's maturity the first auditor waits for reports that are missing; each further one waits as long again.
pub const PATIENCE: Span = Span(60 * Span::SECOND.0);

/// Why a statement is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgreeError {
    /// It speaks of another event.
    #[error("this speaks of {0:?}, which is another event")]
    OtherEvent(String),
    /// The rule does not name who signs.
    #[error("{0} is no auditor of this event")]
    Stranger(XOnlyPublicKey),
    /// Not signed by whom it names.
    #[error("this is not signed by {0}, whom it names")]
    Signature(XOnlyPublicKey),
    /// Beyond what scores can be.
    #[error("{0} is no score; 0 to 1000 are")]
    Score(u16),
    /// Somebody says two things.
    #[error("{auditor} has said {first} and now says {second}: it lies to somebody")]
    TwoFaced {
        /// Who.
        auditor: XOnlyPublicKey,
        /// What it said first, which counts.
        first: u16,
        /// What it says now.
        second: u16,
    },
    /// A vote that its reports do not justify.
    #[error(
        "a vote for {voted} shows {reports} reports whose median is {median:?}; {needed} are needed, and their median"
    )]
    Unjustified {
        /// What is voted for.
        voted: u16,
        /// How many different auditors' reports it shows.
        reports: usize,
        /// What they come to.
        median: Option<u16>,
        /// How many are needed.
        needed: usize,
    },
}

/// What one auditor has measured, signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Of which event.
    pub event: String,
    /// Who reports.
    pub auditor: XOnlyPublicKey,
    /// The compliance, 0 to 1000.
    pub score: u16,
    /// BIP-340, over event and score (two bytes, big-endian) under the tag `bondstore/oracle/report/v1`.
    pub signature: Signature,
}

/// What one auditor will attest if enough others vote for it, signed, with the reports that it follows from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// Of which event.
    pub event: String,
    /// Who votes.
    pub auditor: XOnlyPublicKey,
    /// For which score.
    pub score: u16,
    /// BIP-340, over event and score (two bytes, big-endian) under the tag `bondstore/oracle/vote/v1`.
    pub signature: Signature,
    /// At least as many as must agree; their median is the score.
    pub reports: Vec<Report>,
}

/// Everything that was said of one event: what auditors hand each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minutes {
    /// At most one of each auditor.
    pub reports: Vec<Report>,
    /// At most one of each auditor.
    pub votes: Vec<Vote>,
}

impl Minutes {
    /// Whether whoever says this has decided: `threshold` of the votes are for one score.
    pub(super) fn are_decided(&self, threshold: usize) -> bool {
        let votes = |score| self.votes.iter().filter(|vote| vote.score == score).count();
        self.votes.iter().any(|vote| votes(vote.score) >= threshold)
    }
}

/// What auditors have said of one event, as far as one of them has heard.
#[derive(Clone, Debug)]
pub struct Agreement {
    event: String,
    rule: Rule,
    reports: BTreeMap<XOnlyPublicKey, Report>,
    votes: BTreeMap<XOnlyPublicKey, Vote>,
}

impl Agreement {
    /// Nothing was said yet.
    pub fn new(event: String, rule: Rule) -> Self {
        Self { event, rule, reports: BTreeMap::new(), votes: BTreeMap::new() }
    }

    /// Takes up everything in `minutes`; says whether there was anything new.
    ///
    /// # Errors
    /// At the first statement that is refused; what came before it is taken up, and what comes behind it is not.
    pub fn hear(&mut self, minutes: Minutes) -> Result<bool, AgreeError> {
        let mut news = false;
        for report in minutes.reports {
            news |= self.hear_report(report)?;
        }
        for vote in minutes.votes {
            news |= self.hear_vote(vote)?;
        }
        Ok(news)
    }

    fn hear_report(&mut self, report: Report) -> Result<bool, AgreeError> {
        self.check_report(&report)?;
        let (auditor, second) = (report.auditor, report.score);
        match self.reports.get(&auditor) {
            Some(known) if known.score == second => Ok(false),
            Some(known) => Err(AgreeError::TwoFaced { auditor, first: known.score, second }),
            None => Ok(self.reports.insert(auditor, report).is_none()),
        }
    }

    fn hear_vote(&mut self, vote: Vote) -> Result<bool, AgreeError> {
        self.check(&vote.event, vote.auditor, vote.score)?;
        verify(VOTE_TAG, (&vote.event, vote.score), vote.auditor, &vote.signature)?;
        let mut shown = BTreeMap::new();
        for report in &vote.reports {
            self.check_report(report)?;
            shown.insert(report.auditor, report.score);
        }
        let (median, reports, needed) =
            (median(shown.into_values().collect()), vote.reports.len(), self.rule.threshold());
        let distinct = vote.reports.iter().map(|report| report.auditor).collect::<Vec<_>>();
        let is_distinct = (1..distinct.len()).all(|at| !distinct[..at].contains(&distinct[at]));
        if !is_distinct || reports < needed || median != Some(vote.score) {
            return Err(AgreeError::Unjustified { voted: vote.score, reports, median, needed });
        }
        let (auditor, second) = (vote.auditor, vote.score);
        match self.votes.get(&auditor) {
            Some(known) if known.score == second => Ok(false),
            Some(known) => Err(AgreeError::TwoFaced { auditor, first: known.score, second }),
            None => Ok(self.votes.insert(auditor, vote).is_none()),
        }
    }

    fn check_report(&self, report: &Report) -> Result<(), AgreeError> {
        self.check(&report.event, report.auditor, report.score)?;
        verify(REPORT_TAG, (&report.event, report.score), report.auditor, &report.signature)
    }

    fn check(&self, event: &str, auditor: XOnlyPublicKey, score: u16) -> Result<(), AgreeError> {
        if event != self.event {
            return Err(AgreeError::OtherEvent(event.chars().take(200).collect()));
        }
        if !self.rule.auditors().contains(&auditor) {
            return Err(AgreeError::Stranger(auditor));
        }
        if score > SCORE_MAX { Err(AgreeError::Score(score)) } else { Ok(()) }
    }

    /// What `auditor` should vote for now, with the reports that justify it; nothing where it has voted or should wait. `waited` is how
    /// long the event has been mature.
    pub fn proposal(&self, auditor: XOnlyPublicKey, waited: Span) -> Option<(u16, Vec<Report>)> {
        if self.votes.contains_key(&auditor) {
            return None;
        }
        if let Some(vote) = self.leading() {
            return Some((vote.score, vote.reports.clone()));
        }
        let rank = self.rule.auditors().iter().position(|known| *known == auditor)?;
        let patience = PATIENCE.0.saturating_mul(rank as u64 + 1);
        let is_complete = self.reports.len() == self.rule.auditors().len();
        let is_enough = self.reports.len() >= self.rule.threshold();
        let is_time = is_complete || is_enough && waited.0 >= patience;
        if !is_time {
            return None;
        }
        let reports: Vec<Report> = self.reports.values().cloned().collect();
        Some((median(reports.iter().map(|report| report.score).collect())?, reports))
    }

    /// A vote for what most vote for; of several such numbers, for the one whose first voter comes first in the order of keys.
    fn leading(&self) -> Option<&Vote> {
        let count = |vote: &Vote| self.count(vote.score);
        let most = self.votes.values().map(count).max()?;
        self.votes.values().find(|vote| count(vote) == most)
    }

    fn count(&self, score: u16) -> usize {
        self.votes.values().filter(|vote| vote.score == score).count()
    }

    /// What is to be attested, once enough auditors vote for it.
    pub fn decided(&self) -> Option<u16> {
        let mut scores = self.votes.values().map(|vote| vote.score);
        scores.find(|score| self.count(*score) >= self.rule.threshold())
    }

    /// Everything that was heard.
    pub fn minutes(&self) -> Minutes {
        Minutes {
            reports: self.reports.values().cloned().collect(),
            votes: self.votes.values().cloned().collect(),
        }
    }
}

/// What a statement signs.
pub(super) fn statement<'a>(event: &'a str, score: &'a [u8; 2]) -> [&'a [u8]; 2] {
    [event.as_bytes(), score]
}

fn verify(
    tag: &str,
    (event, score): (&str, u16),
    auditor: XOnlyPublicKey,
    signature: &Signature,
) -> Result<(), AgreeError> {
    let digest = tagged(tag, &statement(event, &score.to_be_bytes()));
    let message = Message::from_digest(*digest.as_ref());
    SECP.verify_schnorr(signature, &message, &auditor).map_err(|_| AgreeError::Signature(auditor))
}

/// The middle of some scores; of an even number of them, the mean of the two in the middle, rounded down.
pub fn median(mut scores: Vec<u16>) -> Option<u16> {
    scores.sort_unstable();
    let upper = scores.get(scores.len() / 2)?;
    let lower = scores.get(scores.len().checked_sub(1)? / 2)?;
    Some(lower.midpoint(*upper))
}

#[cfg(test)]
mod tests;
