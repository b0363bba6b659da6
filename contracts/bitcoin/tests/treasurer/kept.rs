//! What is kept, and what is kept of it when files are made anew or lost.

use crate::papers::reservation;
use crate::world::{CLIENT, DEPTH, MARKET, World, did, id, secret};
use contracts_bitcoin::deal::message::ToProvider;
use contracts_bitcoin::treasurer::{Consents, EndedBy, EscrowState};
use std::collections::BTreeSet;
use types::documents::Reservation;
use types::{Msat, Verified};

#[tokio::test]
async fn a_file_that_is_made_anew_at_every_start_says_the_same() {
    let mut world = World::new(2).await;
    (world.manner.log_bytes_max, world.manner.answer_within) =
        (0, std::time::Duration::from_secs(1));
    world.reopen_client();
    world.agree(7, &[2, 3]);
    world.street.silent.lock().unwrap().insert(did(3));
    world.round().await.unwrap();
    again(&mut world, &EscrowState::Negotiating).await;
    world.street.silent.lock().unwrap().clear();
    assert_eq!(world.round().await.unwrap().funded.len(), 1);
    again(&mut world, &EscrowState::Unfunded).await;
    for _ in 0..DEPTH {
        world.live(1).await;
        let open = world.lines()[0].state.clone();
        assert!(matches!(open, EscrowState::Open { .. }), "{open:?}");
        again(&mut world, &open).await;
    }
    world.attest(7, 0, 2, 1000);
    world.attest(7, 1, 3, 640);
    world.live(DEPTH + 1).await;
    let ended = EscrowState::Ended(EndedBy::Agreed);
    assert!(world.lines().iter().all(|line| line.state == ended && line.is_final));
    again(&mut world, &ended).await;
    let file = world.folder.path().join(CLIENT.to_string()).join("treasurer.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 3, "who, by which rules, and one deal that is over: {text}");
    assert!(text.len() < 8_192 && !text.contains("nonces"), "{}", text.len());
    assert!(world.round().await.unwrap().offered.is_empty(), "it is not made twice");
    world.nothing_is_lost(0).await;
}

/// Everybody is opened again, twice, and sees the same.
async fn again(world: &mut World, state: &EscrowState) {
    for _ in 0..2 {
        world.reopen_client();
        for number in [2, 3] {
            world.reopen_provider(number).await;
        }
        // What the chain says is looked at again.
        world.tend_all().await;
        let lines = world.lines();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.state == *state), "{lines:?} are not {state:?}");
    }
}

#[tokio::test]
async fn a_key_serves_one_deal_also_where_the_deals_are_lost() {
    let mut world = World::new(1).await;
    let mut keys = BTreeSet::new();
    for number in [7, 8, 9] {
        world.agree(number, &[2]);
        world.round().await.unwrap();
        let said = world.street.said.lock().unwrap().clone();
        let mut offers = said.iter().filter_map(|(_, word)| match word {
            ToProvider::Offer(offer) if offer.contract == id(number) => Some(offer.client.key),
            _ => None,
        });
        let key = offers.next_back().unwrap();
        assert!(keys.insert(key), "contract {number} has the key of another");
        world.live(DEPTH).await;
        world.client = None;
        let file = world.folder.path().join(CLIENT.to_string()).join("treasurer.jsonl");
        std::fs::remove_file(file).unwrap();
        world.street.desk.lock().unwrap().views.clear();
        world.reopen_client();
        assert!(world.lines().is_empty(), "its deals are lost");
    }
}

fn given(slot: usize, change: impl FnOnce(&mut Reservation)) -> Verified<Reservation> {
    let papers = crate::papers::Papers::of(
        crate::papers::quote(7, &[2, 3]),
        &secret(MARKET),
        &secret(CLIENT),
    );
    let first = reservation(&papers.view, &papers.view.slots[slot]);
    let mut changed = first.into_inner();
    change(&mut changed);
    let signer = if changed.market == did(MARKET) { secret(MARKET) } else { secret(66) };
    Verified::sign(changed, &signer).unwrap()
}

#[test]
fn what_a_provider_agrees_to_is_agreed_once_while_it_holds_the_slot() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("consents.jsonl");
    let open = || Consents::open(&path, did(MARKET)).unwrap();
    let (first, cheaper) = (given(0, |_| {}), given(0, |given| given.quoted.bond = Msat(9)));
    let consents = open();
    consents.give(&first, false).unwrap();
    consents.give(&first, true).unwrap();
    for _ in 0..2 {
        let refused = consents.give(&cheaper, true).unwrap_err().to_string();
        assert!(refused.contains("they are agreed once"), "{refused}");
    }
    let longer = given(0, |given| given.answer_by = types::Timestamp(77));
    consents.give(&longer, true).unwrap();
    let foreign = given(1, |given| given.market = did(66));
    assert!(consents.give(&foreign, false).unwrap_err().to_string().contains("is signed by"));
    drop(consents);
    let consents = open();
    assert!(consents.give(&cheaper, true).is_err(), "it is remembered");
    consents.forget(first.contract, 0).unwrap();
    consents.give(&cheaper, false).unwrap();
    drop(consents);
    // A file that has become long is made anew.
    let consents = open();
    for number in 0..1_000 {
        let next = given(1, |given| given.answer_by = types::Timestamp(number));
        consents.give(&next, true).unwrap();
    }
    drop(consents);
    assert!(std::fs::metadata(&path).unwrap().len() > 1 << 20);
    drop(open());
    assert!(std::fs::metadata(&path).unwrap().len() < 8 << 10);
    assert!(open().give(&first, true).is_err(), "and holds what it held");
}
