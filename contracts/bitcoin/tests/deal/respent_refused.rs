//! Every wrong old escrow and every wrong signature of one is refused by name, and changes nothing.

use super::respent::{grown, running};
use super::world::{Party, World, again, now};
use crate::escrow_world::{key, public};
use bitcoin::secp256k1::Keypair;
use bitcoin::{Amount, Network, OutPoint};
use contracts_bitcoin::chain::Chain;
use contracts_bitcoin::deal::message::{Offer, SignedInputs, ToClient, Word};
use contracts_bitcoin::deal::respend::Spent;
use contracts_bitcoin::deal::watch::SlotState;
use contracts_bitcoin::deal::{Client, DealError, Provider, Signer};
use contracts_bitcoin::escrow::funding::{FundingError, Payer};
use contracts_bitcoin::escrow::{EscrowError, Party as Side};

fn extending() -> (World, Vec<Party>) {
    let (mut world, old) = running();
    world.extend(&old[0], vec![grown(9_000, 9_000), grown(9_000, 9_000), grown(9_000, 0)]);
    (world, old)
}

/// Until providers are to sign.
fn released(world: &mut World, offer: &Offer) -> (Client, Vec<Provider>) {
    let (mut client, mut providers) = world.willing_to(offer);
    for _ in 0..3 {
        world.talk(&mut client, &mut providers);
    }
    (client, providers)
}

fn signers(keys: &[Keypair]) -> Vec<Signer<'_>> {
    keys.iter().map(|key| Signer { key, seed: [4; 32] }).collect()
}

#[test]
fn a_provider_signs_with_the_keys_that_are_in_its_old_escrows() {
    let (mut world, _old) = extending();
    let offer = world.offer();
    let (_, mut providers) = released(&mut world, &offer);
    let (person, provider) = (&world.providers[0], &mut providers[0]);
    let before = provider.clone();
    let psbt = provider.to_sign().unwrap().unwrap();
    let psbt = person.wallet.sign_reserved(person.kept_aside(), &psbt, &person.keys).unwrap();
    let (old, new, foreign) = (*person.old_key(), *person.key(), key(9));
    let expected = 2;
    for found in [0, 1, 3] {
        let refused = provider.signed(&psbt, &signers(&vec![old; found])).unwrap_err();
        assert_eq!(refused, DealError::OldKeys { found, expected });
    }
    let named = old.x_only_public_key().0;
    for wrong in [new, foreign] {
        let refused = provider.signed(&psbt, &signers(&[old, wrong])).unwrap_err();
        assert_eq!(refused, DealError::OtherKey(named));
    }
    assert_eq!(*provider, before);
    provider.signed(&psbt, &signers(&[old; 2])).unwrap();
    let signed = provider.clone();
    provider.signed(&psbt, &signers(&[old; 2])).unwrap();
    assert_eq!(*provider, signed, "once is enough");
}

#[test]
fn a_client_takes_no_other_signature_of_an_old_escrow() {
    let (mut world, _old) = extending();
    let mut offer = world.offer();
    let (_, mut elsewhere) = released(&mut world, &offer);
    world.sign_providers(&mut elsewhere);
    offer.refund_blocks += 1;
    offer.market_fee.as_mut().unwrap().value -= Amount::ONE_SAT;
    let (mut client, mut providers) = released(&mut world, &offer);
    world.sign_providers(&mut providers);
    let signed = |provider: &Provider| {
        let Some(ToClient::SignedInputs(signed)) = provider.outbox() else { panic!() };
        *signed
    };
    let (own, two, other) = (signed(&providers[0]), signed(&providers[1]), signed(&elsewhere[0]));
    let take = |client: &mut Client, respends: Vec<_>| {
        let message = SignedInputs { respends, ..own.clone() };
        let (key, seed) = (world.client.key(), [6; 32]);
        let (message, before) = (ToClient::SignedInputs(Box::new(message)), client.clone());
        let taken = client.take(0, again(&message), &Signer { key: &key, seed });
        assert!(taken.is_ok() || *client == before);
        taken
    };
    let expected = 2;
    let [first, second] = own.respends[..] else { panic!() };
    for wrong in [vec![], vec![first], vec![first, second, second]] {
        let found = wrong.len();
        let refused = take(&mut client, wrong).unwrap_err();
        assert_eq!(refused, DealError::OldKeys { found, expected });
    }
    let does_not_fit = |slot| DealError::Respend { slot, party: Side::Provider };
    assert_eq!(take(&mut client, vec![second, first]).unwrap_err(), does_not_fit(0));
    assert_eq!(take(&mut client, vec![first, two.respends[0]]).unwrap_err(), does_not_fit(1));
    assert_eq!(
        take(&mut client, other.respends).unwrap_err(),
        does_not_fit(0),
        "another funding's"
    );
    take(&mut client, vec![first, second]).unwrap();
    take(&mut client, vec![]).unwrap();
    assert_eq!(client.to_sign().unwrap(), None, "the second provider's are not there");
}

#[test]
fn a_client_signs_with_the_key_that_is_in_its_old_escrows() {
    let (mut world, _old) = extending();
    let offer = world.offer();
    let (mut client, mut providers) = released(&mut world, &offer);
    world.sign_providers(&mut providers);
    world.talk(&mut client, &mut providers);
    let psbt = client.to_sign().unwrap().unwrap();
    let person = &world.client;
    let psbt = person.wallet.sign_reserved(person.kept_aside(), &psbt, &person.keys).unwrap();
    let (old, new, before) = (*person.old_key(), *person.key(), client.clone());
    let refused = client.signed(&psbt, &[]).unwrap_err();
    assert_eq!(refused, DealError::OldKeys { found: 0, expected: 3 });
    let refused = client.signed(&psbt, &signers(&[old, old, new])).unwrap_err();
    assert_eq!(refused, DealError::OtherKey(old.x_only_public_key().0));
    assert_eq!(client, before);
    let whole = client.signed(&psbt, &signers(&[old; 3])).unwrap().clone();
    now(world.chain.broadcast(&whole)).unwrap();
    world.talk(&mut client, &mut providers);
    assert!(providers.iter().all(|provider| provider.outbox().is_none()), "all have it whole");
}

/// What client and provider say to an offer with another old escrow; they must agree.
fn refused(world: &mut World, change: impl FnOnce(&mut Offer)) -> DealError {
    let mut offer = world.offer();
    change(&mut offer);
    let did = world.providers[0].did;
    let refused = Provider::new(offer.clone(), &did, Network::Regtest).unwrap_err();
    assert_eq!(Client::new(offer, Network::Regtest).unwrap_err(), refused);
    refused
}

#[test]
fn an_old_escrow_that_cannot_be_is_refused_by_name() {
    fn old(offer: &mut Offer, slot: usize) -> &mut Spent {
        offer.slots[slot].spends.as_mut().unwrap()
    }
    let (mut world, _old) = extending();
    let world = &mut world;
    let twice = |outpoint| DealError::Funding(FundingError::DuplicateInput(outpoint));
    let of = |world: &World, slot: usize| world.spends[slot].outpoint;
    let found = refused(world, |offer| offer.slots[2].spends = offer.slots[0].spends.clone());
    assert_eq!(found, twice(of(world, 0)), "one escrow in two slots, of two providers");
    let own = world.offer().client.inputs[0].outpoint;
    let found = refused(world, |offer| old(offer, 1).outpoint = own);
    assert_eq!(found, twice(own), "a coin of the client");
    let overflow = DealError::Funding(FundingError::Overflow);
    assert_eq!(refused(world, |offer| old(offer, 0).price = Amount::MAX), overflow);
    assert_eq!(refused(world, |offer| old(offer, 0).bond = Amount::MAX_MONEY), overflow);
    let half = Amount::from_sat(Amount::MAX_MONEY.to_sat() / 2);
    let both =
        refused(world, |offer| [0, 1].into_iter().for_each(|at| old(offer, at).price = half));
    assert_eq!(both, overflow, "each is an amount, both together are none");
    let nothing = refused(world, |offer| {
        let old = old(offer, 0);
        (old.price, old.bond, old.fee_reserve) =
            (Amount::ZERO, Amount::ZERO, Amount::from_sat(329));
    });
    let (value, least) = (Amount::from_sat(329), Amount::from_sat(330));
    assert_eq!(nothing, DealError::Funding(FundingError::Dust { value, least }));
    let one = refused(world, |offer| old(offer, 0).client = old(offer, 0).provider);
    let DealError::Escrow { slot: 0, source: EscrowError::SameKey(_) } = one else {
        panic!("{one}")
    };
    let text = serde_json::to_string(&world.spends[0]).unwrap();
    let more = text.replacen('{', "{\"more\":1,", 1);
    assert!(serde_json::from_str::<Spent>(&more).is_err());
    assert_eq!(serde_json::from_str::<Spent>(&text).unwrap(), world.spends[0]);
}

#[test]
fn a_provider_that_brings_an_old_escrow_as_its_own_coin_or_too_little_is_refused() {
    let (mut world, _old) = extending();
    let offer = world.offer();
    let did = world.providers[0].did;
    let side = world.providers[0].side(offer.provider_part(0).unwrap());
    let answer = |change: &dyn Fn(&mut contracts_bitcoin::deal::message::Side)| {
        let mut changed = side.clone();
        change(&mut changed);
        let mut provider = Provider::new(offer.clone(), &did, Network::Regtest).unwrap();
        provider.answer(Word::Takes(changed)).unwrap_err()
    };
    for (slot, spent) in world.spends.iter().enumerate() {
        let found = answer(&|side| side.inputs.push(spent.input(slot).unwrap()));
        let twice = FundingError::DuplicateInput(spent.outpoint);
        assert_eq!(found, DealError::Funding(twice), "slot {slot}");
    }
    let (brought, who) = (Amount::from_sat(3_000_000), Payer::Provider(0));
    let owed = brought + Amount::from_sat(18_000);
    let short = DealError::Funding(FundingError::Short { who, brought, owed });
    assert_eq!(answer(&|side| side.inputs.clear()), short);
    let mut poor = offer.clone();
    poor.client.inputs.clear();
    let mut provider = Provider::new(poor, &did, Network::Regtest).unwrap();
    let found = provider.answer(Word::Takes(side.clone())).unwrap_err();
    let DealError::Funding(FundingError::Short { who: Payer::Client, .. }) = found else {
        panic!("{found}")
    };
}

/// Signs an extension of escrows that are not as the offer says, as far as that goes.
fn lying(change: impl FnOnce(&mut Spent)) -> (World, Party, Spent, Result<(), DealError>) {
    let (mut world, mut old) = extending();
    let mut offer = world.offer();
    let spent = offer.slots[2].spends.as_mut().unwrap();
    change(spent);
    let lie = spent.clone();
    let (mut client, mut providers) = released(&mut world, &offer);
    let psbt = providers[1].to_sign().unwrap().unwrap();
    let keys = [*world.providers[1].old_key()];
    let signed = providers[1].clone().signed(&psbt, &signers(&keys));
    if signed.is_ok() {
        world.sign_providers(&mut providers);
        world.talk(&mut client, &mut providers);
        let whole = world.sign_client(&mut client);
        let refused = now(world.chain.broadcast(&whole));
        assert!(refused.is_err(), "there is no such coin");
    }
    (world, old.remove(2), lie, signed)
}

#[test]
fn an_old_escrow_of_other_keys_or_amounts_is_none() {
    let more: fn(&mut Spent) = |spent| spent.price += Amount::ONE_SAT;
    let another: fn(&mut Spent) = |spent| spent.arbiter = Some(public(8));
    let elsewhere: fn(&mut Spent) = |spent| {
        spent.outpoint = OutPoint { vout: 900, ..spent.outpoint };
    };
    for change in [more, another, elsewhere] {
        let (mut world, mut party, lie, signed) = lying(change);
        signed.unwrap();
        assert_ne!(party.watch.spent(2), Some(lie), "whoever is in it knows better");
        assert_eq!(world.act(&mut party).slots[&2], SlotState::Open);
    }
    let foreign = public(8);
    let (_, party, lie, signed) = lying(|spent| spent.provider = foreign);
    assert_eq!(signed.unwrap_err(), DealError::OtherKey(foreign));
    assert_ne!(party.watch.spent(2), Some(lie));
}

#[test]
fn whose_part_of_an_old_escrow_is_whose_the_watches_know() {
    let (world, old) = extending();
    for (party, slots) in old.iter().zip([0..3, 0..2, 2..3]) {
        for slot in 0..3 {
            let known = slots.contains(&slot).then(|| world.spends[slot].clone());
            assert_eq!(party.watch.spent(slot), known);
        }
    }
    let mut shifted = world.spends[2].clone();
    shifted.price += Amount::ONE_SAT;
    shifted.bond -= Amount::ONE_SAT;
    assert_eq!(shifted.coin(2).unwrap().output(), world.spends[2].coin(2).unwrap().output());
    assert_ne!(old[2].watch.spent(2), Some(shifted), "the coin is the same, the parts are not");
}
