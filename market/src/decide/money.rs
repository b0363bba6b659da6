//! Money in and out, and reads paid for by vouchers.

use super::{only, wrong_state};
use crate::event::{Event, SlotId};
use crate::rejection::Rejection;
use crate::state::Market;
use contracts::payout::Accrual;
use contracts::rail::rail;
use contracts::{Account, ContractState, Posting, Slot, SlotState};
use types::documents::{Deposit, Voucher, Withdrawal};
use types::{Did, Msat, Verified};

impl Market {
    pub(crate) fn deposit(&self, deposit: &Verified<Deposit>) -> Result<Vec<Event>, Rejection> {
        self.only_market("deposit", deposit.market)?;
        if let Some(document) = self.references.get(&deposit.reference) {
            let reference = deposit.reference.clone();
            let again = *document == deposit.id();
            return if again {
                Ok(Vec::new())
            } else {
                Err(Rejection::AlreadyUsed { what: "deposit reference", reference })
            };
        }
        positive(deposit.amount)?;
        reference("reference", &deposit.reference)?;
        let credit = Account::Available(deposit.party);
        let postings =
            self.posted(vec![Posting { debit: Account::World, credit, amount: deposit.amount }])?;
        let reference = deposit.reference.clone();
        Ok(vec![Event::Deposited {
            document: deposit.id(),
            party: deposit.party,
            reference,
            postings,
        }])
    }

    pub(crate) fn withdraw(
        &self,
        withdrawal: &Verified<Withdrawal>,
    ) -> Result<Vec<Event>, Rejection> {
        if let Some((latest, document)) = self.withdrawals.get(&withdrawal.party) {
            if *document == withdrawal.id() {
                return Ok(Vec::new());
            }
            if withdrawal.nonce <= *latest {
                let found = withdrawal.nonce;
                return Err(Rejection::Superseded {
                    what: "withdrawal nonce",
                    found,
                    latest: *latest,
                });
            }
        }
        positive(withdrawal.amount)?;
        reference("to", &withdrawal.to)?;
        let earnings = self.earnings_of(withdrawal.party)?;
        let debit = Account::Available(withdrawal.party);
        let out = Posting { debit, credit: Account::World, amount: withdrawal.amount };
        let mut all = earnings.as_ref().map(|e| e.postings().to_vec()).unwrap_or_default();
        all.push(out);
        self.ledger.check(&all)?;
        let withdrawn = Event::Withdrawn {
            document: withdrawal.id(),
            party: withdrawal.party,
            nonce: withdrawal.nonce,
            to: withdrawal.to.clone(),
            postings: vec![out],
        };
        Ok(earnings.into_iter().chain([withdrawn]).collect())
    }

    /// Posts what `party`'s slots have earned up to the open epoch, if anything.
    fn earnings_of(&self, party: Did) -> Result<Option<Event>, Rejection> {
        let mut accruals: Vec<(SlotId, Accrual)> = Vec::new();
        let mut postings = Vec::new();
        for id in self.holdings(&party) {
            let (contract, slot) = self.known_slot(id)?;
            if contract.state != ContractState::Active && contract.state != ContractState::Completed
            {
                continue;
            }
            let (accrual, amount) = self.close_accrual(id)?;
            // What a bond lacks is held back first.
            if amount > Msat::ZERO && self.to_hold(id, slot) == Msat::ZERO {
                postings.extend(rail(contract.terms.rail).pay(
                    contract.id,
                    slot.provider(),
                    amount,
                ));
                accruals.push((id, accrual));
            }
        }
        Ok((!accruals.is_empty()).then_some(Event::EarningsPosted { accruals, postings }))
    }

    /// What is still to be held back from a slot's earnings: nothing once its bond is whole, by whatever way.
    pub(crate) fn to_hold(&self, id: SlotId, slot: &Slot) -> Msat {
        let bond = self.ledger.balance(Account::Bond(id.contract, id.slot));
        let room = slot.quoted.bond.sub(bond).unwrap_or(Msat::ZERO).max(Msat::ZERO);
        slot.lacking.min(room)
    }

    /// Puts what a slot has earned into its bond, as far as that is not whole.
    pub(crate) fn hold_back(&self, id: SlotId) -> Result<Vec<Event>, Rejection> {
        let (contract, slot) = self.known_slot(id)?;
        if !slot.confirmed || slot.state != SlotState::Filled {
            return Ok(Vec::new());
        }
        let (mut accrual, earned) = self.close_accrual(id)?;
        let amount = earned.min(self.to_hold(id, slot));
        if amount == Msat::ZERO {
            return Ok(Vec::new());
        }
        accrual.posted = accrual.posted.sub(earned)?.add(amount)?;
        let rail = rail(contract.terms.rail);
        let postings = self.posted(rail.hold_back(contract.id, id.slot, amount))?;
        let provider = slot.provider();
        Ok(vec![Event::EarningsHeld { slot: id, provider, accrual, amount, postings }])
    }

    /// A slot's accrual up to the open epoch with everything posted, and what is to be posted for that.
    pub(crate) fn close_accrual(&self, id: SlotId) -> Result<(Accrual, Msat), Rejection> {
        let (contract, slot) = self.known_slot(id)?;
        let mut accrual = slot.accrued(contract.payable(self.epoch));
        let earned = slot.earned(&accrual)?;
        let amount = earned.sub(accrual.posted)?;
        let amount = if amount < Msat::ZERO { Msat::ZERO } else { amount };
        accrual.posted = accrual.posted.add(amount)?;
        Ok((accrual, amount))
    }

    pub(crate) fn redeem_voucher(
        &self,
        voucher: &Verified<Voucher>,
    ) -> Result<Vec<Event>, Rejection> {
        let id = SlotId { contract: voucher.contract, slot: voucher.slot };
        let (contract, slot) = self.known_slot(id)?;
        if voucher.client != contract.client {
            return self.redeem_guests(voucher, (id, contract, slot));
        }
        only("voucher", voucher.provider, slot.provider())?;
        if voucher.bytes <= slot.egress.bytes {
            return Ok(Vec::new());
        }
        if !matches!(contract.state, ContractState::Active | ContractState::Completed) {
            let allowed = "vouchers are redeemed before the contract is settled";
            return Err(wrong_state(
                format!("contract {}", contract.id),
                contract.state.name(),
                allowed,
            ));
        }
        let price = |e: types::PriceError| Rejection::Pricing(e.to_string());
        let paid = slot.quoted.egress.charge(types::Bytes(voucher.bytes)).map_err(price)?;
        let owed = paid.sub(slot.egress.paid)?;
        let allowance = contract.cost.egress.sub(contract.egress_spent)?;
        let from_escrow = owed.min(allowance);
        let rest = owed.sub(from_escrow)?;
        let left = self.available(contract.client);
        if rest > left {
            return Err(Rejection::ReadsUnpaid { owed, left: allowance.add(left)? });
        }
        let mut postings = rail(contract.terms.rail).pay(contract.id, slot.provider(), from_escrow);
        if rest > Msat::ZERO {
            let (debit, credit) =
                (Account::Available(contract.client), Account::Available(slot.provider()));
            postings.push(Posting { debit, credit, amount: rest });
        }
        let postings = self.posted(postings)?;
        Ok(vec![Event::VoucherRedeemed {
            slot: id,
            provider: slot.provider(),
            document: voucher.id(),
            bytes: voucher.bytes,
            from_escrow,
            paid,
            postings,
        }])
    }
}

fn positive(amount: Msat) -> Result<(), Rejection> {
    if amount > Msat::ZERO {
        return Ok(());
    }
    Err(Rejection::Invalid {
        field: "amount",
        reason: format!("{amount}; give an amount above zero"),
    })
}

fn reference(field: &'static str, text: &str) -> Result<(), Rejection> {
    if (1..=256).contains(&text.len()) {
        return Ok(());
    }
    Err(Rejection::Invalid { field, reason: format!("{} characters; give 1 to 256", text.len()) })
}
