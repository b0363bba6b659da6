//! Three rounds to a funding: in any state that was stored, with messages that come twice; and everything that is refused by name
//! before anybody signs.

use super::world::{World, again, first, oracle};
use crate::escrow_world::{self, key, public, script};
use bitcoin::{Amount, Network, ScriptBuf};
use contracts_bitcoin::chain::devchain::check_scripts;
use contracts_bitcoin::deal::message::{
    Answer, Assembly, Halves, Offer, Release, Side, SignedInputs, ToClient, ToProvider, Word,
};
use contracts_bitcoin::deal::stakes::StakeError;
use contracts_bitcoin::deal::{Client, DealError, Provider, Signer};
use contracts_bitcoin::escrow::Party;
use contracts_bitcoin::escrow::funding::{FundingError, Payer};
use contracts_bitcoin::escrow::spend::SpendError;
use contracts_bitcoin::outcome::Half;
use contracts_bitcoin::outcome::oracle::OracleError;
use contracts_bitcoin::outcome::setup::SetupError;
use types::{Did, Hash, Msat};

#[test]
fn three_rounds_make_a_funding_that_the_network_takes() {
    let mut world = World::new(3);
    let (mut client, mut providers) = world.negotiated();
    let all = client.outbox().unwrap();
    assert_eq!(all.len(), 3);
    world.talk(&mut client, &mut providers);
    assert!(providers.iter().all(|provider| provider.outbox().is_none()));
    let ToProvider::Funded(funded) = first(&client) else { panic!() };
    let everybody = std::iter::once(&world.client).chain(&world.providers);
    let coins = everybody.map(|person| {
        let block = world.chain.block_at(world.begun).unwrap();
        let outputs = block.txdata.iter().flat_map(|tx| tx.output.clone());
        outputs.into_iter().find(|output| output.script_pubkey == person.payout).unwrap()
    });
    check_scripts(&funded.transaction, &coins.collect::<Vec<_>>()).unwrap();
    let txid = world.chain.carry(&funded.transaction).unwrap();
    world.mine(1);
    assert!(world.chain.find_transaction(txid).unwrap().1.is_some());
}

#[test]
fn nobody_signs_before_every_half_of_every_slot_holds() {
    let mut world = World::new(2);
    let (mut client, mut providers) = world.willing();
    let early = |client: &Client, providers: &[Provider]| {
        assert_eq!(client.to_sign().unwrap(), None);
        assert!(providers.iter().all(|provider| provider.to_sign().unwrap().is_none()));
    };
    early(&client, &providers);
    world.talk(&mut client, &mut providers);
    early(&client, &providers);
    for (to, message) in client.outbox().unwrap() {
        let key = world.providers[to].key();
        providers[to].take(message, &Signer { key: &key, seed: [9; 32] }).unwrap();
    }
    early(&client, &providers);
    let halves = providers[0].outbox().unwrap();
    client.take(0, halves, &Signer { key: &world.client.key(), seed: [8; 32] }).unwrap();
    early(&client, &providers);
    assert!(matches!(client.outbox().unwrap()[..], [(1, ToProvider::Assembly(_))]));
    world.talk(&mut client, &mut providers);
    world.talk(&mut client, &mut providers);
    assert_eq!(client.to_sign().unwrap(), None, "the client signs last");
    world.sign_providers(&mut providers);
    world.talk(&mut client, &mut providers);
    assert!(client.to_sign().unwrap().is_some());
}

fn refused_offer(world: &mut World, change: impl Fn(&mut Offer)) -> DealError {
    let mut offer = world.offer();
    change(&mut offer);
    let party = world.providers[0].did;
    let refused = Provider::new(offer.clone(), &party, Network::Regtest).unwrap_err();
    if offer.number(&party).is_some() {
        assert_eq!(Client::new(offer, Network::Regtest).unwrap_err(), refused);
    }
    refused
}

#[test]
fn an_offer_that_cannot_be_is_refused_by_name() {
    let world = &mut World::new(2);
    let refused = refused_offer(world, |offer| offer.network = Network::Bitcoin);
    assert_eq!(refused, DealError::Network { found: Network::Bitcoin, ours: Network::Regtest });
    let refused = refused_offer(world, |offer| offer.slots[1].stake.bond = Msat(-1));
    let DealError::Stake { slot: 1, source: StakeError::Money(_) } = refused else {
        panic!("{refused}")
    };
    let refused = refused_offer(world, |offer| offer.slots[1].stake.bond = Msat(i64::MAX / 2));
    let overflow = DealError::Stake { slot: 1, source: StakeError::Overflow };
    assert_eq!(refused, overflow);
    let refused = refused_offer(world, |offer| offer.slots[1].provider = 2);
    assert_eq!(refused, DealError::NoProvider(2));
    let refused = refused_offer(world, |offer| offer.slots[1].provider = 0);
    assert_eq!(refused, DealError::Idle(1));
    let refused = refused_offer(world, |offer| offer.slots[0].threshold = 4);
    let threshold = OracleError::Threshold { threshold: 4, auditors: 3 };
    assert_eq!(refused, DealError::Oracle { slot: 0, source: threshold });
    let refused = refused_offer(world, |offer| {
        offer.slots[1].auditors[2] = oracle(0, 1).announced();
    });
    assert_eq!(refused, DealError::SharedNonce { slot: 1, other: 0 });
    let unusual = ScriptBuf::from_bytes(vec![0x6a; 3]);
    let scripts: [fn(&mut Offer) -> &mut ScriptBuf; 3] = [
        |offer| &mut offer.pool,
        |offer| &mut offer.client.payout,
        |offer| &mut offer.client.change,
    ];
    for script in scripts {
        let refused = refused_offer(world, |offer| *script(offer) = unusual.clone());
        assert_eq!(refused, DealError::Script(unusual.clone()));
    }
    let stranger = Did([44; 32]);
    let offer = world.offer();
    let refused = Provider::new(offer, &stranger, Network::Regtest).unwrap_err();
    assert_eq!(refused, DealError::NotAsked(stranger));
}

/// What client and provider say to an answer of this side; they must agree.
fn refused_side(world: &mut World, change: impl Fn(&mut Side)) -> DealError {
    let offer = world.offer();
    let mut provider = Provider::new(offer.clone(), &world.providers[0].did, Network::Regtest);
    let mut side = world.providers[0].side(offer.provider_part(0).unwrap());
    change(&mut side);
    let own = provider.as_mut().unwrap().answer(Word::Takes(side.clone())).unwrap_err();
    let mut client = Client::new(offer.clone(), Network::Regtest).unwrap();
    let answer = Answer { offer: offer.id(), word: Word::Takes(side) };
    let (before, key) = (client.clone(), world.client.key());
    let signer = Signer { key: &key, seed: [1; 32] };
    let refused = client.take(0, ToClient::Answer(Box::new(answer)), &signer).unwrap_err();
    assert_eq!(client, before);
    assert_eq!(refused, own);
    refused
}

#[test]
fn a_provider_that_brings_nonsense_is_refused_by_name() {
    let world = &mut World::new(1);
    let client = world.offer().client;
    let refused = refused_side(world, |side| side.key = client.key);
    assert_eq!(refused, DealError::SameKey(client.key));
    let refused = refused_side(world, |side| side.inputs[0].output.value = Amount::from_sat(900));
    let DealError::Funding(FundingError::Short { who: Payer::Provider(0), brought, .. }) = refused
    else {
        panic!("{refused}")
    };
    assert_eq!(brought, Amount::from_sat(900));
    let refused = refused_side(world, |side| side.inputs.clear());
    assert!(matches!(refused, DealError::Funding(FundingError::Short { .. })), "{refused}");
    let refused = refused_side(world, |side| side.inputs[0].output.value = Amount::MAX);
    assert_eq!(refused, DealError::Funding(FundingError::Overflow));
    let refused = refused_side(world, |side| side.inputs.push(side.inputs[0].clone()));
    assert!(matches!(refused, DealError::Funding(FundingError::DuplicateInput(_))), "{refused}");
    let legacy = ScriptBuf::new_p2sh(&script(3).script_hash());
    let refused = refused_side(world, |side| side.inputs[0].output.script_pubkey = legacy.clone());
    assert!(matches!(refused, DealError::Funding(FundingError::InputKind(_))), "{refused}");
    let refused = refused_side(world, |side| side.payout = ScriptBuf::new());
    assert_eq!(refused, DealError::Script(ScriptBuf::new()));
}

#[test]
fn a_reserve_that_no_payout_could_be_mined_with_is_refused() {
    let mut world = World::new(1);
    let mut offer = world.offer();
    offer.fee_reserve = Amount::from_sat(300);
    let did = world.providers[0].did;
    let mut provider = Provider::new(offer.clone(), &did, Network::Regtest).unwrap();
    let side = world.providers[0].side(offer.provider_part(0).unwrap());
    let refused = provider.answer(Word::Takes(side)).unwrap_err();
    let DealError::Setup { slot: 0, source: SetupError::Spend(SpendError::ReserveShort { .. }) } =
        refused
    else {
        panic!("{refused}")
    };
}

#[test]
fn a_refusal_ends_it_before_anybody_has_signed() {
    let mut world = World::new(2);
    let offer = world.offer();
    let mut client = Client::new(offer.clone(), Network::Regtest).unwrap();
    let did = world.providers[1].did;
    let mut provider = Provider::new(offer, &did, Network::Regtest).unwrap();
    provider.answer(Word::Declines("no room".into())).unwrap();
    let refused = provider.answer(Word::Declines("no wish".into())).unwrap_err();
    assert_eq!(refused, DealError::Contradicts("the answer"));
    let key = world.client.key();
    let signer = Signer { key: &key, seed: [1; 32] };
    client.take(1, again(&provider.outbox().unwrap()), &signer).unwrap();
    let declined = DealError::Declined { provider: 1, reason: "no room".into() };
    assert_eq!(client.declined(), Some(declined));
    assert_eq!(client.to_sign().unwrap(), None);
    assert!(client.watch(world.patience()).unwrap().is_none());
}

/// A negotiation of one provider in which the client's halves are due, with its assembly.
fn assembling(world: &mut World) -> (Client, Provider, Assembly) {
    let (mut client, mut providers) = world.willing();
    world.talk(&mut client, &mut providers);
    let ToProvider::Assembly(assembly) = first(&client) else { panic!() };
    (client, providers.remove(0), *assembly)
}

fn flipped(half: &Half, byte: usize) -> Half {
    let mut bytes = half.to_bytes();
    bytes[byte] ^= 1;
    Half::from_bytes(&bytes).unwrap()
}

#[test]
fn a_provider_refuses_every_other_funding_than_it_agreed_to() {
    let mut world = World::new(1);
    let (_, provider, assembly) = assembling(&mut world);
    let key = world.providers[0].key();
    let take = |assembly: Assembly, key| {
        let (mut asked, signer) = (provider.clone(), Signer { key, seed: [5; 32] });
        let taken = asked.take(ToProvider::Assembly(Box::new(assembly)), &signer);
        if taken.is_err() {
            assert_eq!(asked, provider);
        }
        taken
    };
    let refused = |change: &dyn Fn(&mut Assembly)| {
        let mut changed = assembly.clone();
        change(&mut changed);
        take(changed, &key).unwrap_err()
    };
    let ours = provider.offer().id();
    let found = Hash([3; 32]);
    assert_eq!(refused(&|a| a.offer = found), DealError::OtherOffer { found, ours });
    assert_eq!(refused(&|a| a.sides[0].payout = script(9)), DealError::Changed);
    assert_eq!(refused(&|a| a.sides[0].inputs.clear()), DealError::Changed);
    assert_eq!(refused(&|a| a.sides.push(a.sides[0].clone())), DealError::Changed);
    let foreign = assembly.sides[0].inputs[0].outpoint.txid;
    let other = DealError::OtherFunding { found: foreign, ours: assembly.funding };
    assert_eq!(refused(&|a| a.funding = foreign), other);
    assert_eq!(refused(&|a| a.halves.clear()), DealError::HalfCount { found: 0, expected: 1 });
    let refund = SetupError::RefundSignature(Party::Client);
    let wrong = DealError::Setup { slot: 0, source: refund };
    assert_eq!(refused(&|a| a.halves[0] = flipped(&a.halves[0], 40)), wrong);
    let wrong = refused(&|a| a.halves[0] = flipped(&a.halves[0], 64 + 65 * 7 + 50));
    let DealError::Setup { slot: 0, source: SetupError::Adaptor { index: 7, .. } } = wrong else {
        panic!("{wrong}")
    };
    let named = assembly.sides[0].key;
    let foreign = escrow_world::key(9);
    assert_eq!(take(assembly.clone(), &foreign).unwrap_err(), DealError::OtherKey(named));
    take(assembly, &key).unwrap();
}

#[test]
fn a_client_refuses_every_half_that_is_not_all_of_it() {
    let mut world = World::new(1);
    let (client, mut provider, assembly) = assembling(&mut world);
    let signer_key = world.providers[0].key();
    let signer = Signer { key: &signer_key, seed: [5; 32] };
    provider.take(ToProvider::Assembly(Box::new(assembly.clone())), &signer).unwrap();
    let ToClient::Halves(halves) = provider.outbox().unwrap() else { panic!() };
    let key = world.client.key();
    let take = |client: &mut Client, halves: Halves| {
        client.take(0, ToClient::Halves(halves), &Signer { key: &key, seed: [6; 32] })
    };
    let refused = |change: &dyn Fn(&mut Halves)| {
        let mut changed = halves.clone();
        change(&mut changed);
        take(&mut client.clone(), changed).unwrap_err()
    };
    let adaptor = refused(&|h| h.halves[0] = flipped(&h.halves[0], 64 + 65 * 20 + 33));
    let DealError::Setup { slot: 0, source: SetupError::Adaptor { party, index: 20, .. } } =
        adaptor
    else {
        panic!("{adaptor}")
    };
    assert_eq!(party, Party::Provider);
    let mirrored = refused(&|h| h.halves = assembly.halves.clone());
    assert!(matches!(mirrored, DealError::Setup { slot: 0, .. }), "{mirrored}");
    assert_eq!(refused(&|h| h.halves.clear()), DealError::HalfCount { found: 0, expected: 1 });
    let nobody = client.clone().take(
        1,
        ToClient::Halves(halves.clone()),
        &Signer { key: &key, seed: [6; 32] },
    );
    assert_eq!(nobody.unwrap_err(), DealError::NoProvider(1));
    let mut client = client;
    take(&mut client, halves.clone()).unwrap();
    take(&mut client, halves.clone()).unwrap();
    let mut other = halves;
    other.halves[0] = flipped(&other.halves[0], 3);
    assert_eq!(take(&mut client, other).unwrap_err(), DealError::Contradicts("the half"));
}

#[test]
fn messages_before_their_turn_are_refused() {
    let mut world = World::new(1);
    let (mut client, mut providers) = world.willing();
    let key = world.client.key();
    let signer = Signer { key: &key, seed: [6; 32] };
    let provider = &mut providers[0];
    let txid = client.offer().client.inputs[0].outpoint.txid;
    let refused = provider.take(ToProvider::Release(Release { funding: txid }), &signer);
    assert!(matches!(refused, Err(DealError::Early { .. })), "{refused:?}");
    let halves = ToClient::Halves(Halves { funding: txid, halves: vec![] });
    let refused = client.take(0, halves, &signer);
    assert!(matches!(refused, Err(DealError::Early { .. })), "{refused:?}");
    let mut other = client.offer().clone();
    other.refund_blocks += 1;
    let refused = provider.take(ToProvider::Offer(Box::new(other)), &signer).unwrap_err();
    assert_eq!(refused, DealError::Contradicts("the offer"));
}

#[test]
fn a_signature_that_the_network_would_refuse_is_refused_by_its_input() {
    let mut world = World::new(2);
    let (mut client, mut providers) = world.willing();
    for _ in 0..3 {
        world.talk(&mut client, &mut providers);
    }
    world.sign_providers(&mut providers);
    let ToClient::SignedInputs(signed) = providers[1].outbox().unwrap() else { panic!() };
    let key = world.client.key();
    let mut refused = |change: &dyn Fn(&mut SignedInputs)| {
        let mut changed = (*signed).clone();
        change(&mut changed);
        let message = ToClient::SignedInputs(Box::new(changed));
        client.take(1, message, &Signer { key: &key, seed: [1; 32] }).unwrap_err()
    };
    let unsigned = refused(&|s| s.psbt.inputs[2].final_script_witness = None);
    assert_eq!(unsigned, DealError::Unsigned(2));
    let garbage = bitcoin::Witness::from_slice(&[[7; 64]]);
    let forged = refused(&|s| s.psbt.inputs[2].final_script_witness = Some(garbage.clone()));
    assert_eq!(forged, DealError::Unsigned(2));
    let robbed = refused(&|s| s.psbt.unsigned_tx.output[0].script_pubkey = script(66));
    assert_eq!(robbed, DealError::Funding(FundingError::ForeignOutput(0)));
    let mut poisoned = (*signed).clone();
    poisoned.psbt.inputs[1].final_script_witness = Some(garbage);
    let message = ToClient::SignedInputs(Box::new(poisoned));
    client.take(1, message, &Signer { key: &key, seed: [1; 32] }).unwrap();
    world.talk(&mut client, &mut providers);
    world.sign_client(&mut client);
}

#[test]
fn no_message_or_state_holds_a_key() {
    let mut world = World::new(1);
    let (client, providers) = world.negotiated();
    let watch = client.watch(world.patience()).unwrap().unwrap();
    let texts = [
        serde_json::to_string(&client).unwrap(),
        serde_json::to_string(&providers[0]).unwrap(),
        serde_json::to_string(watch.kept()).unwrap(),
        format!("{client:?} {providers:?} {watch:?}"),
    ];
    for person in [&world.client, &world.providers[0]] {
        let secret = hex::encode(person.key().secret_bytes());
        assert!(texts.iter().all(|text| !text.contains(&secret)));
    }
    let signer = format!("{:?}", Signer { key: &key(5), seed: [0xab; 32] });
    assert_eq!(signer, format!("Signer {{ key: {} }}", public(5)));
}
