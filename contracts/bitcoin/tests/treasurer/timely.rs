//! What comes too late: a contract that is over when its funding is to be signed, or while no block has it.

use crate::others::{Auditors, Desk};
use crate::papers::{NEVER, quoted, slot};
use crate::world::{DEPTH, World, did, foreign, id, pass};
use contracts::outcome::escrow_id;
use contracts_bitcoin::deal::message::ToProvider;
use contracts_bitcoin::treasurer::EscrowState;
use types::{ContractId, Timestamp};

/// What happens between an offer and its signature.
type Meanwhile = fn(&mut Desk, &Auditors, ContractId);

/// With what a provider says of it.
const MEANWHILE: [(&str, Meanwhile); 7] = [
    ("is expired", |desk, _, id| desk.views.get_mut(&id).unwrap().state = "expired".into()),
    ("not its provider's any more", |desk, _, id| {
        desk.views.get_mut(&id).unwrap().slots[0] = slot(0, quoted(did(4)));
    }),
    ("not its provider's any more", |desk, _, id| {
        desk.views.get_mut(&id).unwrap().slots[0].confirmed = false;
    }),
    ("cannot any more", |desk, _, id| desk.views.get_mut(&id).unwrap().store_by = Timestamp(1)),
    ("its terms are not", |desk, _, id| {
        desk.views.get_mut(&id).unwrap().terms.bond_ratio_permille = 1;
    }),
    ("other rules", |desk, _, _| desk.info.address = foreign(66).to_string()),
    ("has attested slot 0 already", |_, auditors, id| {
        auditors.attest(escrow_id(id, 0, did(2)), 0, 1000);
    }),
];

/// Has that happen when the first provider is told to sign.
fn meanwhile(world: &World, happens: Meanwhile) {
    let (desk, auditors, contract) = (world.street.desk.clone(), world.auditors.clone(), id(7));
    let before = move |word: &ToProvider| {
        if matches!(word, ToProvider::Release(_)) {
            happens(&mut desk.lock().unwrap(), &auditors, contract);
        }
    };
    *world.street.before.lock().unwrap() = Some(Box::new(before));
}

#[tokio::test]
async fn a_provider_asks_again_before_it_signs() {
    for (says, happens) in MEANWHILE {
        let mut world = World::new(1).await;
        // Who is out of a contract is told nothing of it: this one stays in the other slot.
        world.agree(7, &[2, 2]);
        meanwhile(&world, happens);
        let round = world.round().await.unwrap();
        assert!(round.funded.is_empty(), "{says}: {round:?}");
        let told = |reason: &String| reason.contains("is not signed") && reason.contains(says);
        assert!(round.waiting.iter().any(told), "{says}: {round:?}");
        let lines = world.lines_of(2).await;
        assert!(
            matches!(&lines[0].state, EscrowState::GivenUp { reason } if reason.contains(says)),
            "{lines:?}"
        );
        assert!(world.chain.waiting().is_empty());
    }
}

#[tokio::test]
async fn a_provider_that_cannot_ask_signs_later() {
    let mut world = World::new(1).await;
    world.agree(7, &[2]);
    meanwhile(&world, |desk, _, _| desk.is_gone = true);
    let round = world.round().await.unwrap();
    assert!(round.funded.is_empty());
    assert!(round.waiting.iter().any(|reason| reason.contains("ask again later")), "{round:?}");
    *world.street.before.lock().unwrap() = None;
    world.street.desk.lock().unwrap().is_gone = false;
    assert_eq!(world.round().await.unwrap().funded.len(), 1);
}

#[tokio::test]
async fn a_slot_that_is_attested_already_is_not_offered_on() {
    let mut world = World::new(1).await;
    world.agree(7, &[2]);
    world.attest(7, 0, 2, 1000);
    let round = world.round().await.unwrap();
    assert!(round.funded.is_empty());
    assert!(round.refused[0].contains("has attested slot 0 already"), "{round:?}");
    assert!(matches!(world.lines()[0].state, EscrowState::GivenUp { .. }));
}

#[tokio::test]
async fn negotiations_end_when_their_funding_would_come_too_late_and_coins_are_free_again() {
    let mut world = World::new(2).await;
    world.manner.answer_within = std::time::Duration::from_millis(100);
    world.reopen_client();
    world.agree(7, &[2, 3]);
    world.agree(8, &[2]);
    // One is silent, so the other waits with its coins.
    world.street.silent.lock().unwrap().insert(did(3));
    world.change(8, |view| view.state = "expired".into());
    world.round().await.unwrap();
    let state = |line: &contracts_bitcoin::treasurer::EscrowLine| line.state.clone();
    assert_eq!(state(&world.lines_of(2).await[0]), EscrowState::Negotiating);
    pass(Timestamp(NEVER.0 + 1));
    world.tend(2).await;
    world.round().await.unwrap();
    for lines in [world.lines(), world.lines_of(2).await] {
        let EscrowState::GivenUp { reason } = state(&lines[0]) else { panic!("{lines:?}") };
        assert!(reason.contains("must count by 2096"), "{reason}");
    }
    // What was kept aside is there for another, in the same block.
    world.change(8, |view| {
        (view.state, view.store_by) = ("agreed".into(), Timestamp(i64::MAX));
    });
    world.manner.answer_within = std::time::Duration::from_secs(20);
    world.reopen_client();
    assert_eq!(world.round().await.unwrap().funded.len(), 1);
    world.live(DEPTH).await;
    world.nothing_is_lost(0).await;
}

#[tokio::test]
async fn a_contract_whose_time_is_over_is_not_offered() {
    let mut world = World::new(1).await;
    world.agree(7, &[2]);
    world.change(7, |view| view.store_by = Timestamp(1));
    let round = world.round().await.unwrap();
    assert!(round.waiting[0].contains("must count by 1970"), "{round:?}");
    assert!(world.lines().is_empty());
}

/// A funding that all have signed and no block has.
async fn unmined() -> (World, bitcoin::Txid) {
    let mut world = World::new(2).await;
    world.agree(7, &[2, 3]);
    let funding = world.round().await.unwrap().funded[0];
    assert!(world.chain.waiting().contains(&funding));
    (world, funding)
}

/// It is in no block, and everybody has its own.
async fn is_taken_back(mut world: World, funding: bitcoin::Txid) {
    assert!(!world.chain.waiting().contains(&funding), "another has its place");
    world.reopen_client();
    world.live(2 * DEPTH).await;
    assert!(world.chain.find_transaction(funding).is_none());
    let lines = world.lines();
    assert!(
        lines.iter().all(|line| matches!(line.state, EscrowState::GivenUp { .. })),
        "{lines:?}"
    );
    world.nothing_is_lost(0).await;
}

#[tokio::test]
async fn a_funding_that_no_block_has_is_taken_back_when_its_time_is_over() {
    let (mut world, funding) = unmined().await;
    pass(Timestamp(NEVER.0 + 1));
    world.round().await.unwrap();
    is_taken_back(world, funding).await;
}

#[tokio::test]
async fn a_funding_that_no_block_has_is_taken_back_when_its_contract_is_over() {
    let (mut world, funding) = unmined().await;
    world.change(7, |view| view.state = "expired".into());
    world.round().await.unwrap();
    is_taken_back(world, funding).await;
}

#[tokio::test]
async fn a_funding_that_a_block_has_is_not_taken_back() {
    let (mut world, funding) = unmined().await;
    world.mine(1).await;
    world.change(7, |view| view.state = "expired".into());
    pass(Timestamp(NEVER.0 + 1));
    world.round().await.unwrap();
    assert!(world.chain.waiting().is_empty(), "nothing spends its coins");
    world.live(DEPTH).await;
    assert!(world.chain.find_transaction(funding).is_some_and(|(_, height)| height.is_some()));
    let lines = world.lines();
    assert!(lines.iter().all(|line| matches!(line.state, EscrowState::Open { .. })), "{lines:?}");
    world.nothing_is_lost(0).await;
}
