//! Commits that fail, and commits of which nobody knows whether they failed.

use super::super::Submission;
use super::super::batch::{Batch, Seal};
use super::super::{Keep, Outcome, Refusal, RequestKey, Work};
use super::*;
use crate::handle::deposit;
use crate::progress::Progress;
use crate::replay::replay;
use crate::store::driver::Fault;
use crate::store::tests::cluster;
use market::{Command, Genesis};
use types::documents::Withdrawal;
use types::{Hash, Msat, SecretKey, Signer, Span, Verified};

/// The writer of a new market.
pub(super) fn thread(place: impl Into<Place>) -> Thread {
    let (place, key) = (place.into(), SecretKey::from_seed(&[1; 32]));
    crate::found(&place, &key, |did, anchor| Genesis::standard(did, Span::HOUR, anchor)).unwrap();
    let store = Store::open(&place, None).unwrap();
    let mut thread = idle(place, &store, (Clock::starting_at_least(Timestamp(0)), Arc::new(key)));
    assert!(thread.take_office(&store).unwrap());
    thread.store = Some(store);
    thread
}

/// A writer of what is in `store`, without an office yet.
pub(super) fn idle(
    place: Place,
    store: &Store,
    (clock, signer): (Clock, Arc<dyn Signer>),
) -> Thread {
    let replayed = replay(store, false, &Progress::default()).unwrap();
    let (outbox, _nudged) = mpsc::unbounded_channel();
    Thread::new(Start {
        place,
        url: String::new(),
        may_write: true,
        newest: replayed.time,
        unsaved: 0,
        clock,
        pages_max: None,
        snapshot_every: 1_000,
        published: Arc::new(Published::new(replayed.market, replayed.head)),
        streams: Arc::new(Streams::new()),
        signer,
        notices: Notices {
            outbox,
            blocks: tokio::sync::watch::Sender::new(0),
            role: tokio::sync::watch::Sender::new(Role::Follower { writer: String::new() }),
            events: tokio::sync::broadcast::Sender::new(1),
        },
        killed: Arc::default(),
    })
}

/// Gives work to the thread, and takes its answers when nothing of it is on its way any more.
pub(super) fn attempt(
    thread: &mut Thread,
    work: Vec<Work>,
) -> Result<Vec<Result<Outcome, Refusal>>, Refusal> {
    let answers = begin(thread, work);
    finish(thread);
    answers_of(answers)
}

type Answer = oneshot::Receiver<Result<Outcome, Refusal>>;

/// Has work judged, and written unless something is being written.
fn begin(thread: &mut Thread, work: Vec<Work>) -> Vec<Answer> {
    let (replies, answers): (Vec<_>, Vec<_>) = work.iter().map(|_| oneshot::channel()).unzip();
    thread.judge(work.into_iter().zip(replies).collect());
    if thread.in_flight.is_none() {
        thread.send();
    }
    answers
}

fn finish(thread: &mut Thread) {
    while thread.open.is_some() || thread.in_flight.is_some() {
        thread.move_on(true);
    }
}

/// The answers, or what refused all of them alike.
fn answers_of(answers: Vec<Answer>) -> Result<Vec<Result<Outcome, Refusal>>, Refusal> {
    let answers: Vec<_> =
        answers.into_iter().map(|mut answer| answer.try_recv().unwrap()).collect();
    match answers.first() {
        Some(Err(refusal)) if !matches!(refusal, Refusal::Rejected(_)) => {
            assert!(answers.iter().all(|answer| answer.as_ref().err() == Some(refusal)));
            Err(refusal.clone())
        }
        _ => Ok(answers),
    }
}

pub(super) fn paid(reference: &str) -> Work {
    let key = SecretKey::from_seed(&[1; 32]);
    let deposit = deposit(&key, key.did(), Msat(10), reference);
    Work::Decide(Box::new(Submission::from(Command::Deposit(deposit))))
}

pub(super) fn withdrawal(nonce: u64) -> Verified<Withdrawal> {
    let key = SecretKey::from_seed(&[1; 32]);
    let (party, to) = (key.did(), "an address".into());
    Verified::sign(Withdrawal { party, amount: Msat(1), to, nonce }, &key).unwrap()
}

/// The balance in the working, the published and the durable state.
fn balances(thread: &Thread) -> [Msat; 3] {
    let party = thread.signer.did();
    let durable =
        replay(thread.store.as_ref().unwrap(), true, &Progress::default()).unwrap().market;
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
    attempt(&mut thread, vec![paid("a")]).unwrap();
    let head = thread.settled.head;
    thread.store = thread.store.map(|store| store.failing(Fault::BeforeCommit));
    let refused = attempt(&mut thread, vec![paid("b"), paid("c")]);
    assert!(matches!(refused, Err(Refusal::Unavailable(_))), "{refused:?}");
    assert_eq!(balances(&thread), [Msat(10); 3]);
    assert_eq!(thread.settled.head, head);
    // The database was opened anew, without the fault: the same commands are taken now, once.
    let taken = attempt(&mut thread, vec![paid("b"), paid("c"), paid("b")]).unwrap();
    let events: Vec<usize> = taken.iter().map(|o| o.as_ref().unwrap().events.len()).collect();
    assert_eq!(events, [1, 1, 0]);
    assert_eq!(balances(&thread), [Msat(30); 3]);
}

#[test]
fn a_commit_that_reported_an_error_and_was_done_is_published() {
    let dir = tempfile::tempdir().unwrap();
    let mut thread = thread(dir.path());
    thread.store = thread.store.map(|store| store.failing(Fault::AfterCommit));
    let taken = attempt(&mut thread, vec![paid("a")]).unwrap();
    assert_eq!(taken[0].as_ref().unwrap().events.len(), 1);
    assert_eq!(balances(&thread), [Msat(10); 3]);
    attempt(&mut thread, vec![paid("a"), paid("b")]).unwrap();
    assert_eq!(balances(&thread), [Msat(20); 3]);
}

#[test]
fn a_commit_that_was_done_while_the_database_went_away_is_found_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut thread = thread(dir.path());
    attempt(&mut thread, vec![paid("a")]).unwrap();
    let (file, away) = (dir.path().join("market.db"), dir.path().join("away"));
    thread.store = thread.store.map(|store| store.failing(Fault::AfterCommit));
    std::fs::rename(&file, &away).unwrap();
    // The open connection still writes; nothing can be opened to see whether it did.
    assert!(matches!(attempt(&mut thread, vec![paid("b")]), Err(Refusal::Unavailable(_))));
    std::fs::rename(&away, &file).unwrap();
    let taken = attempt(&mut thread, vec![paid("b"), paid("c")]).unwrap();
    let events: Vec<usize> = taken.iter().map(|o| o.as_ref().unwrap().events.len()).collect();
    assert_eq!(events, [0, 1], "what was written is known, what was not is taken");
    assert_eq!(balances(&thread), [Msat(30); 3]);
}

/// What became of a batch, and of what was judged while it was on its way; then of both once more.
fn with_one_behind(fault: Fault) -> [Result<Vec<usize>, Refusal>; 3] {
    let dir = tempfile::tempdir().unwrap();
    let mut thread = thread(dir.path());
    thread.store = thread.store.map(|store| store.failing(fault));
    let first = begin(&mut thread, vec![paid("a")]);
    let second = begin(&mut thread, vec![paid("b"), paid("a")]);
    finish(&mut thread);
    let done = |outcomes: Vec<Result<Outcome, Refusal>>| {
        outcomes.into_iter().map(|outcome| outcome.unwrap().events.len()).collect()
    };
    let (first, second) = (answers_of(first).map(done), answers_of(second).map(done));
    let again = attempt(&mut thread, vec![paid("a"), paid("b")]).map(done);
    assert_eq!(balances(&thread), [Msat(20); 3], "whatever was refused on the way");
    [first, second, again]
}

#[test]
fn what_is_judged_on_a_batch_that_fails_is_refused_with_it() {
    let [first, second, again] = with_one_behind(Fault::BeforeCommit);
    assert!(matches!(first, Err(Refusal::Unavailable(_))), "{first:?}");
    assert!(matches!(second, Err(Refusal::Unavailable(_))), "{second:?}");
    assert_eq!(again, Ok(vec![1, 1]), "nothing of either had happened");
}

#[test]
fn what_is_judged_on_a_batch_that_was_written_after_all_comes_again() {
    let [first, second, again] = with_one_behind(Fault::AfterCommit);
    assert_eq!(first, Ok(vec![1]));
    assert!(matches!(second, Err(Refusal::Unavailable(_))), "{second:?}");
    assert_eq!(again, Ok(vec![0, 1]));
}

#[test]
fn what_is_on_its_way_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let mut thread = thread(dir.path());
    let party = thread.signer.did();
    let withdrawal = |nonce| Command::Withdraw(withdrawal(nonce));
    let keyed = |command: Command, body: u8| {
        let key = RequestKey { principal: party, key: "k".into(), body: Hash([body; 32]) };
        Work::Decide(Box::new(Submission { key: Some(key), ..command.into() }))
    };
    let plain = |command: Command| Work::Decide(Box::new(command.into()));
    let backup =
        |generation, byte| Work::Keep(Keep::Backup { party, generation, sealed: vec![byte] });
    attempt(&mut thread, vec![paid("a")]).unwrap();
    // Another holds the database, so that the batch cannot be written yet.
    let other = rusqlite::Connection::open(dir.path().join("market.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let first =
        begin(&mut thread, vec![keyed(withdrawal(1), 1), backup(2, 7), plain(withdrawal(2))]);
    let again = vec![
        keyed(withdrawal(1), 1),
        keyed(withdrawal(3), 2),
        backup(1, 7),
        backup(2, 8),
        backup(2, 7),
        plain(withdrawal(1)),
        plain(withdrawal(2)),
        plain(withdrawal(3)),
    ];
    let second = begin(&mut thread, again);
    assert!(!thread.land(false), "it is on its way");
    drop(other);
    finish(&mut thread);
    let first: Vec<Outcome> = answers_of(first).unwrap().into_iter().map(Result::unwrap).collect();
    let second = answers_of(second).unwrap();
    assert_eq!(second[0].as_ref().unwrap().answer, first[0].answer);
    assert!(first[0].answer.is_some() && second[0].as_ref().unwrap().events.is_empty());
    assert_eq!(second[1].as_ref().unwrap_err(), &Refusal::KeyReused("k".into()));
    for (place, found) in [(2, 1), (3, 2)] {
        let refused = second[place].as_ref().unwrap_err();
        assert_eq!(refused, &Refusal::OldBackup { found, kept: 2 });
    }
    let events: Vec<_> =
        second[4..].iter().map(|answer| answer.as_ref().unwrap().events.len()).collect();
    assert_eq!(events, [0, 0, 0, 1]);
    assert_eq!(balances(&thread), [Msat(7); 3]);
}

#[test]
fn the_next_batch_overtakes_the_publishing_of_the_last_one_if_it_has_something_to_write() {
    let dir = tempfile::tempdir().unwrap();
    let mut thread = thread(dir.path());
    attempt(&mut thread, vec![paid("employs the scribe")]).unwrap();
    for (asked, again, sent) in [("a", "a", false), ("b", "c", true)] {
        let first = begin(&mut thread, vec![paid(asked)]);
        let second = begin(&mut thread, vec![paid(again)]);
        assert!(thread.land(true));
        assert_eq!((thread.in_flight.is_some(), thread.open.is_none()), (sent, sent), "{again}");
        let party = thread.signer.did();
        let working = thread.working.available(party);
        let published = thread.published.read().market.available(party);
        assert!(published > Msat(10) && (working > published) == sent);
        assert_eq!(answers_of(first).unwrap()[0].as_ref().unwrap().events.len(), 1);
        finish(&mut thread);
        assert_eq!(
            answers_of(second).unwrap()[0].as_ref().unwrap().events.len(),
            usize::from(sent)
        );
    }
}

#[test]
fn a_batch_of_an_earlier_term_is_refused_by_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let mut thread = thread(dir.path());
    let mut batch = Batch::new(thread.settled.counters);
    thread.judge_one(&mut batch, paid("late")).unwrap().unwrap();
    batch.seal(&Seal {
        head: thread.settled.head,
        tree: &thread.settled.tree,
        now: thread.clock.now(),
        term: thread.term,
        signer: &*thread.signer,
    });
    let late = thread.term;
    let second = Store::open(&thread.place, None).unwrap();
    assert_eq!(second.begin_term("elsewhere"), Ok(late + 1));
    let store = thread.store.as_ref().unwrap();
    assert_eq!(store.write(batch.changes(), late), Err(StoreError::Superseded(late)));
    assert_eq!(
        store.index(&thread.unindexed, thread.settled.counters, Timestamp(0), late),
        Err(StoreError::Superseded(late))
    );
    assert_eq!(replay(store, true, &Progress::default()).unwrap().head.blocks, 0);
}

#[test]
fn a_writer_whose_database_is_gone_refuses_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let mut thread = thread(dir.path());
    attempt(&mut thread, vec![paid("a")]).unwrap();
    let (file, away) = (dir.path().join("market.db"), dir.path().join("away"));
    thread.store = None;
    std::fs::rename(&file, &away).unwrap();
    for _ in 0..2 {
        assert!(matches!(attempt(&mut thread, vec![paid("b")]), Err(Refusal::Unavailable(_))));
    }
    std::fs::rename(&away, &file).unwrap();
    attempt(&mut thread, vec![paid("b")]).unwrap();
    assert_eq!(balances(&thread), [Msat(20); 3]);
}

#[test]
fn a_writer_without_a_connection_opens_another_before_anything_is_asked_of_it() {
    let Some(url) = cluster::new_database() else { return };
    let mut thread = thread(Place::Postgres(url));
    attempt(&mut thread, vec![paid("a")]).unwrap();
    let term = thread.term;
    thread.store = None;
    thread.looked_at = Instant::now();
    thread.look_around();
    assert!(thread.store.is_none(), "it looks once in a while");
    let began = Instant::now();
    while thread.store.is_none() {
        assert!(began.elapsed() < Duration::from_secs(30), "it stays without");
        thread.look_around();
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(thread.role == (Role::Writer { term: thread.term }) && thread.term > term);
    attempt(&mut thread, vec![paid("b")]).unwrap();
    assert_eq!(balances(&thread), [Msat(20); 3]);
}
