//! Contracts on Bitcoin: the ledger's rules, money that nobody can draw on, and one outcome for each provider's part.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{BOND, CLIENT, DAILY, DEPOSIT, FIRST, slot_id, terms};
use common::{World, did, signed};
use contracts::{Account, ContractState, Posting};
use market::{Command, Event};
use types::documents::{Extension, Growth, TopUp};
use types::terms::{RailKind, Renewal};
use types::{Bytes, ContractId, Did, Msat, Span, Terms};

/// What a slot of these stories costs: price, premium, bonus and taking the bytes in.
const COST: i64 = 1_260_000;

/// As [`terms`], with nothing paid in advance for reads.
fn terms_on(rail: RailKind) -> Terms {
    Terms { rail, egress: Bytes(0), ..terms() }
}

fn stored(rail: RailKind) -> (World, ContractId) {
    let mut world = World::staged(8);
    let contract = world.store_under(&terms_on(rail));
    (world, contract)
}

/// What became of every escrow of a contract: slot, provider and outcome.
fn outcomes(world: &World, contract: ContractId) -> Vec<(u16, Did, Option<u16>)> {
    let escrows = world.market.escrows().of(contract);
    escrows.map(|(slot, provider, escrow)| (slot.slot, provider, escrow.outcome)).collect()
}

/// Nobody's account at the market has changed.
fn nobody_is_touched(world: &World) {
    for party in (FIRST..FIRST + 8).map(did).chain([CLIENT]) {
        assert_eq!(world.money(party), DEPOSIT, "{party}");
    }
}

#[test]
fn kept_promises_come_to_the_full_outcome() {
    let (mut world, contract) = stored(RailKind::Bitcoin);
    nobody_is_touched(&world);
    let kept = world.providers(contract);
    let locked = |party| world.balance(Account::OnChain(party));
    assert_eq!([0, 1, 2, 3].map(|slot| locked(kept[slot])), [-BOND; 4]);
    world.live_out(contract);
    let full = |(slot, provider): (u16, &Did)| (slot, *provider, Some(1000));
    let mut expected: Vec<_> = (0u16..).zip(&kept).map(full).collect();
    expected.sort_unstable();
    assert_eq!(outcomes(&world, contract), expected);
    for provider in kept {
        assert_eq!(world.balance(Account::OnChain(provider)), COST);
        assert_eq!(world.share(contract, provider), (COST, BOND, 0));
    }
    assert_eq!(world.balance(Account::OnChain(CLIENT)), -4 * COST - 308_000);
    nobody_is_touched(&world);
    world.replayed().unwrap();
}

/// A slot's whole trouble, on either rail: silence, penalty, replacement, rebuild, the term's end.
fn lost_and_replaced(rail: RailKind) -> (World, ContractId, Did) {
    let (mut world, contract) = stored(rail);
    world.audit_epoch(&[]);
    let lost = world.provider(contract, 1);
    while world.provider(contract, 1) == lost {
        world.audit_epoch(&[lost]);
    }
    let confirm = world.confirmation(contract, 1, None);
    world.done(&confirm);
    let rebuilt = world.rebuilt(contract, 1);
    world.done(&rebuilt);
    world.live_out(contract);
    (world, contract, lost)
}

#[test]
fn both_rails_have_one_economy() {
    let (ledger, _, _) = lost_and_replaced(RailKind::Ledger);
    let (bitcoin, contract, lost) = lost_and_replaced(RailKind::Bitcoin);
    let concluded = |event: &&Event| !matches!(event, Event::EscrowConcluded { .. });
    let amounts = |world: &World| -> Vec<(String, Vec<i64>)> {
        let events = world.journal.iter().filter(concluded);
        // The pool pays for repair reads on the ledger alone.
        let moves = |posting: &&Posting| posting.debit != Account::RepairPool;
        let line = |event: &Event| {
            let moved = event.postings().iter().filter(moves);
            let moved = moved.map(|posting| posting.amount.0).collect();
            (event.name().to_owned(), moved)
        };
        events.map(line).collect()
    };
    assert_eq!(amounts(&ledger), amounts(&bitcoin));
    let accounts = |world: &World| -> Vec<String> {
        let texts = world.journal.iter().filter(concluded).flat_map(Event::postings);
        let kind = |account: &Account| {
            let text = account.to_string();
            let kind = text.split(':').next().unwrap_or_default();
            let kind = kind.replace("on chain", "own").replace("available", "own");
            kind.replace("fees own", "fees").replace("repair pool own", "repair pool")
        };
        texts.map(|p| format!("{} {}", kind(&p.debit), kind(&p.credit))).collect()
    };
    let own = |texts: Vec<String>| texts.into_iter().filter(|t| !t.contains("world"));
    let readers = |text: &String| text != "repair pool own";
    let (ours, theirs) = (own(accounts(&bitcoin)), own(accounts(&ledger)));
    assert_eq!(
        ours.filter(readers).collect::<Vec<_>>(),
        theirs.filter(readers).collect::<Vec<_>>()
    );
    let all = outcomes(&bitcoin, contract);
    assert_eq!(all.len(), 5, "four that hold and one that lost");
    assert!(all.iter().all(|(.., outcome)| outcome.is_some()));
    let of = |slot, provider| all.iter().find(|(s, p, _)| (*s, *p) == (slot, provider)).unwrap().2;
    assert!(of(1, lost) < Some(500), "a bond that is lost");
    bitcoin.replayed().unwrap();
}

#[test]
fn an_outcome_pays_what_the_books_have_and_no_more() {
    let (world, contract, _) = lost_and_replaced(RailKind::Bitcoin);
    let terms = &world.known(contract).terms;
    for (slot, provider, escrow) in world.market.escrows().of(contract) {
        let stake = escrow.stake(terms).unwrap();
        let outcome = escrow.outcome.unwrap();
        let split = stake.split(outcome).unwrap();
        assert!(split.provider <= escrow.paid, "{slot:?} {provider}");
        if outcome < 1000 {
            assert!(stake.split(outcome + 1).unwrap().provider > escrow.paid);
        }
    }
}

#[test]
fn no_outcome_is_said_while_the_penalty_can_be_disputed() {
    let (mut world, contract) = stored(RailKind::Bitcoin);
    world.audit_epoch(&[]);
    let lost = world.provider(contract, 1);
    while world.provider(contract, 1) == lost {
        world.audit_epoch(&[lost]);
    }
    let id = slot_id(contract, 1);
    let said = |world: &World| world.market.escrows().get(id, lost).unwrap().outcome;
    assert!(!world.market.docket().contested(id).is_empty());
    let early = Command::Conclude { contract, slot: 1, provider: lost };
    assert_eq!((world.done(&early), said(&world)), (vec![], None));
    let mut waited = 0;
    while !world.market.docket().contested(id).is_empty() {
        assert_eq!(said(&world), None);
        world.audit_epoch(&[]);
        waited += 1;
    }
    assert!(waited > 0);
    assert!(said(&world).is_some(), "at once then, though the contract goes on");
    assert_eq!(world.known(contract).state, ContractState::Active);
    assert!(world.done(&early).is_empty(), "once");
}

#[test]
fn what_does_not_come_about_gives_bonds_back() {
    let mut world = World::staged(8);
    let contract = world.agree(&terms_on(RailKind::Bitcoin));
    for slot in 0..3 {
        let confirm = world.confirmation(contract, slot, None);
        world.done(&confirm);
    }
    world.now = world.now.after(Span(2 * Span::DAY.0));
    world.settle_down(3).unwrap();
    assert!(!world.known(contract).state.is_open());
    let terms = world.known(contract).terms.clone();
    let escrows: Vec<_> = world.market.escrows().of(contract).collect();
    assert_eq!(escrows.len(), 3);
    for (_, provider, escrow) in escrows {
        let due = escrow.stake(&terms).unwrap().split(escrow.outcome.unwrap()).unwrap().provider;
        assert!((BOND - BOND / 500..=BOND).contains(&due.0), "{due} of {BOND}");
        assert_eq!(world.balance(Account::OnChain(provider)), 0);
    }
    nobody_is_touched(&world);
}

#[test]
fn nobody_draws_on_what_lies_on_the_chain() {
    let (mut world, contract) = stored(RailKind::Bitcoin);
    let provider = world.provider(contract, 0);
    (0..4).for_each(|_| world.audit_epoch(&[]));
    assert!(world.market.unposted(slot_id(contract, 0)) >= Msat(3 * DAILY));
    let everything = world.withdraw(provider, DEPOSIT + 1);
    assert_eq!(world.refused(&everything).code(), "insufficient_funds");
    let own = world.withdraw(provider, DEPOSIT);
    world.done(&own);
    world.live_out(contract);
    assert_eq!(world.money(provider), 0);
    assert_eq!(world.balance(Account::OnChain(provider)), COST, "posted early or late");
    let escrow = world.market.escrows().get(slot_id(contract, 0), provider).unwrap();
    assert_eq!((escrow.paid, escrow.outcome), (Msat(COST + BOND), Some(1000)));
}

#[test]
fn escrows_hold_what_they_were_funded_with() {
    let (mut world, contract) = stored(RailKind::Bitcoin);
    let (provider, slashed) = (world.provider(contract, 0), Msat::ZERO);
    let top_up = TopUp { provider, contract, slot: 0, bond: Msat(BOND), slashed };
    let right = "make another contract for more";
    world.refuse(&Command::TopUp(signed(top_up)), "invalid_field", right);
    let extension = Extension { client: CLIENT, contract, number: 1, epochs: 20, automatic: false };
    world.refuse(&Command::Extend(signed(extension)), "invalid_field", right);
    let growth = Growth { client: CLIENT, contract, capacity: Bytes(1 << 40) };
    world.refuse(&Command::Grow(signed(growth)), "invalid_field", right);
    let paid_ahead = Terms { egress: Bytes(1), ..terms_on(RailKind::Bitcoin) };
    let refusal = world.quoted(&paid_ahead, 1).unwrap_err();
    assert!(refusal.to_string().contains("give an egress of 0 B"), "{refusal}");
    let again = Terms { renewal: Renewal::Automatic, ..terms_on(RailKind::Bitcoin) };
    let refusal = world.quoted(&again, 1).unwrap_err();
    assert!(refusal.to_string().contains("give manual renewal"), "{refusal}");
}

#[test]
fn a_provider_needs_no_money_at_the_market_for_an_escrow() {
    let mut world = World::staged(3);
    let mut ask = world.ask_of(FIRST + 3);
    ask.held_bond_permille = 1000;
    world.publish(ask);
    let on = |rail| terms_on(rail);
    let held = world.quoted(&on(RailKind::Bitcoin), 1).unwrap();
    assert!(held.slots.iter().all(|slot| slot.held_bond_max == Msat::ZERO), "funded whole");
    let contract = world.store_under(&on(RailKind::Bitcoin));
    assert!((0..4).all(|slot| world.slot(contract, slot).lacking == Msat::ZERO));
    assert!(world.providers(contract).contains(&did(FIRST + 3)));
    assert_eq!(world.money(did(FIRST + 3)), 0);
    world.live_out(contract);
    assert!(outcomes(&world, contract).iter().all(|(.., outcome)| *outcome == Some(1000)));
}
