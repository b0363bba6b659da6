//! What a contract cost its client and earned its providers, item by item.
//!
//! Earnings are posted as one sum. The invoice divides them among storage, premium, bonus and ingress as the slots'
//! accruals stand, by largest remainder, so that the items add up to what was posted.

use super::Period;
use crate::store::postings::{Posted, Subject};
use crate::store::{Store, StoreError};
use contracts::payout::Accrual;
use contracts::{Account, Contract};
use network::statements::{Invoice, InvoiceLine};
use std::collections::BTreeMap;
use types::{ContractId, Did, Epoch, Msat};

/// What earnings consist of, in the order in which they are listed.
const EARNED: [&str; 4] = ["storage", "premium", "bonus", "ingress"];

/// What leaving early costs one side and brings the other.
const EXIT: &str = "exit fee";

/// Whose a contract is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) contract: ContractId,
    pub(crate) client: Did,
}

/// How each provider's earnings divide, in msat of each kind.
#[derive(Clone, Debug)]
pub(crate) struct Earned {
    providers: BTreeMap<Did, [u64; 4]>,
    /// For those that have left.
    usual: [u64; 4],
}

impl Earned {
    /// As a contract's accruals stand in `epoch`.
    pub(crate) fn of(contract: &Contract, epoch: Epoch) -> Self {
        let mut providers: BTreeMap<Did, [u64; 4]> = BTreeMap::new();
        for slot in &contract.slots {
            let accrual = slot.accrued(contract.payable(epoch));
            let none = Accrual { keeping: 0, bonus: 0, ingress_bytes: 0, ..accrual };
            let part = |accrual: &Accrual| units(slot.earned(accrual).unwrap_or_default());
            let keeping = part(&Accrual { keeping: accrual.keeping, ..none });
            let cost = slot.quoted.cost;
            let [base, premium] = divide(keeping, [units(cost.base), units(cost.premium)]);
            let bonus = part(&Accrual { bonus: accrual.bonus, ..none });
            let ingress = part(&Accrual { ingress_bytes: accrual.ingress_bytes, ..none });
            let sums = providers.entry(slot.provider()).or_default();
            for (sum, more) in sums.iter_mut().zip([base, premium, bonus, ingress]) {
                *sum = sum.saturating_add(more);
            }
        }
        let usual = [units(contract.cost.storage), units(contract.cost.premium), 0, 0];
        Self { providers, usual }
    }

    /// An amount that `provider` earned, divided.
    fn divided(&self, provider: Did, amount: u64) -> [u64; 4] {
        let known = self.providers.get(&provider).filter(|parts| parts.iter().any(|p| *p > 0));
        divide(amount, *known.unwrap_or(&self.usual))
    }
}

fn units(amount: Msat) -> u64 {
    u64::try_from(amount.0).unwrap_or(0)
}

/// Divides `amount` in proportion to `parts`, by largest remainder, ties to the earlier; all to the first where there
/// are no parts.
fn divide<const N: usize>(amount: u64, parts: [u64; N]) -> [u64; N] {
    let whole: u128 = parts.iter().copied().map(u128::from).sum();
    let mut shares = [0; N];
    if whole == 0 {
        shares[0] = amount;
        return shares;
    }
    let mut rest = amount;
    let mut remainders = [(0u128, 0usize); N];
    for (place, part) in parts.into_iter().enumerate() {
        let scaled = u128::from(amount) * u128::from(part);
        shares[place] = u64::try_from(scaled / whole).unwrap_or(u64::MAX);
        rest = rest.saturating_sub(shares[place]);
        remainders[place] = (scaled % whole, N - place);
    }
    remainders.sort_unstable_by(|a, b| b.cmp(a));
    for (_, back) in remainders {
        if rest > 0 {
            shares[N - back] += 1;
            rest -= 1;
        }
    }
    shares
}

/// The invoice of `party`'s part in a contract over a period: what left the escrow for its client, what it received and
/// lost for a provider.
pub(crate) fn invoice(
    store: &Store,
    (of, party): (Client, Did),
    (period, earned): (Period, Earned),
) -> Result<Invoice, StoreError> {
    let mut items = Items { of, party, earned, lines: BTreeMap::new(), aside: BTreeMap::new() };
    store.postings(Subject::Contract(of.contract), period.to, |posted| {
        if posted.at >= period.from {
            items.take(&posted);
        }
    })?;
    let lines = listed(items.lines);
    let total = lines.iter().fold(0i64, |sum, line| sum.saturating_add(line.amount.0));
    Ok(Invoice {
        contract: of.contract,
        party,
        role: if party == of.client { "client" } else { "provider" }.to_owned(),
        from: period.from,
        to: period.to,
        lines,
        total: Msat(total),
        aside: listed(items.aside),
    })
}

/// An item: its place in the order, its name, its provider.
type Item = (usize, &'static str, Option<Did>);

struct Items {
    of: Client,
    party: Did,
    earned: Earned,
    lines: BTreeMap<Item, i64>,
    aside: BTreeMap<Item, i64>,
}

impl Items {
    fn take(&mut self, posted: &Posted) {
        if self.party == self.of.client {
            self.for_client(posted);
        } else {
            self.for_provider(posted);
        }
    }

    /// Everything that leaves the escrow is a line; what else moved stands beside.
    fn for_client(&mut self, posted: &Posted) {
        let amount = posted.amount.0;
        let escrow = Account::Escrow(self.of.contract);
        let provider = posted.parties[1].filter(|party| *party != self.of.client);
        if posted.debit == escrow {
            match (posted.credit, provider) {
                (Account::Fees | Account::FeesOnChain, _) => {
                    add(&mut self.lines, (5, "fees", None), amount);
                }
                (_, Some(provider)) if is_read(posted) => {
                    add(&mut self.lines, (4, "egress", Some(provider)), amount);
                }
                (_, Some(provider)) if is_exit(posted) => {
                    add(&mut self.lines, (6, EXIT, Some(provider)), amount);
                }
                (_, Some(provider)) => self.earnings(provider, amount),
                (Account::Available(_) | Account::OnChain(_), None) => {
                    add(&mut self.lines, (7, "refund", None), amount);
                }
                _ => add(&mut self.lines, (8, "other", None), amount),
            }
        } else if posted.credit == escrow {
            let own = posted.parties[0] == Some(self.of.client);
            let item =
                if own { (0, "locked", None) } else { (1, "locked by the repair pool", None) };
            add(&mut self.aside, item, amount);
        } else if posted.parties == [Some(self.of.client); 2] {
            // What was contested is released: it was counted when the penalty was paid.
        } else if posted.parties[1] == Some(self.of.client) {
            add(&mut self.aside, (2, "compensation", posted.parties[0]), amount);
        } else if matches!(posted.debit, Account::Contested(..)) {
            add(&mut self.aside, (2, "compensation", posted.parties[1]), -amount);
        } else if posted.parties[0] == Some(self.of.client) && is_read(posted) {
            add(&mut self.aside, (3, "egress beyond the allowance", posted.parties[1]), amount);
        }
    }

    /// Everything that the provider received is a line, and what its bond lost; its bond's ways stand beside.
    fn for_provider(&mut self, posted: &Posted) {
        let own = |side: usize| posted.parties[side] == Some(self.party);
        let amount = posted.amount.0;
        let is_bond = |account| matches!(account, Account::Bond(..));
        match (own(0), own(1)) {
            (true, true) if is_bond(posted.credit) => {
                add(&mut self.aside, (0, "bond locked", None), amount);
            }
            (true, true) if is_bond(posted.debit) => {
                add(&mut self.aside, (1, "bond returned", None), amount);
            }
            (true, true) => add(&mut self.aside, (2, "held back and released", None), amount),
            (false, true) if is_read(posted) => add(&mut self.lines, (4, "egress", None), amount),
            (false, true) if is_exit(posted) => add(&mut self.lines, (6, EXIT, None), amount),
            (false, true) if posted.debit == Account::Escrow(self.of.contract) => {
                self.earnings(self.party, amount);
            }
            (false, true) if posted.debit == Account::RepairPool => {
                add(&mut self.lines, (5, "repair reads", None), amount);
            }
            (false, true) => add(&mut self.lines, (8, "other", None), amount),
            (true, false) if is_exit(posted) => add(&mut self.lines, (6, EXIT, None), -amount),
            (true, false) => add(&mut self.lines, (7, "penalties", None), -amount),
            (false, false) => {}
        }
    }

    fn earnings(&mut self, provider: Did, amount: i64) {
        let parts = self.earned.divided(provider, amount.unsigned_abs());
        let provider = (self.party == self.of.client).then_some(provider);
        for (place, (item, part)) in EARNED.into_iter().zip(parts).enumerate() {
            if part > 0 {
                add(&mut self.lines, (place, item, provider), part.cast_signed());
            }
        }
    }
}

/// Whether it pays for leaving early.
fn is_exit(posted: &Posted) -> bool {
    matches!(posted.reason.as_str(), "contract_left" | "slot_departing")
}

/// Whether it pays for reads.
fn is_read(posted: &Posted) -> bool {
    posted.reason == "voucher_redeemed"
}

fn add(items: &mut BTreeMap<Item, i64>, item: Item, amount: i64) {
    let sum = items.entry(item).or_default();
    *sum = sum.saturating_add(amount);
}

fn listed(items: BTreeMap<Item, i64>) -> Vec<InvoiceLine> {
    let line = |((_, item, provider), amount): (Item, i64)| InvoiceLine {
        item: item.to_owned(),
        provider,
        amount: Msat(amount),
    };
    items.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn remainders_go_to_the_largest_and_then_to_the_earliest() {
        assert_eq!(divide(10, [1, 1, 1]), [4, 3, 3]);
        assert_eq!(divide(10, [2, 1, 1]), [5, 3, 2]);
        assert_eq!(divide(7, [0, 0]), [7, 0]);
        assert_eq!(divide(0, [3, 1]), [0, 0]);
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_amount(amount in 0..i64::MAX as u64, parts in any::<[u32; 4]>()) {
            let parts = divide(amount, parts.map(u64::from));
            prop_assert_eq!(parts.iter().sum::<u64>(), amount);
        }
    }
}
