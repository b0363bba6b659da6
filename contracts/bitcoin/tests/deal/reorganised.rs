//! Reorganisations of one to six blocks around funding and close: state follows the chain, and nothing is paid twice.

use super::world::{CLOSE_BLOCKS, World};
use contracts_bitcoin::chain::follow::Follower;
use contracts_bitcoin::deal::watch::{Action, FundingState, SlotState};
use std::num::NonZeroU32;

#[test]
fn what_was_undone_is_broadcast_again_and_paid_once() {
    for depth in 1..=6 {
        let mut world = World::new(1);
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
