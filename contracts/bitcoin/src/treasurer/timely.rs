//! What comes too late: negotiations whose funding could not count in time any more, escrows that auditors have attested before they
//! are funded, and fundings whose contracts are over.
//!
//! A funding that was signed is taken back by spending one of its own inputs to this wallet itself, at a higher fee. A block has one of
//! the two or neither, since both spend that input: so nothing is paid twice, whichever it is. Once a block had the funding it is not taken
//! back any more, also where a reorganisation undoes that block.

use super::record::{About, Deal, Record, Stage, Subject};
use super::rules::AT_A_TIME;
use super::{Oracles, Role, Round, Treasurer, TreasurerError};
use crate::deal::watch::FundingState;
use crate::oracle::messages::Announcement;
use crate::oracle::points::verify_attestation;
use futures_util::future::join_all;
use network::api::{ContractLine, OracleInfo};
use std::time::Duration;
use tokio::time::timeout;
use types::{Timestamp, utc};

/// A slot of which an auditor is asked whether it has attested it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    slot: u16,
    oracle: OracleInfo,
    announcement: Announcement,
}

/// Whom to ask about the slots of a deal.
pub(super) fn asked(about: &About) -> Vec<Asked> {
    let of = |subject: &Subject| -> Vec<Asked> {
        let oracles = about.oracles.iter().enumerate();
        let asked = oracles.filter_map(|(number, oracle)| {
            let (slot, oracle) = (subject.slot, oracle.clone());
            Some(Asked { slot, oracle, announcement: subject.announcement(number)? })
        });
        asked.collect()
    };
    about.subjects.iter().flat_map(of).collect()
}

/// The first slot that an auditor has attested already, in words; an error where one does not answer.
pub(super) async fn attested<O: Oracles>(
    oracles: &O,
    asked: &[Asked],
    within: Duration,
) -> Result<Option<String>, String> {
    for some in asked.chunks(AT_A_TIME) {
        let answers = some.iter().map(|asked| one(oracles, asked, within));
        for answer in join_all(answers).await {
            if let Some(attested) = answer? {
                return Ok(Some(attested));
            }
        }
    }
    Ok(None)
}

async fn one<O: Oracles>(
    oracles: &O,
    Asked { slot, oracle, announcement }: &Asked,
    within: Duration,
) -> Result<Option<String>, String> {
    let key = &oracle.key;
    let answer = timeout(within, oracles.attestation(oracle, announcement)).await;
    let silent = || format!("the oracle {key} does not answer within {within:?}");
    let attestation = answer.unwrap_or_else(|_| Err(silent()))?;
    let attested = attestation.is_some_and(|word| verify_attestation(&word, announcement).is_ok());
    Ok(attested.then(|| format!("the oracle {key} has attested slot {slot} already")))
}

impl Treasurer {
    /// Whether a funding that must count by `by` cannot be signed in time any more; in words.
    pub(super) fn is_late(&self, by: Option<Timestamp>) -> Option<String> {
        let by = by?;
        let late = (self.clock)() > self.manner.sign_by(by);
        late.then(|| format!("its escrows must count by {}, and cannot any more", utc::format(by)))
    }

    /// Gives up a client's negotiations about slots that auditors have attested: their escrows would be paid out as soon as they
    /// are funded.
    pub(super) async fn drop_attested<O: Oracles>(
        &mut self,
        oracles: &O,
        round: &mut Round,
    ) -> Result<(), TreasurerError> {
        let within = self.manner.answer_within;
        let own = self
            .deals
            .iter()
            .filter(|(_, deal)| deal.about.role == Role::Client && deal.talking().is_some());
        let own: Vec<(u32, Vec<Asked>)> =
            own.map(|(number, deal)| (*number, asked(&deal.about))).collect();
        for (number, asked) in own {
            match attested(oracles, &asked, within).await {
                Ok(Some(reason)) => {
                    round.refuse(reason.clone());
                    self.fail(number, reason, vec![])?;
                }
                Ok(None) => {}
                Err(reason) => round.wait(format!("an attestation: {reason}")),
            }
        }
        Ok(())
    }

    /// Takes back fundings that no block has, where their time is over; says whether there are any.
    pub(super) fn recall_late(&mut self) -> Result<bool, TreasurerError> {
        let now = (self.clock)();
        let late = |deal: &Deal| deal.about.fund_by.is_some_and(|by| now > by);
        let late: Vec<u32> =
            self.deals.iter().filter(|(_, deal)| late(deal)).map(|(number, _)| *number).collect();
        late.into_iter().try_fold(false, |some, number| Ok(self.recall(number)? || some))
    }

    /// Takes back fundings that no block has, where the market says that their contracts are over.
    pub(super) fn recall_ended(&mut self, lines: &[ContractLine]) -> Result<(), TreasurerError> {
        let over = |deal: &Deal| {
            let line = lines.iter().find(|line| line.id == deal.about.contract);
            line.is_some_and(|line| !matches!(line.state.as_str(), "agreed" | "active"))
        };
        let own = self.deals.iter().filter(|(_, deal)| deal.about.role == Role::Client);
        let over: Vec<u32> =
            own.filter(|(_, deal)| over(deal)).map(|(number, _)| *number).collect();
        over.into_iter().try_for_each(|number| self.recall(number).map(drop))
    }

    /// Waits no longer for a deal's funding, where no block has it. Says whether it was waited for.
    fn recall(&mut self, number: u32) -> Result<bool, TreasurerError> {
        let Some(deal) = self.deals.get_mut(&number) else { return Ok(false) };
        let Stage::Watching(watching) = &mut deal.stage else { return Ok(false) };
        let waiting =
            watching.look.as_ref().is_some_and(|look| look.funding == FundingState::Waiting);
        if !waiting || deal.about.patience.funding_until == 0 {
            return Ok(false);
        }
        self.log.append(&Record::Recalled { number })?;
        deal.about.patience.funding_until = 0;
        if let Some(mut watch) = watching.talk.watch(deal.about.patience)? {
            watch.advance(watching.watch.progress());
            watching.watch = watch;
        }
        let (contract, txid) = (deal.about.contract, watching.watch.funding_txid());
        tracing::warn!(%contract, %txid, "the funding came too late and is taken back");
        Ok(true)
    }
}
