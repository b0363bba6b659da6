//! What a world has seen: how often each command was taken and refused, which events happened, which documents there are.

use super::court::Case;
use market::{Command, Event, Market, schedule};
use std::collections::{BTreeMap, BTreeSet};
use types::documents::Grant;
use types::{Did, DocId, Epoch, Msat, Timestamp, Verified};

/// Every event there is.
pub(crate) const EVENTS: [&str; 47] = [
    "escrow_concluded",
    "ask_published",
    "deposited",
    "withdrawn",
    "contract_agreed",
    "slot_confirmed",
    "slot_reassigned",
    "contract_expired",
    "revision_accepted",
    "contract_extended",
    "contract_renewed",
    "renewal_refused",
    "contract_grown",
    "contract_cancelled",
    "contract_left",
    "slot_departing",
    "bond_topped_up",
    "epoch_opened",
    "verdict_recorded",
    "loss_confessed",
    "slot_faulted",
    "slot_recovered",
    "penalised",
    "dispute_upheld",
    "dispute_dismissed",
    "pay_restored",
    "pay_compensated",
    "penalty_reversed",
    "penalty_released",
    "maintenance_announced",
    "measured",
    "slot_relieved",
    "earnings_held",
    "slot_vacated",
    "repair_ordered",
    "repair_delayed",
    "rebuild_finished",
    "earnings_posted",
    "voucher_redeemed",
    "granted",
    "grant_revoked",
    "guest_paid",
    "contract_completed",
    "contract_failed",
    "contract_settled",
    "standing_changed",
    "availability_noted",
];

/// How often something happened, by name.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

/// What became of commands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) taken: Counts,
    /// By command and the refusal's code.
    pub(crate) refused: BTreeMap<(&'static str, &'static str), u64>,
    /// Commands that had happened before, or of which nothing follows now.
    pub(crate) idle: Counts,
    pub(crate) events: Counts,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        let add = |sum: &mut Counts, more: &Counts| {
            for (name, count) in more {
                *sum.entry(name).or_default() += count;
            }
        };
        add(&mut self.taken, &other.taken);
        add(&mut self.idle, &other.idle);
        add(&mut self.events, &other.events);
        for (name, count) in &other.refused {
            *self.refused.entry(*name).or_default() += count;
        }
    }

    /// How often a command was refused, for whatever reason.
    pub(crate) fn refusals(&self, name: &str) -> u64 {
        let of = self.refused.iter().filter(|((command, _), _)| *command == name);
        of.map(|(_, count)| count).sum()
    }

    /// A line for each command, then one for each event.
    pub(crate) fn histogram(&self, commands: &[&str]) -> String {
        let count = |counts: &Counts, name: &str| counts.get(name).copied().unwrap_or(0);
        let mut lines = vec![format!("{:16}{:>9}{:>9}{:>9}", "", "taken", "refused", "idle")];
        lines.extend(commands.iter().map(|name| {
            let (taken, idle) = (count(&self.taken, name), count(&self.idle, name));
            format!("{name:16}{taken:>9}{:>9}{idle:>9}", self.refusals(name))
        }));
        lines.extend(self.events.iter().map(|(name, count)| format!("{name:24}{count:>10}")));
        lines.join("\n")
    }
}

/// Everything that a world remembers beside the market.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) tally: Tally,
    /// Every command that was taken, and when.
    pub(crate) history: Vec<(Timestamp, Command)>,
    /// Audits that found something wrong.
    pub(crate) filed: Vec<Case>,
    /// Grants that were given.
    pub(crate) grants: Vec<Verified<Grant>>,
    documents: BTreeSet<DocId>,
    /// Of whom it was noted in which epoch whether it was in reach.
    noted: BTreeSet<(Did, Epoch)>,
    /// What was paid in less what was paid out, by documents alone.
    inside: i64,
}

impl Book {
    /// Notes what was taken, and holds it against what must be: money comes and goes by documents alone, and whatever is held
    /// against a provider has a document as evidence.
    pub(crate) fn note(
        &mut self,
        market: &Market,
        (now, command): (Timestamp, &Command),
        events: &[Event],
    ) -> Result<(), String> {
        *self.tally.taken.entry(command.name()).or_default() += 1;
        for event in events {
            *self.tally.events.entry(event.name()).or_default() += 1;
        }
        self.documents.extend(command.documents().iter().map(|(id, _)| id));
        self.history.push((now, command.clone()));
        match command {
            Command::Deposit(deposit) => self.inside += deposit.amount.0,
            Command::Withdraw(withdrawal) => self.inside -= withdrawal.amount.0,
            Command::Grant(grant) => self.grants.push(grant.clone()),
            _ => {}
        }
        let world = market.ledger().balance(contracts::Account::World);
        if world != Msat(-self.inside) {
            return Err(format!("{} came in by documents, {world} by the books", self.inside));
        }
        reserved(market, events)?;
        self.noted_once(market, events)?;
        self.evident(events)
    }

    /// Whether a provider was in reach is noted once an epoch, and only of those that no audit asks.
    fn noted_once(&mut self, market: &Market, events: &[Event]) -> Result<(), String> {
        for event in events {
            let Event::AvailabilityNoted { provider, .. } = event else { continue };
            if schedule::is_audited(market, provider) {
                return Err(format!("{provider} is audited, and was noted all the same"));
            }
            if !self.noted.insert((*provider, market.epoch())) {
                return Err(format!("{provider} was noted twice in epoch {}", market.epoch()));
            }
        }
        Ok(())
    }

    fn evident(&self, events: &[Event]) -> Result<(), String> {
        for event in events {
            let known = match event {
                Event::Penalised { fault, .. } | Event::SlotFaulted { fault, .. } => {
                    self.documents.contains(&fault.evidence)
                }
                Event::PenaltyReversed { verdict: shown, .. }
                | Event::AvailabilityNoted { document: shown, .. } => {
                    self.documents.contains(shown)
                }
                Event::StandingChanged { change, .. } => !change.reasons.is_empty(),
                Event::RepairDelayed { reason, .. } | Event::RenewalRefused { reason, .. } => {
                    !reason.is_empty()
                }
                _ => true,
            };
            if !known {
                return Err(format!("{} has no evidence: {event:?}", event.name()));
            }
        }
        Ok(())
    }

    pub(crate) fn refused(&mut self, command: &Command, code: &'static str) {
        *self.tally.refused.entry((command.name(), code)).or_default() += 1;
    }

    pub(crate) fn idle(&mut self, command: &Command) {
        *self.tally.idle.entry(command.name()).or_default() += 1;
    }
}

/// Whoever gets a slot of a new contract on Bitcoin has at most the part of its room reserved so that the market allows.
fn reserved(market: &Market, events: &[Event]) -> Result<(), String> {
    for event in events {
        let (contract, providers) = match event {
            Event::ContractAgreed { contract, .. } => (contract.id, contract.holders()),
            Event::SlotReassigned { slot, with, .. } => (slot.contract, [with.provider()].into()),
            _ => continue,
        };
        let Some(rules) = market.genesis().unfunded else { continue };
        let rail = market.contract(&contract).map(|contract| contract.terms.rail);
        if rail != Some(types::terms::RailKind::Bitcoin) {
            continue;
        }
        for provider in providers {
            let offered = market.offers().get(&provider).map_or(0, |offer| offer.ask.capacity.0);
            let score = market.score(&provider);
            let room = market.genesis().reputation.room(&score, types::Bytes(offered)).0;
            let unfunded = market.unfunded(&provider).0;
            let free = room - (market.committed(&provider).0 - unfunded);
            if unfunded * 1000 > free * u64::from(rules.room_permille) {
                return Err(format!("{provider}: {unfunded} of {free} are reserved and unpaid"));
            }
        }
    }
    Ok(())
}
