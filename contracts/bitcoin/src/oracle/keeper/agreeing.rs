//! An oracle among several: it reports, hears the others, votes and attests what enough of them vote for.

use super::super::agree::{Agreement, Minutes, REPORT_TAG, Report, VOTE_TAG, Vote, statement};
use super::super::book::Record;
use super::{Attestation, Oracle, OracleError, open, ripe};
use std::sync::PoisonError;
use types::{Span, Timestamp};

impl Oracle {
    /// Says what this auditor has measured. Where it decides alone, that is attested; else it is reported to the others, and attested
    /// with what they agree on.
    ///
    /// # Errors
    /// Where the event is unknown, given up or not over at `now`, or something else was said of it.
    pub fn say(
        &self,
        event: &str,
        score: u16,
        now: Timestamp,
    ) -> Result<Option<Attestation>, OracleError> {
        if !self.known(event)?.rule.is_shared() {
            return self.attest(event, score, now).map(Some);
        }
        self.report(event, score, now)?;
        self.hear(event, Minutes::default(), now)?;
        self.attestation(event)
    }

    fn report(&self, event: &str, score: u16, now: Timestamp) -> Result<(), OracleError> {
        let mut book = self.book();
        let entry = open(&book, event, score)?;
        match entry.report.as_ref().map(|report| report.score) {
            Some(reported) if reported == score => return Ok(()),
            Some(reported) => {
                let event = event.to_owned();
                return Err(OracleError::Reported { event, reported, asked: score });
            }
            None => ripe(entry, now)?,
        }
        let signature = self.sign(REPORT_TAG, &statement(event, &score.to_be_bytes()));
        let (event, auditor) = (event.to_owned(), self.public_key());
        Ok(book.append(&Record::Reported(Report { event, auditor, score, signature }))?)
    }

    /// Takes up what other auditors say of an event, votes and attests where it is time to, and gives everything that was said so
    /// far. What is refused is refused after the rest had its effect.
    ///
    /// # Errors
    /// Where the event is unknown or given up, a statement is refused, or the disk does not take what must be remembered.
    pub fn hear(
        &self,
        event: &str,
        minutes: Minutes,
        now: Timestamp,
    ) -> Result<Minutes, OracleError> {
        let mut agreements = self.agreements.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.known(event)?;
        if known.given_up {
            return Err(OracleError::GivenUp(event.to_owned()));
        }
        let fresh = || Agreement::new(event.to_owned(), known.rule.clone());
        let agreement = agreements.entry(event.to_owned()).or_insert_with(fresh);
        agreement.hear(self.own(event))?;
        let heard = agreement.hear(minutes);
        let waited = now.0.saturating_sub(i64::from(known.maturity).saturating_mul(1_000_000));
        if let Ok(waited) = u64::try_from(waited) {
            self.vote(agreement, event, Span(waited))?;
            if let Some(score) = agreement.decided().filter(|_| known.outcome.is_none()) {
                self.conclude(event, score, now)?;
                tracing::info!(event, score, "the auditors have agreed");
            }
        }
        heard?;
        Ok(agreement.minutes())
    }

    /// What this oracle has said itself.
    fn own(&self, event: &str) -> Minutes {
        let book = self.book();
        let entry = book.entry(event);
        Minutes {
            reports: entry.and_then(|entry| entry.report.clone()).into_iter().collect(),
            votes: entry.and_then(|entry| entry.vote.clone()).into_iter().collect(),
        }
    }

    /// Votes where it is time to. The vote stands in the book before anybody hears it.
    fn vote(
        &self,
        agreement: &mut Agreement,
        event: &str,
        waited: Span,
    ) -> Result<(), OracleError> {
        let auditor = self.public_key();
        let Some((score, reports)) = agreement.proposal(auditor, waited) else { return Ok(()) };
        let signature = self.sign(VOTE_TAG, &statement(event, &score.to_be_bytes()));
        let vote = Vote { event: event.to_owned(), auditor, score, signature, reports };
        self.book().append(&Record::Voted(vote.clone()))?;
        agreement.hear(Minutes { reports: vec![], votes: vec![vote] })?;
        Ok(())
    }
}
