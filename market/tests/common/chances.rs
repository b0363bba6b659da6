//! More commands picked by chance among those that make sense now: what changes a contract, what is announced, measured,
//! disputed and shared.

use super::court::Kept;
use super::{AUDITOR, MARKET, World, did, signed};
use contracts::{ContractState, SlotState};
use market::{Command, CounterAnswers, Negotiation};
use shards::prove;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use types::documents::{
    Access, Ask, Counter, CounterRefusal, Grant, Maintenance, Measurement, Revocation, Voucher,
};
use types::terms::Renewal;
use types::{Did, GbPrice, Msat, Price};

/// What slots hold that were filled with real bytes, by number.
pub(crate) fn kept(slot: u16) -> &'static Kept {
    static KEPT: OnceLock<Vec<Kept>> = OnceLock::new();
    let all = KEPT.get_or_init(|| (0..4).map(Kept::new).collect());
    &all[usize::from(slot) % all.len()]
}

impl World {
    /// A counter to a quote at `price`, of whose providers every other one comes down; the next quote is kept.
    pub(crate) fn counter(&mut self, pick: usize, price: u32) {
        let Some(quote) = self.quotes.get(pick % self.quotes.len().max(1)).cloned() else { return };
        let counter = signed(Counter {
            client: quote.client,
            quote: quote.id(),
            round: quote.round + 1,
            price_max: Price::whole(price),
            egress_max: GbPrice::whole(1_000),
        });
        let of = Negotiation { quote: &quote, counter: &counter };
        let mut answered = CounterAnswers::default();
        for provider in of.providers() {
            let Some(offer) = self.market.offers().get(&provider) else { continue };
            if provider.0[0].is_multiple_of(2) {
                let ask = Ask {
                    price: Price::whole(price),
                    counter: Some(counter.id()),
                    ..offer.ask.clone()
                };
                answered.asks.push(signed(ask));
            } else {
                let reason = "it is dear enough".into();
                let refusal = CounterRefusal { provider, counter: counter.id(), reason };
                answered.refusals.push(signed(refusal));
            }
        }
        let online: BTreeSet<Did> = self.market.offers().keys().copied().collect();
        if let Ok(next) = self.market.requote(self.now, &of, &answered, ([1; 32], &online)) {
            self.quotes.push(signed(next));
        }
    }

    /// A contract's next extension, by `more` epochs, to 24 in all at most: so that all contracts end before the beacons do.
    pub(crate) fn extend(&self, pick: usize, more: u64, automatic: bool) -> Option<Command> {
        let id = Self::pick(&self.contracts(ContractState::Active), pick)?;
        let epochs = self.market.contract(&id)?.epochs;
        let longer = (epochs + more).min(epochs.max(24));
        Some(self.extension(id, longer, automatic))
    }

    pub(crate) fn grow(&self, pick: usize, megabytes: u64) -> Option<Command> {
        let id = Self::pick(&self.contracts(ContractState::Active), pick)?;
        let capacity = self.market.contract(&id)?.terms.capacity.0;
        Some(self.growth(id, capacity + megabytes * 1_000_000))
    }

    pub(crate) fn cancel(&self, pick: usize) -> Option<Command> {
        let mut open = self.contracts(ContractState::Agreed);
        open.extend(self.contracts(ContractState::Active));
        Some(self.cancellation(Self::pick(&open, pick)?))
    }

    pub(crate) fn depart(&self, pick: usize) -> Option<Command> {
        let held = self.slots(|s| matches!(s.state, SlotState::Filled | SlotState::AtFault));
        let id = Self::pick(&held, pick)?;
        Some(self.departure(id.contract, id.slot))
    }

    /// A top-up of a bond that was slashed, to so much of what was quoted.
    pub(crate) fn bond_again(&self, pick: usize, permille: i64) -> Option<Command> {
        let id = Self::pick(&self.slots(|s| s.slashed > Msat::ZERO), pick)?;
        let (_, slot) = self.market.slot(id)?;
        Some(self.top_up(id.contract, id.slot, slot.quoted.bond.0 * permille / 1000))
    }

    /// The next step of a slot that is to change hands or to be rebuilt.
    pub(crate) fn mend(&self, pick: usize, seed: u8) -> Option<Command> {
        let broken = self.slots(|s| {
            let judged = s.fault.is_some_and(|fault| fault.penalised_ppm.is_some());
            matches!(s.state, SlotState::Vacated | SlotState::Repairing)
                || (s.state == SlotState::AtFault && judged)
        });
        let id = Self::pick(&broken, pick)?;
        let (_, slot) = self.market.slot(id)?;
        match (slot.state, slot.confirmed) {
            (SlotState::Vacated, _) => {
                Some(Command::Replace { contract: id.contract, slot: id.slot, seed: [seed; 32] })
            }
            (SlotState::Repairing, false) => Some(self.confirmation(id.contract, id.slot, None)),
            _ => self.rebuild_of(id),
        }
    }

    pub(crate) fn announce(&self, provider: u8, ahead: u64, epochs: u32) -> Command {
        let from = self.market.epoch().plus(ahead);
        let reason = "new disks".to_owned();
        Command::Announce(signed(Maintenance { provider: did(provider), from, epochs, reason }))
    }

    /// A measurement of one that offers or keeps something, by the market or by the auditor that its genesis names.
    pub(crate) fn measure(&self, pick: usize, vantage: u8, answered: u32) -> Option<Command> {
        let known = self.market.holders().chain(self.market.offers().keys());
        let known: Vec<Did> = known.copied().collect::<BTreeSet<Did>>().into_iter().collect();
        let provider = Self::pick(&known, pick)?;
        let auditor = did(if vantage.is_multiple_of(2) { MARKET } else { AUDITOR });
        Some(Command::Measure(signed(Measurement {
            auditor,
            vantage: format!("place {vantage}"),
            provider,
            epoch: self.market.epoch(),
            probes: 4,
            answered,
            first_byte_ms: 20 + u32::from(vantage) * 900,
            throughput: u64::from(vantage) * 1_000_000,
        })))
    }

    /// A provider's dispute of a verdict that found something wrong: with what it has, or with nothing.
    pub(crate) fn contest(&self, pick: usize, empty_handed: bool) -> Option<Command> {
        let filed = &self.book.filed;
        let case = filed.iter().rev().nth(pick % filed.len().clamp(1, 8))?;
        let lists = case.challenge.slots.iter().map(|slot| {
            let kept = kept(slot.slot);
            let seed = slot.seed(&case.challenge.beacon, case.challenge.epoch, case.challenge.kind);
            let is_real = slot.size == kept.size() && !empty_handed;
            prove::encode(&if is_real { kept.answer(seed, slot.count) } else { Vec::new() })
        });
        let answers = lists.collect::<Vec<_>>().concat();
        Some(Command::Dispute(Box::new(case.contest_with(case.challenge.provider, &answers))))
    }

    /// A grant of one client to another party, for a contract of its own or for all of them.
    pub(crate) fn grant(&mut self, client: u8, guest: u8, only: Option<usize>) -> Command {
        let own: Vec<_> = self.market.contracts_of(&did(client)).map(|c| c.id).collect();
        let contract = only.and_then(|pick| Self::pick(&own, pick));
        let mut access = vec![Access::Read];
        access.extend(contract.filter(|id| id.0[0] % 2 == 0).map(|_| Access::Write));
        Command::Grant(signed(Grant {
            owner: did(client),
            grantee: did(guest),
            contract,
            access,
            expires: None,
            nonce: self.next(),
            sealed: "key".into(),
            memo: "name".into(),
        }))
    }

    pub(crate) fn revoke(&self, pick: usize) -> Option<Command> {
        let grant = self.book.grants.get(pick % self.book.grants.len().max(1))?;
        Some(Command::Revoke(signed(Revocation { owner: grant.owner, grant: grant.id() })))
    }

    /// What one that was granted reading pays for it.
    pub(crate) fn guest_reads(&self, pick: usize, megabytes: u64) -> Option<Command> {
        let grant = self.book.grants.get(pick % self.book.grants.len().max(1))?;
        let id = Self::pick(&self.slots(|s| s.state == SlotState::Filled), pick)?;
        let provider = self.market.slot(id)?.1.provider();
        let guest = grant.grantee;
        let before = self.market.sharing().reads(id, &provider, &guest).bytes;
        Some(Command::RedeemVoucher(signed(Voucher {
            client: guest,
            provider,
            contract: id.contract,
            slot: id.slot,
            bytes: before + megabytes * 1_000_000,
        })))
    }

    /// A command that time alone gives, whether it is time or not.
    pub(crate) fn untimely(&self, pick: usize, kind: u8) -> Option<Command> {
        let known: Vec<_> = self.market.contracts().keys().copied().collect();
        let contract = Self::pick(&known, pick)?;
        let slot = u16::try_from(pick % 4).ok()?;
        Some(match kind {
            0 => Command::Release { contract, slot },
            1 => Command::HoldBack { contract, slot },
            2 => Command::Reassign { contract, slot },
            3 => Command::Replace { contract, slot, seed: [kind; 32] },
            4 => Command::Expire(contract),
            5 => Command::Renew(contract),
            6 => Command::Complete(contract),
            _ => Command::Settle(contract),
        })
    }

    /// A command with a document that was taken before, once more.
    pub(crate) fn again(&self, pick: usize) -> Option<&Command> {
        let signed = |(_, command): &&(_, Command)| !command.documents().is_empty();
        let done: Vec<_> = self.book.history.iter().filter(signed).collect();
        done.get(pick % done.len().max(1)).map(|(_, command)| command)
    }

    /// Contracts that renew themselves do so no more.
    pub(crate) fn stop_renewals(&mut self) -> Result<(), String> {
        for id in self.contracts(ContractState::Active) {
            let contract = self.market.contract(&id).ok_or("an open contract is known")?;
            if contract.terms.renewal == Renewal::Automatic {
                let stop = self.extension(id, contract.epochs, false);
                self.run(&stop)?;
            }
        }
        Ok(())
    }
}
