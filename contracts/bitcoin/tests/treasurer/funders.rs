//! Coins that others bring are looked up before anything is tied to them.

use crate::refusals::{Change, declines_each, offer, word};
use crate::world::{DEPTH, World, did, foreign, id, keys, rate};
use bitcoin::{Amount, OutPoint, Txid, hashes::Hash as _};
use contracts_bitcoin::chain::Chain;
use contracts_bitcoin::deal::message::{Assembly, ToProvider, Word};
use contracts_bitcoin::treasurer::EscrowState;
use contracts_bitcoin::wallet::{Payout, Wallet};
use types::Hash;

/// What is wrong with the client's first coin.
const WRONG: [(&str, Change); 3] = [
    ("is spent, or not there", |offer| {
        offer.client.inputs[0].outpoint = OutPoint::new(Txid::from_byte_array([7; 32]), 0);
    }),
    ("is spent, or not there", |offer| offer.client.inputs[0].outpoint.vout = 1_000),
    ("holds", |offer| offer.client.inputs[0].output.value += Amount::from_sat(1)),
];

/// A party's coins, spent elsewhere with its own keys; no block has that yet.
async fn spend_elsewhere(world: &World, number: u8, sat: u64) {
    let path = world.folder.path().join(format!("elsewhere-{number}"));
    let mut wallet = Wallet::open(&path, &keys(number), None).unwrap();
    wallet.follow(&world.chain).await.unwrap();
    let to = foreign(66).script_pubkey();
    let payout = Payout { id: Hash([66; 32]), to, amount: Amount::from_sat(sat) };
    let payment = wallet.pay(&[payout], rate(2), &keys(number)).unwrap().unwrap();
    world.chain.broadcast(&payment.transaction).await.unwrap();
}

#[tokio::test]
async fn a_provider_declines_coins_that_are_not_there_spent_or_of_another_amount() {
    let mut world = World::new(2).await;
    world.agree(7, &[2, 3]);
    let honest = offer(&mut world).await;
    declines_each(&world, &honest, &WRONG).await;
    let Word::Takes(side) = word(&world, honest.clone()).await else { panic!("it is taken") };
    let mut invented = side.clone();
    invented.inputs[0].outpoint = OutPoint::new(Txid::from_byte_array([7; 32]), 0);
    let assembly = Assembly {
        offer: honest.id(),
        sides: vec![side, invented],
        funding: Txid::from_byte_array([0; 32]),
        halves: vec![],
    };
    let message = ToProvider::Assembly(Box::new(assembly));
    let refused = world.street.hear(did(2), (did(1), id(7)), message).await.unwrap_err();
    assert!(refused.contains("is spent, or not there"), "{refused}");
    spend_elsewhere(&world, 1, 45_000_000).await;
    let mut again = honest;
    again.fee_reserve += Amount::from_sat(1);
    let Word::Declines(reason) = word(&world, again).await else { panic!("it is spent") };
    assert!(reason.contains("is spent, or not there"), "{reason}");
}

#[tokio::test]
async fn a_client_finds_a_provider_s_missing_coins_before_anybody_is_to_sign() {
    let mut world = World::new(2).await;
    spend_elsewhere(&world, 3, 4_900_000).await;
    world.agree(7, &[2, 3]);
    let round = world.round().await.unwrap();
    assert!(round.funded.is_empty(), "{round:?}");
    let told = |reason: &String| reason.contains("is spent, or not there");
    assert!(round.waiting.iter().any(told), "{round:?}");
    let lines = world.lines();
    assert!(
        matches!(&lines[0].state, EscrowState::GivenUp { reason } if told(reason)),
        "{lines:?}"
    );
    let said = world.street.said.lock().unwrap().clone();
    assert!(
        said.iter().all(|(_, word)| matches!(word, ToProvider::Offer(_))),
        "nobody was to sign"
    );
    let free = world.client.as_ref().unwrap().balance();
    world.live(DEPTH).await;
    assert_eq!(world.client.as_ref().unwrap().balance(), free);
}
