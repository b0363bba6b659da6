//! A contract that goes on: one funding takes its old escrows and makes larger ones, and old and new watches agree on what became of
//! the money.

use super::endings::{close, ended};
use super::world::{CLOSE_BLOCKS, Party, REFUND_BLOCKS, RESERVE, World, now, rate, stake};
use bitcoin::{Amount, OutPoint, Transaction, TxOut};
use contracts::outcome::Stake;
use contracts_bitcoin::chain::Chain;
use contracts_bitcoin::chain::devchain::check_scripts;
use contracts_bitcoin::chain::follow::follow;
use contracts_bitcoin::deal::message::{Offer, SignedInputs};
use contracts_bitcoin::deal::watch::{Action, Ending, FundingState, SlotState};
use contracts_bitcoin::deal::{Signer, stakes};
use contracts_bitcoin::escrow::spend::Split;
use std::num::NonZeroU16;
use types::Msat;

/// The usual stake with so many satoshis more of price and bond, or fewer.
pub(crate) fn grown(price: i64, bond: i64) -> Stake {
    let mut stake = stake();
    stake.cost.base = Msat(stake.cost.base.0 + 1_000 * price);
    stake.bond = Msat(stake.bond.0 + 1_000 * bond);
    stake
}

/// A contract of two providers, the first with two slots, whose escrows are as deep as they must be; the client's watch first.
pub(crate) fn running() -> (World, Vec<Party>) {
    let mut world = World::new(2);
    (world.layout, world.steps) = (vec![0, 0, 1], 10);
    let mut parties = world.watches(true);
    let mut all: Vec<&mut Party> = parties.iter_mut().collect();
    world.live(&mut all, 7);
    (world, parties)
}

/// What an outcome of a stake pays, rounded as offered here.
fn due(stake: &Stake, outcome: u16) -> Split {
    stakes::payouts(stake).unwrap().rounded(NonZeroU16::new(10).unwrap()).at(outcome)
}

fn transaction(world: &World, party: &Party) -> Transaction {
    let (found, _) = world.chain.find_transaction(party.watch.funding_txid()).unwrap();
    (*found).clone()
}

fn spent(world: &World, transaction: &Transaction) -> Vec<TxOut> {
    let output = |coin: OutPoint| {
        world.chain.find_transaction(coin.txid).unwrap().0.output[coin.vout as usize].clone()
    };
    transaction.input.iter().map(|input| output(input.previous_output)).collect()
}

fn values<'o>(outputs: impl IntoIterator<Item = &'o TxOut>) -> Amount {
    outputs.into_iter().map(|output| output.value).sum()
}

#[test]
fn a_contract_goes_on_in_larger_escrows_and_ends_there() {
    let (mut world, mut old) = running();
    let stakes = vec![grown(250_000, 200_000), grown(250_000, 300_000), grown(100_000, 0)];
    world.extend(&old[0], stakes.clone());
    let mut new = world.watches(true);
    let [client, one, two] = &mut new[..] else { panic!() };
    world.live(&mut [client, one, two], 1);
    goes_on(&mut world, &mut old);
    adds_up(&world, client, &stakes);
    for party in [&mut *client, &mut *one] {
        party.hear(0, 1000);
    }
    close(&mut world, [client, one], 0);
    one.hear(1, 640);
    let looks = world.live(&mut [client, one], u32::from(CLOSE_BLOCKS) + 1);
    assert_eq!(ended(&looks[0], 0), Ending::Agreed);
    assert!(matches!(ended(&looks[1], 1), Ending::Outcome { .. }));
    let looks = world.live(&mut [two], u32::from(REFUND_BLOCKS));
    assert_eq!(ended(&looks[0], 2), Ending::Refund);
    let paid = |number: usize| world.paid_to(&world.providers[number].payout);
    let refund = stakes::parts(&stakes[2]).unwrap();
    assert_eq!(paid(0), [due(&stakes[0], 1000).provider, due(&stakes[1], 640).provider]);
    assert_eq!(paid(1), [refund.provider]);
    goes_on(&mut world, &mut old);
    let look = world.act(one);
    let done = |state: &SlotState| matches!(state, SlotState::Ended { is_final: true, .. });
    assert!(look.slots.values().all(done));
    world.balance();
}

/// Every old watch says that each of its slots went on in the new funding, and has nothing to do; final once that is deep.
fn goes_on(world: &mut World, old: &mut [Party]) {
    for party in old {
        let look = world.act(party);
        assert!(look.actions.is_empty());
        for state in look.slots.values() {
            let SlotState::Ended { by: Ending::Respent, txid, is_final } = state else {
                panic!("{state:?}")
            };
            let (_, height) = world.chain.find_transaction(*txid).unwrap();
            assert_eq!(*is_final, world.chain.top().height + 1 >= height.unwrap() + 6);
        }
    }
}

/// The funding's inputs are its outputs and its fee, to the satoshi; and each side paid what it owed.
fn adds_up(world: &World, client: &Party, stakes: &[Stake]) {
    let funding = transaction(world, client);
    let coins = spent(world, &funding);
    check_scripts(&funding, &coins).unwrap();
    assert_eq!(values(&coins), values(&funding.output) + client.watch.funding_fee());
    assert_eq!(funding.input.len(), 1 + 1 + 3, "the second provider brings no coin");
    assert_eq!(funding.output.len(), 3 + 1 + 2, "and has no change");
    let parts: Vec<Split> = stakes.iter().map(|stake| stakes::parts(stake).unwrap()).collect();
    let before = stakes::parts(&stake()).unwrap();
    for (number, (output, parts)) in funding.output.iter().zip(&parts).enumerate() {
        assert_eq!(output.value, parts.total().unwrap() + RESERVE, "slot {number}");
        assert_eq!(coins[2 + number].value, before.total().unwrap() + RESERVE);
    }
    let [ours, theirs] = [funding.output[4].value, funding.output[5].value];
    let more = |part: fn(&Split) -> Amount, slots: std::ops::Range<usize>| -> Amount {
        parts[slots].iter().map(|parts| part(parts) - part(&before)).sum()
    };
    // An input of 230 weight units and change of 172, at 3 sat/vB.
    let own = rate(3).fee_wu(bitcoin::Weight::from_wu(230)).unwrap()
        + rate(3).fee_wu(bitcoin::Weight::from_wu(172)).unwrap();
    assert_eq!(theirs, coins[1].value - more(|parts| parts.provider, 0..2) - own);
    let rest = client.watch.funding_fee() - own;
    let market = Amount::from_sat(5_000);
    assert_eq!(ours, coins[0].value - more(|parts| parts.client, 0..3) - market - rest);
}

#[test]
fn an_old_escrow_weighs_what_the_client_has_paid_for() {
    let (mut world, old) = running();
    world.extend(&old[0], vec![grown(9_000, 9_000); 3]);
    let mut new = world.watches(true);
    let [client, one, two] = &mut new[..] else { panic!() };
    world.live(&mut [client, one, two], 1);
    let funding = transaction(&world, client);
    let weights: Vec<u64> =
        funding.input.iter().map(|input| input.segwit_weight().to_wu()).collect();
    // A coin by its key 57.5 vB; an old escrow 99.5 vB, two signatures, the script and the control block.
    assert_eq!(weights, [230, 230, 230, 398, 398, 398]);
    let least = rate(3).fee_wu(funding.weight()).unwrap();
    let fee = client.watch.funding_fee();
    assert!(fee >= least && fee <= least + Amount::from_sat(8), "{fee} for {least}");
}

#[test]
fn an_escrow_may_grow_by_what_another_sheds() {
    let (mut world, old) = running();
    world.extend(&old[0], vec![grown(100_000, -9_000), grown(0, 9_000), grown(-300_000, -200_000)]);
    let offer = world.offer();
    assert!(offer.client.inputs.is_empty(), "the client brings no coin");
    let least = [0, 1].map(|provider| offer.provider_part(provider).unwrap());
    assert_eq!(least, [Amount::ZERO; 2]);
    let mut new = world.watches(true);
    let [client, one, two] = &mut new[..] else { panic!() };
    let looks = world.live(&mut [client, one, two], 1);
    assert!(matches!(looks[0].funding, FundingState::Mined { .. }));
    let funding = transaction(&world, client);
    assert_eq!(
        values(&spent(&world, &funding)),
        values(&funding.output) + client.watch.funding_fee()
    );
    let shed = rate(3).fee_wu(bitcoin::Weight::from_wu(172)).unwrap();
    assert_eq!(funding.output[5].value, Amount::from_sat(200_000) - shed);
    assert_eq!(world.paid_to(&world.providers[1].payout), [funding.output[5].value]);
    world.balance();
}

#[test]
fn a_respend_that_was_undone_is_broadcast_again_and_paid_once() {
    for depth in 1..=6 {
        let mut world = World::new(1);
        world.steps = 10;
        let mut old = world.watches(true);
        let [client, one] = &mut old[..] else { panic!() };
        world.live(&mut [client, one], 7);
        world.extend(client, vec![grown(50_000, 70_000)]);
        let mut new = world.watches(true);
        let [later_client, later_one] = &mut new[..] else { panic!() };
        world.live(&mut [client, one, later_client, later_one], depth);
        let first = ended_by(&mut world, client);
        world.chain.reorganise(depth, &world.mining()).unwrap();
        world.follow();
        for party in [&mut *client, &mut *one] {
            let look = world.act(party);
            assert_eq!(look.slots[&0], SlotState::Open, "{depth}");
            assert!(look.actions.is_empty());
        }
        for party in [&mut *later_client, &mut *later_one] {
            let look = world.act(party);
            assert_eq!(look.funding, FundingState::Waiting, "{depth}");
            assert!(matches!(look.actions.as_slice(), [Action::Broadcast(_)]));
        }
        world.live(&mut [client, one, later_client, later_one], 6);
        assert_eq!(ended_by(&mut world, one), first, "{depth}");
        later_one.hear(0, 1000);
        world.live(&mut [client, one, later_client, later_one], u32::from(CLOSE_BLOCKS) + 1);
        let paid = world.paid_to(&world.providers[0].payout);
        assert_eq!(paid, [due(&grown(50_000, 70_000), 1000).provider], "{depth}");
        world.balance();
    }
}

/// By which transaction the only slot's escrow went on.
fn ended_by(world: &mut World, party: &mut Party) -> bitcoin::Txid {
    let look = world.act(party);
    let SlotState::Ended { by: Ending::Respent, txid, .. } = look.slots[&0] else {
        panic!("{look:?}")
    };
    txid
}

#[test]
fn an_old_escrow_that_ends_while_the_respend_waits_makes_it_void() {
    let (mut world, mut old) = running();
    world.extend(&old[0], vec![grown(9_000, 9_000); 3]);
    let mut new = world.watches(true);
    let client = &mut old[0];
    client.hear(0, 640);
    let looks = world.live(&mut [client], u32::from(CLOSE_BLOCKS) + 1);
    let SlotState::Ended { by: Ending::Outcome { .. }, txid, .. } = looks[0].slots[&0] else {
        panic!("{:?}", looks[0])
    };
    assert_eq!([looks[0].slots[&1], looks[0].slots[&2]], [SlotState::Open; 2]);
    let Action::Broadcast(funding) = waiting(&world, &new[0]) else { panic!() };
    assert!(now(world.chain.broadcast(&funding)).is_err(), "one of its inputs is spent");
    for party in &mut new {
        let look = world.act(party);
        let FundingState::Void { by, .. } = look.funding else { panic!("{look:?}") };
        assert_eq!(by, txid);
        assert!(look.actions.is_empty());
        assert!(look.slots.values().all(|state| *state == SlotState::Unfunded));
    }
    world.live(&mut [&mut old[0]], u32::from(REFUND_BLOCKS));
    let look = world.act(&mut old[2]);
    assert_eq!(ended(&look, 2), Ending::Refund, "the others end as if nothing had been agreed on");
    world.balance();
}

/// What a party that has not looked at the chain since would do first.
fn waiting(world: &World, party: &Party) -> Action {
    let mut watch = party.watch.clone();
    let mut follower = party.follower.clone();
    let signer = Signer { key: &party.key, seed: [3; 32] };
    now(follow(&world.chain, &mut follower)).unwrap();
    assert!(watch.look(&follower, &signer).unwrap().actions.is_empty());
    let start = contracts_bitcoin::chain::follow::Follower::new(
        world.begun,
        std::num::NonZeroU32::new(6).unwrap(),
    );
    watch.look(&start, &signer).unwrap().actions.remove(0)
}

#[test]
fn who_brought_no_coin_has_none_to_take_back() {
    let (mut world, old) = running();
    world.extend(&old[0], vec![grown(9_000, 9_000), grown(9_000, 9_000), grown(9_000, 0)]);
    let mut new = world.watches(false);
    let [_, one, two] = &mut new[..] else { panic!() };
    let looks = world.live(&mut [one, two], 12);
    assert_eq!([looks[0].funding, looks[1].funding], [FundingState::Waiting; 2]);
    let Some(Action::TakeBack(coins)) = looks[0].actions.first() else { panic!() };
    assert_eq!(coins.len(), 1, "its own, and no old escrow");
    assert!(world.spends.iter().all(|spent| !coins.contains(&spent.outpoint)));
    assert!(looks[1].actions.is_empty());
}

#[test]
fn offers_and_signatures_without_an_old_escrow_read_as_they_did() {
    let mut world = World::new(1);
    let offer = world.offer();
    let text = serde_json::to_string(&offer).unwrap();
    assert!(!text.contains("spends"), "its name stays what it was");
    assert_eq!(serde_json::from_str::<Offer>(&text).unwrap().id(), offer.id());
    let (mut client, mut providers) = world.willing_to(&offer);
    for _ in 0..3 {
        world.talk(&mut client, &mut providers);
    }
    world.sign_providers(&mut providers);
    let said = serde_json::to_value(providers[0].outbox().unwrap()).unwrap();
    let mut earlier = said["signed_inputs"].clone();
    assert!(earlier.as_object_mut().unwrap().remove("respends").is_some());
    let signed: SignedInputs = serde_json::from_value(earlier).unwrap();
    assert!(signed.respends.is_empty());
}
