//! Documents and postings are found alike, whether an index finds them yet or not, on both databases.

use super::super::changes::{Changes, Counters, NewDocument, NewPosting};
use super::super::index::Lot;
use super::super::recent::Recent;
use super::super::{Place, Store};
use super::places;
use crate::journal::{Block, Head};
use contracts::Account;
use std::collections::BTreeSet;
use std::sync::Arc;
use types::tree::Tip;
use types::{ContractId, Did, DocId, Hash, Signed, Timestamp};

const PARTIES: u8 = 5;

fn account(party: Did) -> Vec<u8> {
    postcard::to_stdvec(&Account::Available(party)).unwrap()
}

fn document(row: i64) -> DocId {
    Hash::of(&row.to_be_bytes())
}

/// Some payments between parties, each about a contract too, with a document each, as one block and as index rows.
fn lot(seq: u64, rows: std::ops::Range<i64>) -> (Changes, Lot) {
    let (mut changes, mut unindexed) = (Changes::default(), Lot::default());
    for row in rows {
        let at = |n: i64| Did([u8::try_from(n % i64::from(PARTIES)).unwrap(); 32]);
        let parties =
            [Some(at(row)), Some(at(row * row))].map(|party| party.filter(|p| p.0[0] > 0));
        let contract = Some(Hash([u8::try_from(row % 3).unwrap() + 100; 32]));
        changes.postings.push(NewPosting {
            id: row,
            at: Timestamp(row),
            reason: "paid",
            debit: account(at(row)),
            credit: account(at(row * row)),
            amount: row,
            parties,
            contract,
            document: Some(document(row)),
        });
        unindexed.add_posting(row, parties, contract);
        changes.documents.push(NewDocument {
            row,
            id: document(row),
            command: "pay".into(),
            contract,
            signed: Signed(format!("document {row}")),
        });
        unindexed.add_document(document(row), row, "pay".into());
    }
    let (head, tip) =
        (Head { blocks: seq - 1, hash: Hash([0; 32]) }, Tip { size: 1, root: Hash([0; 32]) });
    changes.block = Some(Block::seal(head, (Timestamp(0), 1), tip, "[]".into()));
    (changes, unindexed)
}

/// Every number whose posting is about `subject`, by looking at each.
fn sought(subject: &[u8; 32], rows: i64) -> Vec<u64> {
    let (changes, _) = lot(1, 1..rows + 1);
    let about = |posting: &&NewPosting| {
        posting.parties.iter().flatten().any(|party| party.0 == *subject)
            || posting.contract.is_some_and(|contract| contract.0 == *subject)
    };
    changes.postings.iter().filter(about).map(|posting| posting.id.cast_unsigned()).collect()
}

fn subjects() -> BTreeSet<[u8; 32]> {
    (0..PARTIES).chain(99..104).map(|n| [n; 32]).collect()
}

fn assert_found(store: &Store, rows: i64) {
    for subject in subjects() {
        let expected = sought(&subject, rows);
        for after in [0, 1, expected.len() / 2, expected.len()] {
            let from =
                after.checked_sub(1).map_or(0, |place| expected.get(place).copied().unwrap_or(0));
            for limit in [1, 3, 1_000] {
                let page = store.history(&Did(subject), from, limit).unwrap();
                let page: Vec<u64> = page.iter().map(|entry| entry.posting).collect();
                let rest = expected[after.min(expected.len())..].iter().take(limit as usize);
                assert_eq!(
                    page,
                    rest.copied().collect::<Vec<_>>(),
                    "{subject:?} from {from}, {limit}"
                );
            }
        }
    }
    for row in 1..rows + 2 {
        let found = store.document(&document(row)).unwrap();
        let expected = (row <= rows).then(|| Signed(format!("document {row}")));
        assert_eq!(found, expected);
    }
}

fn founded(place: &Place) -> Store {
    Store::found(place, "{}").unwrap();
    Store::open(place, None).unwrap()
}

#[test]
fn what_no_index_finds_yet_is_found_in_its_order_whenever_it_is_indexed() {
    for (_dir, place) in places() {
        let writer = founded(&place);
        let term = writer.begin_term("here").unwrap();
        let recent: Arc<Recent> = Arc::default();
        let reader = || Store::open_for_reading(&place).unwrap();
        // Two that share what they have read, and one that asks seldom.
        let two = [&recent, &recent].map(|recent| reader().sharing(recent.clone()));
        let seldom = reader();
        let mut kept = Lot::default();
        for (seq, rows) in [(1, 1..40), (2, 40..41), (3, 41..90), (4, 90..130), (5, 130..200)] {
            let end = rows.end - 1;
            let (changes, unindexed) = lot(seq, rows);
            writer.write(&changes, term).unwrap();
            kept.merge(unindexed);
            for reader in &two {
                assert_found(reader, end);
            }
            if seq % 2 == 0 {
                let counters = writer.counters().unwrap();
                assert_eq!(writer.unindexed().unwrap(), kept);
                writer.index(&kept, counters, Timestamp(0), term).unwrap();
                kept = Lot::default();
                assert_eq!(writer.unindexed().unwrap(), kept);
                for reader in &two {
                    assert_found(reader, end);
                }
            }
            if seq == 3 || seq == 5 {
                assert_found(&seldom, end);
            }
        }
    }
}

#[test]
fn a_whole_database_is_indexed_as_lot_after_lot_was() {
    const INDEXES: [&str; 2] = [
        "SELECT name, row FROM document_names ORDER BY 1, 2",
        "SELECT party, posting FROM history ORDER BY 1, 2",
    ];
    for (_dir, place) in places() {
        let store = founded(&place);
        let term = store.begin_term("here").unwrap();
        for (seq, rows) in [(1, 1..100), (2, 100..120)] {
            let (changes, unindexed) = lot(seq, rows);
            store.write(&changes, term).unwrap();
            store.index(&unindexed, store.counters().unwrap(), Timestamp(0), term).unwrap();
        }
        let indexes = || {
            INDEXES.map(|sql| {
                store
                    .driver
                    .query(sql, &[])
                    .unwrap()
                    .into_iter()
                    .map(|row| row.0)
                    .collect::<Vec<_>>()
            })
        };
        let by_lots = indexes();
        assert!(by_lots.iter().all(|index| index.len() >= 119));
        for sql in ["DELETE FROM document_names", "DELETE FROM history"] {
            store.driver.execute(sql, &[]).unwrap();
        }
        store.index_all().unwrap();
        assert_eq!(indexes(), by_lots);
        let Counters { documents, postings, .. } = store.counters().unwrap();
        assert_eq!(store.indexed().unwrap(), [documents, postings]);
    }
}

#[test]
fn a_posting_is_indexed_once_for_each_it_is_about() {
    let (one, other) = (Did([1; 32]), Did([2; 32]));
    let subjects = |parties, contract: Option<ContractId>| {
        let mut unindexed = Lot::default();
        unindexed.add_posting(7, parties, contract);
        let found = unindexed.postings().map(|(subject, _)| *subject).collect::<Vec<_>>();
        assert!(unindexed.postings().all(|(_, posting)| posting == 7));
        found
    };
    assert_eq!(subjects([None, None], None), [[0; 32]; 0]);
    assert_eq!(subjects([Some(one), Some(one)], None), [one.0]);
    assert_eq!(subjects([None, Some(other)], Some(Hash(one.0))), [other.0, one.0]);
    assert_eq!(subjects([Some(one), Some(other)], Some(Hash(other.0))), [one.0, other.0]);
}
