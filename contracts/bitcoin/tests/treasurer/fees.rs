//! Fees that rise while a transaction waits: a child pays for it.

use crate::world::{CLOSE_BLOCKS, DEPTH, World, did, id, rate};
use bitcoin::{Amount, OutPoint, Transaction, Txid};
use contracts_bitcoin::treasurer::{EndedBy, EscrowState, Funding};
use std::sync::Arc;

/// What rests on `parent` in what waits, and what the two pay together, in satoshis for a virtual byte.
fn child_of(world: &World, parent: Txid) -> Option<(Arc<Transaction>, u64)> {
    let waiting = world.chain.waiting().into_iter();
    let waiting = waiting.map(|txid| world.chain.find_transaction(txid).unwrap().0);
    let children = waiting
        .filter(|waiting| waiting.input.iter().any(|input| input.previous_output.txid == parent));
    let child = children.last()?;
    let (transaction, _) = world.chain.find_transaction(parent).unwrap();
    let fee = fee(world, &transaction) + fee(world, &child);
    let weight = transaction.weight() + child.weight();
    Some((child, fee.to_sat() * 4 / weight.to_wu()))
}

fn fee(world: &World, transaction: &Transaction) -> Amount {
    let value = |outpoint: OutPoint| {
        let (made, _) = world.chain.find_transaction(outpoint.txid).unwrap();
        made.output[outpoint.vout as usize].value
    };
    let spent: Amount = transaction.input.iter().map(|input| value(input.previous_output)).sum();
    spent - transaction.output.iter().map(|output| output.value).sum()
}

#[tokio::test]
async fn a_funding_that_waits_is_lifted_by_its_client_and_again_when_fees_rise_further() {
    let mut world = World::new(1).await;
    world.agree(7, &[2]);
    let funding = world.round().await.unwrap().funded[0];
    world.asks = Some(rate(20));
    world.round().await.unwrap();
    assert!(child_of(&world, funding).is_none(), "it has its time");
    for _ in 0..world.manner.lift_after {
        world.mine_empty();
    }
    world.tend(2).await;
    assert!(child_of(&world, funding).is_none(), "the rate was its client's choice");
    world.round().await.unwrap();
    let (child, together) = child_of(&world, funding).unwrap();
    assert!((20..=21).contains(&together), "{together}");
    world.asks = Some(rate(22));
    world.round().await.unwrap();
    assert_eq!(child_of(&world, funding).unwrap().0, child, "not for so little");
    world.asks = Some(rate(40));
    world.round().await.unwrap();
    let (dearer, together) = child_of(&world, funding).unwrap();
    assert!((40..=41).contains(&together), "{together}");
    assert!(!world.chain.waiting().contains(&child.compute_txid()), "it is replaced");
    world.reopen_client();
    world.live(DEPTH).await;
    assert!(world.chain.find_transaction(dearer.compute_txid()).unwrap().1.is_some());
    assert_eq!(world.funding(2, id(7), 0).await, Funding::Deep);
    world.nothing_is_lost(0).await;
}

#[tokio::test]
async fn a_payout_and_a_refund_that_wait_are_lifted_by_whom_they_pay() {
    let mut world = World::new(1).await;
    world.agree(7, &[2]);
    world.agree(8, &[2]);
    world.round().await.unwrap();
    world.live(DEPTH + 1).await;
    world.live(DEPTH + 1).await;
    let open = |line: &contracts_bitcoin::treasurer::EscrowLine| {
        matches!(line.state, EscrowState::Open { .. })
    };
    assert!(world.lines().iter().all(open), "{:?}", world.lines());
    // The client is not there, so that the provider takes what the auditor says.
    world.attest(7, 0, 2, 1000);
    world.asks = Some(rate(30));
    for _ in 0..=u32::from(CLOSE_BLOCKS) + world.manner.lift_after {
        world.mine_empty();
        world.tend(2).await;
    }
    let escrow = world.lines_of(2).await[0].funding.unwrap();
    let payout = spending(&world, escrow);
    let (_, together) = child_of(&world, payout).unwrap();
    assert!((30..=31).contains(&together), "{together}");
    world.mine(1).await;
    for _ in 0..DEPTH {
        world.live(1).await;
    }
    assert_eq!(world.lines_of(2).await[0].state, EscrowState::Ended(EndedBy::Outcome));
    assert!(world.lines_of(2).await[0].is_final);

    *world.auditors.are_gone.lock().unwrap() = true;
    world.street.silent.lock().unwrap().insert(did(2));
    let escrow = world.lines()[1].funding.unwrap();
    world.asks = None;
    while !world.chain.is_being_spent(escrow) {
        world.mine_empty();
        world.round().await;
    }
    let refund = spending(&world, escrow);
    world.asks = Some(rate(50));
    for _ in 0..world.manner.lift_after {
        world.mine_empty();
        world.round().await;
    }
    let (_, together) = child_of(&world, refund).unwrap();
    assert!((50..=51).contains(&together), "{together}");
    world.street.silent.lock().unwrap().clear();
    world.live(DEPTH + 1).await;
    assert_eq!(world.lines()[1].state, EscrowState::Ended(EndedBy::Refund));
    world.nothing_is_lost(2).await;
}

/// What waits and spends `escrow`.
fn spending(world: &World, escrow: OutPoint) -> Txid {
    let waiting = world.chain.waiting().into_iter();
    let waiting = waiting.map(|txid| world.chain.find_transaction(txid).unwrap().0);
    let spends = |w: &Arc<Transaction>| w.input.iter().any(|i| i.previous_output == escrow);
    let found: Vec<_> = waiting.filter(spends).collect();
    assert_eq!(found.len(), 1);
    found[0].compute_txid()
}
