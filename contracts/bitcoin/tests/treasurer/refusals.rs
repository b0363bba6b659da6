//! What a provider declines, and that whoever declines or is silent holds up nothing else.

use crate::papers::{quote, quoted, slot};
use crate::world::{DEPTH, FUNDING_BLOCKS, World, did, foreign, id, rate};
use bitcoin::{Amount, TxOut};
use contracts_bitcoin::deal::message::{Offer, ToClient, ToProvider, Word};
use contracts_bitcoin::deal::respend::Spent;
use contracts_bitcoin::treasurer::EscrowState;
use std::num::NonZeroU16;
use types::Msat;

/// The first offer that the client makes of contract 7; nobody has heard it.
pub(crate) async fn offer(world: &mut World) -> Offer {
    let silent: Vec<_> = world.street.homes.keys().copied().collect();
    world.street.silent.lock().unwrap().extend(silent);
    let within = world.manner.answer_within;
    world.manner.answer_within = std::time::Duration::from_millis(100);
    world.reopen_client();
    world.round().await.unwrap();
    world.manner.answer_within = within;
    world.reopen_client();
    world.street.silent.lock().unwrap().clear();
    let said = world.street.said.lock().unwrap();
    match &said[0].1 {
        ToProvider::Offer(offer) => (**offer).clone(),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn word(world: &World, offer: Offer) -> Word {
    let contract = offer.contract;
    let message = ToProvider::Offer(Box::new(offer));
    match world.street.hear(did(2), (did(1), contract), message).await.unwrap() {
        Some(ToClient::Answer(answer)) => answer.word,
        other => panic!("{other:?}"),
    }
}

/// What makes an offer wrong.
pub(crate) type Change = fn(&mut Offer);

/// Whether each change makes an honest offer one that is declined with these words.
pub(crate) async fn declines_each(world: &World, honest: &Offer, wrong: &[(&str, Change)]) {
    for (says, change) in wrong {
        let mut offer = honest.clone();
        change(&mut offer);
        let Word::Declines(reason) = word(world, offer).await else { panic!("{says}") };
        assert!(reason.contains(says), "{reason:?} does not say {says:?}");
    }
}

/// How a refusal says what is wrong.
const WRONG: [(&str, Change); 16] = [
    ("its stake is", |offer| offer.slots[0].stake.bond = Msat(1)),
    ("its stake is", |offer| offer.slots[0].stake.cost.base = Msat(1)),
    ("fee is nothing; it should be 0.00004001 BTC", |offer| offer.market_fee = None),
    ("it should be", |offer| {
        let script_pubkey = foreign(66).script_pubkey();
        offer.market_fee = Some(TxOut { script_pubkey, ..offer.market_fee.clone().unwrap() });
    }),
    ("the market's address is", |offer| offer.pool = foreign(66).script_pubkey()),
    ("other auditors or nonces", |offer| offer.slots[0].auditors[0].nonces.swap(0, 1)),
    ("keep their order", |offer| offer.slots.swap(0, 1)),
    ("are funded at once", |offer| {
        offer.slots.truncate(1);
        offer.providers.truncate(1);
    }),
    ("the market says 1", |offer| offer.slots[0].threshold = 2),
    ("20 to 30 are taken here", |offer| offer.refund_blocks = 19),
    ("20 to 30 are taken here", |offer| offer.refund_blocks = 31),
    ("a rate of 5 sat/vB; 1 to 4 sat/vB are taken", |offer| offer.rate = rate(5)),
    ("a fee reserve of", |offer| offer.fee_reserve = Amount::from_sat(2_999)),
    ("10 are taken here", |offer| offer.steps = NonZeroU16::MIN),
    ("takes up an old escrow", |offer| {
        let slot = &offer.slots[0];
        offer.slots[0].spends = Some(Spent {
            outpoint: offer.client.inputs[0].outpoint,
            client: offer.client.key,
            provider: slot.auditors[0].key,
            arbiter: None,
            price: Amount::from_sat(1_000),
            bond: Amount::from_sat(1_000),
            fee_reserve: Amount::from_sat(1_000),
        });
    }),
    ("has an arbiter", |offer| offer.slots[0].arbiter = Some(offer.slots[0].auditors[0].key)),
];

#[tokio::test]
async fn what_is_not_as_market_and_auditors_say_is_declined_with_what_would_be_right() {
    let mut world = World::new(2).await;
    world.agree(7, &[2, 3]);
    let honest = offer(&mut world).await;
    declines_each(&world, &honest, &WRONG).await;
    world.change(7, |view| view.slots[0].confirmed = false);
    let Word::Declines(reason) = word(&world, honest.clone()).await else { panic!() };
    assert!(reason.contains("for any slot of"), "{reason}");
    world.change(7, |view| view.state = "expired".into());
    let Word::Declines(reason) = word(&world, honest.clone()).await else { panic!() };
    assert!(reason.contains("expired"), "{reason}");
    world.change(7, |view| view.state = "agreed".into());
    world.change(7, |view| view.slots[0].confirmed = true);
    let stranger = (did(3), id(7));
    let message = ToProvider::Offer(Box::new(honest.clone()));
    let refused = world.street.hear(did(2), stranger, message).await.unwrap_err();
    assert!(refused.contains("is not the client"), "{refused}");
    world.street.desk.lock().unwrap().is_gone = true;
    let message = ToProvider::Offer(Box::new(honest.clone()));
    let refused = world.street.hear(did(2), (did(1), id(7)), message).await.unwrap_err();
    assert!(refused.contains("ask again later"), "{refused}");
    world.street.desk.lock().unwrap().is_gone = false;
    assert!(
        matches!(word(&world, honest.clone()).await, Word::Takes(_)),
        "the honest one is taken"
    );
    assert!(matches!(word(&world, honest).await, Word::Takes(_)), "and twice the same");
}

#[tokio::test]
async fn whoever_declines_holds_up_no_other_contract_and_is_asked_again() {
    let mut world = World::new(3).await;
    world.manner.fee_reserve = Amount::from_sat(5_000);
    world.reopen_provider(3).await;
    world.manner.fee_reserve = Amount::from_sat(3_000);
    world.tend(3).await;
    world.agree(7, &[2, 3]);
    world.agree(8, &[4]);
    let free = world.client.as_ref().unwrap().balance();
    let round = world.round().await.unwrap();
    assert_eq!((round.offered.len(), round.funded.len()), (2, 1), "{round:?}");
    assert!(round.waiting.iter().any(|reason| reason.contains("fee reserve")), "{round:?}");
    let lines = world.lines();
    let first = lines.iter().find(|line| line.contract == id(7)).unwrap();
    let EscrowState::GivenUp { reason } = &first.state else { panic!("{lines:?}") };
    assert!(reason.contains("at least 0.00005"), "{reason}");
    let again = world.round().await.unwrap();
    assert!(again.offered.is_empty(), "not at once");
    assert!(again.waiting.iter().any(|reason| reason.contains("offered again after")));
    world.reopen_provider(3).await;
    world.live(3).await;
    assert_eq!(world.lines().len(), 3);
    assert!(
        world
            .lines()
            .iter()
            .all(|line| matches!(line.state, EscrowState::Unfunded | EscrowState::Open { .. }))
    );
    world.live(DEPTH).await;
    assert!(world.client.as_ref().unwrap().balance() < free);
    world.nothing_is_lost(0).await;
}

#[tokio::test]
async fn whoever_is_silent_is_given_up_after_a_while_and_coins_are_free_again() {
    let mut world = World::new(2).await;
    world.manner.answer_within = std::time::Duration::from_millis(100);
    world.reopen_client();
    world.street.silent.lock().unwrap().insert(did(3));
    world.agree(7, &[2, 3]);
    world.agree(8, &[2]);
    let round = world.round().await.unwrap();
    assert_eq!(round.offered.len(), 2, "{round:?}");
    assert!(round.waiting.iter().any(|reason| reason.contains("no answer within")), "{round:?}");
    world.live(FUNDING_BLOCKS + 2).await;
    let lines = world.lines();
    let silent = did(3).to_string();
    let given_up = |line: &contracts_bitcoin::treasurer::EscrowLine| match &line.state {
        EscrowState::GivenUp { reason } => reason.contains(&silent),
        _ => false,
    };
    assert!(lines.iter().filter(|line| line.contract == id(7)).any(given_up), "{lines:?}");
    world.live(DEPTH).await;
    let other = world.lines().into_iter().find(|line| line.contract == id(8)).unwrap();
    assert!(matches!(other.state, EscrowState::Open { .. }), "{other:?}");
    assert_eq!(world.lines_of(2).await.len(), 2);
    world.nothing_is_lost(0).await;
}

#[tokio::test]
async fn a_slot_that_goes_to_another_or_a_contract_that_ends_ends_its_offer() {
    let mut world = World::new(3).await;
    world.manner.answer_within = std::time::Duration::from_millis(100);
    world.reopen_client();
    world.street.silent.lock().unwrap().insert(did(3));
    world.agree(7, &[2, 3]);
    world.round().await.unwrap();
    world.change(7, |view| view.slots[1] = slot(1, quoted(did(4))));
    world.announce_all(7);
    let round = world.round().await.unwrap();
    assert_eq!(round.funded.len(), 1, "{round:?}");
    world.live(DEPTH).await;
    assert!(matches!(world.lines_of(4).await[0].state, EscrowState::Open { .. }));
    world.agree(8, &[3]);
    world.round().await.unwrap();
    world.change(8, |view| view.state = "expired".into());
    world.round().await.unwrap();
    let line = world.lines().into_iter().find(|line| line.contract == id(8)).unwrap();
    assert!(matches!(&line.state, EscrowState::GivenUp { reason } if reason.contains("expired")));
    world.nothing_is_lost(0).await;
}

#[tokio::test]
async fn a_client_without_coins_is_told_where_to_send_them() {
    let mut world = World::new(1).await;
    let mut dear = quote(7, &[2]);
    (dear.slots[0].cost.base, dear.cost.storage) = (Msat(90_000_000_000), Msat(90_000_000_000));
    world.agree_on(7, dear);
    let address = world.client.as_mut().unwrap().address().unwrap().to_string();
    let round = world.round().await.unwrap();
    assert!(round.offered.is_empty());
    assert!(round.waiting[0].ends_with(&address), "{round:?}");
    assert!(world.lines().is_empty(), "nothing was begun");
}

#[tokio::test]
async fn what_one_deal_takes_is_bounded_whatever_the_market_says() {
    let mut world = World::new(1).await;
    world.manner.deal_max = Amount::from_sat(1_000);
    world.reopen_client();
    world.agree(7, &[2]);
    let round = world.round().await.unwrap();
    assert!(round.offered.is_empty());
    assert!(round.waiting[0].contains("one deal may take 0.00001000 BTC"), "{round:?}");
    assert!(world.lines().is_empty(), "nothing was begun");
}
