//! What becomes of contracts when somebody vanishes: each side goes on alone.

use crate::world::{CLOSE_BLOCKS, DEPTH, FUNDING_BLOCKS, REFUND_BLOCKS, World, did, id};
use contracts_bitcoin::deal::message::ToProvider;
use contracts_bitcoin::treasurer::{EndedBy, EscrowState, Funding};

fn vanish(world: &World, number: u8) {
    world.street.silent.lock().unwrap().insert(did(number));
}

fn ended(world: &World, slot: usize) -> EndedBy {
    match world.lines()[slot].state {
        EscrowState::Ended(by) => by,
        ref other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_provider_vanishes_and_the_client_closes_alone() {
    let mut world = World::new(2).await;
    world.manner.answer_within = std::time::Duration::from_millis(300);
    world.reopen_client();
    world.agree(7, &[2, 3]);
    world.round().await.unwrap();
    world.live(DEPTH).await;
    vanish(&world, 3);
    world.attest(7, 0, 2, 1000);
    world.attest(7, 1, 3, 640);
    world.tend(2).await;
    let round = world.round().await.unwrap();
    assert_eq!(round.agreed.len(), 1);
    assert!(round.waiting.iter().any(|reason| reason.contains("no answer within")), "{round:?}");
    world.live(1).await;
    assert_eq!(ended(&world, 0), EndedBy::Agreed);
    assert!(matches!(world.lines()[1].state, EscrowState::Open { .. }), "it has its time");
    world.live(u32::from(CLOSE_BLOCKS) + DEPTH).await;
    assert_eq!(ended(&world, 1), EndedBy::Outcome);
    assert!(world.lines()[1].is_final);
    // The provider comes back, and finds its coins.
    world.street.silent.lock().unwrap().clear();
    world.live(1).await;
    assert_eq!(world.lines_of(3).await[0].closing, world.lines()[1].closing);
    world.nothing_is_lost(1).await;
}

#[tokio::test]
async fn the_client_vanishes_and_a_provider_closes_alone() {
    let mut world = World::new(1).await;
    world.agree(7, &[2]);
    world.round().await.unwrap();
    world.attest(7, 0, 2, 1000);
    for _ in 0..=u32::from(CLOSE_BLOCKS) + 2 * DEPTH {
        world.mine(1).await;
        world.tend(2).await;
    }
    let line = &world.lines_of(2).await[0];
    assert_eq!(line.state, EscrowState::Ended(EndedBy::Outcome));
    assert!(line.is_final);
    world.round().await.unwrap();
    assert_eq!(ended(&world, 0), EndedBy::Outcome);
    world.nothing_is_lost(1).await;
}

#[tokio::test]
async fn market_and_auditors_vanish_and_everybody_has_its_own_back() {
    let mut world = World::new(2).await;
    world.agree(7, &[2, 3]);
    world.round().await.unwrap();
    let before = [world.balance_of(2).await, world.balance_of(3).await];
    world.live(DEPTH).await;
    world.street.desk.lock().unwrap().is_gone = true;
    *world.auditors.are_gone.lock().unwrap() = true;
    let round = world.round().await.unwrap();
    assert!(round.waiting.iter().any(|reason| reason.contains("the market: nobody")), "{round:?}");
    assert!(round.waiting.iter().any(|reason| reason.contains("an attestation")), "{round:?}");
    world.live(u32::from(REFUND_BLOCKS) - DEPTH - 1).await;
    assert!(world.lines().iter().all(|line| matches!(line.state, EscrowState::Open { .. })));
    world.live(DEPTH + 1).await;
    for slot in 0..2 {
        assert_eq!(ended(&world, slot), EndedBy::Refund);
        let line = &world.lines()[slot];
        let payout = line.payout.unwrap();
        assert_eq!(
            (payout.provider.to_sat(), payout.client.to_sat()),
            (line.provider_sat, line.client_sat)
        );
    }
    for (number, before) in [(2, before[0]), (3, before[1])] {
        let paid = before - world.balance_of(number).await;
        assert!(paid.to_sat() < 1_000, "its own inputs' fee: {paid}");
    }
    world.nothing_is_lost(2).await;
}

#[tokio::test]
async fn a_client_that_vanishes_before_it_signs_keeps_nobody_s_coins() {
    let mut world = World::new(1).await;
    world.agree(7, &[2]);
    // It hears what the provider signs, and signs never.
    let contracts = (did(1), id(7));
    let street = world.street.clone();
    let mut calls = 2;
    while !street.said.lock().unwrap().iter().any(|(_, w)| matches!(w, ToProvider::Release(_))) {
        world.wire.cut(calls);
        world.round().await;
        calls += 1;
    }
    world.wire.cut(0);
    let release = street.said.lock().unwrap().last().unwrap().1.clone();
    assert!(street.hear(did(2), contracts, release).await.unwrap().is_some(), "it has signed");
    world.street.desk.lock().unwrap().is_gone = true;
    let before = world.balance_of(2).await;
    for _ in 0..=FUNDING_BLOCKS {
        world.mine(1).await;
        world.tend(2).await;
        assert!(!matches!(world.funding(2, id(7), 0).await, Funding::Deep));
    }
    for _ in 0..=DEPTH {
        world.mine(1).await;
        world.tend(2).await;
    }
    let line = &world.lines_of(2).await[0];
    assert!(
        matches!(&line.state, EscrowState::GivenUp { reason } if reason.contains("elsewhere")),
        "{line:?}"
    );
    let paid = before - world.balance_of(2).await;
    assert!(paid.to_sat() > 0 && paid.to_sat() < 1_000, "the fee of taking it back: {paid}");
}

#[tokio::test]
async fn a_funding_that_is_under_way_is_taken_back_by_a_higher_fee() {
    let mut world = World::new(2).await;
    world.agree(7, &[2, 3]);
    let round = world.round().await.unwrap();
    let funding = round.funded[0];
    assert!(world.chain.waiting().contains(&funding));
    // No block takes it, and the market is not there for another.
    world.street.desk.lock().unwrap().is_gone = true;
    for _ in 0..=FUNDING_BLOCKS {
        world.mine_empty();
    }
    let round = world.tend(2).await;
    assert!(!world.chain.waiting().contains(&funding), "{round:?}");
    world.mine(1).await;
    world.live(DEPTH).await;
    let line = &world.lines()[0];
    assert!(matches!(line.state, EscrowState::GivenUp { .. }), "{line:?}");
    assert!(world.chain.find_transaction(funding).is_none());
    world.nothing_is_lost(0).await;
}
