//! The double-entry ledger: accounts that keep total debits and total credits, and postings that move money between two.
#![warn(clippy::arithmetic_side_effects)]

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::fmt;
use types::{ContractId, Did, Msat};

/// Where money can sit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// Everything outside the market. It may go below zero, as may what is on a chain; nothing else may.
    World,
    /// A party's own, free to use or withdraw.
    Available(Did),
    /// A contract's locked payment.
    Escrow(ContractId),
    /// A provider's locked bond for one slot.
    Bond(ContractId, u16),
    /// What a penalty gives a client for one slot, while the penalty can be disputed.
    Contested(ContractId, u16),
    /// A provider's held-back earnings.
    Held(Did),
    /// The market's fees.
    Fees,
    /// What repairs are paid from.
    RepairPool,
    /// What rounding leaves.
    Rounding,
    /// What a party has had out of its contracts on Bitcoin, less what it has put into them: below zero while they run.
    OnChain(Did),
    /// The market's fees of contracts on Bitcoin: an output of each funding.
    FeesOnChain,
    /// What penalties of contracts on Bitcoin give for repairs: an output of their payouts.
    PoolOnChain,
}

impl Account {
    /// Whether it is outside the books, which then do not know what it holds and let it go below zero.
    pub const fn is_outside(&self) -> bool {
        matches!(self, Self::World | Self::OnChain(_) | Self::FeesOnChain | Self::PoolOnChain)
    }

    /// Whose own money it is, on whichever rail; nothing where it is locked or the market's.
    pub const fn own_of(&self) -> Option<Did> {
        match self {
            Self::Available(party) | Self::OnChain(party) => Some(*party),
            _ => None,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::World => write!(f, "world"),
            Self::Available(party) => write!(f, "available:{party}"),
            Self::Escrow(contract) => write!(f, "escrow:{contract}"),
            Self::Bond(contract, slot) => write!(f, "bond:{contract}:{slot}"),
            Self::Contested(contract, slot) => write!(f, "contested:{contract}:{slot}"),
            Self::Held(party) => write!(f, "held:{party}"),
            Self::Fees => write!(f, "fees"),
            Self::RepairPool => write!(f, "repair pool"),
            Self::Rounding => write!(f, "rounding"),
            Self::OnChain(party) => write!(f, "on chain:{party}"),
            Self::FeesOnChain => write!(f, "fees on chain"),
            Self::PoolOnChain => write!(f, "repair pool on chain"),
        }
    }
}

/// One debit and one credit of the same amount: money moves from `debit` to `credit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Posting {
    /// The account that gives.
    pub debit: Account,
    /// The account that receives.
    pub credit: Account,
    /// How much; above zero.
    pub amount: Msat,
}

/// Why postings are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// An account inside the books would go below zero.
    #[error("{account} holds {balance}, {needed} are needed; deposit the difference first")]
    Insufficient {
        /// Which account.
        account: Account,
        /// What it holds.
        balance: Msat,
        /// What would be taken.
        needed: Msat,
    },
    /// A posting of zero or less, or from an account to itself.
    #[error(
        "a posting of {0} from an account to {1}: it must be above zero and between two accounts"
    )]
    Senseless(Msat, &'static str),
    /// A total does not fit.
    #[error("the account's total overflows; it has moved more than can be expressed")]
    Overflow,
}

/// What an account has given and received since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Σ debits, in msat.
    pub debits: i64,
    /// Σ credits, in msat.
    pub credits: i64,
}

impl Totals {
    /// Credits less debits.
    pub fn balance(&self) -> Msat {
        Msat(self.credits.saturating_sub(self.debits))
    }
}

/// All accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    accounts: OrdMap<Account, Totals>,
}

impl Ledger {
    /// What `account` holds.
    pub fn balance(&self, account: Account) -> Msat {
        self.totals(account).balance()
    }

    /// What `account` has given and received.
    pub fn totals(&self, account: Account) -> Totals {
        self.accounts.get(&account).copied().unwrap_or_default()
    }

    /// Every account that was ever posted to, in order.
    pub fn accounts(&self) -> impl ExactSizeIterator<Item = (&Account, &Totals)> {
        self.accounts.iter()
    }

    /// The accounts behind `after`, in order.
    pub fn accounts_behind(
        &self,
        after: Option<Account>,
    ) -> impl Iterator<Item = (&Account, &Totals)> {
        use std::ops::Bound;
        self.accounts.range((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded))
    }

    /// The books of some accounts alone, for trying postings on them.
    #[must_use]
    pub fn part(&self, accounts: impl IntoIterator<Item = Account>) -> Self {
        Self {
            accounts: accounts.into_iter().map(|account| (account, self.totals(account))).collect(),
        }
    }

    /// Whether `postings`, in this order, can be posted.
    pub fn check(&self, postings: &[Posting]) -> Result<(), LedgerError> {
        let mut touched = Ledger::default();
        for posting in postings {
            for account in [posting.debit, posting.credit] {
                touched.accounts.entry(account).or_insert_with(|| self.totals(account));
            }
            touched.post(posting)?;
        }
        Ok(())
    }

    /// Posts what [`Ledger::check`] has allowed.
    ///
    /// # Errors
    /// The first posting that cannot be made; those before it stand, so check first.
    pub fn post_all(&mut self, postings: &[Posting]) -> Result<(), LedgerError> {
        postings.iter().try_for_each(|posting| self.post(posting))
    }

    fn post(&mut self, posting: &Posting) -> Result<(), LedgerError> {
        let amount = posting.amount;
        if amount.0 <= 0 {
            return Err(LedgerError::Senseless(amount, "another"));
        }
        if posting.debit == posting.credit {
            return Err(LedgerError::Senseless(amount, "itself"));
        }
        let giving = self.totals(posting.debit);
        let balance = giving.balance();
        if !posting.debit.is_outside() && balance < amount {
            return Err(LedgerError::Insufficient {
                account: posting.debit,
                balance,
                needed: amount,
            });
        }
        let receiving = self.totals(posting.credit);
        let debits = giving.debits.checked_add(amount.0).ok_or(LedgerError::Overflow)?;
        let credits = receiving.credits.checked_add(amount.0).ok_or(LedgerError::Overflow)?;
        self.accounts.insert(posting.debit, Totals { debits, ..giving });
        self.accounts.insert(posting.credit, Totals { credits, ..receiving });
        Ok(())
    }

    /// Σ debits and Σ credits over all accounts; equal, always.
    pub fn sums(&self) -> (i128, i128) {
        self.accounts.values().fold((0, 0), |(debits, credits), totals| {
            (
                debits.saturating_add(i128::from(totals.debits)),
                credits.saturating_add(i128::from(totals.credits)),
            )
        })
    }
}

/// Puts books back as they were kept: for reading them from where they are stored.
impl Extend<(Account, Totals)> for Ledger {
    fn extend<T: IntoIterator<Item = (Account, Totals)>>(&mut self, accounts: T) {
        self.accounts.extend(accounts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn party(n: u8) -> Account {
        Account::Available(Did([n; 32]))
    }

    fn posting(debit: Account, credit: Account, amount: i64) -> Posting {
        Posting { debit, credit, amount: Msat(amount) }
    }

    #[test]
    fn only_what_is_outside_may_go_below_zero() {
        let mut ledger = Ledger::default();
        assert!(matches!(
            ledger.check(&[posting(party(1), party(2), 1)]),
            Err(LedgerError::Insufficient { .. })
        ));
        ledger.post_all(&[posting(Account::World, party(1), 5)]).unwrap();
        assert_eq!(ledger.balance(Account::World), Msat(-5));
        assert_eq!(ledger.balance(party(1)), Msat(5));
    }

    #[test]
    fn a_check_sees_the_postings_before_it() {
        let ledger = Ledger::default();
        let chain = [posting(Account::World, party(1), 5), posting(party(1), party(2), 5)];
        assert_eq!(ledger.check(&chain), Ok(()));
        assert!(ledger.check(&[chain[1], chain[0]]).is_err());
    }

    #[test]
    fn senseless_postings_are_refused() {
        let ledger = Ledger::default();
        for bad in [
            posting(Account::World, party(1), 0),
            posting(Account::World, party(1), -1),
            posting(Account::World, Account::World, 1),
        ] {
            assert!(matches!(ledger.check(&[bad]), Err(LedgerError::Senseless(..))));
        }
    }

    #[test]
    fn totals_that_overflow_are_refused() {
        let mut ledger = Ledger::default();
        ledger.post_all(&[posting(Account::World, party(1), i64::MAX)]).unwrap();
        assert_eq!(
            ledger.check(&[posting(Account::World, party(2), 1)]),
            Err(LedgerError::Overflow)
        );
    }

    proptest! {
        #[test]
        fn no_sequence_of_postings_makes_or_loses_money(moves in prop::collection::vec((0u8..5, 0u8..5, -5i64..1000), 0..200)) {
            let mut ledger = Ledger::default();
            for (from, to, amount) in moves {
                let account = |n: u8| if n == 0 { Account::World } else { party(n) };
                let posting = posting(account(from), account(to), amount);
                let allowed = ledger.check(&[posting]);
                prop_assert_eq!(ledger.clone().post_all(&[posting]), allowed.clone());
                if allowed.is_ok() {
                    ledger.post_all(&[posting]).unwrap();
                }
                let (debits, credits) = ledger.sums();
                prop_assert_eq!(debits, credits);
                for (account, totals) in ledger.accounts() {
                    prop_assert!(account.is_outside() || totals.balance() >= Msat::ZERO);
                }
            }
        }

        #[test]
        fn a_list_is_posted_as_it_was_checked_on_the_whole_or_on_a_part(
            moves in prop::collection::vec((0u8..4, 0u8..4, 1i64..50), 1..8),
            opening in prop::collection::vec(0i64..60, 3),
        ) {
            let account = |n: u8| if n == 0 { Account::World } else { party(n) };
            let mut ledger = Ledger::default();
            for (n, amount) in (1u8..).zip(opening).filter(|(_, amount)| *amount > 0) {
                ledger.post_all(&[posting(Account::World, party(n), amount)]).unwrap();
            }
            let list: Vec<Posting> =
                moves.iter().map(|(from, to, amount)| posting(account(*from), account(*to), *amount)).collect();
            let checked = ledger.check(&list);
            prop_assert_eq!(ledger.part((0..4).map(account)).check(&list), checked.clone());
            let mut after = ledger.clone();
            prop_assert_eq!(after.post_all(&list), checked.clone());
            let refused = (0..list.len()).find(|n| ledger.check(&list[..=*n]).is_err());
            prop_assert_eq!(refused.is_some(), checked.is_err());
        }
    }
}
