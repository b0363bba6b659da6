//! Reorganisations of one to six blocks around funding and close: state follows the chain, and nothing is paid twice.

use super::world::{CLOSE_BLOCKS, CONTRACT, MEANS, World, rate};
use bitcoin::{Amount, Transaction};
use contracts_bitcoin::chain::follow::Follower;
use contracts_bitcoin::deal::watch::{Action, FundingState, SlotState};
use contracts_bitcoin::wallet::Payout;
use std::num::NonZeroU32;
use types::Hash;

#[test]
fn what_was_undone_is_broadcast_again_and_paid_once() {
    for depth in 1..=6 {
        let mut world = World::new(1);
        world.steps = 10;
        let mut parties = world.watches(true);
        let [client, one] = &mut parties[..] else { panic!() };
        let looks = world.live(&mut [client, one], depth);
        assert!(matches!(looks[0].funding, FundingState::Mined { .. }));
        world.chain.reorganise(depth, &world.mining()).unwrap();
        world.follow();
        for party in [&mut *client, &mut *one] {
            let look = world.act(party);
            assert_eq!(look.funding, FundingState::Waiting, "{depth}");
            assert_eq!(look.slots[&0], SlotState::Unfunded);
            assert!(matches!(look.actions.as_slice(), [Action::Broadcast(_)]));
        }
        world.live(&mut [client, one], 1);
        one.hear(0, 910);
        world.live(&mut [one], u32::from(CLOSE_BLOCKS) + depth);
        let look = world.act(client);
        let SlotState::Ended { txid, .. } = look.slots[&0] else { panic!("{look:?}") };
        world.chain.reorganise(depth, &world.mining()).unwrap();
        world.follow();
        let look = world.act(one);
        assert!(!matches!(look.slots[&0], SlotState::Ended { .. }), "{depth}");
        assert!(matches!(look.actions.as_slice(), [Action::Broadcast(_)]));
        let looks = world.live(&mut [client, one], 8);
        for look in looks {
            let SlotState::Ended { txid: last, is_final, .. } = look.slots[&0] else { panic!() };
            assert_eq!((last, is_final), (txid, true), "{depth}");
            assert!(look.actions.is_empty());
        }
        assert_eq!(world.paid_to(&world.providers[0].payout).len(), 1, "{depth}");
        world.balance();
    }
}

#[test]
fn two_who_saw_other_detours_see_the_same() {
    let mut world = World::new(1);
    let mut parties = world.watches(true);
    let [client, one] = &mut parties[..] else { panic!() };
    world.live(&mut [client], 3);
    world.chain.reorganise(2, &world.mining()).unwrap();
    world.live(&mut [client], 4);
    let mut fresh = Follower::new(world.begun, NonZeroU32::new(6).unwrap());
    one.watch.register(&mut fresh);
    one.follower = fresh;
    assert_eq!(world.act(one).funding, world.act(client).funding);
}

/// Blocks on the block at `height`, the first of which holds `transactions`, until they are the best branch.
fn branch(world: &mut World, height: u32, mut transactions: Vec<Transaction>) {
    let mut parent = world.chain.block_at(height).unwrap().block_hash();
    for _ in height..=world.chain.top().height {
        let held = std::mem::take(&mut transactions);
        let block = world.chain.assemble(parent, held, &world.mining()).unwrap();
        parent = world.chain.submit(block, u32::MAX).unwrap();
    }
    assert_eq!(world.chain.top().hash, parent);
    world.follow();
}

#[test]
fn a_branch_that_spends_an_input_elsewhere_voids_the_funding_as_long_as_it_stands() {
    let mut world = World::new(1);
    let mut parties = world.watches(true);
    let [client, one] = &mut parties[..] else { panic!() };
    let person = &mut world.providers[0];
    person.wallet.release(CONTRACT).unwrap();
    let (id, to) = (Hash([66; 32]), person.payout.clone());
    let payout = Payout { id, to, amount: Amount::from_sat(MEANS / 2) };
    let elsewhere = person.wallet.pay(&[payout], rate(5), &person.keys).unwrap().unwrap();
    world.live(&mut [client, one], 2);
    one.hear(0, 1000);
    world.live(&mut [one], u32::from(CLOSE_BLOCKS) + 1);
    let ended = world.act(client);
    assert!(matches!(ended.slots[&0], SlotState::Ended { .. }));
    let (begun, lost) = (world.begun, world.chain.top());
    branch(&mut world, begun, vec![elsewhere.transaction.clone()]);
    for party in [&mut *client, &mut *one] {
        let look = world.act(party);
        let FundingState::Void { by, .. } = look.funding else { panic!("{look:?}") };
        assert_eq!(by, elsewhere.txid());
        assert_eq!(look.slots[&0], SlotState::Unfunded);
        assert!(look.actions.is_empty());
    }
    assert_eq!(world.client.wallet.balance(), world.brought() / 2, "the client has its own");
    let again = world.chain.find_block(lost.hash).unwrap();
    let mut parent = again.block.block_hash();
    for _ in 0..3 {
        let block = world.chain.assemble(parent, vec![], &world.mining()).unwrap();
        parent = world.chain.submit(block, u32::MAX).unwrap();
    }
    world.follow();
    let look = world.act(client);
    assert_eq!(look.slots[&0], ended.slots[&0], "and the contract, once it stands again");
}
