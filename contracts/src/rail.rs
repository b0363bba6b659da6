//! How a contract's money moves: one trait, and the rails behind it.

use crate::ledger::{Account, Posting};
use types::terms::RailKind;
use types::{ContractId, Did, Msat};

/// Turns what a contract decides about money into postings. Amounts of zero make none.
///
/// Rails differ in where a party's own money is. What a contract locks and decides has accounts in the market's books on every rail:
/// so one set of rules serves them all.
pub trait Rail {
    /// Which rail this is.
    fn kind(&self) -> RailKind;
    /// Where `party`'s own money is: what it locks comes from there, and what it gets goes there.
    fn own(&self, party: Did) -> Account;
    /// Where the market's fees go.
    fn fees(&self) -> Account;
    /// Where the repair pool is.
    fn pool(&self) -> Account;

    /// The client's payment is locked.
    fn lock_escrow(&self, contract: ContractId, client: Did, amount: Msat) -> Vec<Posting> {
        posting(self.own(client), Account::Escrow(contract), amount)
    }

    /// A provider's bond is locked.
    fn lock_bond(
        &self,
        contract: ContractId,
        slot: u16,
        provider: Did,
        amount: Msat,
    ) -> Vec<Posting> {
        posting(self.own(provider), Account::Bond(contract, slot), amount)
    }

    /// A provider is paid from the escrow.
    fn pay(&self, contract: ContractId, provider: Did, amount: Msat) -> Vec<Posting> {
        posting(Account::Escrow(contract), self.own(provider), amount)
    }

    /// The market takes its fees from the escrow.
    fn take_fees(&self, contract: ContractId, amount: Msat) -> Vec<Posting> {
        posting(Account::Escrow(contract), self.fees(), amount)
    }

    /// The client gets back what was not earned.
    fn refund(&self, contract: ContractId, client: Did, amount: Msat) -> Vec<Posting> {
        posting(Account::Escrow(contract), self.own(client), amount)
    }

    /// A provider gets its bond, or what is left of it, back.
    fn release_bond(
        &self,
        contract: ContractId,
        slot: u16,
        provider: Did,
        amount: Msat,
    ) -> Vec<Posting> {
        posting(Account::Bond(contract, slot), self.own(provider), amount)
    }

    /// A bond is slashed, for the harmed client and the repair pool.
    fn slash(
        &self,
        (contract, slot): (ContractId, u16),
        client: (Did, Msat),
        to_pool: Msat,
    ) -> Vec<Posting> {
        let bond = Account::Bond(contract, slot);
        let mut postings = posting(bond, self.pool(), to_pool);
        postings.extend(posting(bond, self.own(client.0), client.1));
        postings
    }

    /// A bond is slashed while that can be disputed: what is the client's waits.
    fn contest(
        &self,
        (contract, slot): (ContractId, u16),
        to_client: Msat,
        to_pool: Msat,
    ) -> Vec<Posting> {
        let bond = Account::Bond(contract, slot);
        let mut postings = posting(bond, self.pool(), to_pool);
        postings.extend(posting(bond, Account::Contested(contract, slot), to_client));
        postings
    }

    /// A penalty can be disputed no more: the client gets its part.
    fn release_contested(
        &self,
        contract: ContractId,
        slot: u16,
        client: Did,
        amount: Msat,
    ) -> Vec<Posting> {
        posting(Account::Contested(contract, slot), self.own(client), amount)
    }

    /// A penalty is reversed: money goes back from `from` to the bond it was taken from, or to who posted that, by way
    /// of the contested account, so that the books show what was reversed.
    fn reverse(
        &self,
        (contract, slot): (ContractId, u16),
        from: &[(Account, Msat)],
        to: &[(Account, Msat)],
    ) -> Vec<Posting> {
        let contested = Account::Contested(contract, slot);
        let others = from.iter().filter(|(account, _)| *account != contested);
        let gathered = others.flat_map(|(account, amount)| posting(*account, contested, *amount));
        let given = to.iter().flat_map(|(account, amount)| posting(contested, *account, *amount));
        gathered.chain(given).collect()
    }

    /// Earnings are held back until the bond is whole.
    fn hold_back(&self, contract: ContractId, slot: u16, amount: Msat) -> Vec<Posting> {
        posting(Account::Escrow(contract), Account::Bond(contract, slot), amount)
    }

    /// The repair pool pays: a provider whose shards a repair has read, or a dearer replacement's escrow.
    fn pay_from_pool(&self, to: Account, amount: Msat) -> Vec<Posting> {
        posting(self.pool(), to, amount)
    }

    /// A client gives back what it was compensated above its loss.
    fn give_back(&self, client: Did, amount: Msat) -> Vec<Posting> {
        posting(self.own(client), self.pool(), amount)
    }
}

fn posting(debit: Account, credit: Account, amount: Msat) -> Vec<Posting> {
    if amount == Msat::ZERO { Vec::new() } else { vec![Posting { debit, credit, amount }] }
}

/// The market's double-entry ledger as rail: a party's own money is what it has deposited.
#[derive(Clone, Copy, Debug, Default)]
pub struct LedgerRail;

impl Rail for LedgerRail {
    fn kind(&self) -> RailKind {
        RailKind::Ledger
    }

    fn own(&self, party: Did) -> Account {
        Account::Available(party)
    }

    fn fees(&self) -> Account {
        Account::Fees
    }

    fn pool(&self) -> Account {
        Account::RepairPool
    }
}

/// Escrows on Bitcoin as rail: all money is on the chain, a party's own as the market's share, where the market has no say. Its books
/// follow what the escrows hold and what their outcomes will pay; nobody can draw on them, and nothing of them becomes the ledger's.
#[derive(Clone, Copy, Debug, Default)]
pub struct BitcoinRail;

impl Rail for BitcoinRail {
    fn kind(&self) -> RailKind {
        RailKind::Bitcoin
    }

    fn own(&self, party: Did) -> Account {
        Account::OnChain(party)
    }

    fn fees(&self) -> Account {
        Account::FeesOnChain
    }

    fn pool(&self) -> Account {
        Account::PoolOnChain
    }
}

/// The rail that `kind` names.
pub fn rail(kind: RailKind) -> &'static dyn Rail {
    match kind {
        RailKind::Ledger => &LedgerRail,
        RailKind::Bitcoin => &BitcoinRail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: ContractId = types::Hash([3; 32]);
    const CLIENT: Did = Did([1; 32]);
    const PROVIDER: Did = Did([2; 32]);
    const KINDS: [RailKind; 2] = [RailKind::Ledger, RailKind::Bitcoin];

    fn moves(kind: RailKind, amount: Msat) -> Vec<(Vec<Posting>, Account, Account)> {
        let rail = rail(kind);
        let (client, provider) = match kind {
            RailKind::Ledger => (Account::Available(CLIENT), Account::Available(PROVIDER)),
            RailKind::Bitcoin => (Account::OnChain(CLIENT), Account::OnChain(PROVIDER)),
        };
        let (escrow, bond) = (Account::Escrow(CONTRACT), Account::Bond(CONTRACT, 5));
        let contested = Account::Contested(CONTRACT, 5);
        vec![
            (rail.lock_escrow(CONTRACT, CLIENT, amount), client, escrow),
            (rail.lock_bond(CONTRACT, 5, PROVIDER, amount), provider, bond),
            (rail.pay(CONTRACT, PROVIDER, amount), escrow, provider),
            (rail.take_fees(CONTRACT, amount), escrow, rail.fees()),
            (rail.refund(CONTRACT, CLIENT, amount), escrow, client),
            (rail.release_bond(CONTRACT, 5, PROVIDER, amount), bond, provider),
            (rail.slash((CONTRACT, 5), (CLIENT, amount), Msat::ZERO), bond, client),
            (rail.slash((CONTRACT, 5), (CLIENT, Msat::ZERO), amount), bond, rail.pool()),
            (rail.pay_from_pool(escrow, amount), rail.pool(), escrow),
            (rail.give_back(CLIENT, amount), client, rail.pool()),
            (rail.contest((CONTRACT, 5), amount, Msat::ZERO), bond, contested),
            (rail.contest((CONTRACT, 5), Msat::ZERO, amount), bond, rail.pool()),
            (rail.release_contested(CONTRACT, 5, CLIENT, amount), contested, client),
            (
                rail.reverse((CONTRACT, 5), &[(contested, amount)], &[(bond, amount)]),
                contested,
                bond,
            ),
            (rail.hold_back(CONTRACT, 5, amount), escrow, bond),
        ]
    }

    #[test]
    fn each_move_is_one_posting() {
        for kind in KINDS {
            for (postings, debit, credit) in moves(kind, Msat(7)) {
                assert_eq!(postings, [Posting { debit, credit, amount: Msat(7) }]);
            }
        }
    }

    #[test]
    fn nothing_moves_nothing() {
        let moves = KINDS.into_iter().flat_map(|kind| moves(kind, Msat::ZERO));
        assert!(moves.into_iter().all(|(postings, ..)| postings.is_empty()));
    }

    #[test]
    fn a_reversal_goes_through_the_contested_account() {
        let (contested, bond) = (Account::Contested(CONTRACT, 5), Account::Bond(CONTRACT, 5));
        let provider = Account::Available(PROVIDER);
        let from =
            [(contested, Msat(3)), (Account::RepairPool, Msat(4)), (Account::Fees, Msat::ZERO)];
        let to = [(bond, Msat(5)), (provider, Msat(2))];
        let moved: Vec<_> = LedgerRail
            .reverse((CONTRACT, 5), &from, &to)
            .into_iter()
            .map(|posting| (posting.debit, posting.credit, posting.amount.0))
            .collect();
        let expected =
            [(Account::RepairPool, contested, 4), (contested, bond, 5), (contested, provider, 2)];
        assert_eq!(moved, expected);
    }

    #[test]
    fn each_kind_names_its_rail() {
        for kind in KINDS {
            assert_eq!(rail(kind).kind(), kind);
        }
    }

    /// What is on a chain never becomes money that can be withdrawn.
    #[test]
    fn what_is_on_a_chain_stays_outside() {
        let inside = |account: Account| !account.is_outside();
        let locked = |account: &Account| {
            matches!(account, Account::Escrow(_) | Account::Bond(..) | Account::Contested(..))
        };
        for (.., debit, credit) in moves(RailKind::Bitcoin, Msat(1)) {
            for account in [debit, credit].into_iter().filter(|account| inside(*account)) {
                assert!(locked(&account), "{account}");
            }
        }
    }
}
