//! Whom a provider asks nobody for, and what it keeps aside no coins for.

use crate::refusals::{offer, word};
use crate::world::{DEPTH, World, did};
use bitcoin::Amount;
use contracts_bitcoin::deal::message::{Offer, ToProvider, Word};
use types::Msat;

async fn refused(world: &World, from: u8, offer: Offer) -> String {
    let contract = offer.contract;
    let message = ToProvider::Offer(Box::new(offer));
    world.street.hear(did(2), (did(from), contract), message).await.unwrap_err()
}

#[tokio::test]
async fn nobody_is_asked_for_a_stranger() {
    let mut world = World::new(2).await;
    world.agree(7, &[2, 3]);
    let honest = offer(&mut world).await;
    // Whoever is asked now does not answer.
    world.street.desk.lock().unwrap().is_gone = true;
    let says = refused(&world, 3, honest.clone()).await;
    assert!(says.contains("is not the client"), "{says}");
    let elsewhere = Offer { contract: types::Hash([66; 32]), ..honest.clone() };
    let says = refused(&world, 1, elsewhere).await;
    assert!(says.contains("is confirmed here"), "{says}");
    let says = refused(&world, 1, honest.clone()).await;
    assert!(says.contains("ask again later"), "the client is asked for: {says}");
    world.street.desk.lock().unwrap().is_gone = false;
    assert!(matches!(word(&world, honest.clone()).await, Word::Takes(_)));
    // What was answered is answered again, whoever is there.
    world.street.desk.lock().unwrap().is_gone = true;
    assert!(matches!(word(&world, honest).await, Word::Takes(_)));
}

#[tokio::test]
async fn a_client_makes_only_so_many_offers_for_a_contract() {
    let mut world = World::new(2).await;
    world.agree(7, &[2, 3]);
    let honest = offer(&mut world).await;
    let before = world.balance_of(2).await;
    let offered = |sat: u64| Offer { fee_reserve: Amount::from_sat(sat), ..honest.clone() };
    for number in 3_001..3_065 {
        let next = offered(number);
        assert!(matches!(word(&world, next).await, Word::Takes(_)), "{number}");
    }
    let says = refused(&world, 1, offered(3_065)).await;
    assert!(says.contains("64 offers are made for this contract"), "{says}");
    assert_eq!(world.balance_of(2).await, before);
    assert_eq!(world.lines_of(2).await.len(), 1, "one is open, the others gave way to it");
    world.live(DEPTH).await;
}

#[tokio::test]
async fn a_market_that_shows_another_price_than_the_provider_has_agreed_to_is_not_followed() {
    let mut world = World::new(4).await;
    world.agree(7, &[2, 3]);
    world.round().await.unwrap();
    world.live(DEPTH).await;
    let next = crate::papers::later(did(4));
    world.change(7, |view| {
        view.state = "active".into();
        view.slots[1] = crate::papers::slot(1, next.clone());
    });
    world.announce_all(7);
    // The provider has agreed to a lower bond than the market shows its client.
    world.change(7, |view| view.slots[1].quoted.bond = Msat(next.bond.0 + 1_000_000));
    let round = world.round().await.unwrap();
    assert!(round.funded.is_empty(), "{round:?}");
    let told = |reason: &String| reason.contains("agreed here were");
    assert!(round.waiting.iter().any(told), "{round:?}");
}
