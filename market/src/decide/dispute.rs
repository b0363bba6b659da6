//! Disputes: evidence alone decides, and what a wrong verdict took is given back.

use super::only;
use crate::command::Contest;
use crate::docket::{Accusation, Charge, Contested};
use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::evidence::{self, Finding};
use contracts::rail::rail;
use contracts::{Account, Contract, Slot, SlotState};
use reputation::Outcome;
use std::collections::BTreeMap;
use types::documents::{SlotVerdict, Verdict};
use types::terms::RailKind;
use types::{ContractId, Did, Dimension, DocId, Msat};

/// What can still be taken for reversals while one dispute is judged.
struct Till {
    pooled: BTreeMap<ContractId, Msat>,
    fees: Msat,
}

impl Market {
    pub(crate) fn dispute(&self, contest: &Contest) -> Result<Vec<Event>, Rejection> {
        let Contest { dispute, verdict, challenge, .. } = contest;
        belong_together(contest)?;
        self.only_market("verdict", verdict.auditor)?;
        self.only_market("challenge", challenge.auditor)?;
        only("dispute", dispute.provider, verdict.provider)?;
        let accusation = self.disputable(verdict, verdict.id())?;
        if let Some(earlier) = accusation.disputed {
            if earlier == dispute.id() {
                return Ok(Vec::new());
            }
            let reference = verdict.id().to_string();
            return Err(Rejection::AlreadyUsed { what: "the one dispute of verdict", reference });
        }
        let findings = evidence::judge(challenge, &contest.proof, &contest.answers)
            .map_err(|error| Rejection::ForeignEvidence(error.to_string()))?;
        let proven = |charge: &&Charge| {
            let about =
                |f: &&Finding| (f.contract, f.slot) == (charge.slot.contract, charge.slot.slot);
            findings.iter().find(about).is_some_and(Finding::is_pass)
        };
        let proven: Vec<&Charge> = accusation.charges.iter().filter(proven).collect();
        if proven.is_empty() {
            let slots = accusation.charges.iter().map(|charge| charge.slot).collect();
            return Ok(vec![dismissed(contest, slots, &findings)]);
        }
        let cleared: Vec<&Charge> =
            proven.into_iter().filter(|charge| self.is_reversible(verdict.id(), charge)).collect();
        if cleared.is_empty() {
            let reason = "no answer came in time, so the epoch stays unpaid, and no penalty rests on it; \
                answer the next challenge, and dispute again should the slot be lost over it";
            return Err(not_disputable(verdict.id(), reason));
        }
        self.uphold(contest, &cleared)
    }

    /// The accusation that a verdict is, if it can be disputed now.
    fn disputable(&self, verdict: &Verdict, id: DocId) -> Result<&Accusation, Rejection> {
        if verdict.slots.iter().all(SlotVerdict::is_pass) {
            return Err(not_disputable(
                id,
                "it found everything as promised; there is nothing to reverse",
            ));
        }
        let accusation = self.docket.verdicts.get(&id);
        let usual = verdict.epoch.plus(self.genesis.dispute_epochs);
        let until = accusation.map_or(usual, |accusation| accusation.until);
        if until < self.epoch {
            return Err(Rejection::DisputeLate { verdict: id, until, now: self.epoch });
        }
        if let Some(accusation) = accusation {
            return Ok(accusation);
        }
        Err(not_disputable(
            id,
            "this market holds nothing against a slot for it; name a verdict that it recorded",
        ))
    }

    /// Whether proving what a verdict denies reverses anything: silence stays silence, but no loss follows from it.
    fn is_reversible(&self, verdict: DocId, charge: &Charge) -> bool {
        let rests = |penalty: &Contested| penalty.verdicts.contains(&verdict);
        charge.answered || self.docket.contested(charge.slot).iter().any(rests)
    }

    fn uphold(&self, contest: &Contest, cleared: &[&Charge]) -> Result<Vec<Event>, Rejection> {
        let (verdict, provider) = (contest.verdict.id(), contest.dispute.provider);
        let mut till = Till { pooled: BTreeMap::new(), fees: self.ledger.balance(Account::Fees) };
        let mut events = vec![Event::DisputeUpheld {
            document: contest.dispute.id(),
            verdict,
            provider,
            slots: cleared.iter().map(|charge| charge.slot).collect(),
            retracted: cleared.iter().flat_map(|c| self.unlearnt(verdict, c)).collect(),
        }];
        for charge in cleared {
            events.extend(self.give_back_pay(verdict, (provider, charge), &mut till)?);
            for penalty in self.docket.contested(charge.slot) {
                if penalty.verdicts.contains(&verdict) {
                    events.push(self.reverse(verdict, (charge.slot, penalty), &mut till)?);
                }
            }
        }
        Ok(events)
    }

    /// What reputation learnt from a verdict about a slot, and from the audits that it caused.
    fn unlearnt(&self, verdict: DocId, charge: &Charge) -> Vec<(DocId, Outcome)> {
        let noted = |id: DocId, charge: &Charge| {
            charge.outcomes.iter().map(|outcome| (id, *outcome)).collect::<Vec<_>>()
        };
        let caused = self.docket.verdicts.iter().flat_map(|(id, accusation)| {
            let follow = accusation.charges.iter();
            let follow = follow.filter(|c| c.slot == charge.slot && c.follows == Some(verdict));
            follow.flat_map(|charge| noted(*id, charge)).collect::<Vec<_>>()
        });
        noted(verdict, charge).into_iter().chain(caused).collect()
    }

    /// Lifts the fault that rests on the verdict, and pays for the epoch what it deserved.
    fn give_back_pay(
        &self,
        verdict: DocId,
        (provider, charge): (Did, &Charge),
        till: &mut Till,
    ) -> Result<Option<Event>, Rejection> {
        if !charge.answered {
            return Ok(None);
        }
        let (contract, slot) = self.known_slot(charge.slot)?;
        if !is_still_in(contract, slot, provider) {
            let paid = match contract.terms.rail {
                RailKind::Ledger => charge.shortfall.min(till.fees),
                // An escrow on Bitcoin has nothing but what is in it.
                RailKind::Bitcoin => Msat::ZERO,
            };
            till.fees = till.fees.sub(paid)?;
            let credit = Account::Available(provider);
            let posting = contracts::Posting { debit: Account::Fees, credit, amount: paid };
            return Ok((charge.shortfall > Msat::ZERO).then(|| Event::PayCompensated {
                slot: charge.slot,
                provider,
                owed: Msat(charge.shortfall.0.saturating_sub(paid.0)),
                postings: if paid > Msat::ZERO { vec![posting] } else { Vec::new() },
            }));
        }
        let mut accrual = slot.accrual;
        accrual.restore(charge.bytes, charge.paid, charge.deserved);
        let rests = |fault: &contracts::Fault| {
            self.docket.grounds(fault.evidence, charge.slot).contains(&verdict)
        };
        let lifts = slot.state == SlotState::AtFault && slot.fault.as_ref().is_some_and(rests);
        let (changed, slot) = (accrual != slot.accrual, charge.slot);
        if lifts {
            return Ok(Some(Event::SlotRecovered { slot, provider, accrual }));
        }
        Ok(changed.then_some(Event::PayRestored { slot, provider, accrual }))
    }

    /// Gives a penalty back: from where it waits for the client, from the contract's own part of the repair pool, and
    /// what that has spent already from the market's fees. The judge pays for its error; the world never does.
    fn reverse(
        &self,
        verdict: DocId,
        (id, penalty): (SlotId, &Contested),
        till: &mut Till,
    ) -> Result<Event, Rejection> {
        let (contract, slot) = self.known_slot(id)?;
        let due = penalty.refundable();
        let from_client = due.min(penalty.to_client);
        let pooled = till.pooled.entry(id.contract).or_insert_with(|| self.pooled(&id.contract));
        let from_pool = due.sub(from_client)?.min(*pooled);
        *pooled = pooled.sub(from_pool)?;
        let from_fees = match contract.terms.rail {
            RailKind::Ledger => due.sub(from_client)?.sub(from_pool)?.min(till.fees),
            RailKind::Bitcoin => Msat::ZERO,
        };
        till.fees = till.fees.sub(from_fees)?;
        let back = Msat::sum([from_client, from_pool, from_fees])?;
        let bond = self.ledger.balance(Account::Bond(id.contract, id.slot));
        let room = slot.quoted.bond.sub(bond)?.max(Msat::ZERO);
        let is_in = is_still_in(contract, slot, penalty.provider) && slot.confirmed;
        let to_bond = if is_in { back.min(room) } else { Msat::ZERO };
        let to_provider = back.sub(to_bond)?;
        let number = (id.contract, id.slot);
        let rail = rail(contract.terms.rail);
        let mut postings = rail.reverse(
            number,
            &[
                (Account::Contested(id.contract, id.slot), from_client),
                (rail.pool(), from_pool),
                (Account::Fees, from_fees),
            ],
            &[
                (Account::Bond(id.contract, id.slot), to_bond),
                (rail.own(penalty.provider), to_provider),
            ],
        );
        // What stays paid of the client's part is final now.
        let kept = penalty.to_client.sub(from_client)?;
        postings.extend(rail.release_contested(contract.id, id.slot, contract.client, kept));
        Ok(Event::PenaltyReversed {
            slot: id,
            provider: penalty.provider,
            verdict,
            from_client,
            to_bond,
            to_provider,
            owed: due.sub(back)?,
            postings,
        })
    }

    /// The slots of a contract with penalties that can be disputed no more.
    pub(crate) fn final_penalties(&self, contract: ContractId) -> Vec<SlotId> {
        let over = |(_, all): &(SlotId, &[Contested])| all.iter().any(|p| p.until < self.epoch);
        self.docket.contested_of(contract).filter(over).map(|(id, _)| id).collect()
    }

    /// Gives the client what penalties hold for it, once they can be disputed no more.
    pub(crate) fn release(&self, id: SlotId) -> Result<Vec<Event>, Rejection> {
        let (contract, _) = self.known_slot(id)?;
        let over = self.docket.contested(id).iter().filter(|p| p.until < self.epoch);
        let over: Vec<&Contested> = over.collect();
        if over.is_empty() {
            return Ok(Vec::new());
        }
        let amount = Msat::sum(over.iter().map(|penalty| penalty.to_client))?;
        let rail = rail(contract.terms.rail);
        let postings = rail.release_contested(contract.id, id.slot, contract.client, amount);
        let postings = self.posted(postings)?;
        let providers = over.iter().map(|penalty| penalty.provider).collect();
        Ok(vec![Event::PenaltyReleased { slot: id, providers, before: self.epoch, postings }])
    }
}

/// Each document names the one before it, and the proof is the one that was judged: an answer that failed is not made good by
/// another that is made later, or else it would do to keep nothing and fetch what is asked for when it suits. A verdict
/// that names no proof, since none came or its auditor kept it to itself, is refuted by any.
fn belong_together(contest: &Contest) -> Result<(), Rejection> {
    let Contest { dispute, verdict, challenge, proof, .. } = contest;
    let names = [
        ("verdict", "dispute", dispute.verdict, verdict.id()),
        ("proof", "dispute", dispute.proof, proof.id()),
        ("challenge", "verdict", verdict.challenge, challenge.id()),
    ];
    match names.into_iter().find(|(_, _, named, given)| named != given) {
        None => match verdict.proof {
            Some(judged) if judged != proof.id() => Err(Rejection::ForeignEvidence(format!(
                "the verdict judged proof {judged}, not {}; give the answer that it judged",
                proof.id()
            ))),
            _ => Ok(()),
        },
        Some((what, by, named, given)) => Err(Rejection::ForeignEvidence(format!(
            "{what} {given} is not the one that the {by} names; give {named}"
        ))),
    }
}

/// Whether `provider` holds the slot still, so that what is its due can go to the slot.
fn is_still_in(contract: &Contract, slot: &Slot, provider: Did) -> bool {
    contract.state.is_open()
        && slot.provider() == provider
        && matches!(slot.state, SlotState::Filled | SlotState::AtFault)
}

fn not_disputable(verdict: DocId, reason: &str) -> Rejection {
    Rejection::NotDisputable { verdict, reason: reason.to_owned() }
}

/// A dispute whose answers do not prove what the verdict denies: kept, and held mildly against its provider's honesty.
fn dismissed(contest: &Contest, slots: Vec<SlotId>, findings: &[Finding]) -> Event {
    let failed = findings.iter().find_map(|finding| {
        let (pick, error) = finding.failure.as_ref()?;
        let (asked, passed, slot) = (finding.asked, finding.passed, finding.slot);
        Some(format!("slot {slot}: {passed} of {asked} chunks are proven; chunk {pick}: {error}"))
    });
    Event::DisputeDismissed {
        document: contest.dispute.id(),
        verdict: contest.verdict.id(),
        provider: contest.dispute.provider,
        slots,
        reason: failed
            .unwrap_or_else(|| "the answers speak of other slots than the verdict".into()),
        outcome: Outcome { dimension: Dimension::Honesty, good: 1, bad: 1 },
    }
}
