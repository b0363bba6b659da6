//! What both sides do in every round: follow the chain, hear the auditors, and do what each deal asks for.

use super::escrows::{EscrowState, Funding};
use super::record::{Deal, Failed, Over, Record, Stage};
use super::rules::AT_A_TIME;
use super::{Oracles, Role, Round, Treasurer, TreasurerError, WITHIN_BLOCKS, signer};
use crate::chain::follow::follow;
use crate::chain::{Chain, ChainError};
use crate::deal::watch::{Action, FundingState, SlotState};
use crate::oracle::messages::{Announcement, Attestation};
use crate::oracle::points::{Outcome, verify_attestation};
use crate::wallet::WalletError;
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::{Amount, FeeRate, OutPoint, Transaction};
use futures_util::future::join_all;
use network::api::OracleInfo;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::timeout;

/// How many questions oracles are asked in one round; the rest have their turn in the next.
const QUESTIONS_MAX: usize = 96;

/// What a treasurer wants to know of auditors. Asking needs no treasurer, so that it can hear others meanwhile.
#[derive(Debug)]
pub struct Questions {
    open: Vec<Question>,
    within: Duration,
}

/// Whether one auditor has attested one slot.
#[derive(Debug)]
struct Question {
    number: u32,
    index: usize,
    auditor: usize,
    oracle: OracleInfo,
    announcement: Announcement,
}

/// What the auditors said.
#[derive(Debug)]
pub struct Answers(Vec<(Question, Result<Option<Word>, String>)>);

/// An auditor's number and what signs it.
type Word = (u16, Vec<Signature>);

impl Questions {
    /// Asks them all.
    pub async fn ask<O: Oracles>(self, oracles: &O) -> Answers {
        let within = self.within;
        let (mut open, mut answers) = (self.open.into_iter().peekable(), vec![]);
        while open.peek().is_some() {
            let some = open.by_ref().take(AT_A_TIME).map(|question| async move {
                let answer = ask(oracles, &question, within).await;
                (question, answer)
            });
            answers.extend(join_all(some).await);
        }
        Answers(answers)
    }
}

async fn ask<O: Oracles>(
    oracles: &O,
    question: &Question,
    within: Duration,
) -> Result<Option<Word>, String> {
    let Question { oracle, announcement, .. } = question;
    let answer = timeout(within, oracles.attestation(oracle, announcement)).await;
    let silent = || format!("the oracle {} does not answer within {within:?}", oracle.key);
    let attestation = answer.unwrap_or_else(|_| Err(silent()))?;
    attestation.map(|attestation| read(&attestation, announcement)).transpose()
}

fn read(attestation: &Attestation, announcement: &Announcement) -> Result<Word, String> {
    let outcome = verify_attestation(attestation, announcement);
    let number = match outcome.map_err(|error| error.to_string())? {
        Outcome::Number(number) => u16::try_from(number).ok(),
        Outcome::Named(_) => None,
    };
    let number = number.ok_or("an attestation of no compliance")?;
    Ok((number, attestation.signatures().to_vec()))
}

impl Treasurer {
    /// What it wants to know of auditors now.
    pub fn questions(&mut self) -> Questions {
        let mut open: Vec<Question> =
            self.deals.iter().flat_map(|(number, deal)| questions(*number, deal)).collect();
        let count = open.len().max(1);
        open.rotate_left(self.asked.checked_rem(count).unwrap_or(0));
        open.truncate(QUESTIONS_MAX);
        self.asked = self.asked.wrapping_add(open.len());
        Questions { open, within: self.manner.answer_within }
    }

    /// Follows the chain, and does what is to be done by what it and the auditors say.
    ///
    /// # Errors
    /// Where chain or disk do not serve.
    pub async fn settle<C: Chain>(
        &mut self,
        chain: &C,
        answers: Answers,
    ) -> Result<Round, TreasurerError> {
        self.follow(chain).await?;
        let mut round = Round::default();
        self.learn(answers, &mut round)?;
        self.act(chain, &mut round).await?;
        if self.recall_late()? {
            self.act(chain, &mut round).await?;
        }
        self.lapse()?;
        let rate = chain.fee_rate(WITHIN_BLOCKS).await?;
        let rate = rate.clamp(self.manner.rate_min, self.manner.rate_max);
        for reason in self.wallet.hasten((rate, self.manner.lift_after), &self.keys)? {
            round.wait(reason);
        }
        for payment in self.wallet.unfinished(self.manner.confirmations.get()) {
            carry(chain, &payment.transaction, &mut round).await?;
        }
        self.publish();
        Ok(round)
    }

    /// Reads what is new on the chain.
    pub(super) async fn follow<C: Chain>(&mut self, chain: &C) -> Result<(), TreasurerError> {
        let (found, ours) = (chain.network(), self.network());
        if found != ours {
            return Err(TreasurerError::OtherNetwork { found, ours });
        }
        self.wallet.follow(chain).await?;
        follow(chain, &mut self.follower).await?;
        Ok(())
    }

    fn learn(&mut self, answers: Answers, round: &mut Round) -> Result<(), TreasurerError> {
        let height = self.wallet.tip().height;
        for (Question { number, index, auditor, .. }, answer) in answers.0 {
            let (value, signatures) = match answer {
                Ok(Some(word)) => word,
                Ok(None) => continue,
                Err(reason) => {
                    round.wait(format!("an attestation: {reason}"));
                    continue;
                }
            };
            let Some(watching) = self.watching(number) else { continue };
            let heard = watching.watch.attested(index, (auditor, value), signatures, height);
            if let Err(error) = heard {
                round.wait(error.to_string());
            }
        }
        self.live().into_iter().try_for_each(|number| self.save(number))
    }

    /// Has every signed deal look at the chain, and does what it says.
    pub(super) async fn act<C: Chain>(
        &mut self,
        chain: &C,
        round: &mut Round,
    ) -> Result<(), TreasurerError> {
        let mut broadcast = BTreeSet::new();
        for number in self.live() {
            for action in self.look(number, round)? {
                match action {
                    Action::Broadcast(transaction) => {
                        broadcast.insert(transaction.compute_txid());
                        carry(chain, &transaction, round).await?;
                        self.lift(chain, (number, &transaction), round).await?;
                    }
                    Action::TakeBack(coins) => {
                        self.take_back(chain, (number, coins), round).await?;
                    }
                }
            }
        }
        self.forget_all_but(&broadcast);
        self.live().into_iter().try_for_each(|number| self.finish(number))
    }

    /// Looks, and makes durable what was seen before anything is done about it.
    fn look(&mut self, number: u32, round: &mut Round) -> Result<Vec<Action>, TreasurerError> {
        let key = self.key(number)?;
        let Some(watching) = self.deals.get_mut(&number).and_then(Deal::watching_mut) else {
            return Ok(vec![]);
        };
        let look = match watching.watch.look(&self.follower, &signer(&key)?) {
            Ok(look) => look,
            Err(error) => {
                round.wait(format!("deal {number}: {error}"));
                return Ok(vec![]);
            }
        };
        let actions = look.actions.clone();
        let funding = look.funding;
        let ended = look.slots.iter().filter(|(_, state)| finally(state));
        let ended: Vec<usize> = ended.map(|(slot, _)| *slot).collect();
        watching.look = Some(look);
        self.save(number)?;
        if matches!(funding, FundingState::Mined { is_final: true, .. }) {
            self.release_funding(number)?;
        }
        ended.into_iter().try_for_each(|slot| self.release_slot(number, slot))?;
        Ok(actions)
    }

    /// Spends the coins of a funding that is given up, so that no block can have it any more. Where a node has the funding, that takes
    /// a fee above its.
    async fn take_back<C: Chain>(
        &mut self,
        chain: &C,
        (number, coins): (u32, Vec<OutPoint>),
        round: &mut Round,
    ) -> Result<(), TreasurerError> {
        let id = types::Hash::derive("bondstore treasurer take back v1", &[&number.to_be_bytes()]);
        let rate = chain.fee_rate(WITHIN_BLOCKS).await?;
        let rate = rate.clamp(self.manner.rate_min, self.manner.rate_max);
        let swept = match self.wallet.sweep((id, coins), rate, &self.keys) {
            Err(error @ (WalletError::TooSmall { .. } | WalletError::Unbuildable(_))) => {
                round.wait(format!("a funding that was given up: {error}"));
                return Ok(());
            }
            swept => swept?,
        };
        let refused = match chain.broadcast(&swept.transaction).await {
            Err(refused @ ChainError::Refused { .. }) => refused,
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(()),
        };
        let weight = swept.transaction.weight();
        let least = self.deals.get(&number).and_then(Deal::watching);
        let least = least.map_or(Amount::ZERO, |watching| {
            let (fee, lifted) = (watching.watch.funding_fee(), watching.watch.funding_txid());
            fee.checked_add(self.lifted(lifted)).unwrap_or(Amount::MAX_MONEY)
        });
        let least = FeeRate::BROADCAST_MIN.fee_wu(weight).and_then(|fee| fee.checked_add(least));
        let least = least.unwrap_or(Amount::MAX_MONEY);
        let least = if swept.fee() < least {
            least
        } else if refused.to_string().contains("insufficient fee") {
            // A child may rest on the funding that this process knows nothing of.
            swept.fee().checked_mul(5).map_or(Amount::MAX_MONEY, |fee| fee / 4)
        } else {
            round.wait(format!("a funding that was given up: {refused}"));
            return Ok(());
        };
        let per_kwu = least.to_sat().saturating_mul(1_000).div_ceil(weight.to_wu().max(1));
        match self.wallet.bump(&id, FeeRate::from_sat_per_kwu(per_kwu), &self.keys) {
            Ok(again) => carry(chain, &again.transaction, round).await,
            Err(
                error @ (WalletError::TooSmall { .. }
                | WalletError::FeeRate(_)
                | WalletError::Unbuildable(_)),
            ) => {
                round.wait(format!("a funding that was given up: {error}"));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Lets a deal go of which nothing is left to be done.
    fn finish(&mut self, number: u32) -> Result<(), TreasurerError> {
        let look = self.deals.get(&number).and_then(Deal::watching);
        let Some(look) = look.and_then(|watching| watching.look.as_ref()) else { return Ok(()) };
        if let FundingState::Void { by, is_final: true } = look.funding {
            let reason = format!("{by} has spent a coin of the funding elsewhere");
            return self.fail(number, reason, vec![]);
        }
        if look.slots.is_empty() || !look.slots.values().all(finally) {
            return Ok(());
        }
        self.end(number, None)
    }

    /// Gives up what others began and did not go on with.
    fn lapse(&mut self) -> Result<(), TreasurerError> {
        let tip = self.wallet.tip().height;
        let lapsed = self.deals.iter().filter_map(|(number, deal)| {
            deal.talking().filter(|_| deal.about.role == Role::Provider)?;
            let late = self.is_late(deal.about.fund_by);
            let silent =
                (tip > deal.talk_until()).then(|| "the client did not go on with it".into());
            Some((*number, late.or(silent)?))
        });
        let lapsed: Vec<(u32, String)> = lapsed.collect();
        lapsed.into_iter().try_for_each(|(number, reason)| self.fail(number, reason, vec![]))
    }

    /// Gives a deal up that came to nothing, because of `faulty`; its coins are free again. The more often that happened in its
    /// contract, the longer it is before those are asked again.
    pub(super) fn fail(
        &mut self,
        number: u32,
        reason: String,
        faulty: Vec<types::Did>,
    ) -> Result<(), TreasurerError> {
        let contract = self.deals.get(&number).map(|deal| deal.about.contract);
        let before = self.deals.values().filter(|deal| Some(deal.about.contract) == contract);
        let before = before.filter(|deal| deal.failed().is_some()).count();
        let rest = 1u32.checked_shl(u32::try_from(before).unwrap_or(u32::MAX)).unwrap_or(u32::MAX);
        let rest = rest.min(self.manner.funding_blocks.max(1));
        let until = self.wallet.tip().height.saturating_add(rest);
        self.end(number, Some(Failed { reason, faulty, until }))
    }

    fn end(&mut self, number: u32, failed: Option<Failed>) -> Result<(), TreasurerError> {
        let Some(deal) = self.deals.get(&number) else { return Ok(()) };
        let mut lines = self.lines(deal);
        if let Some(Failed { reason, .. }) = &failed {
            for line in &mut lines {
                line.state = EscrowState::GivenUp { reason: reason.clone() };
            }
        }
        let over = Over { offer: deal.offer(), failed, lines };
        self.log.append(&Record::Over { number, over: over.clone() })?;
        if let Some(deal) = self.deals.get_mut(&number) {
            deal.stage = Stage::Over(over);
        }
        self.release_all(number)
    }

    /// Lets go whatever was kept aside for a deal that is over.
    pub(super) fn release_all(&mut self, number: u32) -> Result<(), TreasurerError> {
        self.release_funding(number)?;
        let slots = self.deals.get(&number).into_iter().flat_map(|deal| &deal.about.subjects);
        let slots: Vec<usize> = slots.map(|subject| subject.index).collect();
        slots.into_iter().try_for_each(|slot| self.release_slot(number, slot))
    }

    /// Makes durable what a watch has learnt.
    pub(super) fn save(&mut self, number: u32) -> Result<(), TreasurerError> {
        let watching = self.deals.get_mut(&number).and_then(Deal::watching_mut);
        let Some(watching) = watching else { return Ok(()) };
        let progress = watching.watch.progress();
        if progress != watching.noted {
            self.log.append(&Record::Progress { number, progress: progress.clone() })?;
            watching.noted = progress;
        }
        Ok(())
    }

    /// Tells those who ask meanwhile.
    pub(super) fn publish(&self) {
        let needed = self.manner.confirmations.get();
        let mut known = BTreeMap::new();
        for line in self.escrows() {
            let funding = match line.state {
                EscrowState::Unfunded => Funding::Waiting { confirmations: 0, needed },
                EscrowState::Open { confirmations } if confirmations < needed => {
                    Funding::Waiting { confirmations, needed }
                }
                EscrowState::Open { .. } => Funding::Deep,
                _ => Funding::Unknown,
            };
            known.insert((line.contract, line.slot, line.provider), funding);
        }
        self.fundings.publish(known);
    }
}

fn finally(state: &SlotState) -> bool {
    matches!(state, SlotState::Ended { is_final: true, .. })
}

/// What is to be asked about a deal: whoever has not spoken of an escrow that may be open and of which too few have.
fn questions(number: u32, deal: &Deal) -> Vec<Question> {
    let Some(watching) = deal.watching() else { return vec![] };
    let open = watching.watch.slots().map(|(index, _)| index).filter(|index| {
        let seen = watching.look.as_ref().map(|look| look.slots.get(index));
        let open = seen.is_none_or(|state| matches!(state, Some(SlotState::Open)));
        open && watching.watch.due(*index).is_none()
    });
    let asked = open.flat_map(|index| {
        deal.about.oracles.iter().enumerate().filter_map(move |(auditor, oracle)| {
            if watching.watch.has_heard(index, auditor) {
                return None;
            }
            let announcement = deal.subject(index)?.announcement(auditor)?;
            let oracle = oracle.clone();
            Some(Question { number, index, auditor, oracle, announcement })
        })
    });
    asked.collect()
}

/// Has the chain carry a transaction; where it will not, the next round asks again.
async fn carry<C: Chain>(
    chain: &C,
    transaction: &Transaction,
    round: &mut Round,
) -> Result<(), TreasurerError> {
    match chain.broadcast(transaction).await {
        Err(refused @ ChainError::Refused { .. }) => round.wait(refused.to_string()),
        carried => drop(carried?),
    }
    Ok(())
}
