//! Contracts that change after they were agreed, over real sockets.

use crate::common::provider::sign;
use crate::common::{available, client, key};
use crate::life::{CLIENT, agreed, town, until};
use network::api::ContractView;
use std::sync::atomic::Ordering;
use types::documents::{Cancellation, Departure, Extension, Growth, TopUp};
use types::{Bytes as Size, ContractId, Msat, Signed, Signer};

fn extension(contract: ContractId, number: u64, epochs: u64) -> Signed {
    let me = key(CLIENT);
    sign(Extension { client: me.did(), contract, number, epochs, automatic: false }, &me)
}

fn growth(contract: ContractId, capacity: u64) -> Signed {
    let me = key(CLIENT);
    sign(Growth { client: me.did(), contract, capacity: Size(capacity) }, &me)
}

fn cancellation(contract: ContractId) -> Signed {
    let me = key(CLIENT);
    sign(Cancellation { client: me.did(), contract }, &me)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_is_extended_grown_and_left() {
    let town = town(6).await;
    let view = town.stored().await;
    let speaks = client(&town.market, &key(CLIENT));
    let longer = extension(view.id, 1, 20);
    let extended = speaks.extend(view.id, &longer).await.unwrap();
    assert_eq!((extended.epochs, extended.extensions, extended.agreed.epochs), (20, 1, 10));
    assert!(extended.escrow > view.escrow);
    assert_eq!(speaks.extend(view.id, &longer).await.unwrap(), extended, "it counts once");
    let shorter = speaks.extend(view.id, &extension(view.id, 2, 5)).await.unwrap_err();
    assert_eq!(shorter.code(), Some("invalid_field"));

    let before: Vec<usize> = reservations(&town, &view);
    let larger = growth(view.id, 8 << 20);
    let grown = speaks.grow(view.id, &larger).await.unwrap();
    assert_eq!((grown.terms.capacity, grown.agreed.capacity), (Size(8 << 20), Size(4 << 20)));
    assert!(grown.slots.iter().all(|slot| slot.capacity == Size(2 << 20)));
    assert_eq!(speaks.grow(view.id, &larger).await.unwrap(), grown);
    until("every holder hears of its larger slot", async || {
        reservations(&town, &view).iter().zip(&before).all(|(now, then)| now > then)
    })
    .await;

    town.epoch().await;
    town.epoch().await;
    let left = speaks.cancel(view.id, &cancellation(view.id)).await.unwrap();
    assert_eq!((left.state.as_str(), left.left), ("completed", true));
    assert!(speaks.cancel(view.id, &cancellation(view.id)).await.unwrap().left);
    town.epoch().await;
    assert_eq!(town.view(view.id).await.state, "settled");
    town.verify().await;
}

fn reservations(town: &crate::life::Town, view: &ContractView) -> Vec<usize> {
    let holders = (0..view.slots.len()).map(|slot| town.holder(view, slot));
    holders.map(|holder| holder.mood.reservations.load(Ordering::SeqCst)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_is_cancelled_before_anything_is_stored() {
    let town = town(6).await;
    let view = agreed(&town).await;
    let speaks = client(&town.market, &key(CLIENT));
    let cancelled = speaks.cancel(view.id, &cancellation(view.id)).await.unwrap();
    assert_eq!((cancelled.state.as_str(), cancelled.escrow), ("cancelled", Msat::ZERO));
    // Every provider was ready: the fee for the escrow is due.
    let fee = view.cost.escrow_fee;
    assert!(fee > Msat::ZERO);
    assert_eq!(available(&town.market, &key(CLIENT)), Msat(1_000_000_000 - fee.0));
    let late = speaks.extend(view.id, &extension(view.id, 1, 20)).await.unwrap_err();
    assert_eq!(late.code(), Some("wrong_state"));
    town.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_leaves_is_followed_by_another() {
    let town = town(7).await;
    let view = town.stored().await;
    town.epoch().await;
    let leaver = town.holder(&view, 0);
    let departure = Departure { provider: leaver.key.did(), contract: view.id, slot: 0 };
    let departure = sign(departure, &leaver.key);
    let speaks = client(&town.market, &leaver.key);
    let other = town.stored().await;
    let astray = speaks.depart(other.id, &departure).await.unwrap_err();
    assert_eq!(astray.code(), Some("contract_mismatch"));
    let first = speaks.depart(view.id, &departure).await.unwrap();
    assert_eq!(speaks.depart(view.id, &departure).await.unwrap(), first);
    let leaving = &town.view(view.id).await.slots[0];
    assert!(leaving.leaving.is_some() && leaving.slashed > Msat::ZERO);
    town.epoch().await;
    town.epoch().await;
    until("another has rebuilt the slot", async || {
        let slot = &town.view(view.id).await.slots[0];
        slot.provider != leaver.key.did() && slot.state == "filled"
    })
    .await;
    until("who left may forget it", async || leaver.mood.released.load(Ordering::SeqCst) > 0).await;
    town.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_parties_change_a_contract() {
    let town = town(6).await;
    let view = town.stored().await;
    let thief = key(1);
    let speaks = client(&town.market, &thief);
    let foreign = Growth { client: thief.did(), contract: view.id, capacity: Size(8 << 20) };
    let refused = speaks.grow(view.id, &sign(foreign, &thief)).await.unwrap_err();
    assert_eq!(refused.code(), Some("foreign_party"));
    let slot = view.slots.iter().find(|slot| slot.provider != thief.did()).unwrap();
    let (provider, bond) = (thief.did(), slot.bond);
    let top_up = TopUp { provider, contract: view.id, slot: slot.slot, slashed: Msat::ZERO, bond };
    let refused = speaks.top_up(view.id, &sign(top_up, &thief)).await.unwrap_err();
    assert_eq!(refused.code(), Some("foreign_party"));
    town.verify().await;
}
