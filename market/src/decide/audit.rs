//! Verdicts and confessions: what they make of slots, earnings and reputation.

use super::{WHOLE_PPM, only};
use crate::docket::Charge;
use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::compliance::{self, Measured};
use contracts::payout::{self, Accrual, PayoutShare};
use contracts::{Cause, Contract, ContractState, Fault, SlotState};
use reputation::Outcome;
use types::documents::{AuditKind, Confession, SlotVerdict, Verdict};
use types::{Dimension, Verified};

/// What the verdicts on several slots of one provider come to.
#[derive(Default)]
struct Findings {
    slots: Vec<SlotId>,
    accruals: Vec<(SlotId, Accrual)>,
    excused: Vec<SlotId>,
    charges: Vec<Charge>,
    outcomes: Vec<Outcome>,
    consequences: Vec<Event>,
}

impl Market {
    pub(crate) fn record_verdict(
        &self,
        verdict: &Verified<Verdict>,
    ) -> Result<Vec<Event>, Rejection> {
        self.only_market("verdict", verdict.auditor)?;
        if verdict.epoch > self.epoch {
            let reason = format!("epoch {} is not open yet; it is {}", verdict.epoch, self.epoch);
            return Err(Rejection::Invalid { field: "epoch", reason });
        }
        let mut findings = Findings::default();
        for finding in &verdict.slots {
            let id = SlotId { contract: finding.contract, slot: finding.slot };
            let (contract, slot) = self.known_slot(id)?;
            let over = !matches!(contract.state, ContractState::Active | ContractState::Completed);
            if over || slot.provider() != verdict.provider || findings.slots.contains(&id) {
                continue;
            }
            match verdict.kind {
                AuditKind::Routine => self.judge_routine(verdict, finding, &mut findings)?,
                AuditKind::Intensified => {
                    self.judge_intensified(verdict, finding, &mut findings)?;
                }
            }
        }
        if findings.slots.is_empty() {
            return Ok(Vec::new());
        }
        let measured = self.measured_availability(&verdict.provider, verdict.epoch);
        let announced = self.docket.is_announced(&verdict.provider, verdict.epoch);
        findings.outcomes.extend(measured.filter(|_| !announced));
        let recorded = Event::VerdictRecorded {
            document: verdict.id(),
            provider: verdict.provider,
            epoch: verdict.epoch,
            kind: verdict.kind,
            slots: findings.slots,
            accruals: findings.accruals,
            excused: findings.excused,
            charges: findings.charges,
            outcomes: findings.outcomes,
        };
        Ok(std::iter::once(recorded).chain(findings.consequences).collect())
    }

    fn judge_routine(
        &self,
        verdict: &Verified<Verdict>,
        finding: &SlotVerdict,
        findings: &mut Findings,
    ) -> Result<(), Rejection> {
        let id = SlotId { contract: finding.contract, slot: finding.slot };
        let (contract, slot) = self.known_slot(id)?;
        let asked = contract.is_audited_in(verdict.epoch, slot);
        if !asked || slot.audited.is_some_and(|epoch| epoch >= verdict.epoch) {
            return Ok(());
        }
        findings.slots.push(id);
        let over = contract.is_over(verdict.epoch);
        let counted = !over && contract.first_epoch.is_some_and(|first| first <= verdict.epoch);
        let sound = slot.state == SlotState::Filled;
        let excused = sound && !finding.answered && self.is_excused(id, verdict.epoch);
        if excused && !over {
            // Paid as an epoch without a challenge is.
            findings.excused.push(id);
            return Ok(());
        }
        let measured = self.docket.measured(&verdict.provider, verdict.epoch);
        if !excused {
            findings.outcomes.extend(observe(finding, contract, measured.as_ref()));
        }
        let compliance = compliance::compliance(finding, measured.as_ref(), &contract.terms);
        let share = payout::share(&contract.terms.payout, compliance);
        match slot.state {
            SlotState::Filled => {
                let mut accrual = slot.accrual;
                if counted && compliance < 1000 {
                    accrual.exception(verdict.epoch, slot.earning_bytes(), share);
                    findings.accruals.push((id, accrual));
                }
                if !finding.is_pass() {
                    let bytes = if counted { slot.earning_bytes() } else { 0 };
                    findings.charges.push(self.charge(finding, (bytes, share), accrual)?);
                    let cause = if finding.answered { Cause::Lost } else { Cause::Unreachable };
                    let (since, evidence) = (verdict.epoch, verdict.id());
                    let fault = Fault { since, cause, evidence, penalised_ppm: None };
                    accrual.catch_up(contract.payable(verdict.epoch.plus(1)), slot.earning_bytes());
                    let provider = verdict.provider;
                    findings.consequences.push(Event::SlotFaulted {
                        slot: id,
                        provider,
                        fault,
                        accrual,
                    });
                }
            }
            SlotState::AtFault => self.judge_again(verdict, finding, findings)?,
            _ => {}
        }
        Ok(())
    }

    /// A routine verdict on a slot that is at fault already.
    fn judge_again(
        &self,
        verdict: &Verified<Verdict>,
        finding: &SlotVerdict,
        findings: &mut Findings,
    ) -> Result<(), Rejection> {
        let id = SlotId { contract: finding.contract, slot: finding.slot };
        let (contract, slot) = self.known_slot(id)?;
        let Some(fault) = slot.fault else { return Ok(()) };
        if fault.cause != Cause::Unreachable || !finding.answered {
            return Ok(());
        }
        if finding.is_pass() {
            let late = contract.is_over(verdict.epoch);
            let mut accrual =
                if late { contract.shown_before(fault.since, slot) } else { slot.accrual };
            accrual.through = contract.payable(verdict.epoch).max(accrual.through);
            let provider = verdict.provider;
            findings.consequences.push(Event::SlotRecovered { slot: id, provider, accrual });
        } else {
            let charge = self.charge(finding, (0, PayoutShare::FULL), slot.accrual)?;
            findings.charges.push(charge);
            let fault = Fault { cause: Cause::Lost, evidence: verdict.id(), ..fault };
            findings.consequences.push(Event::SlotFaulted {
                slot: id,
                provider: verdict.provider,
                fault,
                accrual: slot.accrual,
            });
        }
        Ok(())
    }

    /// 256 challenges estimate the lost fraction; the penalty follows.
    ///
    /// The estimate is Laplace's rule of succession, (failed + 1) / (asked + 2): a proof has failed already,
    /// so a loss that all 256 happen to miss is still a loss.
    fn judge_intensified(
        &self,
        verdict: &Verified<Verdict>,
        finding: &SlotVerdict,
        findings: &mut Findings,
    ) -> Result<(), Rejection> {
        let id = SlotId { contract: finding.contract, slot: finding.slot };
        let (contract, slot) = self.known_slot(id)?;
        let open = slot.fault.filter(|f| f.cause == Cause::Lost && f.penalised_ppm.is_none());
        let Some(fault) = open.filter(|_| slot.state == SlotState::AtFault) else { return Ok(()) };
        findings.slots.push(id);
        findings.outcomes.extend(observe(finding, contract, None));
        let dishonest = Outcome { dimension: Dimension::Honesty, good: 0, bad: 1 };
        findings.outcomes.push(dishonest);
        let mut charge = self.charge(finding, (0, PayoutShare::FULL), slot.accrual)?;
        charge.outcomes.push(dishonest);
        charge.follows = Some(fault.evidence);
        findings.charges.push(charge);
        let grounds = self.docket.grounds(fault.evidence, id);
        let grounds = std::iter::once(verdict.id()).chain(grounds).collect();
        let fraction = if finding.answered {
            let failed = u64::from(finding.challenges.saturating_sub(finding.passed));
            let asked = u64::from(finding.challenges);
            let ppm = (failed + 1) * u64::from(WHOLE_PPM) / (asked + 2);
            u32::try_from(ppm).unwrap_or(WHOLE_PPM)
        } else {
            WHOLE_PPM
        };
        let fault = Fault { evidence: verdict.id(), ..fault };
        findings.consequences.extend(self.penalise_for(id, fault, (fraction, grounds))?);
        Ok(())
    }

    /// What a verdict holds against a slot that was `paid` for `bytes`, with `accrual` as it leaves it.
    fn charge(
        &self,
        finding: &SlotVerdict,
        (bytes, paid): (u64, PayoutShare),
        accrual: Accrual,
    ) -> Result<Charge, Rejection> {
        let id = SlotId { contract: finding.contract, slot: finding.slot };
        let (contract, slot) = self.known_slot(id)?;
        let proven = SlotVerdict { passed: finding.challenges, ..*finding };
        let deserved = compliance::compliance(&proven, None, &contract.terms);
        let deserved = payout::share(&contract.terms.payout, deserved);
        let bytes = if finding.answered { bytes } else { 0 };
        let mut restored = accrual;
        restored.restore(bytes, paid, deserved);
        let shortfall = slot.earned(&restored)?.sub(slot.earned(&accrual)?)?;
        let failed = finding.challenges.saturating_sub(finding.passed);
        let denied =
            Outcome { dimension: Dimension::Possession, good: finding.passed, bad: failed };
        Ok(Charge {
            slot: id,
            answered: finding.answered,
            bytes,
            paid,
            deserved,
            shortfall,
            outcomes: if finding.answered { vec![denied] } else { Vec::new() },
            follows: None,
        })
    }

    pub(crate) fn confess(
        &self,
        confession: &Verified<Confession>,
    ) -> Result<Vec<Event>, Rejection> {
        let id = SlotId { contract: confession.contract, slot: confession.slot };
        let (contract, slot) = self.known_slot(id)?;
        only("confession", confession.provider, slot.provider())?;
        if contract.state != ContractState::Active || slot.state != SlotState::Filled {
            return Ok(Vec::new());
        }
        if confession.lost_bytes == 0 || confession.lost_bytes > slot.size.bytes {
            let reason =
                format!("{} of {} bytes; give 1 to all", confession.lost_bytes, slot.size.bytes);
            return Err(Rejection::Invalid { field: "lost_bytes", reason });
        }
        if confession.revision != contract.revision {
            let (found, latest) = (confession.revision, contract.revision);
            let reason = format!("it is about revision {found}, the contract is at {latest}");
            return Err(Rejection::Invalid { field: "revision", reason });
        }
        let whole = u128::from(slot.size.bytes.max(1));
        let ppm = (u128::from(confession.lost_bytes) * u128::from(WHOLE_PPM)).div_ceil(whole);
        let fraction = u32::try_from(ppm).unwrap_or(WHOLE_PPM);
        let (since, evidence) = (self.epoch, confession.id());
        let fault = Fault { since, cause: Cause::Confessed, evidence, penalised_ppm: None };
        let accrual = slot.accrued(contract.payable(self.epoch));
        let confessed = Event::LossConfessed {
            document: evidence,
            provider: slot.provider(),
            slot: id,
            outcome: Outcome { dimension: Dimension::Honesty, good: 1, bad: 0 },
        };
        let provider = slot.provider();
        let mut events = vec![confessed, Event::SlotFaulted { slot: id, provider, fault, accrual }];
        events.extend(self.penalise(id, fault, fraction)?);
        Ok(events)
    }
}

/// What a verdict tells reputation; what was measured counts for how fast the provider is.
fn observe(
    finding: &SlotVerdict,
    contract: &Contract,
    measured: Option<&Measured>,
) -> Vec<Outcome> {
    let outcome = |dimension, good, bad| Outcome { dimension, good, bad };
    let answered = u32::from(finding.answered);
    let mut outcomes = vec![outcome(Dimension::Availability, answered, 1 - answered)];
    if finding.answered {
        let failed = finding.challenges.saturating_sub(finding.passed);
        outcomes.push(outcome(Dimension::Possession, finding.passed, failed));
        let measured = measured.filter(|measured| measured.availability_permille > 0);
        let taken = measured.map_or(finding.latency_ms, |measured| measured.first_byte_ms);
        let limit = u64::from(taken) * 1_000 <= contract.terms.first_byte.0;
        outcomes.push(outcome(Dimension::Latency, u32::from(limit), u32::from(!limit)));
    }
    outcomes
}
