//! Lots that are on their way, that were not indexed, and of which nobody knows whether they were.

use super::super::super::Work;
use super::super::super::batch::Batch;
use super::super::tests::{attempt, paid, thread, withdrawal};
use super::*;
use crate::store::Place;
use crate::store::driver::{Driver, Fault, Postgres};
use crate::store::tests::places;
use market::Command;
use types::Verified;
use types::documents::Withdrawal;

#[test]
fn what_is_indexed_and_what_is_not_yet_is_found_alike() {
    for (_dir, place) in places() {
        found_alike(thread(place));
    }
}

fn found_alike(mut thread: Thread) {
    let party = thread.signer.did();
    let (first, second, third) = (withdrawal(1), withdrawal(2), withdrawal(3));
    let submit = |thread: &mut Thread, document: &Verified<Withdrawal>| {
        let command = Command::Withdraw(document.clone());
        let outcome = attempt(thread, vec![Work::Decide(Box::new(command.into()))]).unwrap();
        outcome.into_iter().next().unwrap().map(|outcome| outcome.events.len())
    };
    attempt(&mut thread, vec![paid("a")]).unwrap();
    assert_eq!(submit(&mut thread, &first), Ok(1));
    if let Place::Postgres(url) = &thread.place {
        // Who holds the term holds up the lot's end.
        let holder = Postgres::connect(url).unwrap();
        holder.script("BEGIN; UPDATE writer SET term = term").unwrap();
        thread.index();
        let mut batch = Batch::new(thread.ahead.counters);
        let again = Work::Decide(Box::new(Command::Withdraw(first.clone()).into()));
        let outcome = thread.judge_one(&mut batch, again).unwrap().unwrap();
        assert_eq!(outcome.events.len(), 0, "it is known while it is being indexed");
        assert!(thread.indexing.is_some() && !thread.index_has_ended());
        holder.script("ROLLBACK").unwrap();
    } else {
        thread.index();
        assert!(thread.indexing.is_none());
    }
    assert_eq!(thread.unindexed.count(), 0);
    assert_eq!(submit(&mut thread, &second), Ok(1));
    thread.finish_index(true);
    assert!(thread.indexing.is_none());
    assert_eq!(submit(&mut thread, &third), Ok(1));
    // Each is out of turn by now, and each was taken once: before, and after, the indexing.
    assert_eq!(submit(&mut thread, &first), Ok(0));
    assert_eq!(submit(&mut thread, &second), Ok(0));
    let store = thread.store.as_ref().unwrap();
    let whole = store.history(&party, 0, 100).unwrap();
    let reasons: Vec<&str> = whole.iter().map(|entry| entry.reason.as_str()).collect();
    assert_eq!(reasons, ["deposited", "withdrawn", "withdrawn", "withdrawn"]);
    assert_eq!(whole[0].debit, "world");
    assert_eq!(whole[0].credit, format!("available:{party}"));
    for after in 0..3 {
        let page = store.history(&party, whole[after].posting, 1).unwrap();
        assert_eq!(page, whole[after + 1..].iter().take(1).cloned().collect::<Vec<_>>());
    }
    for document in [&first, &third] {
        assert_eq!(store.document(&document.id()).unwrap().as_ref(), Some(document.signed()));
    }
    // A thread that starts now finds the same.
    let found = store.unindexed().unwrap();
    assert_eq!(found, thread.unindexed);
    assert_eq!(found.count(), 2);
}

#[test]
fn a_lot_that_was_not_indexed_is_part_of_the_next_one() {
    for (_dir, place) in places() {
        let mut thread = thread(place.clone());
        attempt(&mut thread, vec![paid("a"), paid("b")]).unwrap();
        let term = thread.term;
        thread.term -= 1;
        thread.index();
        thread.term = term;
        attempt(&mut thread, vec![paid("c")]).unwrap();
        thread.finish_index(true);
        assert_eq!(thread.unindexed.count(), 3);
        assert!(thread.index_at > INDEX_EVERY, "it is not tried again at once");
        assert_eq!(thread.store.as_ref().unwrap().unindexed().as_ref(), Ok(&thread.unindexed));
        thread.index();
        thread.finish_index(true);
        assert_eq!((thread.unindexed.count(), thread.index_at), (0, INDEX_EVERY));
        assert_eq!(thread.store.as_ref().unwrap().unindexed(), Ok(Lot::default()), "{place}");
    }
}

#[test]
fn a_lot_of_which_nobody_knows_whether_it_was_indexed_is_indexed_once() {
    for (_dir, place) in places() {
        let mut thread = thread(place.clone());
        attempt(&mut thread, vec![paid("a"), paid("b")]).unwrap();
        let store = Store::open(&place, None).unwrap().failing(Fault::AfterCommit);
        let (lot, counters) = (thread.unindexed.clone(), thread.settled.counters);
        assert!(store.index(&lot, counters, Timestamp(0), thread.term).is_err());
        assert_eq!(store.unindexed(), Ok(Lot::default()), "it was");
        attempt(&mut thread, vec![paid("c")]).unwrap();
        assert_eq!(thread.unindexed.count(), 3);
        thread.index();
        thread.finish_index(true);
        assert_eq!(thread.unindexed.count(), 0, "{place}");
        assert_eq!(store.unindexed(), Ok(Lot::default()));
    }
}
