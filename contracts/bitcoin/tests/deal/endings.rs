//! Every way in which a contract ends, by those alone who are still there.

use super::world::{
    CLOSE_BLOCKS, MEANS, POOL, Party, REFUND_BLOCKS, World, again, now, rate, stake,
};
use crate::escrow_world::script;
use bitcoin::{Amount, OutPoint};
use contracts_bitcoin::chain::Chain;
use contracts_bitcoin::chain::devchain::Devchain;
use contracts_bitcoin::deal::stakes;
use contracts_bitcoin::deal::watch::{Action, Ending, FundingState, Look, SlotState};
use contracts_bitcoin::deal::{DealError, Signer};
use contracts_bitcoin::escrow::close::CloseError;
use contracts_bitcoin::escrow::spend::{ANCHOR, SpendError, Split};
use contracts_bitcoin::wallet::Payout;
use std::num::NonZeroU16;
use types::Hash;

/// What an outcome pays, rounded as offered.
fn due(outcome: u16) -> Split {
    let table = stakes::payouts(&stake()).unwrap();
    table.rounded(NonZeroU16::new(100).unwrap()).at(outcome)
}

pub(crate) fn ended(look: &Look, slot: usize) -> Ending {
    match look.slots[&slot] {
        SlotState::Ended { by, .. } => by,
        state => panic!("{state:?}"),
    }
}

/// Everything that everybody had is there, in wallets, at the pool and the market, in anchors and in fees.
fn nothing_is_lost(world: &World, anchors: u64) {
    let fees = world.balance();
    assert_eq!(world.held() + world.locked() + ANCHOR * anchors + fees, world.brought());
}

pub(crate) fn close(world: &mut World, [by, with]: [&mut Party; 2], slot: usize) {
    let split = by.watch.due(slot).unwrap();
    let (key, seed) = (*by.key, world.seed());
    let proposer = Signer { key: &key, seed };
    let (closing, proposal) = by.watch.propose(slot, (split, rate(2)), &proposer).unwrap();
    let (key, seed) = (*with.key, world.seed());
    let other = Signer { key: &key, seed };
    let due = with.watch.due(slot).unwrap();
    let greedy = Split { client: due.client - Amount::ONE_SAT, ..due };
    let refused = with.watch.consent(&again(&proposal), &greedy, &other).unwrap_err();
    assert_eq!(refused, DealError::OtherSplit(slot));
    let consent = with.watch.consent(&again(&proposal), &due, &other).unwrap();
    by.watch.conclude(closing, &again(&consent), &proposer).unwrap();
}

#[test]
fn everybody_cooperates_and_each_slot_ends_by_one_signature_of_both() {
    let mut world = World::new(2);
    let mut parties = world.watches(true);
    let [client, one, two] = &mut parties[..] else { panic!() };
    world.live(&mut [client, one, two], 3);
    for (slot, provider, outcome) in [(0, &mut *one, 1000), (1, &mut *two, 730)] {
        client.hear(slot, outcome);
        provider.hear(slot, outcome);
    }
    close(&mut world, [client, one], 0);
    close(&mut world, [two, client], 1);
    let looks = world.live(&mut [client, one, two], 1);
    assert_eq!([0, 1].map(|slot| ended(&looks[0], slot)), [Ending::Agreed; 2]);
    assert_eq!(ended(&looks[1], 0), Ending::Agreed);
    let payout = |number: usize| world.paid_to(&world.providers[number].payout);
    assert_eq!(payout(0), [due(1000).provider]);
    assert_eq!(payout(1), [due(730).provider]);
    nothing_is_lost(&world, 0);
    let looks = world.live(&mut [client, one, two], 6);
    for look in looks {
        assert!(look.actions.is_empty());
        assert!(matches!(look.funding, FundingState::Mined { is_final: true, .. }));
        let finally = |state: &SlotState| matches!(state, SlotState::Ended { is_final: true, .. });
        assert!(look.slots.values().all(finally));
    }
}

#[test]
fn a_provider_vanishes_and_the_client_alone_closes_by_attestation() {
    let mut world = World::new(2);
    let mut parties = world.watches(false);
    let [client, _, _] = &mut parties[..] else { panic!() };
    world.live(&mut [client], 2);
    client.hear(0, 0);
    client.hear(1, 640);
    let waiting = world.live(&mut [client], u32::from(CLOSE_BLOCKS) - 1);
    assert_eq!(waiting[0].slots[&0], SlotState::Open);
    assert!(waiting[0].actions.is_empty(), "the other has its time to agree");
    let looks = world.live(&mut [client], 2);
    assert!(matches!(ended(&looks[0], 0), Ending::Outcome { first: 0, .. }));
    let Ending::Outcome { first, last } = ended(&looks[0], 1) else { panic!() };
    assert!((first..=last).contains(&640));
    assert!(due(0).pool > Amount::ZERO && due(0).client > stakes::parts(&stake()).unwrap().client);
    assert_eq!(world.paid_to(&script(POOL)), [due(0).pool], "a lost slot pays the pool");
    assert_eq!(
        world.paid_to(&world.client.payout),
        [due(0).client, due(640).client],
        "and the client"
    );
    assert_eq!(world.paid_to(&world.providers[0].payout), [due(0).provider]);
    assert_eq!(world.paid_to(&world.providers[1].payout), [due(640).provider]);
    nothing_is_lost(&world, 2);
}

#[test]
fn the_client_vanishes_and_each_provider_alone_is_paid() {
    let mut world = World::new(2);
    let mut parties = world.watches(true);
    let [_, one, two] = &mut parties[..] else { panic!() };
    world.live(&mut [one, two], 2);
    one.hear(0, 1000);
    two.hear(1, 880);
    world.live(&mut [one, two], u32::from(CLOSE_BLOCKS) + 1);
    assert_eq!(world.paid_to(&world.providers[0].payout), [due(1000).provider]);
    assert_eq!(world.paid_to(&world.providers[1].payout), [due(880).provider]);
    nothing_is_lost(&world, 2);
}

#[test]
fn the_auditors_vanish_and_both_have_their_own() {
    let mut world = World::new(2);
    let mut parties = world.watches(true);
    let [client, one, two] = &mut parties[..] else { panic!() };
    let looks = world.live(&mut [client, one, two], 1);
    let FundingState::Mined { height, .. } = looks[0].funding else { panic!() };
    let one_word = world.oracle_word(one);
    assert!(one_word.actions.is_empty(), "one of three auditors is none");
    let looks = world.live(&mut [client], u32::from(REFUND_BLOCKS) - 2);
    assert!(looks[0].actions.is_empty(), "the refund would be refused");
    assert_eq!(world.chain.top().height, height + u32::from(REFUND_BLOCKS) - 2);
    let looks = world.live(&mut [client, two], 1);
    assert_eq!(looks[0].actions.len(), 2);
    let looks = world.live(&mut [client, one, two], 1);
    assert_eq!([0, 1].map(|slot| ended(&looks[0], slot)), [Ending::Refund; 2]);
    let own = stakes::parts(&stake()).unwrap();
    assert_eq!(world.paid_to(&world.client.payout), [own.client; 2]);
    for provider in &world.providers {
        assert_eq!(world.paid_to(&provider.payout), [own.provider]);
    }
    assert_eq!(world.paid_to(&script(POOL)), []);
    nothing_is_lost(&world, 2);
}

impl World {
    /// One auditor of three says something, which is too little.
    fn oracle_word(&mut self, party: &mut Party) -> Look {
        let (height, value) = (self.chain.top().height, 900);
        let signatures = super::world::oracle(0, 1).attest(value);
        party.watch.attested(0, (1, value), signatures, height).unwrap();
        let other = super::world::oracle(0, 1).attest(100);
        let refused = party.watch.attested(0, (1, 100), other, height).unwrap_err();
        let equivocates = DealError::Equivocates { slot: 0, auditor: 1, first: 900, second: 100 };
        assert_eq!(refused, equivocates);
        let foreign = super::world::oracle(1, 1).attest(value);
        let refused = party.watch.attested(0, (0, value), foreign, height).unwrap_err();
        assert!(matches!(refused, DealError::Oracle { slot: 0, .. }), "{refused}");
        assert_eq!(party.watch.due(0), None);
        self.act(party)
    }
}

#[test]
fn an_attestation_just_before_the_refund_waits_for_nobody() {
    let mut world = World::new(1);
    let mut parties = world.watches(true);
    let [client, one] = &mut parties[..] else { panic!() };
    world.live(&mut [client, one], u32::from(REFUND_BLOCKS) - 2);
    one.hear(0, 990);
    let look = world.act(one);
    assert_eq!(look.actions.len(), 1);
    let looks = world.live(&mut [one], 1);
    assert!(matches!(ended(&looks[0], 0), Ending::Outcome { .. }));
}

/// Spends a coin of whoever it is to itself.
fn take_back(world: &mut World, coins: &[OutPoint]) {
    let person = &mut world.providers[0];
    person.wallet.release(super::world::CONTRACT).unwrap();
    let (id, to) = (Hash([66; 32]), person.payout.clone());
    let payout = Payout { id, to, amount: Amount::from_sat(MEANS / 2) };
    let payment = person.wallet.pay(&[payout], rate(20), &person.keys).unwrap().unwrap();
    assert!(payment.transaction.input.iter().any(|input| coins.contains(&input.previous_output)));
    now(world.chain.broadcast(&payment.transaction)).unwrap();
}

#[test]
fn a_funding_that_the_client_holds_back_is_void_and_everybody_has_their_own() {
    let mut world = World::new(2);
    let mut parties = world.watches(false);
    let [client, one, two] = &mut parties[..] else { panic!() };
    let before = world.held();
    let looks = world.live(&mut [one, two], 12);
    assert_eq!(looks[0].funding, FundingState::Waiting);
    let Some(Action::TakeBack(coins)) = looks[0].actions.first() else { panic!() };
    take_back(&mut world, coins);
    let looks = world.live(&mut [one, two], 1);
    for look in &looks {
        assert!(matches!(look.funding, FundingState::Void { is_final: false, .. }));
        assert!(look.actions.is_empty());
    }
    let looks = world.live(&mut [one, two], 5);
    assert!(matches!(looks[0].funding, FundingState::Void { is_final: true, .. }));
    assert!(looks[1].slots.values().all(|state| *state == SlotState::Unfunded));
    now(contracts_bitcoin::chain::follow::follow(&world.chain, &mut client.follower)).unwrap();
    let signer = Signer { key: &client.key.clone(), seed: world.seed() };
    let late = client.watch.look(&client.follower, &signer).unwrap();
    assert!(matches!(late.funding, FundingState::Void { .. }));
    assert!(late.actions.is_empty());
    assert_eq!(world.held() + world.balance(), before);
}

#[test]
fn a_provider_that_was_never_told_finds_the_funding_on_the_chain() {
    let mut world = World::new(1);
    let mut parties = world.watches(false);
    let [client, one] = &mut parties[..] else { panic!() };
    assert!(world.act(one).actions.is_empty());
    world.live(&mut [client], 1);
    assert!(matches!(world.act(one).funding, FundingState::Mined { .. }));
    world.chain.reorganise(1, &world.mining()).unwrap();
    let fresh: &Devchain = &world.chain;
    assert!(now(fresh.tip()).is_ok());
    let look = world.act(one);
    assert!(matches!(look.actions.as_slice(), [Action::Broadcast(_)]), "it has learnt it whole");
}

#[test]
fn of_auditors_that_say_two_things_a_party_takes_the_better() {
    let mut world = World::new(1);
    let mut parties = world.watches(true);
    let [client, one] = &mut parties[..] else { panic!() };
    world.live(&mut [client, one], 1);
    for party in [&mut *client, &mut *one] {
        party.hear(0, 990);
        let height = world.chain.top().height;
        for (auditor, value) in [(0, 700), (1, 700), (2, 20)] {
            let signatures = super::world::oracle(0, auditor).attest(value);
            let heard = party.watch.attested(0, (auditor, value), signatures, height);
            assert_eq!(heard.is_err(), auditor != 1, "{heard:?}");
        }
    }
    assert_eq!(client.watch.due(0), Some(due(700)));
    assert_eq!(one.watch.due(0), Some(due(990)));
    let looks = world.live(&mut [one], u32::from(CLOSE_BLOCKS) + 1);
    let Ending::Outcome { first, last } = ended(&looks[0], 0) else { panic!() };
    assert!((first..=last).contains(&990));
}

#[test]
fn a_provider_of_several_slots_is_judged_in_each() {
    let mut world = World::new(2);
    (world.each, world.steps) = (2, 20);
    let mut parties = world.watches(true);
    let [client, one, two] = &mut parties[..] else { panic!() };
    world.live(&mut [client, one, two], 1);
    two.hear(2, 1000);
    two.hear(3, 0);
    client.hear(1, 500);
    world.live(&mut [client, one, two], u32::from(CLOSE_BLOCKS) + 1);
    let slots = |look: Look| look.slots.into_iter().collect::<Vec<_>>();
    let seen = slots(world.act(client));
    assert_eq!(seen[0].1, SlotState::Open);
    assert!(seen[1..].iter().all(|(_, state)| matches!(state, SlotState::Ended { .. })));
    assert_eq!(slots(world.act(one)), seen[..2]);
    assert_eq!(slots(world.act(two)), seen[2..]);
    nothing_is_lost(&world, 3);
    world.live(&mut [one], u32::from(REFUND_BLOCKS));
    nothing_is_lost(&world, 4);
}

#[test]
fn a_close_that_fails_is_made_anew_and_a_slow_one_at_a_higher_rate() {
    let mut world = World::new(1);
    world.steps = 20;
    let mut parties = world.watches(true);
    let [client, one] = &mut parties[..] else { panic!() };
    world.live(&mut [client, one], 1);
    let parts = stakes::parts(&stake()).unwrap();
    let (client_key, provider_key) = (*client.key, *one.key);
    let mut signers = || {
        let [ours, theirs] = [world.seed(), world.seed()];
        let ours = Signer { key: &client_key, seed: ours };
        (ours, Signer { key: &provider_key, seed: theirs })
    };
    let (ours, theirs) = signers();
    let (closing, proposal) = client.watch.propose(0, (parts, rate(1)), &ours).unwrap();
    let consent = one.watch.consent(&proposal, &parts, &theirs).unwrap();
    let again = one.watch.consent(&proposal, &parts, &theirs).unwrap();
    assert_eq!(again, consent, "a proposal that comes twice has one consent");
    let mut wrong = consent.clone();
    wrong.half[31] ^= 1;
    let refused = client.watch.conclude(closing, &wrong, &ours).unwrap_err();
    assert_eq!(
        refused,
        DealError::Close(CloseError::Partial(contracts_bitcoin::escrow::Party::Provider))
    );
    let mut txids = vec![];
    for per_vb in [1, 5] {
        let (ours, theirs) = signers();
        let (closing, proposal) = client.watch.propose(0, (parts, rate(per_vb)), &ours).unwrap();
        let consent = one.watch.consent(&proposal, &parts, &theirs).unwrap();
        let close = client.watch.conclude(closing, &consent, &ours).unwrap();
        txids.push(close.compute_txid());
    }
    let (ours, theirs) = signers();
    let (_, mut foreign) = client.watch.propose(0, (parts, rate(1)), &ours).unwrap();
    foreign.offer = Hash([1; 32]);
    let refused = one.watch.consent(&foreign, &parts, &theirs).unwrap_err();
    assert!(matches!(refused, DealError::OtherOffer { .. }), "{refused}");
    let more = Split { pool: Amount::ONE_SAT, ..parts };
    let refused = client.watch.propose(0, (more, rate(1)), &ours).err();
    assert_eq!(refused, Some(DealError::OtherSplit(0)));
    let refused = client.watch.propose(0, (parts, rate(0)), &ours).err();
    assert_eq!(refused, Some(DealError::Spend(SpendError::Rate(0))));
    let looks = world.live(&mut [client], 1);
    let SlotState::Ended { by: Ending::Agreed, txid, .. } = looks[0].slots[&0] else { panic!() };
    assert_eq!(txid, txids[1]);
}

#[test]
fn a_close_that_no_block_takes_leaves_what_one_can_do_alone() {
    let mut world = World::new(1);
    world.steps = 20;
    let mut parties = world.watches(true);
    let [client, one] = &mut parties[..] else { panic!() };
    world.live(&mut [client], 1);
    now(contracts_bitcoin::chain::follow::follow(&world.chain, &mut one.follower)).unwrap();
    one.hear(0, 750);
    client.hear(0, 750);
    close(&mut world, [client, one], 0);
    let mut due_after = |world: &mut World, blocks: u32| {
        world.mine(blocks);
        now(contracts_bitcoin::chain::follow::follow(&world.chain, &mut client.follower)).unwrap();
        let signer = Signer { key: &client.key.clone(), seed: world.seed() };
        client.watch.look(&client.follower, &signer).unwrap().actions
    };
    assert_eq!(due_after(&mut world, u32::from(REFUND_BLOCKS) - 2).len(), 1);
    let both = due_after(&mut world, 1);
    let [Action::Broadcast(close), Action::Broadcast(payout)] = &both[..] else { panic!() };
    assert_eq!(close.input[0].previous_output, payout.input[0].previous_output);
    now(world.chain.broadcast(payout)).unwrap();
    assert!(now(world.chain.broadcast(close)).is_err());
    world.mine(1);
    assert!(matches!(world.act(one).slots[&0], SlotState::Ended { .. }));
}
