//! The stream of events: one's own, in order, resumed where it broke off.

use crate::common::provider::sign;
use crate::common::{client, key};
use crate::life::{CLIENT, Town, town, until as come_true};
use network::api::EventView;
use network::market_api::Events;
use std::collections::BTreeSet;
use std::time::Duration;
use types::documents::{Access, Grant, Maintenance, Revocation};
use types::{ContractId, Epoch, Msat, SecretKey, Signer};

const GUEST: u8 = 104;
const STRANGER: u8 = 105;

/// Reads events until one of this kind has come.
async fn until(events: &mut Events, kind: &str) -> Vec<EventView> {
    let mut seen: Vec<EventView> = Vec::new();
    let read = async {
        while seen.last().is_none_or(|event| event.kind != kind) {
            let event = events.next().await.unwrap();
            seen.push(event.expect("the stream goes on"));
        }
    };
    let come = tokio::time::timeout(Duration::from_mins(2), read).await;
    come.unwrap_or_else(|_| panic!("no {kind} came: {seen:?}"));
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_follows_their_own_events_and_resumes_them() {
    let town = town(6).await;
    let (me, other) = (client(&town.market, &key(CLIENT)), client(&town.market, &key(99)));
    town.market.credit(key(99).did(), types::Msat(1), "another's").await.unwrap();
    let mut live = me.events(None).await.unwrap();
    let view = town.stored().await;
    town.epoch().await;
    let seen = until(&mut live, "epoch_opened").await;
    let kinds: Vec<&str> = seen.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "slot_confirmed").count(), 6, "{kinds:?}");
    assert_eq!((kinds[0], kinds[kinds.len() - 2]), ("contract_agreed", "revision_accepted"));
    assert!(seen.iter().all(|e| e.contract.is_none_or(|id| id == view.id) && e.event.is_none()));
    assert_eq!(seen[0].postings.len(), 1, "the escrow: {:?}", seen[0]);
    // From any event on, the rest comes again, the same.
    for behind in [0, 3, seen.len() - 2] {
        let mut resumed = me.events(Some(&seen[behind].id)).await.unwrap();
        assert_eq!(until(&mut resumed, "epoch_opened").await, seen[behind + 1..]);
    }
    // Another client has seen its money come, and the epoch open: nothing else.
    let mut foreign = other.events(Some("0.0")).await.unwrap();
    let foreign = until(&mut foreign, "epoch_opened").await;
    let kinds: Vec<&str> = foreign.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["deposited", "epoch_opened"]);
    // The operator sees everything, as the journal has it.
    let operator = client(&town.market, &key(200));
    let mut all = operator.events(Some("0.0")).await.unwrap();
    let all = until(&mut all, "epoch_opened").await;
    assert!(all.len() > seen.len() + 6 && all.iter().all(|event| event.event.is_some()));
    assert!(all.iter().any(|event| event.kind == "ask_published"));
    // A position that this journal does not have is refused.
    for strange in ["99999.1", "x", "1"] {
        let refused = me.events(Some(strange)).await.err().unwrap();
        assert_eq!(refused.code(), Some("cursor_malformed"), "{strange}");
    }
}

/// Everything of a party's up to the opening of so many epochs, as the journal has it now.
async fn past(town: &Town, who: &SecretKey, epochs: usize) -> Vec<EventView> {
    let mut stream = client(&town.market, who).events(Some("0.0")).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..epochs {
        seen.extend(until(&mut stream, "epoch_opened").await);
    }
    seen
}

/// What kinds there are, in order, without those that concern everybody.
fn kinds(seen: &[EventView]) -> Vec<&str> {
    let own = seen.iter().filter(|event| event.kind != "epoch_opened");
    own.map(|event| event.kind.as_str()).collect()
}

/// The place of an event of this kind.
fn place(seen: &[EventView], kind: &str) -> usize {
    let found = seen.iter().position(|event| event.kind == kind);
    found.unwrap_or_else(|| panic!("no {kind}: {:?}", kinds(seen)))
}

async fn announced(town: &Town, provider: &SecretKey, from: u64) {
    let notice = Maintenance {
        provider: provider.did(),
        from: Epoch(from),
        epochs: 1,
        reason: "a new disk".into(),
    };
    client(&town.market, provider).announce(&sign(notice, provider)).await.unwrap();
}

/// The client lets the guest read the contract, and thinks better of it.
async fn given_and_taken(town: &Town, contract: ContractId) {
    let (me, speaks) = (key(CLIENT), client(&town.market, &key(CLIENT)));
    let grant = Grant {
        owner: me.did(),
        grantee: key(GUEST).did(),
        contract: Some(contract),
        access: vec![Access::Read],
        expires: None,
        nonce: 1,
        sealed: "key".into(),
        memo: "name".into(),
    };
    let grant = sign(grant, &me);
    speaks.grant(&grant).await.unwrap();
    let revocation = Revocation { owner: me.did(), grant: grant.id() };
    speaks.revoke(&sign(revocation, &me)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_changes_hands_leaves_each_holder_its_own_past() {
    const EPOCHS: usize = 7;
    let town = town(8).await;
    let view = town.stored().await;
    let (id, old) = (view.id, town.holder(&view, 2).key.clone());
    for (who, what) in [(GUEST, "a guest's"), (STRANGER, "a stranger's")] {
        town.market.credit(key(who).did(), Msat(1), what).await.unwrap();
    }
    town.epoch().await;
    announced(&town, &town.holder(&view, 0).key, 9).await;
    given_and_taken(&town, id).await;
    // What each could read before the slot changed hands it can read afterwards, to the letter.
    let before = past(&town, &old, 1).await;
    town.holder(&view, 2).kill();
    come_true("the market notices", async || !town.view(id).await.slots[2].online).await;
    for _ in 1..EPOCHS {
        town.epoch().await;
    }
    let after = town.view(id).await;
    let new = town.holder(&after, 2).key.clone();
    assert_ne!(new.did(), old.did());

    let seen = past(&town, &old, EPOCHS).await;
    assert_eq!(seen[..before.len()], before);
    let bond = format!("bond:{id}:2");
    let moves = |event: &EventView| {
        event.postings.iter().any(|posting| posting.debit == bond || posting.credit == bond)
    };
    let confirmed = &seen[place(&seen, "slot_confirmed")];
    assert!(moves(confirmed) && confirmed.slots == [2], "{confirmed:?}");
    assert!(moves(&seen[place(&seen, "penalised")]), "what the bond lost");
    let out = place(&seen, "slot_vacated");
    assert!(place(&seen, "slot_faulted") < out && seen[out].party == Some(old.did()));
    let later: BTreeSet<&str> = kinds(&seen[out + 1..]).into_iter().collect();
    assert!(
        later.is_subset(&BTreeSet::from(["standing_changed", "penalty_released"])),
        "{later:?}"
    );

    let taken = past(&town, &new, EPOCHS).await;
    let first = place(&taken, "repair_ordered");
    assert!(taken[..first].iter().all(|event| event.contract.is_none()), "{:?}", kinds(&taken));
    assert!(taken[..first].iter().all(|event| !moves(event)));
    assert_eq!(taken.iter().filter(|event| moves(event)).count(), 1, "its own bond alone");
    assert!(place(&taken, "slot_confirmed") > first && place(&taken, "rebuild_finished") > first);

    // From any of its events on, each resumes with the rest of its own.
    for (who, all) in [(&old, &seen), (&new, &taken)] {
        let half = all.len() / 2;
        let mut resumed = client(&town.market, who).events(Some(&all[half].id)).await.unwrap();
        for expected in &all[half + 1..] {
            assert_eq!(resumed.next().await.unwrap().as_ref(), Some(expected));
        }
    }

    let mine = past(&town, &key(CLIENT), EPOCHS).await;
    for kind in ["granted", "grant_revoked", "penalised", "slot_vacated", "repair_ordered"] {
        assert_eq!(mine[place(&mine, kind)].contract, Some(id), "{kind}");
    }
    assert!(!kinds(&mine).contains(&"maintenance_announced"));
    let other = past(&town, &town.holder(&view, 0).key, EPOCHS).await;
    assert!(kinds(&other).contains(&"maintenance_announced"));
    for kind in ["penalised", "slot_vacated", "repair_ordered", "granted"] {
        assert!(!kinds(&other).contains(&kind), "{kind} is not the other holder's");
    }
    assert!(!other.iter().any(moves));
    let guest = past(&town, &key(GUEST), EPOCHS).await;
    assert_eq!(kinds(&guest), ["deposited", "granted", "grant_revoked"]);
    let about = guest.iter().filter(|event| event.party == Some(key(GUEST).did()));
    assert_eq!(about.count(), 3, "{guest:?}");
    assert_eq!(kinds(&past(&town, &key(STRANGER), EPOCHS).await), ["deposited"]);
    let all = past(&town, &key(200), EPOCHS).await;
    let whole: BTreeSet<&str> = kinds(&all).into_iter().collect();
    let parts = [&seen, &taken, &mine, &other, &guest];
    assert!(parts.into_iter().flat_map(|seen| kinds(seen)).all(|kind| whole.contains(kind)));
    town.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_about_several_contracts_resumes_between_them() {
    let town = town(6).await;
    let (one, two) = (town.stored().await.id, town.stored().await.id);
    assert_ne!(one, two);
    let provider = &town.providers[0].key;
    town.epoch().await;
    town.epoch().await;
    let seen = past(&town, provider, 2).await;
    let at = place(&seen, "verdict_recorded");
    let both: BTreeSet<_> = seen[at..at + 2].iter().map(|event| event.contract).collect();
    assert_eq!(both, [Some(one), Some(two)].into(), "{:?}", &seen[at..]);
    assert_eq!(seen[at].slots.len(), 1);
    for behind in [at - 1, at, at + 1] {
        let mut resumed =
            client(&town.market, provider).events(Some(&seen[behind].id)).await.unwrap();
        for expected in &seen[behind + 1..] {
            assert_eq!(resumed.next().await.unwrap().as_ref(), Some(expected));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_reads_nothing_holds_nobody_up() {
    let town = town(1).await;
    let operator = client(&town.market, &key(200));
    let mut idle = Vec::new();
    for _ in 0..16 {
        idle.push(operator.events(Some("0.0")).await.unwrap());
    }
    let refused = operator.events(None).await.err().unwrap();
    assert_eq!(refused.code(), Some("too_many_streams"));
    for number in 0..300 {
        let reference = format!("more {number}");
        town.market.credit(key(1).did(), types::Msat(1), &reference).await.unwrap();
    }
    idle.truncate(1);
    let mut slow = idle.pop().unwrap();
    let mut last = None;
    while last
        .as_ref()
        .is_none_or(|e: &EventView| !e.event.as_ref().unwrap().to_string().contains("more 299"))
    {
        last = slow.next().await.unwrap();
    }
}
