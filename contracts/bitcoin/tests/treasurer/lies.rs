//! A market that lies, in one respect at a time: nothing is offered, signed or funded for it, and the reason is told.

use crate::others::Desk;
use crate::papers::{self, Papers, later, quote, quoted, slot};
use crate::refusals::{offer, word};
use crate::world::{CLIENT, DEPTH, MARKET, World, did, foreign, id, secret};
use contracts_bitcoin::deal::message::{ToProvider, Word};
use contracts_bitcoin::treasurer::{EscrowState, Round};
use network::api::ContractView;
use types::documents::{Quote, QuotedSlot};
use types::terms::RailKind;
use types::{Hash, Msat, SlotCost, Span, Timestamp};

/// A round in which everything is refused for one reason, which says `says`.
async fn refused(world: &mut World, says: &str) {
    let (lines, offers) = (world.lines().len(), offers(world));
    let round: Round = world.round().await.unwrap();
    assert!(round.offered.is_empty() && round.funded.is_empty(), "{says}: {round:?}");
    assert_eq!(round.refused.len(), 1, "{says}: {round:?}");
    assert!(round.refused[0].contains(says), "{says}: {round:?}");
    assert_eq!(world.lines().len(), lines, "{says}: nothing is begun");
    assert_eq!(self::offers(world), offers, "{says}: nobody is told anything");
}

/// How many offers were made.
fn offers(world: &World) -> usize {
    let said = world.street.said.lock().unwrap();
    said.iter().filter(|(_, word)| matches!(word, ToProvider::Offer(_))).count()
}

/// What a market may change of what it shows.
type Lie = fn(&mut ContractView);

const SHOWN: [(&str, Lie); 11] = [
    ("accepted were", |view| view.slots[0].quoted.cost.base = Msat(900_000_401)),
    ("accepted were", |view| view.slots[0].quoted.bond = Msat(1)),
    ("accepted were", |view| view.slots[1].quoted.egress = types::GbPrice::whole(1)),
    ("line by line", |view| view.cost.storage = Msat(1)),
    ("line by line", |view| view.cost.network_fee = Msat(90_000_000)),
    ("names neither", |view| view.slots[1] = slot(1, quoted(did(9)))),
    ("in another slot already", |view| {
        view.slots = vec![slot(0, quoted(did(4))), slot(1, quoted(did(4)))];
    }),
    ("is quoted for it", |view| view.slots[1].provider = did(4)),
    ("its terms are not", |view| view.terms.duration = Span(60 * Span::DAY.0)),
    ("its terms are not", |view| view.terms.redundancy.parity = 2),
    ("its slots are not the 2", |view| view.slots.truncate(1)),
];

#[tokio::test]
async fn a_contract_that_is_shown_otherwise_than_it_was_accepted_is_not_funded() {
    let mut world = World::new(3).await;
    world.agree(7, &[2, 3]);
    let honest = world.street.desk.lock().unwrap().views[&id(7)].clone();
    for (says, lie) in SHOWN {
        world.change(7, |view| {
            *view = honest.clone();
            lie(view);
        });
        refused(&mut world, says).await;
    }
    world.change(7, |view| *view = honest);
    assert_eq!(world.round().await.unwrap().funded.len(), 1, "the honest one is");
}

/// Documents that make no contract of this client in this market.
fn forged() -> [(&'static str, Papers); 6] {
    let (market, client) = (secret(MARKET), secret(CLIENT));
    let of = |quote: Quote| Papers::of(quote, &market, &client);
    let to_another = Quote { client: did(9), ..quote(7, &[2, 3]) };
    let mut on_the_ledger = quote(7, &[2, 3]);
    on_the_ledger.terms.rail = RailKind::Ledger;
    let long_ago = Quote { expires: Timestamp(5), ..quote(7, &[2, 3]) };
    [
        ("has accepted it, not", Papers::of(quote(7, &[2, 3]), &market, &market)),
        ("has accepted it, not", Papers::of(quote(7, &[2, 3]), &market, &secret(9))),
        ("its quote is signed by", Papers::of(quote(7, &[2, 3]), &secret(66), &client)),
        ("its quote was made to", of(to_another)),
        ("does not settle on Bitcoin", of(on_the_ledger)),
        ("too long ago", of(long_ago)),
    ]
}

#[tokio::test]
async fn a_contract_that_this_client_has_not_accepted_of_this_market_is_not_funded() {
    let mut world = World::new(2).await;
    for (says, mut papers) in forged() {
        // Whatever was signed, the market shows it as it likes.
        papers.view.client = did(CLIENT);
        papers.view.terms.rail = RailKind::Bitcoin;
        world.announce(&papers.view);
        world.street.desk.lock().unwrap().views.clear();
        world.list(papers);
        refused(&mut world, says).await;
    }
}

#[tokio::test]
async fn a_contract_without_its_documents_is_not_funded() {
    let mut world = World::new(2).await;
    world.agree(7, &[2, 3]);
    let kept = world.street.desk.lock().unwrap().receipts.clone();
    // An invented one: nobody has accepted anything.
    world.street.desk.lock().unwrap().receipts.clear();
    let round = world.round().await.unwrap();
    assert!(round.offered.is_empty(), "{round:?}");
    assert!(round.waiting[0].contains("the journal has no document"), "{round:?}");
    // Another document in the place of the acceptance; then the documents, of another market's journal.
    let quote = kept.iter().find(|(name, _)| **name != id(7)).unwrap().1.clone();
    let swap = |desk: &mut Desk| drop(desk.receipts.insert(id(7), quote.clone()));
    swap(&mut world.street.desk.lock().unwrap());
    refused(&mut world, "in the place of").await;
    let mut elsewhere = kept[&id(7)].clone();
    elsewhere.head = papers::head(66, &elsewhere);
    world.street.desk.lock().unwrap().receipts.insert(id(7), elsewhere);
    refused(&mut world, "the tree head is signed by").await;
    let mut unproven = kept[&id(7)].clone();
    unproven.entry = unproven.entry.replace("\"at\":5", "\"at\":6");
    world.street.desk.lock().unwrap().receipts.insert(id(7), unproven);
    refused(&mut world, "not proven to be in the journal").await;
    assert!(world.lines().is_empty());
    world.street.desk.lock().unwrap().receipts = kept;
    assert_eq!(world.round().await.unwrap().funded.len(), 1, "with them it is");
}

/// What a market may change of how it settles.
type Change = fn(&mut Desk);

const OTHER_RULES: [Change; 3] = [
    |desk| desk.info.address = foreign(66).to_string(),
    |desk| desk.info.threshold = 3,
    |desk| drop(desk.info.oracles.pop()),
];

#[tokio::test]
async fn other_rules_than_a_folder_knows_are_taken_only_where_they_are_named() {
    let mut world = World::judged_by(2, (3, 2)).await;
    world.agree(8, &[3]);
    assert_eq!(world.round().await.unwrap().funded.len(), 1);
    world.live(DEPTH).await;
    world.agree(7, &[2]);
    let known = world.street.desk.lock().unwrap().info.clone();
    for change in OTHER_RULES {
        world.street.desk.lock().unwrap().info = known.clone();
        change(&mut world.street.desk.lock().unwrap());
        refused(&mut world, "other rules than this folder knows").await;
        world.reopen_client();
        refused(&mut world, "other rules than this folder knows").await;
    }
    world.street.desk.lock().unwrap().info = known.clone();
    OTHER_RULES[0](&mut world.street.desk.lock().unwrap());
    let round = world.round().await.unwrap();
    let named: Hash = round.refused[0].rsplit(' ').next().unwrap().parse().unwrap();
    world.manner.rules = Some(Hash([1; 32]));
    world.reopen_client();
    refused(&mut world, "--settlement-rules names").await;
    world.manner.rules = Some(named);
    world.reopen_client();
    world.reopen_provider(2).await;
    world.manner.rules = None;
    world.tend(2).await;
    assert_eq!(world.round().await.unwrap().funded.len(), 1, "once they are named");
    assert_eq!(world.client.as_ref().unwrap().rules(), Some(named));
    // The other provider's folder knows the rules of before.
    world.agree(10, &[3]);
    let round = world.round().await.unwrap();
    assert!(
        round.waiting.iter().any(|reason| reason.contains("other rules than this folder")),
        "{round:?}"
    );
    assert!(round.funded.is_empty());
    world.reopen_client();
    world.street.desk.lock().unwrap().info = known;
    world.agree(9, &[2]);
    refused(&mut world, "other rules than this folder knows").await;
}

/// Two slots are funded deep; the contract runs.
async fn running() -> World {
    let mut world = World::new(6).await;
    world.agree(7, &[2, 3]);
    world.round().await.unwrap();
    world.live(DEPTH).await;
    world.change(7, |view| view.state = "active".into());
    world
}

fn take_over(world: &World, provider: u8, change: impl FnOnce(&mut QuotedSlot)) {
    let mut next = later(did(provider));
    change(&mut next);
    world.change(7, |view| {
        view.slots[1] = slot(1, next);
        view.slots[1].state = "repairing".into();
        view.state = "active".into();
    });
    world.announce_all(7);
}

#[tokio::test]
async fn what_a_replacement_may_cost_follows_from_what_was_accepted() {
    let mut world = running().await;
    // The lost one's price and bond: 1,000,000.4 and 1,500,000.7 sat.
    let dear = Msat(2_000_010_000);
    take_over(&world, 6, |next| {
        next.cost = SlotCost { base: dear, ..SlotCost::default() };
        next.bond = Msat(4_000_020_000);
    });
    refused(&mut world, "what was accepted and lost bonds leave").await;
    take_over(&world, 6, |next| next.bond = Msat(400_000_000));
    refused(&mut world, "the terms want").await;
    world.change(7, |view| {
        view.slots[1].quoted.bond = Msat(1_500_000_700);
        view.slots[0].quoted.cost.base = Msat(1);
        view.state = "agreed".into();
    });
    refused(&mut world, "accepted were").await;
    // A slot of a contract that has its escrows, shown as if it were new: its fee would be paid again.
    world.change(7, |view| {
        view.slots[0].quoted = quoted(did(2));
        view.slots[1] = slot(1, quoted(did(6)));
    });
    refused(&mut world, "as if it had none").await;
    take_over(&world, 6, |_| {});
    assert_eq!(world.round().await.unwrap().funded.len(), 1, "an honest one is funded");
}

#[tokio::test]
async fn of_one_slot_there_are_only_so_many_replacements() {
    let mut world = running().await;
    world.manner.replacements_max = 2;
    world.reopen_client();
    for provider in [4, 5] {
        take_over(&world, provider, |_| {});
        assert_eq!(world.round().await.unwrap().funded.len(), 1, "{provider}");
        world.live(DEPTH).await;
    }
    take_over(&world, 6, |_| {});
    refused(&mut world, "slot 1 has had 3 escrows; 2 replacements are funded").await;
    world.reopen_client();
    refused(&mut world, "slot 1 has had 3 escrows").await;
    let open = |line: &&contracts_bitcoin::treasurer::EscrowLine| {
        matches!(line.state, EscrowState::Open { .. })
    };
    assert_eq!(world.lines().iter().filter(open).count(), 4);
    world.nothing_is_lost(0).await;
}

#[tokio::test]
async fn a_contract_that_runs_without_escrows_of_this_folder_is_not_funded() {
    let mut world = World::new(2).await;
    world.agree(7, &[2, 3]);
    world.change(7, |view| view.state = "active".into());
    let round = world.round().await.unwrap();
    assert!(round.offered.is_empty() && world.lines().is_empty());
    assert!(round.waiting[0].contains("restore treasurer.jsonl"), "{round:?}");
}

#[tokio::test]
async fn a_provider_declines_what_its_client_has_not_accepted_of_its_market() {
    let mut world = World::new(2).await;
    world.agree(7, &[2, 3]);
    let honest = offer(&mut world).await;
    let declined = async |world: &World, says: &str| {
        let Word::Declines(reason) = word(world, honest.clone()).await else { panic!("{says}") };
        assert!(reason.contains(says), "{reason:?} does not say {says:?}");
    };
    let view = world.street.desk.lock().unwrap().views[&id(7)].clone();
    // Whom nothing is shown of a contract is not asked.
    let shown = SHOWN.into_iter().filter(|(says, _)| !says.contains("in another slot"));
    for (says, lie) in shown {
        // An offer has all slots of its contract, or is declined before.
        world.change(7, lie);
        let says = if says.starts_with("its slots") { "are funded at once" } else { says };
        declined(&world, says).await;
        world.change(7, |shown| *shown = view.clone());
    }
    let kept = world.street.desk.lock().unwrap().receipts.clone();
    let forged = forged().into_iter().take(2).map(|(_, papers)| papers);
    for mut other in forged {
        let receipt = other.receipts.remove(&other.view.id).unwrap();
        world.street.desk.lock().unwrap().receipts.insert(id(7), receipt);
        declined(&world, "in the place of").await;
    }
    world.street.desk.lock().unwrap().receipts = kept;
    assert!(matches!(word(&world, honest.clone()).await, Word::Takes(_)), "the honest one");
}
