//! Contracts as they usually go: one funding for all slots, closes that both sign, and a replacement.

use crate::papers::{later, slot};
use crate::world::{CLIENT, DEPTH, World, did, foreign, id, keys, market_script, rate};
use bitcoin::Amount;
use contracts::outcome::escrow_id;
use contracts_bitcoin::deal::message::ToProvider;
use contracts_bitcoin::deal::stakes;
use contracts_bitcoin::treasurer::{EndedBy, EscrowState, Funding};

#[tokio::test]
async fn six_slots_are_funded_at_once_attested_and_closed_by_both() {
    let mut world = World::judged_by(6, (3, 2)).await;
    world.agree(7, &[2, 3, 4, 5, 6, 7]);
    world.change(7, |view| view.slots[4].confirmed = false);
    let round = world.round().await.unwrap();
    assert!(round.offered.is_empty() && round.waiting[0].contains("slot 4 is not confirmed yet"));
    world.change(7, |view| view.slots[4].confirmed = true);
    let round = world.round().await.unwrap();
    assert_eq!((round.offered.as_slice(), round.funded.len()), (&[id(7)][..], 1), "{round:?}");
    assert!(round.waiting.is_empty(), "{:?}", round.waiting);
    let lines = world.lines();
    assert_eq!(lines.len(), 6);
    assert!(lines.iter().all(|line| line.state == EscrowState::Unfunded));
    assert_eq!(world.funding(3, id(7), 1).await, Funding::Unknown, "not seen yet");
    world.live(1).await;
    assert_eq!(world.chain.block_at(world.begun + 1).unwrap().txdata.len(), 2, "one funding");
    let waiting = Funding::Waiting { confirmations: 1, needed: DEPTH };
    assert_eq!(world.funding(3, id(7), 1).await, waiting);
    world.live(1).await;
    assert_eq!(world.funding(3, id(7), 1).await, Funding::Deep);
    assert_eq!(world.funding(3, id(7), 0).await, Funding::Unknown, "another's slot");
    assert_eq!(world.paid_to(&market_script()), [Amount::from_sat(4_001)], "fees, rounded up");
    let parts = stakes::parts(&world.stake(7, 1)).unwrap();
    let line = &world.lines()[1];
    assert_eq!(line.escrow, escrow_id(id(7), 1, did(3)));
    assert_eq!(line.client_sat, parts.client.to_sat());
    assert_eq!(line.provider_sat, parts.provider.to_sat());
    assert_eq!(line.funding.map(|outpoint| outpoint.vout), Some(1));
    world.nothing_is_lost(0).await;

    let scores = [1000, 730, 1000, 0, 1000, 512];
    for (slot, score) in (0..).zip(scores) {
        world.attest(7, slot, 2 + u8::try_from(slot).unwrap(), score);
    }
    for number in world.numbers() {
        world.tend(number).await;
    }
    let round = world.round().await.unwrap();
    assert_eq!(round.agreed.len(), 6, "{round:?}");
    world.live(DEPTH).await;
    for (line, score) in world.lines().iter().zip(scores) {
        assert_eq!(line.state, EscrowState::Ended(EndedBy::Agreed));
        assert!(line.is_final && line.closing.is_some());
        let stake = world.stake(7, usize::from(line.slot));
        let due = stakes::payouts(&stake).unwrap().rounded(world.manner.steps).at(score);
        assert_eq!(line.payout, Some(due), "slot {}", line.slot);
        let number = 2 + u8::try_from(line.slot).unwrap();
        let theirs = world.lines_of(number).await;
        assert_eq!((theirs[0].closing, theirs[0].payout), (line.closing, line.payout));
    }
    assert_eq!(world.paid_to(&market_script()).len(), 2, "a lost slot pays the pool");
    world.nothing_is_lost(0).await;
    let before = world.lines();
    world.reopen_client();
    assert_eq!(world.lines(), before, "what is over is remembered");
    let round = world.round().await.unwrap();
    assert!(round.offered.is_empty() && round.waiting.is_empty(), "{round:?}");
}

#[tokio::test]
async fn a_replacement_is_one_more_escrow_without_the_market_s_fee() {
    let mut world = World::new(3).await;
    world.agree(7, &[2, 3]);
    world.round().await.unwrap();
    world.live(DEPTH).await;
    world.change(7, |view| {
        view.state = "active".into();
        view.slots[0].state = "filled".into();
        view.slots[1] = slot(1, later(did(4)));
        view.slots[1].state = "repairing".into();
        view.slots[1].confirmed = false;
    });
    assert!(world.round().await.unwrap().offered.is_empty(), "it is not confirmed");
    world.change(7, |view| view.slots[1].confirmed = true);
    let round = world.round().await.unwrap();
    assert!(round.offered.is_empty() && round.waiting[0].contains("not announced"), "{round:?}");
    world.announce_all(7);
    let round = world.round().await.unwrap();
    assert_eq!(round.funded.len(), 1, "{round:?}");
    world.live(DEPTH).await;
    assert_eq!(world.funding(4, id(7), 1).await, Funding::Deep);
    assert_eq!(world.paid_to(&market_script()).len(), 1, "the fee is paid once");
    let fees: Vec<bool> =
        offers(&world).into_iter().map(|offer| offer.market_fee.is_some()).collect();
    assert_eq!(fees, [true, true, false]);
    assert_eq!(world.lines().len(), 3);

    world.attest(7, 1, 3, 0);
    world.attest(7, 1, 4, 1000);
    world.attest(7, 0, 2, 1000);
    world.live(DEPTH + 1).await;
    let by = |line: &contracts_bitcoin::treasurer::EscrowLine| line.state.clone();
    let ended = EscrowState::Ended(EndedBy::Agreed);
    assert!(world.lines().iter().all(|line| by(line) == ended && line.is_final));
    world.nothing_is_lost(0).await;
}

fn offers(world: &World) -> Vec<contracts_bitcoin::deal::message::Offer> {
    let said = world.street.said.lock().unwrap();
    let offers = said.iter().filter_map(|(_, word)| match word {
        ToProvider::Offer(offer) => Some((**offer).clone()),
        _ => None,
    });
    offers.collect()
}

#[tokio::test]
async fn two_contracts_have_two_keys_and_a_provider_of_two_slots_has_two_escrows() {
    let mut world = World::new(2).await;
    world.agree(7, &[2, 2, 3]);
    world.agree(8, &[3, 2]);
    let round = world.round().await.unwrap();
    assert_eq!(round.funded.len(), 1, "a provider's one coin is kept aside: {round:?}");
    assert!(round.waiting.iter().any(|reason| reason.contains("the bonds are")), "{round:?}");
    world.live(4).await;
    world.live(4).await;
    assert_eq!(world.lines().len(), 5);
    assert!(world.lines().iter().all(|line| matches!(line.state, EscrowState::Open { .. })));
    let offers = offers(&world);
    let of = |number: u8| {
        let mut keys: Vec<_> = offers.iter().filter(|o| o.contract == id(number)).collect();
        keys.pop().unwrap().client.key
    };
    assert_ne!(of(7), of(8));
    world.nothing_is_lost(0).await;
}

#[tokio::test]
async fn coins_are_withdrawn_once_and_the_files_hold_no_secret() {
    let mut world = World::new(1).await;
    world.agree(7, &[2]);
    world.round().await.unwrap();
    world.live(DEPTH).await;
    let chain = world.chain.clone();
    let amount = Amount::from_sat(1_000_000);
    let sent = {
        let client = world.client.as_mut().unwrap();
        client.send(&chain, &foreign(60), (amount, rate(2))).await.unwrap()
    };
    world.reopen_client();
    world.live(DEPTH).await;
    let paid = world.paid_to(&foreign(60).script_pubkey());
    assert_eq!(paid.len(), 1);
    assert!(world.chain.find_transaction(sent).is_some_and(|(_, height)| height.is_some()));
    world.adds_up(0, paid[0]).await;
    let too_much = Amount::from_sat(400_000_000);
    let client = world.client.as_mut().unwrap();
    let refused = client.send(&chain, &foreign(60), (too_much, rate(2))).await.unwrap_err();
    assert!(refused.to_string().contains("add coins"), "{refused}");

    for number in [CLIENT, 2] {
        let folder = world.folder.path().join(number.to_string());
        for file in ["wallet.jsonl", "treasurer.jsonl"] {
            let text = std::fs::read_to_string(folder.join(file)).unwrap();
            assert!(text.len() > 1_000, "{file}");
            let keys = keys(number);
            let mut secrets = vec![hex::encode([number; 32])];
            secrets.extend(
                (0..3).map(|index| hex::encode(keys.escrow(index).unwrap().secret_bytes())),
            );
            // A root's text, and a private key in a descriptor.
            assert!(!text.contains("tprv8ZgxMBicQKsP") && !text.contains("]tprv"), "{file}");
            assert!(secrets.iter().all(|secret| !text.contains(secret)), "{file}");
        }
    }
}

#[tokio::test]
async fn a_folder_is_one_party_s_in_one_market() {
    let world = World::new(1).await;
    let folder = world.folder.path().join("2");
    world.street.homes[&did(2)].lock().await.take();
    let open = |party: u8, market: u8| {
        let manner =
            contracts_bitcoin::treasurer::Manner { market: did(market), ..world.manner.clone() };
        contracts_bitcoin::treasurer::Treasurer::open(&folder, keys(2), did(party), manner, None)
    };
    for (party, market) in [(3, 250), (2, 251)] {
        let refused = open(party, market).err().unwrap().to_string();
        assert!(refused.contains(&did(2).to_string()), "{refused}");
    }
    assert!(open(2, 250).is_ok());
}
