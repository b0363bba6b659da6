//! The stream of events: one's own, in order, resumed where it broke off.

use crate::common::{client, key};
use crate::life::{CLIENT, town};
use network::api::EventView;
use network::market_api::Events;
use std::time::Duration;
use types::Signer;

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
