//! A writer that was stopped and replaced: whatever it still tries to write, nothing of it is in the database.

use super::super::changes::{
    Changes, Counters, LayoutChange, Mark, Marked, NewAnswer, NewDocument, NewNodes, NewPosting,
};
use super::super::copy::TABLES;
use super::super::driver::{StoreError, Value};
use super::super::index::Lot;
use super::super::{Place, Store};
use super::{cluster, places};
use crate::journal::{Block, Head};
use market::Effect;
use market::event::SlotId;
use types::tree::Tip;
use types::{Did, Hash, Signed, Timestamp};

const NOW: Timestamp = Timestamp(7);

/// Something for every table that a batch writes.
fn batch(term: u64) -> Changes {
    let (did, hash) = (Did([1; 32]), Hash::of(b"a batch"));
    let head = Head { blocks: 0, hash };
    let tree = Tip { size: 1, root: hash };
    let slot = SlotId { contract: hash, slot: 0 };
    let document = NewDocument {
        row: 1,
        id: hash,
        command: "deposit".into(),
        contract: Some(hash),
        signed: Signed("a document".into()),
    };
    let posting = NewPosting {
        id: 1,
        at: NOW,
        reason: "deposited",
        debit: vec![1],
        credit: vec![2],
        amount: 3,
        parties: [None, Some(did)],
        contract: None,
        document: Some(hash),
    };
    let answer = NewAnswer { body: hash, answer: vec![4], at: NOW };
    let layout = LayoutChange::Put {
        contract: hash,
        layout: hash,
        bytes: bytes::Bytes::from_static(b"a layout"),
        current: None,
    };
    Changes {
        block: Some(Block::seal(head, (NOW, term), tree, "[]".into())),
        nodes: Some(NewNodes { first: 0, hashes: vec![5; 32], head: Signed("a head".into()) }),
        documents: vec![document],
        postings: vec![posting],
        proofs: vec![(hash, vec![6])],
        keys: [((did, "a key".into()), answer)].into(),
        effects: vec![(1, Effect::Release(slot, did))],
        done: vec![],
        layouts: vec![layout],
        backups: [(did, (1, vec![7]))].into(),
        epoch_opened: Some(NOW),
        marks: vec![Mark { of: Marked::Escrow, number: 0, place: 0, said: "{}".into() }],
    }
}

/// Everything that a batch can change.
fn contents(store: &Store) -> (Vec<Vec<Value>>, Timestamp) {
    let mut rows = Vec::new();
    for table in &TABLES {
        let keep = |some| {
            rows.extend(some);
            Ok(())
        };
        store.copy::<StoreError>(table, keep).unwrap();
    }
    (rows, store.epoch_opened().unwrap())
}

fn founded(place: &Place) -> Store {
    Store::found(place, "{}").unwrap();
    opened(place)
}

fn opened(place: &Place) -> Store {
    Store::open(place, None).unwrap()
}

#[test]
fn a_late_batch_of_a_writer_that_was_paused_is_refused_with_its_term_and_leaves_nothing() {
    for (_dir, place) in places() {
        let (paused, standby) = (founded(&place), opened(&place));
        let late = paused.begin_term("paused").unwrap();
        // It has judged its batch, and sleeps before it writes it.
        let judged = batch(late);
        let term = standby.begin_term("standby").unwrap();
        assert_eq!(term, late + 1);
        let before = contents(&standby);
        let refused = paused.write(&judged, late).unwrap_err();
        assert_eq!(refused, StoreError::Superseded(late), "{place}");
        assert!(refused.to_string().contains(&format!("than {late};")), "{refused}");
        assert_eq!(
            paused.index(&Lot::default(), Counters::default(), NOW, late),
            Err(StoreError::Superseded(late))
        );
        assert_eq!(contents(&standby), before, "{place}");
        paused.beat(late).unwrap();
        assert_eq!(standby.writer().unwrap().beats, 0, "a writer of an earlier term shows no life");
        // The same batch is whole in the term that holds.
        standby.write(&batch(term), term).unwrap();
        let (rows, opened) = contents(&paused);
        assert_eq!((rows.len(), opened), (before.0.len() + 10, NOW), "{place}");
    }
}

#[test]
fn a_batch_in_the_middle_of_which_its_writer_was_replaced_leaves_nothing() {
    let Some(url) = cluster::new_database() else { return };
    let place = Place::Postgres(url);
    let (paused, standby) = (founded(&place), opened(&place));
    assert_eq!(paused.elect(), Ok(true));
    let late = paused.begin_term("paused").unwrap();
    let before = contents(&standby);
    let layouts = TABLES.iter().find(|table| table.name == "layouts").unwrap();
    let row = [1_i64.into(), [1; 32].into(), [2; 32].into(), [3; 32].into()];
    let written = paused.within(late, || {
        paused.put(layouts, &[row.to_vec()])?;
        assert_eq!(standby.elect(), Ok(false), "its connection holds the lock as long as it lives");
        standby.depose()
    });
    assert!(matches!(written, Err(StoreError::Unavailable(_))), "{written:?}");
    assert_eq!(contents(&standby), before);
    assert_eq!(standby.begin_term("standby"), Ok(late + 1));
}

#[test]
fn a_lot_whose_writer_stopped_in_the_middle_holds_up_no_later_one() {
    for (_dir, place) in places() {
        let (paused, standby) = (founded(&place), opened(&place));
        let late = paused.begin_term("paused").unwrap();
        paused.write(&batch(late), late).unwrap();
        let (mut lot, counters) = (Lot::default(), paused.counters().unwrap());
        lot.add_document(Hash::of(b"a batch"), counters.documents, "deposit".into());
        let term = standby.begin_term("standby").unwrap();
        if place.is_shared() {
            let stopped = paused.transaction(|| {
                paused.driver.index_alone(late)?;
                paused.index_all()?;
                standby.index(&lot, counters, NOW, term)?;
                paused.hold_term(late)
            });
            assert!(matches!(stopped, Err(StoreError::Unavailable(_))), "{stopped:?}");
        } else {
            standby.index(&lot, counters, NOW, term).unwrap();
        }
        assert_eq!(opened(&place).unindexed(), Ok(Lot::default()), "{place}");
        let names = standby.one("SELECT count(*) FROM document_names", &[]).unwrap();
        assert_eq!(names.int(0), Ok(1), "{place}");
    }
}

/// Indexes a lot of `term` that waits in the middle until `meanwhile` is done.
fn index_beside(place: &Place, term: u64, meanwhile: impl FnOnce()) -> Result<(), StoreError> {
    const WAITS: &str = "SELECT count(*) FROM pg_stat_activity \
                         WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let (blocker, watch, id) = (opened(place), opened(place), Hash::of(b"in the way"));
    let mut lot = Lot::default();
    lot.add_document(id, 7, "deposit".into());
    std::thread::scope(|threads| {
        let (mut indexing, mut meanwhile) = (None, Some(meanwhile));
        let blocked: Result<(), StoreError> = blocker.transaction(|| {
            // The lot's own row waits for this one's end.
            let name = [id.0[..8].into(), 7_i64.into()];
            let sql = "INSERT INTO document_names (name, row) VALUES ($1, $2)";
            blocker.driver.execute(sql, &name)?;
            let lot = &lot;
            let index = move || opened(place).index(lot, Counters::default(), NOW, term);
            let thread = indexing.insert(threads.spawn(index));
            while watch.one(WAITS, &[])?.int(0)? == 0 {
                assert!(!thread.is_finished(), "it did not wait");
            }
            meanwhile.take().into_iter().for_each(|work| work());
            Err(StoreError::Unavailable("out of the way".into()))
        });
        blocked.unwrap_err();
        indexing.expect("it was begun").join().expect("it does not panic")
    })
}

#[test]
fn batches_are_written_while_a_lot_is_indexed_and_a_later_term_leaves_nothing_of_it() {
    let Some(url) = cluster::new_database() else { return };
    let place = Place::Postgres(url);
    let writer = founded(&place);
    let term = writer.begin_term("here").unwrap();
    let names = || writer.one("SELECT count(*) FROM document_names", &[]).unwrap().int(0);
    let replaced = index_beside(&place, term, || {
        assert_eq!(opened(&place).begin_term("standby"), Ok(term + 1));
    });
    assert_eq!((replaced, names()), (Err(StoreError::Superseded(term)), Ok(0)));
    let term = term + 1;
    let indexed = index_beside(&place, term, || writer.write(&batch(term), term).unwrap());
    assert_eq!((indexed, names()), (Ok(()), Ok(1)));
}

#[test]
fn a_lot_of_an_earlier_term_ends_none_of_a_later_one() {
    let Some(url) = cluster::new_database() else { return };
    let place = Place::Postgres(url);
    let (late, newer) = (founded(&place), opened(&place));
    let term = late.begin_term("late").unwrap();
    newer.begin_term("newer").unwrap();
    let done = newer.transaction(|| {
        newer.driver.index_alone(term + 1)?;
        late.index(&Lot::default(), Counters::default(), NOW, term).unwrap_err();
        newer.hold_term(term + 1)
    });
    assert_eq!(done, Ok(()));
}

#[test]
fn a_writer_that_is_deposed_holds_no_term_for_a_lot() {
    let Some(url) = cluster::new_database() else { return };
    let place = Place::Postgres(url);
    let (paused, standby) = (founded(&place), opened(&place));
    let term = paused.begin_term("paused").unwrap();
    let held = paused.transaction(|| {
        paused.driver.index_alone(term)?;
        paused.hold_term(term)?;
        standby.depose()?;
        assert_eq!(standby.begin_term("standby"), Ok(term + 1));
        Ok(())
    });
    assert!(matches!(held, Err(StoreError::Unavailable(_))), "{held:?}");
}

#[test]
fn a_program_takes_no_office_on_a_newer_programs_tables_and_leaves_the_lock_to_it() {
    for (_dir, place) in places() {
        let (older, newer) = (founded(&place), opened(&place));
        assert_eq!(older.elect(), Ok(true));
        let term = older.begin_term("older").unwrap();
        let schema = Store::SCHEMA + 1;
        newer.driver.execute(super::catalogue::SET_SCHEMA, &[schema.into()]).unwrap();
        let refused = older.begin_term("older").unwrap_err();
        assert_eq!(refused, StoreError::Newer(schema));
        assert!(refused.to_string().contains("run a newer program"), "{refused}");
        let elected = older.elect();
        match &place {
            Place::Postgres(_) => assert_eq!(elected, Ok(false)),
            Place::Directory(_) => assert_eq!(elected, Err(StoreError::Newer(schema))),
        }
        assert_eq!(newer.driver.elect(), Ok(true), "{place}");
        let current = opened(&place).writer().unwrap();
        assert_eq!((current.term, current.url.as_str()), (term, "older"), "nothing was changed");
    }
}
