//! Commits that fail, and commits of which nobody knows whether they failed.

use super::*;
use crate::handle::deposit;
use crate::replay::replay;
use market::{Command, Genesis};
use types::{Msat, SecretKey, Signer, Span};

fn thread(dir: &std::path::Path) -> Thread {
    let key = SecretKey::from_seed(&[1; 32]);
    crate::found(dir, &key, |did, anchor| Genesis::standard(did, Span::HOUR, anchor)).unwrap();
    let store = Store::open(dir, None).unwrap();
    let replayed = replay(&store, false).unwrap();
    let (outbox, _nudged) = mpsc::unbounded_channel();
    Thread {
        working: replayed.market.clone(),
        head: replayed.head,
        term: 1,
        events_unsaved: 0,
        unindexed: Rows::default(),
        dir: dir.to_owned(),
        clock: Clock::starting_at_least(Timestamp(0)),
        pages_max: None,
        snapshot_every: 1_000,
        published: Arc::new(Published::new(replayed.market, replayed.head)),
        streams: Arc::new(Streams::new()),
        signer: Arc::new(key),
        notices: Notices {
            outbox,
            blocks: tokio::sync::watch::Sender::new(0),
            events: tokio::sync::broadcast::Sender::new(1),
        },
        killed: Arc::default(),
        store: Some(store),
    }
}

fn paid(reference: &str) -> Work {
    let key = SecretKey::from_seed(&[1; 32]);
    let deposit = deposit(&key, key.did(), Msat(10), reference);
    Work::Decide(Box::new(Submission::from(Command::Deposit(deposit))))
}

/// The balance in the working, the published and the durable state.
fn balances(thread: &Thread) -> [Msat; 3] {
    let party = thread.signer.did();
    let durable = replay(thread.store.as_ref().unwrap(), true).unwrap().market;
    [
        thread.working.available(party),
        thread.published.read().market.available(party),
        durable.available(party),
    ]
}

#[test]
fn a_commit_that_fails_leaves_no_trace_in_memory_or_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut thread = thread(dir.path());
    thread.attempt(vec![paid("a")]).unwrap();
    let head = thread.head;
    thread.store.as_ref().unwrap().db.commit_hook(Some(|| true)).unwrap();
    let refused = thread.attempt(vec![paid("b"), paid("c")]);
    assert!(matches!(refused, Err(Refusal::Unavailable(_))), "{refused:?}");
    assert_eq!(balances(&thread), [Msat(10); 3]);
    assert_eq!(thread.head, head);
    // The database was opened anew, without the hook: the same commands are taken now, once.
    let taken = thread.attempt(vec![paid("b"), paid("c"), paid("b")]).unwrap();
    let events: Vec<usize> = taken.iter().map(|o| o.as_ref().unwrap().events.len()).collect();
    assert_eq!(events, [1, 1, 0]);
    assert_eq!(balances(&thread), [Msat(30); 3]);
}

#[test]
fn a_commit_that_reported_an_error_and_was_done_is_published() {
    let dir = tempfile::tempdir().unwrap();
    let mut thread = thread(dir.path());
    let mut batch = Batch::new(1);
    thread.judge_all(&mut batch, vec![paid("a")]).unwrap();
    let head = thread.seal(&mut batch).unwrap();
    thread.store.as_ref().unwrap().commit().unwrap();
    thread.settle(&batch, head, &closed()).unwrap();
    thread.publish(batch, head);
    assert_eq!(balances(&thread), [Msat(10); 3]);
    thread.attempt(vec![paid("a"), paid("b")]).unwrap();
    assert_eq!(balances(&thread), [Msat(20); 3]);
}

#[test]
fn a_writer_whose_database_is_gone_refuses_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let mut thread = thread(dir.path());
    thread.attempt(vec![paid("a")]).unwrap();
    let (file, away) = (dir.path().join("market.db"), dir.path().join("away"));
    thread.store = None;
    std::fs::rename(&file, &away).unwrap();
    for _ in 0..2 {
        assert!(matches!(thread.attempt(vec![paid("b")]), Err(Refusal::Unavailable(_))));
    }
    std::fs::rename(&away, &file).unwrap();
    thread.attempt(vec![paid("b")]).unwrap();
    assert_eq!(balances(&thread), [Msat(20); 3]);
}
